// Element types, repetition, and functions that are another operator for some types.
#include <fmt/format.h>

#include "backends/tflite/emit.h"
#include "backends/tflite/indices.h"

namespace godwit::to_tflite {

namespace {

Status EmitCast(NodeExport& n) {
  const DType from = n.DtypeOf(0), to = n.OutType().dtype();
  if (from == to) return n.EmitReshapeTo(0, n.In(0));
  // A bool is whether a number is not zero, also one between zero and one.
  n.EmitTo(0, "CAST", {n.In(0)}, {{"in_data_type", from}, {"out_data_type", to}});
  return Ok{};
}

// Types that no CAST takes both go through one that it does.
Status EmitCastThrough(NodeExport& n) {
  const DType from = n.DtypeOf(0), to = n.OutType().dtype();
  constexpr TypeSet kPacked = TypeSet(DType::kI4) | DType::kI2 | DType::kU4;
  const bool narrow =
      kSmallInts.Has(from) || kPacked.Has(from) || kPacked.Has(to) || from == DType::kBF16 || to == DType::kBF16;
  if (!narrow || from == to) return n.NotThis();
  n.EmitTo(0, "CAST", {CastTo(n, n.In(0), DType::kF32)}, {{"in_data_type", DType::kF32}, {"out_data_type", to}});
  return Ok{};
}

Status EmitExpand(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const Type& y = n.OutType();
  if (const auto dims = n.StaticDims(y)) {
    if (n.TypeOf(0).shape() == y.shape()) return n.EmitReshapeTo(0, n.In(0));
    n.EmitTo(0, "BROADCAST_TO", {n.In(0), n.I32s(*dims)});
    return Ok{};
  }
  // What is asked for may have dims of 1 where the operand has more.
  const auto wanted = n.ShapeOf(1)[0].known();
  if (!wanted || *wanted < 1 || rank == 0) {
    if (rank != 0) return n.LacksForm("how many axes expand gives is not known");
    n.EmitTo(0, "BROADCAST_TO", {n.In(0), n.In(1)});
    return Ok{};
  }
  const Ref shape = n.Temp("SHAPE", {n.In(0)}, TensorType(DType::kI64, {Dim(rank)}), {{"out_type", DType::kI64}});
  const Ref both = n.Temp("BROADCAST_ARGS", {shape, CastTo(n, n.In(1), DType::kI64)},
                          TensorType(DType::kI64, {Dim(std::max<int64_t>(rank, *wanted))}));
  n.EmitTo(0, "BROADCAST_TO", {n.In(0), both});
  return Ok{};
}

Status EmitTile(NodeExport& n) {
  n.EmitTo(0, "TILE", {n.In(0), n.In(1)});
  return Ok{};
}

// Powers of one type only.
Status EmitPow(NodeExport& n) {
  const DType dtype = n.DtypeOf(0);
  if (n.DtypeOf(1) == dtype) return n.NotThis();
  Ref power = n.In(1);
  if (dtype == DType::kI32 && IsFloat(n.DtypeOf(1))) {
    const Ref y = n.Temp("POW", {CastTo(n, n.In(0), DType::kF32), CastTo(n, power, DType::kF32)},
                         WithShape(TensorType(DType::kF32, {}), n.OutType().shape()));
    n.EmitTo(0, "CAST", {y}, {{"in_data_type", DType::kF32}, {"out_data_type", dtype}});
    return Ok{};
  }
  n.EmitTo(0, "POW", {n.In(0), CastTo(n, power, dtype)});
  return Ok{};
}

Status EmitMod(NodeExport& n) {
  if (n.attrs().Flag("fmod")) return n.LacksForm("FLOOR_MOD has the divisor's sign");
  return EmitSame(n);
}

// Elements of one width, taken for others.
Status EmitBitCast(NodeExport& n) {
  const DType from = n.DtypeOf(0), to = n.OutType().dtype();
  if (Info(from).bits != Info(to).bits || Info(from).bits < 8) return n.LacksForm("BITCAST keeps the width");
  if (from == to) return n.EmitReshapeTo(0, n.In(0));
  n.EmitTo(0, "BITCAST", {n.In(0)});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kBitCast, "BITCAST", EmitBitCast},
    {&ops::kCast, "CAST", EmitCast},
    {&ops::kCast, "CAST, CAST", EmitCastThrough},
    {&ops::kExpand, "BROADCAST_TO", EmitExpand},
    {&ops::kMod, "FLOOR_MOD", EmitMod},
    {&ops::kPow, "CAST, POW", EmitPow},
    {&ops::kSign, "SIGN", EmitSame},
    {&ops::kTile, "TILE", EmitTile},
};

}  // namespace

extern const RowSet kWideRows{kRows};

}  // namespace godwit::to_tflite
