// Bits, and the logic that goes with them.
#include <fmt/format.h>

#include <algorithm>

#include "backends/tflite/emit.h"
#include "backends/tflite/indices.h"
#include "ir/convert.h"

namespace godwit::to_tflite {

namespace {

DType ComputedIn(DType dtype) { return Info(dtype).bits < 32 ? DType::kI32 : dtype; }

/// 64 bits as two words along a last axis.
TensorType WordsOf(TensorType type) {
  type.dtype = DType::kI32;
  type.shape.push_back(Dim(2));
  return type;
}

/// Of both operands, whose axes must stand side by side.
Result<Refs> WordsOfOperands(NodeExport& n) {
  Refs out;
  for (const size_t i : {0U, 1U}) {
    TRY(const int rank, n.Rank(i));
    Shape shape = n.ShapeOf(i);
    shape.insert(shape.begin(), static_cast<size_t>(std::max(n.OutType().rank() - rank, 0)), Dim(1));
    const Ref x = n.Reshaped(n.In(i), shape);
    out.push_back(n.Temp("BITCAST", {x}, WordsOf(n.TypeOf(x))));
  }
  return out;
}

TensorType ResultIn(NodeExport& n, DType dtype) {
  TensorType type = n.OutType(0).tensor();
  type.dtype = dtype;
  return type;
}

// Only exclusive-or and shifts are there: floor((a + b) / 2) is (a & b) + ((a ^ b) >> 1), and the halves add up
// without overflow. The operands and the result are of `bits`, the result as integers of `sums`.
Ref AndOr(NodeExport& n, Ref a, Ref b, bool either, const TensorType& y_type, DType sums) {
  const DType bits = n.TypeOf(a).dtype;
  const auto of = [&](DType dtype) {
    TensorType type = y_type;
    type.dtype = dtype;
    return type;
  };
  const auto half = [&](Ref x) { return CastTo(n, n.Temp("RIGHT_SHIFT", {x, n.Number(bits, 1)}, n.TypeOf(x)), sums); };
  const auto lowest = [&](Ref x) {
    const Ref wide = CastTo(n, x, sums);
    return n.Temp("FLOOR_MOD", {wide, n.Number(sums, 2)}, n.TypeOf(wide));
  };
  const Ref apart = n.Temp("BITWISE_XOR", {a, b}, of(bits));
  const TensorType type = of(sums);
  Ref y = n.Temp("ADD", {half(a), half(b)}, type);
  y = n.Temp("ADD", {y, n.Temp("MUL", {lowest(a), lowest(b)}, type)}, type);
  y = n.Temp("SUB", {y, half(apart)}, type);
  return either ? n.Temp("ADD", {y, CastTo(n, apart, sums)}, type) : y;
}

Status EmitAndOr(NodeExport& n, bool either) {
  const DType dtype = n.DtypeOf(0);
  if (!kInts.Has(dtype)) return n.LacksForm("TFLite has no bits of such integers");
  if (Info(dtype).bits == 64) {
    TRY(const auto words, WordsOfOperands(n));
    n.EmitTo(0, "BITCAST", {AndOr(n, words[0], words[1], either, WordsOf(n.OutType().tensor()), DType::kI32)});
    return Ok{};
  }
  const DType bits = ComputedIn(dtype);
  // What is added and multiplied: u32 has neither.
  const DType sums = bits == DType::kU32 ? DType::kI64 : bits;
  const Ref y = AndOr(n, CastTo(n, n.In(0), bits), CastTo(n, n.In(1), bits), either, ResultIn(n, bits), sums);
  if (sums == dtype) return n.EmitReshapeTo(0, y);
  n.Emit("CAST", {y}, {{"in_data_type", sums}, {"out_data_type", dtype}});
  return Ok{};
}
Status EmitBitwiseAnd(NodeExport& n) { return EmitAndOr(n, false); }
Status EmitBitwiseOr(NodeExport& n) { return EmitAndOr(n, true); }

// 64 bits by a known distance: two words, what leaves one comes into the other. Left is a product.
Status EmitShiftOfWords(NodeExport& n) {
  if (n.DtypeOf(0) != DType::kU64) return n.NotThis();
  const Tensor* by = n.Known(1);
  if (by == nullptr || by->size() != 1) return n.LacksForm("words are shifted by a known distance");
  const uint64_t distance = LoadU64(by->dtype(), by->raw());
  TRY(const int rank, n.Rank(0));
  if (distance < 1 || distance > 63 || n.OutType().rank() != rank) return n.LacksForm("words are shifted by 1 to 63");
  const Ref x = n.In(0), words = n.Temp("BITCAST", {x}, WordsOf(n.TypeOf(x)));
  TensorType one = n.TypeOf(words);
  one.shape.back() = Dim(1);
  TensorType plain = one;
  plain.dtype = DType::kU32;
  std::vector<int64_t> size(static_cast<size_t>(rank) + 1, -1), first(size.size(), 0), second(size.size(), 0);
  size.back() = second.back() = 1;
  const auto word = [&](const std::vector<int64_t>& from) {
    return n.Temp("BITCAST", {n.Temp("SLICE", {words, n.I32s(from), n.I32s(size)}, one)}, plain);
  };
  const auto right = [&](Ref v, uint64_t k) {
    return k == 0 ? v : n.Temp("RIGHT_SHIFT", {v, n.Number(DType::kU32, static_cast<double>(k))}, plain);
  };
  const auto times = [&](Ref v, uint64_t factor) {
    return n.Temp("MUL", {v, n.Number(DType::kU32, static_cast<double>(factor))}, plain);
  };
  const bool to_right = n.attrs().Str("direction") == "right", far = distance >= 32;
  const uint64_t k = distance % 32;
  // The word that bits come from, and the one that they go to.
  const Ref from = word(to_right ? second : first), to = word(to_right ? first : second);
  const auto moved = [&](Ref v) { return to_right ? right(v, k) : k == 0 ? v : times(v, uint64_t{1} << k); };
  const auto carried = [&](Ref v) { return to_right ? times(v, uint64_t{1} << (32 - k)) : right(v, 32 - k); };
  Ref taken = far ? moved(from) : n.Temp("BITWISE_XOR", {moved(to), carried(from)}, plain);
  Ref left = far ? times(from, 0) : moved(from);
  taken = n.Temp("BITCAST", {taken}, one);
  left = n.Temp("BITCAST", {left}, one);
  const Refs both = to_right ? Refs{taken, left} : Refs{left, taken};
  n.EmitTo(0, "BITCAST", {n.Temp("CONCATENATION", both, n.TypeOf(words), {{"axis", rank}})});
  return Ok{};
}

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

Status EmitXorOfWords(NodeExport& n) {
  if (Info(n.DtypeOf(0)).bits != 64) return n.NotThis();
  TRY(const auto words, WordsOfOperands(n));
  n.EmitTo(0, "BITCAST", {n.Temp("BITWISE_XOR", words, WordsOf(n.OutType().tensor()))});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kBitShift, "RIGHT_SHIFT", EmitBitShift},
    {&ops::kBitShift, "BITCAST, RIGHT_SHIFT, MUL", EmitShiftOfWords},
    {&ops::kBitwiseAnd, "BITWISE_XOR", EmitBitwiseAnd},
    {&ops::kBitwiseOr, "BITWISE_XOR", EmitBitwiseOr},
    {&ops::kBitwiseXor, "BITWISE_XOR", EmitSame},
    {&ops::kBitwiseXor, "BITCAST, BITWISE_XOR", EmitXorOfWords},
    {&ops::kLogicalXor, "NOT_EQUAL", EmitSame},
};

}  // namespace

extern const RowSet kLogicRows{kRows};

}  // namespace godwit::to_tflite
