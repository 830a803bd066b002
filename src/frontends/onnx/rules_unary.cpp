// Elementwise operators of one operand, activations apart.
#include "frontends/onnx/elementwise_import.h"

namespace godwit::from_onnx {

namespace {

// ONNX allows integers, of which there is no error function but through a float type.
Status ImportErf(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  const DType dtype = n.DtypeOf(x);
  const bool whole = IsInteger(dtype);
  if (whole) {
    TRY(x, n.Emit(ops::kCast, {x}, {{"to", DType::kF64}}));
  }
  TRY(x, n.Emit(ops::kErf, {x}));
  if (whole) {
    TRY(x, n.Emit(ops::kCast, {x}, {{"to", dtype}}));
  }
  n.Out(0, x);
  return Ok{};
}

Status ImportIsInf(NodeImport& n) {
  TRY(const int64_t positive, n.Int("detect_positive", 1));
  TRY(const int64_t negative, n.Int("detect_negative", 1));
  return n.Same(ops::kIsInf, {{"positive", positive}, {"negative", negative}});
}

constexpr Rule kRules[] = {
    {"Abs", 1, ImportSame<ops::kAbs>},
    {"Acos", 7, ImportSame<ops::kAcos>},
    {"Acosh", 9, ImportSame<ops::kAcosh>},
    {"Asin", 7, ImportSame<ops::kAsin>},
    {"Asinh", 9, ImportSame<ops::kAsinh>},
    {"Atan", 7, ImportSame<ops::kAtan>},
    {"Atanh", 9, ImportSame<ops::kAtanh>},
    {"BitwiseNot", 18, ImportSame<ops::kBitwiseNot>},
    {"Ceil", 1, ImportSame<ops::kCeil>},
    {"Cos", 7, ImportSame<ops::kCos>},
    {"Cosh", 9, ImportSame<ops::kCosh>},
    {"Erf", 9, ImportErf},
    {"Exp", 1, ImportSame<ops::kExp>},
    {"Floor", 1, ImportSame<ops::kFloor>},
    {"IsInf", 10, ImportIsInf},
    {"IsNaN", 9, ImportSame<ops::kIsNan>},
    {"Log", 1, ImportSame<ops::kLog>},
    {"Neg", 1, ImportSame<ops::kNeg>},
    {"Not", 1, ImportSame<ops::kLogicalNot>},
    {"Reciprocal", 1, ImportSame<ops::kReciprocal>},
    {"Round", 11, ImportSame<ops::kRound>},
    {"Sign", 9, ImportSame<ops::kSign>},
    {"Sin", 7, ImportSame<ops::kSin>},
    {"Sinh", 9, ImportSame<ops::kSinh>},
    {"Sqrt", 1, ImportSame<ops::kSqrt>},
    {"Tan", 7, ImportSame<ops::kTan>},
};

}  // namespace

extern const RuleSet kUnaryRules{"", kRules};

}  // namespace godwit::from_onnx
