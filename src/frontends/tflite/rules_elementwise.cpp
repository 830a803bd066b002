// Element by element.
#include <fmt/format.h>

#include <numbers>

#include "frontends/tflite/plain_rules.h"
#include "frontends/tflite/tensor_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

template <const OpDef& Op>
void Activated(OpImport& n) {
  n.Out(0, n.Activate(n.Emit(Op, {n.In(0), n.In(1)})));
}

// A comparison of stored elements says the same as one of what they stand for, within one scale.
template <const OpDef& Op, bool Swapped, bool Negated>
void Compare(OpImport& n) {
  const bool stored = n.ok() && n.Has(0) && n.Has(1) && n.OneScale({0, 1}, false);
  const ValueId a = stored ? n.Stored(0) : n.In(0), b = stored ? n.Stored(1) : n.In(1);
  const ValueId y = Swapped ? n.Emit(Op, {b, a}) : n.Emit(Op, {a, b});
  n.Out(0, Negated ? n.Emit(ops::kLogicalNot, {y}) : y);
}

template <int Low, int High>
void Clamp(OpImport& n) {
  n.Out(0, n.Clip(n.In(0), Low, High));
}

void ImportSquare(OpImport& n) {
  const ValueId x = n.In(0);
  n.Out(0, n.Mul(x, x));
}
void ImportRsqrt(OpImport& n) { n.Out(0, n.Emit(ops::kReciprocal, {n.Emit(ops::kSqrt, {n.In(0)})})); }
void ImportLeakyRelu(OpImport& n) { n.Out(0, n.Emit(ops::kLeakyRelu, {n.In(0)}, {{"alpha", n.Float("alpha")}})); }
void ImportGelu(OpImport& n) {
  Attrs attrs;
  if (n.Flag("approximate")) attrs.Set("approximate", std::string("tanh"));
  n.Out(0, n.Emit(ops::kGelu, {n.In(0)}, std::move(attrs)));
}

void ImportSquaredDifference(OpImport& n) {
  const ValueId d = n.Sub(n.In(0), n.In(1));
  n.Out(0, n.Mul(d, d));
}

// The quotient of floats is taken in double precision before it is rounded down.
void ImportFloorDiv(OpImport& n) {
  const ValueId a = n.In(0), b = n.In(1);
  if (!n.ok()) return;
  if (IsFloat(n.DtypeOf(a))) {
    const DType dtype = n.DtypeOf(a);
    const ValueId q = n.Div(n.Cast(a, DType::kF64), n.Cast(b, DType::kF64));
    n.Out(0, n.Cast(n.Emit(ops::kFloor, {q}), dtype));
    return;
  }
  n.Out(0, n.Div(n.Sub(a, n.Emit(ops::kMod, {a, b})), b));
}

void ImportAddN(OpImport& n) {
  ValueId sum = n.In(0);
  for (size_t i = 1; i < n.n_in(); ++i) sum = n.Add(sum, n.In(i));
  n.Out(0, sum);
}

// The angle of (x, y), by quadrants.
void ImportAtan2(OpImport& n) {
  const ValueId y = n.In(0), x = n.In(1);
  const auto number = [&](double v) { return n.Number(y, v); };
  const auto choose = [&](ValueId c, ValueId a, ValueId b) { return n.Emit(ops::kWhere, {c, a, b}); };
  const ValueId zero = number(0), pi = number(std::numbers::pi), half = number(std::numbers::pi / 2);
  const ValueId x_above = n.Emit(ops::kLess, {zero, x}), x_below = n.Emit(ops::kLess, {x, zero});
  const ValueId y_above = n.Emit(ops::kLess, {zero, y}), y_below = n.Emit(ops::kLess, {y, zero});
  const ValueId angle = n.Emit(ops::kAtan, {n.Div(y, x)});
  const ValueId left = n.Add(angle, choose(y_below, n.Emit(ops::kNeg, {pi}), pi));
  const ValueId upright = choose(y_above, half, choose(y_below, n.Emit(ops::kNeg, {half}), y));
  n.Out(0, choose(x_above, angle, choose(x_below, left, upright)));
}

void ImportCast(OpImport& n) {
  const DType to = ToDType(n.OutTensor(0).type);
  if (to == DType::kNone) {
    n.Unsupported("to a type without elements");
    return;
  }
  n.Out(0, n.Cast(n.Stored(0), to));
}

DType UnsignedOf(size_t bytes) {
  switch (bytes) {
    case 1: return DType::kU8;
    case 2: return DType::kU16;
    case 4: return DType::kU32;
    case 8: return DType::kU64;
    default: return DType::kNone;
  }
}

ValueId SameBits(OpImport& n, ValueId x, DType to) {
  return n.DtypeOf(x) == to ? x : n.Emit(ops::kBitCast, {x}, {{"to", to}});
}

// Elements of several narrower ones, which lie along a last axis, the lowest first.
void ImportBitcast(OpImport& n) {
  const ValueId x = n.Stored(0);
  const DType from = n.DtypeOf(x), to = ToDType(n.OutTensor(0).type);
  if (!n.ok()) return;
  const auto numbers = [](DType d) { return d != DType::kBool && (IsFloat(d) || IsInteger(d)) && Info(d).bits >= 8; };
  if (to == DType::kNone || (Info(to).bytes != Info(from).bytes && !(numbers(from) && numbers(to)))) {
    n.Unsupported("between elements of different widths");
    return;
  }
  const size_t have = Info(from).bytes, want = Info(to).bytes;
  if (have == want) return n.Out(0, SameBits(n, x, to));
  const auto shifted = [&](ValueId v, const char* direction, size_t bytes) {
    const uint64_t by = 8 * bytes;
    if (by == 0) return v;
    const ValueId count = n.builder().Constant(Tensor::Of<uint64_t>(DType::kU64, {}, std::span(&by, 1)));
    return n.Emit(ops::kBitShift, {v, count}, {{"direction", std::string(direction)}});
  };
  const ValueId bits = n.Cast(SameBits(n, x, UnsignedOf(have)), DType::kU64);
  if (have > want) {
    const uint64_t all = ~uint64_t{0} >> (64 - 8 * want);
    const ValueId mask = n.builder().Constant(Tensor::Of<uint64_t>(DType::kU64, {}, std::span(&all, 1)));
    std::vector<ValueId> parts;
    for (size_t at = 0; at < have; at += want) {
      const ValueId part = n.Emit(ops::kBitwiseAnd, {shifted(bits, "right", at), mask});
      parts.push_back(n.Unsqueeze(SameBits(n, n.Cast(part, UnsignedOf(want)), to), {-1}));
    }
    return n.Out(0, n.Emit(ops::kConcat, parts, {{"axis", int64_t{-1}}}));
  }
  if (n.DimOf(x, -1) != static_cast<int64_t>(want / have)) {
    n.Unsupported("of another number of parts than an element has");
    return;
  }
  ValueId whole;
  for (size_t k = 0; k < want / have && n.ok(); ++k) {
    const auto at = static_cast<int64_t>(k);
    const ValueId part = shifted(n.Squeeze(n.Slice(bits, -1, at, at + 1), {-1}), "left", k * have);
    whole = k == 0 ? part : n.Emit(ops::kBitwiseOr, {whole, part});
  }
  n.Out(0, SameBits(n, n.Cast(whole, UnsignedOf(want)), to));
}

// A shift by the width or more, or by a negative count, is cut to what the type has bits for.
void ImportRightShift(OpImport& n) {
  const ValueId a = n.Stored(0), b = n.Stored(1);
  if (!n.ok()) return;
  const double most = 8.0 * static_cast<double>(ByteSize(n.DtypeOf(a))) - 1;
  const ValueId count = n.Clip(b, 0, most);
  if (IsUnsigned(n.DtypeOf(a))) {
    n.Out(0, n.Emit(ops::kBitShift, {a, count}, {{"direction", std::string("right")}}));
    return;
  }
  // Rounded down, in a type wide enough for the power.
  const ValueId wide = n.Cast(a, DType::kI64);
  const ValueId power = n.Emit(ops::kBitShift, {n.builder().Scalar(DType::kI64, 1), n.Cast(count, DType::kI64)},
                               {{"direction", std::string("left")}});
  const ValueId rest = n.Emit(ops::kMod, {wide, power});
  n.Out(0, n.Cast(n.Div(n.Sub(wide, rest), power), n.DtypeOf(a)));
}

// A condition of one element for each of the first dim chooses whole rows.
void ImportSelect(OpImport& n) {
  ValueId condition = n.Stored(0);
  const ValueId a = n.In(1), b = n.In(2);
  const int rank = n.Rank(a), of_condition = n.Rank(condition);
  if (!n.ok()) return;
  if (of_condition == 1 && rank > 1) {
    std::vector<int64_t> axes;
    for (int64_t k = 1; k < rank; ++k) axes.push_back(k);
    condition = n.Unsqueeze(condition, std::move(axes));
  }
  n.Out(0, n.Emit(ops::kWhere, {condition, a, b}));
}
void ImportSelectV2(OpImport& n) { n.Out(0, n.Emit(ops::kWhere, {n.Stored(0), n.In(1), n.In(2)})); }

// The larger of stored elements is the larger of what they stand for.
template <const OpDef& Op>
void Extreme(OpImport& n) {
  const bool stored = n.Has(0) && n.Has(1) && n.Wants(0) && n.OneScale({0, 1});
  const ValueId a = stored ? n.Stored(0) : n.In(0), b = stored ? n.Stored(1) : n.In(1);
  n.Out(0, n.Emit(Op, {a, b}));
}

constexpr Rule kRules[] = {
    {B::kAbs, Numbers::kReal, Unary<ops::kAbs>},
    {B::kAdd, Numbers::kReal, Activated<ops::kAdd>},
    {B::kAddN, Numbers::kReal, ImportAddN},
    {B::kAtan2, Numbers::kReal, ImportAtan2},
    {B::kBitcast, Numbers::kStored, ImportBitcast},
    {B::kBitwiseXor, Numbers::kStored, Binary<ops::kBitwiseXor>},
    {B::kCast, Numbers::kStored, ImportCast},
    {B::kCeil, Numbers::kReal, Unary<ops::kCeil>},
    {B::kCos, Numbers::kReal, Unary<ops::kCos>},
    {B::kDiv, Numbers::kReal, Activated<ops::kDiv>},
    {B::kElu, Numbers::kReal, Unary<ops::kElu>},
    {B::kEqual, Numbers::kReal, Compare<ops::kEqual, false, false>},
    {B::kExp, Numbers::kReal, Unary<ops::kExp>},
    {B::kFloor, Numbers::kReal, Unary<ops::kFloor>},
    {B::kFloorDiv, Numbers::kReal, ImportFloorDiv},
    {B::kFloorMod, Numbers::kReal, Binary<ops::kMod>},
    {B::kGelu, Numbers::kReal, ImportGelu},
    {B::kGreater, Numbers::kReal, Compare<ops::kLess, true, false>},
    {B::kGreaterEqual, Numbers::kReal, Compare<ops::kLessEqual, true, false>},
    {B::kHardSwish, Numbers::kReal, Unary<ops::kHardSwish>},
    {B::kLeakyRelu, Numbers::kReal, ImportLeakyRelu},
    {B::kLess, Numbers::kReal, Compare<ops::kLess, false, false>},
    {B::kLessEqual, Numbers::kReal, Compare<ops::kLessEqual, false, false>},
    {B::kLog, Numbers::kReal, Unary<ops::kLog>},
    {B::kLogicalAnd, Numbers::kStored, Binary<ops::kLogicalAnd>},
    {B::kLogicalNot, Numbers::kStored, Unary<ops::kLogicalNot>},
    {B::kLogicalOr, Numbers::kStored, Binary<ops::kLogicalOr>},
    {B::kLogistic, Numbers::kReal, Unary<ops::kSigmoid>},
    {B::kMaximum, Numbers::kReal, Extreme<ops::kMax>},
    {B::kMinimum, Numbers::kReal, Extreme<ops::kMin>},
    {B::kMul, Numbers::kReal, Activated<ops::kMul>},
    {B::kNeg, Numbers::kReal, Unary<ops::kNeg>},
    {B::kNotEqual, Numbers::kReal, Compare<ops::kEqual, false, true>},
    {B::kPow, Numbers::kReal, Binary<ops::kPow>},
    {B::kPrelu, Numbers::kReal, Binary<ops::kPRelu>},
    {B::kRelu, Numbers::kReal, Unary<ops::kRelu>},
    {B::kRelu0To1, Numbers::kReal, Clamp<0, 1>},
    {B::kRelu6, Numbers::kReal, Clamp<0, 6>},
    {B::kReluN1To1, Numbers::kReal, Clamp<-1, 1>},
    {B::kRightShift, Numbers::kStored, ImportRightShift},
    {B::kRound, Numbers::kReal, Unary<ops::kRound>},
    {B::kRsqrt, Numbers::kReal, ImportRsqrt},
    {B::kSelect, Numbers::kStored, ImportSelect},
    {B::kSelectV2, Numbers::kStored, ImportSelectV2},
    {B::kSign, Numbers::kReal, Unary<ops::kSign>},
    {B::kSin, Numbers::kReal, Unary<ops::kSin>},
    {B::kSqrt, Numbers::kReal, Unary<ops::kSqrt>},
    {B::kSquare, Numbers::kReal, ImportSquare},
    {B::kSquaredDifference, Numbers::kReal, ImportSquaredDifference},
    {B::kSub, Numbers::kReal, Activated<ops::kSub>},
    {B::kTanh, Numbers::kReal, Unary<ops::kTanh>},
};

}  // namespace

extern const RuleSet kElementwiseRules{kRules};

}  // namespace godwit::from_tflite
