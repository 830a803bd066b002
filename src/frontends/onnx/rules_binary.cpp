// Elementwise operators of two or more operands: arithmetic, comparisons, logic, choice.
#include "frontends/onnx/elementwise_import.h"

namespace godwit::from_onnx {

namespace {

// a > b is b < a, with NaN false both ways.
template <const OpDef& Op>
Status ImportSwapped(NodeImport& n) {
  TRY(auto ab, BroadcastOperands(n));
  TRY(ValueId y, n.Emit(Op, {ab.second, ab.first}));
  n.Out(0, y);
  return Ok{};
}

template <const OpDef& Op>
Result<ValueId> Fold(NodeImport& n) {
  n.Ignore("consumed_inputs");
  TRY(ValueId y, n.In(0));
  for (size_t i = 1; i < n.n_in(); ++i) {
    TRY(ValueId next, n.In(i));
    TRY(y, n.Emit(Op, {y, next}));
  }
  return y;
}

template <const OpDef& Op>
Status ImportVariadic(NodeImport& n) {
  TRY(ValueId y, Fold<Op>(n));
  n.Out(0, y);
  return Ok{};
}

Status ImportMean(NodeImport& n) {
  TRY(ValueId y, Fold<ops::kAdd>(n));
  if (n.n_in() > 1) {
    TRY(y, n.Emit(ops::kDiv, {y, n.ScalarLike(y, static_cast<double>(n.n_in()))}));
  }
  n.Out(0, y);
  return Ok{};
}

Status ImportMod(NodeImport& n) {
  TRY(const int64_t fmod, n.Int("fmod", 0));
  return n.Same(ops::kMod, {{"fmod", fmod != 0 ? int64_t{1} : int64_t{0}}});
}

Status ImportBitShift(NodeImport& n) {
  TRY(const std::string direction, n.Str("direction"));
  if (direction != "LEFT" && direction != "RIGHT") return n.BadValue("direction", direction);
  return n.Same(ops::kBitShift, {{"direction", std::string(direction == "LEFT" ? "left" : "right")}});
}

// Bounds as attributes; from version 6 an absent one is the largest finite f32, which cuts infinities.
Status ImportClipAttrs(NodeImport& n) {
  n.Ignore("consumed_inputs");
  TRY(ValueId x, n.In(0));
  constexpr double kLargest = 3.4028234663852886e+38;
  TRY(const double low, n.Float("min", -kLargest));
  TRY(const double high, n.Float("max", kLargest));
  const bool always = n.version() >= 6;
  const ValueId lo = always || n.HasAttr("min") ? n.ScalarLike(x, low) : ValueId();
  const ValueId hi = always || n.HasAttr("max") ? n.ScalarLike(x, high) : ValueId();
  TRY(ValueId y, n.Emit(ops::kClip, {x, lo, hi}));
  n.Out(0, y);
  return Ok{};
}

// The experimental Scale of files older than the first stable operator set.
Status ImportScale(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const double scale, n.Float("scale", 1));
  TRY(ValueId y, n.Emit(ops::kMul, {x, n.ScalarLike(x, scale)}));
  n.Out(0, y);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"Add", 1, ImportBinary<ops::kAdd>},
    {"And", 1, ImportBinary<ops::kLogicalAnd>},
    {"BitShift", 11, ImportBitShift},
    {"BitwiseAnd", 18, ImportSame<ops::kBitwiseAnd>},
    {"BitwiseOr", 18, ImportSame<ops::kBitwiseOr>},
    {"BitwiseXor", 18, ImportSame<ops::kBitwiseXor>},
    {"Clip", 1, ImportClipAttrs},
    {"Clip", 11, ImportSame<ops::kClip>},
    {"Div", 1, ImportBinary<ops::kDiv>},
    {"Equal", 1, ImportBinary<ops::kEqual>},
    {"Greater", 1, ImportSwapped<ops::kLess>},
    {"GreaterOrEqual", 12, ImportSwapped<ops::kLessEqual>},
    {"Less", 1, ImportBinary<ops::kLess>},
    {"LessOrEqual", 12, ImportBinary<ops::kLessEqual>},
    {"Max", 1, ImportVariadic<ops::kMax>},
    {"Mean", 1, ImportMean},
    {"Min", 1, ImportVariadic<ops::kMin>},
    {"Mod", 10, ImportMod},
    {"Mul", 1, ImportBinary<ops::kMul>},
    {"Or", 1, ImportBinary<ops::kLogicalOr>},
    {"Pow", 1, ImportBinary<ops::kPow>},
    {"Scale", 1, ImportScale},
    {"Sub", 1, ImportBinary<ops::kSub>},
    {"Sum", 1, ImportVariadic<ops::kAdd>},
    {"Where", 9, ImportSame<ops::kWhere>},
    {"Xor", 1, ImportBinary<ops::kLogicalXor>},
};

}  // namespace

extern const RuleSet kBinaryRules{"", kRules};

}  // namespace godwit::from_onnx
