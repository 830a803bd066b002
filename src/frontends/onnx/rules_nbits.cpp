// com.microsoft.MatMulNBits and GatherBlockQuantized: weights and tables of a few bits, scaled in blocks.
#include <fmt/format.h>

#include <cstring>

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

// Unpacked contents, under the name of the packed ones, which nothing takes then.
ValueId InPlaceOf(NodeImport& n, ValueId packed, Tensor contents) {
  const ValueId id = n.Constant(std::move(contents));
  Graph& graph = n.builder().graph();
  graph.value(id).name.swap(graph.value(packed).name);
  return id;
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
  const ValueId values = InPlaceOf(n, b, std::move(weights));
  const ValueId offsets = n.Has(3) ? InPlaceOf(n, n.InOrNone(3), std::move(zeros)) : n.Constant(std::move(zeros));
  const ValueId w =
      c.Op(ops::kDequantize, {values, grid, offsets}, {{"to", n.DtypeOf(a)}, {"axis", int64_t{1}}, {"block", block}});
  ValueId y = c.Op(ops::kMatMul, {a, w}, {{"transpose_b", int64_t{1}}});
  if (n.Has(5)) y = c.Add(y, n.InOrNone(5));
  n.Out(0, y);
  return c.status();
}

// Packed bytes (the last axis holds several values each) as a constant of narrow integers.
Result<ValueId> UnpackLast(NodeImport& n, ValueId packed, int64_t bits, int64_t last) {
  const Type& type = n.TypeOf(packed);
  if (!type.ranked() || type.rank() == 0 || !IsStatic(type.shape())) return n.Unsupported("tables of unknown shape");
  Dims dims;
  int64_t rows = 1;
  for (const Dim& d : type.shape()) dims.push_back(d.value());
  for (size_t i = 0; i + 1 < dims.size(); ++i) rows *= dims[i];
  TRY(Tensor values, Unpack(n, packed, bits, rows, last, dims.back()));
  dims.back() = last;
  return InPlaceOf(n, packed, values.Reshaped(std::move(dims)));
}

// The rows that the indices pick, and only those, dequantised.
Status ImportGatherBlocks(NodeImport& n) {
  TRY(ValueId data, n.In(0));
  TRY(const ValueId indices, n.In(1));
  TRY(const ValueId scales, n.In(2));
  ValueId zeros = n.InOrNone(3);
  TRY(const int64_t bits, n.Int("bits", 4));
  TRY(const int64_t block, n.Int("block_size", 128));
  TRY(const int64_t quantized, n.Int("quantize_axis", 1));
  TRY(const int64_t gathered, n.Int("gather_axis", 0));
  TRY(const int rank, n.Rank(data));
  TRY(const int index_rank, n.Rank(indices));
  const int64_t axis = quantized < 0 ? quantized + rank : quantized;
  if (block < 16) return n.BadValue("block_size", fmt::format("{}", block));
  if (gathered != 0 || axis <= 0 || axis >= rank)
    return n.Unsupported("other than rows of tables scaled along another axis");
  const DType dtype = n.DtypeOf(data);
  if (dtype == DType::kU8) {
    if (bits != 2 && bits != 4 && bits != 8) return n.BadValue("bits", fmt::format("{}", bits));
    const Shape& groups = n.TypeOf(scales).shape();
    if (!IsStatic(groups) || groups.size() != static_cast<size_t>(rank) || !IsStatic(n.TypeOf(data).shape())) {
      return n.Unsupported("tables of unknown shape");
    }
    TRY(data, UnpackLast(n, data, bits, n.TypeOf(data).shape().back().value() * 8 / bits));
    if (zeros) {
      TRY(zeros, UnpackLast(n, zeros, bits, groups.back().value()));
    } else {
      Dims dims;
      for (const Dim& d : groups) dims.push_back(d.value());
      TRY(Tensor middle, Tensor::Make(Narrow(bits), std::move(dims)));
      std::memset(middle.mutable_raw(), 1 << (bits - 1), middle.bytes());
      zeros = n.Constant(std::move(middle));
    }
  } else if (dtype != DType::kI4 && dtype != DType::kU4) {
    return n.Unsupported(fmt::format("a table of {}", Name(dtype)));
  }
  Calc c(n);
  const auto rows = [&](ValueId table) { return c.Op(ops::kGather, {table, indices}, {{"axis", int64_t{0}}}); };
  const ValueId picked_zeros = zeros ? rows(zeros) : ValueId();
  n.Out(0, c.Op(ops::kDequantize, {rows(data), rows(scales), picked_zeros},
                {{"to", n.DtypeOf(scales)}, {"axis", axis + index_rank - 1}, {"block", block}}));
  return c.status();
}

constexpr Rule kRules[] = {{"GatherBlockQuantized", 1, ImportGatherBlocks}, {"MatMulNBits", 1, Import}};

}  // namespace

extern const RuleSet kNBitsRules{"com.microsoft", kRules};

}  // namespace godwit::from_onnx
