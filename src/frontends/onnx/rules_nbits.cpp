// com.microsoft.MatMulNBits: weights of a few bits, packed in blocks along the inner dimension.
#include <fmt/format.h>

#include "frontends/onnx/calc.h"

namespace godwit::from_onnx {

namespace {

DType Narrow(int64_t bits) { return bits == 2 ? DType::kU2 : bits == 4 ? DType::kU4 : DType::kU8; }

// Bytes that hold `columns` values for each of `rows`, lowest bits first, as one element a value. Rows are padded to
// `row_bytes`.
Result<Tensor> Unpack(NodeImport& n, ValueId packed, int64_t bits, int64_t rows, int64_t columns, int64_t row_bytes) {
  Graph& graph = n.builder().graph();
  if (!graph.IsConstant(packed)) return n.Unsupported("packed weights are read where they are constants only");
  TRY(const Tensor bytes, graph.constant(graph.value(packed).constant).Load());
  if (bytes.dtype() != DType::kU8) return n.Unsupported(fmt::format("packed values as {}", Name(bytes.dtype())));
  if (row_bytes <= 0 || bytes.size() / row_bytes < rows || row_bytes * 8 / bits < columns) {
    return n.BadValue("K", fmt::format("{} packed bytes for {} rows of {} values", bytes.size(), rows, columns));
  }
  TRY(Tensor out, Tensor::Make(Narrow(bits), {rows, columns}));
  const unsigned mask = (1U << bits) - 1U;
  for (int64_t r = 0; r < rows; ++r) {
    const uint8_t* row = bytes.data<uint8_t>() + r * row_bytes;
    for (int64_t k = 0; k < columns; ++k) {
      out.mutable_data<uint8_t>()[r * columns + k] =
          static_cast<uint8_t>((static_cast<unsigned>(row[k * bits / 8]) >> (k * bits % 8)) & mask);
    }
  }
  return out;
}

Status Import(NodeImport& n) {
  TRY(ValueId a, n.In(0));
  TRY(ValueId b, n.In(1));
  TRY(ValueId scales, n.In(2));
  TRY(const int64_t k, n.Int("K"));
  TRY(const int64_t columns, n.Int("N"));
  TRY(const int64_t bits, n.Int("bits", 4));
  TRY(const int64_t block, n.Int("block_size"));
  n.Ignore("accuracy_level");  // a permission to be less exact
  if (bits != 2 && bits != 4 && bits != 8) return n.BadValue("bits", fmt::format("{}", bits));
  if (block < 16 || block > (int64_t{1} << 30)) return n.BadValue("block_size", fmt::format("{}", block));
  if (k <= 0 || columns <= 0 || k > (int64_t{1} << 40)) return n.BadValue("K", fmt::format("{} by {}", k, columns));
  if (n.Has(4)) return n.Unsupported("columns out of order (g_idx)");
  const int64_t blocks = (k + block - 1) / block;
  TRY(Tensor weights, Unpack(n, b, bits, columns, k, blocks * (block * bits / 8)));
  Tensor zeros;
  if (n.Has(3)) {
    if (n.DtypeOf(n.InOrNone(3)) != DType::kU8) return n.Unsupported("zero points that are not packed integers");
    TRY(zeros, Unpack(n, n.InOrNone(3), bits, columns, blocks, (blocks * bits + 7) / 8));
  } else {
    TRY(zeros, Tensor::Make(Narrow(bits), {columns, blocks}));
    for (int64_t i = 0; i < zeros.size(); ++i)
      zeros.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(1U << (bits - 1));
  }
  Calc c(n);
  const ValueId grid = c.Op(ops::kReshape, {scales, n.I64s({columns, blocks})});
  const ValueId w = c.Op(ops::kDequantize, {n.Constant(std::move(weights)), grid, n.Constant(std::move(zeros))},
                         {{"to", n.DtypeOf(a)}, {"axis", int64_t{1}}, {"block", block}});
  ValueId y = c.Op(ops::kMatMul, {a, w}, {{"transpose_b", int64_t{1}}});
  if (n.Has(5)) y = c.Add(y, n.InOrNone(5));
  n.Out(0, y);
  return c.status();
}

constexpr Rule kRules[] = {{"MatMulNBits", 1, Import}};

}  // namespace

extern const RuleSet kNBitsRules{"com.microsoft", kRules};

}  // namespace godwit::from_onnx
