// Bits, and the logic that goes with them.
#include <fmt/format.h>

#include "backends/tflite/emit.h"
#include "backends/tflite/indices.h"

namespace godwit::to_tflite {

namespace {

DType ComputedIn(DType dtype) { return Info(dtype).bits < 32 ? DType::kI32 : dtype; }

TensorType ResultIn(NodeExport& n, DType dtype) {
  TensorType type = n.OutType(0).tensor();
  type.dtype = dtype;
  return type;
}

// Only exclusive-or and shifts are there: floor((a + b) / 2) is (a & b) + ((a ^ b) >> 1), and the halves add up
// without overflow.
Status EmitAndOr(NodeExport& n, bool either) {
  const DType dtype = n.DtypeOf(0);
  if (!kInts.Has(dtype) || Info(dtype).bits > 32) return n.LacksForm("TFLite has no bits of such integers");
  const DType bits = ComputedIn(dtype);
  // What is added and multiplied: u32 has neither.
  const DType sums = bits == DType::kU32 ? DType::kI64 : bits;
  const auto half = [&](Ref x) { return CastTo(n, n.Temp("RIGHT_SHIFT", {x, n.Number(bits, 1)}, n.TypeOf(x)), sums); };
  const auto lowest = [&](Ref x) {
    const Ref wide = CastTo(n, x, sums);
    return n.Temp("FLOOR_MOD", {wide, n.Number(sums, 2)}, n.TypeOf(wide));
  };
  const Ref a = CastTo(n, n.In(0), bits), b = CastTo(n, n.In(1), bits);
  const Ref apart = n.Temp("BITWISE_XOR", {a, b}, ResultIn(n, bits));
  const TensorType type = ResultIn(n, sums);
  Ref y = n.Temp("ADD", {half(a), half(b)}, type);
  y = n.Temp("ADD", {y, n.Temp("MUL", {lowest(a), lowest(b)}, type)}, type);
  y = n.Temp("SUB", {y, half(apart)}, type);
  if (either) y = n.Temp("ADD", {y, CastTo(n, apart, sums)}, type);
  if (sums == dtype) return n.EmitReshapeTo(0, y);
  n.Emit("CAST", {y}, {{"in_data_type", sums}, {"out_data_type", dtype}});
  return Ok{};
}
Status EmitBitwiseAnd(NodeExport& n) { return EmitAndOr(n, false); }
Status EmitBitwiseOr(NodeExport& n) { return EmitAndOr(n, true); }

// RIGHT_SHIFT takes distances past the width for the longest that there is.
Status EmitBitShift(NodeExport& n) {
  const DType dtype = n.DtypeOf(0);
  if (!kInts.Has(dtype) || Info(dtype).bits > 32) return n.LacksForm("TFLite has no bits of such integers");
  if (n.attrs().Str("direction") != "right") return n.LacksForm("TFLite shifts to the right only");
  const Ref by = CastTo(n, n.In(1), DType::kI64);
  TensorType mask = n.TypeOf(by);
  mask.dtype = DType::kBool;
  const Ref within = n.Temp("LESS", {by, n.Number(DType::kI64, Info(dtype).bits)}, mask);
  const Ref y = CastTo(n, n.Temp("RIGHT_SHIFT", {n.In(0), n.In(1)}, n.OutType(0).tensor()), DType::kI64);
  if (IsSigned(dtype)) return n.EmitReshapeTo(0, CastTo(n, y, dtype));
  const Ref cut = n.Temp("SELECT_V2", {within, y, n.Number(DType::kI64, 0)}, ResultIn(n, DType::kI64));
  n.Emit("CAST", {cut}, {{"in_data_type", DType::kI64}, {"out_data_type", dtype}});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kBitShift, "RIGHT_SHIFT", EmitBitShift},   {&ops::kBitwiseAnd, "BITWISE_XOR", EmitBitwiseAnd},
    {&ops::kBitwiseOr, "BITWISE_XOR", EmitBitwiseOr}, {&ops::kBitwiseXor, "BITWISE_XOR", EmitSame},
    {&ops::kLogicalXor, "NOT_EQUAL", EmitSame},
};

}  // namespace

extern const RowSet kLogicRows{kRows};

}  // namespace godwit::to_tflite
