// Arithmetic, comparisons and functions of single elements.
#include <fmt/format.h>

#include "backends/tflite/emit.h"

namespace godwit::to_tflite {

namespace {

// Operators that can have an activation fused.
Status EmitArithmeticAs(NodeExport& n, std::string_view op) {
  OptionList options;
  if (const Activation activation = n.TakeActivation(); activation != Activation::kNone) {
    if (!IsFloat(n.DtypeOf(0))) return n.NotThis();
    options.Set("fused_activation_function", Code(activation));
  }
  n.EmitTo(0, op, {n.In(0), n.In(1)}, std::move(options));
  return Ok{};
}
Status EmitArithmetic(NodeExport& n) { return EmitArithmeticAs(n, n.row().builtin); }

// x * x reads its operand once.
Status EmitMul(NodeExport& n) {
  const bool plain = !n.quantised() && n.with().activation == Activation::kNone;
  if (plain && n.Operand(0) == n.Operand(1) && n.DtypeOf(0) == DType::kF32) {
    n.EmitTo(0, "SQUARE", {n.In(0)});
    return Ok{};
  }
  return EmitArithmeticAs(n, "MUL");
}

constexpr Row kRows[] = {
    {&ops::kAbs, "ABS", EmitSame},
    {&ops::kAdd, "ADD", EmitArithmetic, Row::kQuantised},
    {&ops::kCeil, "CEIL", EmitSame},
    {&ops::kCos, "COS", EmitSame},
    {&ops::kDiv, "DIV", EmitArithmetic},
    {&ops::kEqual, "EQUAL", EmitSame},
    {&ops::kExp, "EXP", EmitSame, Row::kQuantised},
    {&ops::kFloor, "FLOOR", EmitSame},
    {&ops::kLess, "LESS", EmitSame},
    {&ops::kLessEqual, "LESS_EQUAL", EmitSame},
    {&ops::kLog, "LOG", EmitSame, Row::kQuantised},
    {&ops::kLogicalAnd, "LOGICAL_AND", EmitSame},
    {&ops::kLogicalNot, "LOGICAL_NOT", EmitSame},
    {&ops::kLogicalOr, "LOGICAL_OR", EmitSame},
    {&ops::kMax, "MAXIMUM", EmitSame, Row::kQuantised},
    {&ops::kMin, "MINIMUM", EmitSame, Row::kQuantised},
    {&ops::kMul, "MUL, SQUARE", EmitMul, Row::kQuantised},
    {&ops::kNeg, "NEG", EmitSame},
    {&ops::kPow, "POW", EmitSame},
    {&ops::kRound, "ROUND", EmitSame},
    {&ops::kSin, "SIN", EmitSame},
    {&ops::kSqrt, "SQRT", EmitSame, Row::kQuantised},
    {&ops::kSub, "SUB", EmitArithmetic, Row::kQuantised},
};

}  // namespace

extern const RowSet kElementwiseRows{kRows};

}  // namespace godwit::to_tflite
