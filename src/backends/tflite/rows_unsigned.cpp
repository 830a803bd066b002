// Unsigned integers of 64 bits: their bits are added, subtracted and multiplied like those of signed ones, and are in
// the order of those once the highest bit is turned over.
#include "backends/tflite/emit.h"
#include "backends/tflite/indices.h"

namespace godwit::to_tflite {

namespace {

TensorType As(const TensorType& type, DType dtype) {
  TensorType out = type;
  out.dtype = dtype;
  return out;
}

bool IsWide(NodeExport& n) { return n.DtypeOf(0) == DType::kU64; }

/// Operand i, bit by bit.
Ref Signed(NodeExport& n, size_t i) {
  const Ref x = n.In(i);
  return n.Temp("BITCAST", {x}, As(n.TypeOf(x), DType::kI64));
}

/// With the highest bit turned over.
Ref Shifted(NodeExport& n, Ref x) {
  const Ref highest = n.Const(Tensor::Of<int64_t>(DType::kI64, {}, std::vector<int64_t>{INT64_MIN}));
  return n.Temp("ADD", {x, highest}, n.TypeOf(x));
}

TensorType ResultOf(NodeExport& n, size_t i, DType dtype) { return As(n.OutType(i).tensor(), dtype); }

Status EmitSigned(NodeExport& n) {
  if (!IsWide(n)) return n.NotThis();
  const std::string_view op = n.op().name == "add" ? "ADD" : n.op().name == "sub" ? "SUB" : "MUL";
  n.EmitTo(0, "BITCAST", {n.Temp(op, {Signed(n, 0), Signed(n, 1)}, ResultOf(n, 0, DType::kI64))});
  return Ok{};
}

Status EmitEqual(NodeExport& n) {
  if (!IsWide(n)) return n.NotThis();
  n.EmitTo(0, "EQUAL", {Signed(n, 0), Signed(n, 1)});
  return Ok{};
}

Status EmitOrdered(NodeExport& n) {
  if (!IsWide(n)) return n.NotThis();
  const Ref a = Shifted(n, Signed(n, 0)), b = Shifted(n, Signed(n, 1));
  if (n.op().name == "less" || n.op().name == "less_equal") {
    n.EmitTo(0, n.op().name == "less" ? "LESS" : "LESS_EQUAL", {a, b});
    return Ok{};
  }
  const Ref y = n.Temp(n.op().name == "max" ? "MAXIMUM" : "MINIMUM", {a, b}, ResultOf(n, 0, DType::kI64));
  n.EmitTo(0, "BITCAST", {Shifted(n, y)});
  return Ok{};
}

Status EmitTopK(NodeExport& n) {
  if (!IsWide(n)) return n.NotThis();
  TRY(const int rank, n.Rank(0));
  if (rank == 0 || FromFront(n.attrs().Int("axis", -1), rank) != rank - 1 || !n.attrs().Flag("largest", true)) {
    return n.LacksForm("TOPK_V2 finds the largest along the last axis");
  }
  TRY(const Ref k, n.InI32(1));
  const Ref values = n.NewTensor(ResultOf(n, 0, DType::kI64)), at = n.NewTensor(ResultOf(n, 1, DType::kI32));
  n.EmitAs("TOPK_V2", {Shifted(n, Signed(n, 0)), n.Reshaped(k, {})}, {values, at});
  if (n.Wants(0)) n.EmitTo(0, "BITCAST", {Shifted(n, values)});
  if (n.Wants(1)) n.EmitTo(1, "CAST", {at}, {{"in_data_type", DType::kI32}, {"out_data_type", DType::kI64}});
  return Ok{};
}

/// The bits as one of the other type, where that is all a cast does.
Status EmitSameBits(NodeExport& n) {
  const DType from = n.DtypeOf(0), to = n.OutType().dtype();
  const bool same = (from == DType::kU64 && to == DType::kI64) || (from == DType::kI64 && to == DType::kU64);
  if (!same) return n.NotThis();
  n.EmitTo(0, "BITCAST", {n.In(0)});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kAdd, "BITCAST, ADD", EmitSigned},      {&ops::kSub, "BITCAST, SUB", EmitSigned},
    {&ops::kMul, "BITCAST, MUL", EmitSigned},      {&ops::kEqual, "BITCAST, EQUAL", EmitEqual},
    {&ops::kLess, "BITCAST, LESS", EmitOrdered},   {&ops::kLessEqual, "BITCAST, LESS_EQUAL", EmitOrdered},
    {&ops::kMax, "BITCAST, MAXIMUM", EmitOrdered}, {&ops::kMin, "BITCAST, MINIMUM", EmitOrdered},
    {&ops::kTopK, "BITCAST, TOPK_V2", EmitTopK},   {&ops::kCast, "BITCAST", EmitSameBits},
};

}  // namespace

extern const RowSet kUnsignedRows{kRows};

}  // namespace godwit::to_tflite
