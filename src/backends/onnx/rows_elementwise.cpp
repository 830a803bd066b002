// Elementwise arithmetic, comparisons, logic, choice.
#include <fmt/format.h>

#include "backends/onnx/emit.h"
#include "ir/convert.h"

namespace godwit::to_onnx {

namespace {

constexpr double kLargestF32 = 3.4028234663852886e+38;

// ONNX has no error function of integers but by its own rule, through f64: what the source had as one node.
const Node* IntegerErf(NodeExport& n) {
  const Node* erf = n.source_op() == "Erf" ? n.Sibling(n.Operand(0), ops::kErf) : nullptr;
  return erf == nullptr ? nullptr : n.Sibling(erf->in[0], ops::kCast);
}
Status EmitErfOfIntegers(NodeExport& n) {
  const Node* widened = IntegerErf(n);
  if (widened == nullptr || n.TypeOf(widened->in[0]).dtype() != n.attrs().Dtype("to")) {
    return n.NotThis();
  }
  n.Emit("Erf", {n.Of(widened->in[0])});
  return Ok{};
}

Status EmitIsInf(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("detect_positive", n.attrs().Int("positive", 1), 1);
  attrs.SetInt("detect_negative", n.attrs().Int("negative", 1), 1);
  n.Emit("IsInf", n.Ins(), attrs);
  return Ok{};
}

Status EmitAdd(NodeExport& n) {
  // Before version 8 the operands of Sum have one shape; then those of each addition have it too.
  const bool same = n.TypeOf(0).ranked() && n.TypeOf(0) == n.TypeOf(1);
  if (n.source_op() == "Sum" && (n.opset() >= 8 || same)) {
    n.Emit("Sum", Chain(n));
    return Ok{};
  }
  return EmitSame(n);
}

// Of the source's Mean: the sum, divided by how many there are.
Status EmitDiv(NodeExport& n) {
  if (n.source_op() != "Mean" || n.opset() < 8) return EmitSame(n);
  Names parts;
  size_t count = 1;
  std::vector<ValueId> operands = {n.Operand(0)};
  while (const Node* sum = n.Sibling(operands[0], ops::kAdd)) {
    operands.erase(operands.begin());
    operands.insert(operands.begin(), sum->in.begin(), sum->in.end());
    ++count;
  }
  const Tensor* divisor = n.Known(1);
  if (count < 2 || divisor == nullptr || divisor->size() != 1 || ToF64(*divisor)[0] != static_cast<double>(count)) {
    return EmitSame(n);
  }
  for (const ValueId v : operands) parts.push_back(n.Of(v));
  n.Emit("Mean", std::move(parts));
  return Ok{};
}

Status EmitExtreme(NodeExport& n) {
  if (n.opset() < 8 && !(n.TypeOf(0) == n.TypeOf(1))) {
    return n.LacksForm(fmt::format("{} does not broadcast before opset 8", n.row().onnx));
  }
  n.Emit(n.row().onnx, Chain(n));
  return Ok{};
}
// Before version 12 there are no extremes of integers, but comparisons of them.
Status EmitExtremeByChoice(NodeExport& n) {
  if (!IsInteger(n.DtypeOf(0))) return n.NotThis();
  const Name a = n.In(0), b = n.In(1);
  const Name first = n.Temp(&n.op() == &ops::kMax ? "Greater" : "Less", {a, b});
  n.Emit("Where", {first, a, b});
  return Ok{};
}

// a < b, which the source may have said as b > a.
Status EmitLess(NodeExport& n) {
  const std::string_view source = n.source_op();
  if (source == "Greater" || source == "GreaterOrEqual") {
    n.Emit(source, {n.In(1), n.In(0)});
    return Ok{};
  }
  return EmitSame(n);
}
Status EmitLessEqualByParts(NodeExport& n) {
  const Name a = n.In(0), b = n.In(1);
  const Name less = n.Temp("Less", {a, b});
  const Name equal = n.Temp("Equal", {a, b});
  n.Emit("Or", {less, equal});
  return Ok{};
}

// Before version 11 only integers and bools could be equal.
Status EmitEqualOfFloats(NodeExport& n) {
  if (!IsFloat(n.DtypeOf(0))) return n.NotThis();
  const Name a = n.In(0), b = n.In(1);
  const Name apart = n.Temp("Or", {n.Temp("Less", {a, b}), n.Temp("Greater", {a, b})});
  const Name nan = n.Temp("Or", {n.Temp("IsNaN", {a}), n.Temp("IsNaN", {b})});
  n.Emit("Not", {n.Temp("Or", {apart, nan})});
  return Ok{};
}

// Before version 12 the exponent has the type of the base.
Status EmitPowOfOneType(NodeExport& n) {
  Name b = n.In(1);
  if (n.DtypeOf(0) != n.DtypeOf(1)) {
    if (IsFloat(n.DtypeOf(1)) && !IsFloat(n.DtypeOf(0))) return n.LacksForm("a whole base with a broken exponent");
    b = n.Temp("Cast", {b}, {{"to", n.DtypeOf(0)}});
  }
  n.Emit("Pow", {n.In(0), b});
  return Ok{};
}

// Mod of floats takes the sign of the dividend. Where that is not the divisor's, one divisor more has it.
Status EmitModOfTheDivisor(NodeExport& n) {
  const Name x = n.In(0), y = n.In(1), zero = n.Number(n.DtypeOf(0), 0);
  const Name rest = n.Temp("Mod", {x, y}, {{"fmod", int64_t{1}}});
  const Name signs = n.Temp("Xor", {n.Temp("Less", {rest, zero}), n.Temp("Less", {y, zero})});
  const Name some = n.Temp("Not", {n.Temp("Equal", {rest, zero})});
  n.Emit("Where", {n.Temp("And", {some, signs}), n.Temp("Add", {rest, y}), rest});
  return Ok{};
}

Status EmitMod(NodeExport& n) {
  const bool fmod = n.attrs().Flag("fmod");
  if (!fmod && IsFloat(n.DtypeOf(0))) return EmitModOfTheDivisor(n);
  OnnxAttrs attrs;
  attrs.SetInt("fmod", fmod ? 1 : 0, 0);
  n.Emit("Mod", n.Ins(), attrs);
  return Ok{};
}

Status EmitBitShift(NodeExport& n) {
  n.Emit("BitShift", n.Ins(), {{"direction", std::string(n.attrs().Str("direction") == "left" ? "LEFT" : "RIGHT")}});
  return Ok{};
}

Status EmitClip(NodeExport& n) {
  if (!n.Has(1) && !n.Has(2)) {
    n.Emit("Identity", {n.In(0)});
    return Ok{};
  }
  return EmitSame(n);
}
// Bounds as attributes, whose absence means the largest finite numbers.
Status EmitClipAttrs(NodeExport& n) {
  if (!n.Has(1) || !n.Has(2)) return n.LacksForm("a Clip with one bound");
  TRY(const double low, n.NeedNumber(1, "the lower bound"));
  TRY(const double high, n.NeedNumber(2, "the upper bound"));
  OnnxAttrs attrs;
  attrs.SetFloat("min", low, -kLargestF32);
  attrs.SetFloat("max", high, kLargestF32);
  n.Emit("Clip", {n.In(0)}, attrs);
  return Ok{};
}
Status EmitClipByExtremes(NodeExport& n) {
  Name x = n.In(0);
  if (n.Has(1) && n.Has(2)) x = n.Temp("Max", {x, n.In(1)});
  if (n.Has(2)) {
    n.Emit("Min", {x, n.In(2)});
  } else if (n.Has(1)) {
    n.Emit("Max", {x, n.In(1)});
  } else {
    n.Emit("Identity", {x});
  }
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kAbs, "Abs", 7, EmitSame},
    {&ops::kAcos, "Acos", 7, EmitSame},
    {&ops::kAcosh, "Acosh", 9, EmitSame},
    {&ops::kAdd, "Add", 7, EmitAdd},
    {&ops::kAsin, "Asin", 7, EmitSame},
    {&ops::kAsinh, "Asinh", 9, EmitSame},
    {&ops::kAtan, "Atan", 7, EmitSame},
    {&ops::kAtanh, "Atanh", 9, EmitSame},
    {&ops::kBitShift, "BitShift", 11, EmitBitShift},
    {&ops::kBitwiseAnd, "BitwiseAnd", 18, EmitSame},
    {&ops::kBitwiseNot, "BitwiseNot", 18, EmitSame},
    {&ops::kBitwiseOr, "BitwiseOr", 18, EmitSame},
    {&ops::kBitwiseXor, "BitwiseXor", 18, EmitSame},
    {&ops::kCast, "Erf", 9, EmitErfOfIntegers},
    {&ops::kCeil, "Ceil", 7, EmitSame},
    {&ops::kClip, "Clip", 7, EmitClipAttrs, 10},
    {&ops::kClip, "Clip", 11, EmitClip},
    {&ops::kClip, "Min, Max", 8, EmitClipByExtremes},
    {&ops::kCos, "Cos", 7, EmitSame},
    {&ops::kCosh, "Cosh", 9, EmitSame},
    {&ops::kDiv, "Div", 7, EmitDiv},
    {&ops::kEqual, "Equal", 7, EmitSame},
    {&ops::kEqual, "Less, Greater, IsNaN", 9, EmitEqualOfFloats, 10},
    {&ops::kErf, "Erf", 9, EmitSame},
    {&ops::kExp, "Exp", 7, EmitSame},
    {&ops::kFloor, "Floor", 7, EmitSame},
    {&ops::kIsInf, "IsInf", 10, EmitIsInf},
    {&ops::kIsNan, "IsNaN", 9, EmitSame},
    {&ops::kLess, "Less", 7, EmitLess},
    {&ops::kLessEqual, "LessOrEqual", 12, EmitLess},
    {&ops::kLessEqual, "Less, Equal", 7, EmitLessEqualByParts, 11},
    {&ops::kLog, "Log", 7, EmitSame},
    {&ops::kLogicalAnd, "And", 7, EmitSame},
    {&ops::kLogicalNot, "Not", 7, EmitSame},
    {&ops::kLogicalOr, "Or", 7, EmitSame},
    {&ops::kLogicalXor, "Xor", 7, EmitSame},
    {&ops::kMax, "Max", 7, EmitExtreme},
    {&ops::kMax, "Greater, Where", 9, EmitExtremeByChoice},
    {&ops::kMin, "Min", 7, EmitExtreme},
    {&ops::kMin, "Less, Where", 9, EmitExtremeByChoice},
    {&ops::kMod, "Mod", 10, EmitMod},
    {&ops::kMul, "Mul", 7, EmitSame},
    {&ops::kNeg, "Neg", 7, EmitSame},
    {&ops::kPow, "Pow", 7, EmitPowOfOneType, 11},
    {&ops::kPow, "Pow", 12, EmitSame},
    {&ops::kReciprocal, "Reciprocal", 7, EmitSame},
    {&ops::kRound, "Round", 11, EmitSame},
    {&ops::kSign, "Sign", 9, EmitSame},
    {&ops::kSin, "Sin", 7, EmitSame},
    {&ops::kSinh, "Sinh", 9, EmitSame},
    {&ops::kSqrt, "Sqrt", 7, EmitSame},
    {&ops::kSub, "Sub", 7, EmitSame},
    {&ops::kTan, "Tan", 7, EmitSame},
    {&ops::kWhere, "Where", 9, EmitSame},
};

}  // namespace

extern const RowSet kElementwiseRows{kRows};

}  // namespace godwit::to_onnx
