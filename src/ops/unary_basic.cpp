// abs, neg, relu, sigmoid, identity: elementwise operators of one operand.
#include "base/mathfn.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/elementwise.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kNumbersIn[] = {{"x", kNumbers}};
constexpr OperandDef kNumbersOut[] = {{"y", kNumbers}};
constexpr OperandDef kFloatsIn[] = {{"x", kFloats}};
constexpr OperandDef kFloatsOut[] = {{"y", kFloats}};
constexpr OperandDef kAnyIn[] = {{"x", kAnyType, OperandDef::kNotTensor}};
constexpr OperandDef kAnyOut[] = {{"y", kAnyType, OperandDef::kNotTensor}};

std::span<const Sample> FloatSamples() {
  static const Sample samples[] = {
      {{"f32[2,3,4]"}, {}}, {{"f64[5]"}, {}}, {{"f16[1,7]"}, {}}, {{"f32[]"}, {}}, {{"f32[0,2]"}, {}}};
  return samples;
}

std::span<const Sample> NumberSamples() {
  static const Sample samples[] = {
      {{"f32[2,3,4]"}, {}}, {{"f64[5]"}, {}}, {{"i32[1,7]"}, {}}, {{"u8[]"}, {}}, {{"i64[0,2]"}, {}}};
  return samples;
}

std::span<const Sample> IdentitySamples() {
  static const Sample samples[] = {{{"f32[2,3]"}, {}}, {{"string[2]"}, {}}, {{"seq(i64[2])"}, {}}, {{"i4[0,3]"}, {}}};
  return samples;
}

Status EvalAbs(EvalCtx& ctx) {
  return EvalUnary(ctx, {[](double x) { return x < 0    ? -x
                                               : x == 0 ? 0.0
                                                        : x; },
                         [](int64_t x) { return x < 0 ? static_cast<int64_t>(0 - static_cast<uint64_t>(x)) : x; },
                         [](uint64_t x) { return x; }});
}
Status EvalNeg(EvalCtx& ctx) {
  return EvalUnary(
      ctx, {[](double x) { return -x; }, [](int64_t x) { return static_cast<int64_t>(0 - static_cast<uint64_t>(x)); }});
}
Status EvalRelu(EvalCtx& ctx) {
  return EvalUnary(ctx, {[](double x) { return x < 0 ? 0.0 : x; }, [](int64_t x) { return x < 0 ? 0 : x; },
                         [](uint64_t x) { return x; }});
}
Status EvalSigmoid(EvalCtx& ctx) {
  return EvalUnary(ctx, {[](double x) {
                     // exp of a non-positive number only, so that neither tail overflows or loses its digits
                     const double e = mathfn::Exp(x < 0 ? x : -x);
                     return x < 0 ? e / (1 + e) : 1 / (1 + e);
                   }});
}
Status EvalIdentity(EvalCtx& ctx) {
  ctx.Set(0, ctx.Value(0));
  return Ok{};
}
Status InferIdentity(InferCtx& ctx) {
  ctx.Out(0, ctx.In(0));
  if (auto contents = ctx.Contents(0)) ctx.OutContents(0, *std::move(contents));
  return Ok{};
}

}  // namespace

extern const OpDef kAbs{.name = "abs",
                        .doc = "Absolute value.",
                        .operands = kNumbersIn,
                        .results = kNumbersOut,
                        .infer = InferSame,
                        .eval = EvalAbs,
                        .commute = CommuteElementwise,
                        .decompose = DecomposeAbs,
                        .samples = NumberSamples};
extern const OpDef kNeg{.name = "neg",
                        .doc = "Negation; integers wrap.",
                        .operands = kNumbersIn,
                        .results = kNumbersOut,
                        .infer = InferSame,
                        .eval = EvalNeg,
                        .commute = CommuteElementwise,
                        .samples = FloatSamples};
extern const OpDef kRelu{.name = "relu",
                         .doc = "max(x, 0); NaN stays NaN.",
                         .operands = kNumbersIn,
                         .results = kNumbersOut,
                         .infer = InferSame,
                         .eval = EvalRelu,
                         .commute = CommuteElementwise,
                         .samples = FloatSamples};
extern const OpDef kSigmoid{.name = "sigmoid",
                            .doc = "1 / (1 + exp(-x)).",
                            .operands = kFloatsIn,
                            .results = kFloatsOut,
                            .infer = InferSame,
                            .eval = EvalSigmoid,
                            .commute = CommuteElementwise,
                            .samples = FloatSamples};
extern const OpDef kIdentity{.name = "identity",
                             .doc = "Its operand, of whatever type.",
                             .operands = kAnyIn,
                             .results = kAnyOut,
                             .infer = InferIdentity,
                             .eval = EvalIdentity,
                             .samples = IdentitySamples};

}  // namespace godwit::ops
