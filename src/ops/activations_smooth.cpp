// Smooth activations that runtimes have as operators: gelu, silu, hard_swish, mish, softplus, softsign.
#include <cmath>

#include "base/mathfn.h"
#include "ops/decompose.h"
#include "ops/elementwise.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kSqrtTwoOverPi = 0.79788456080286535588;

constexpr AttrDef kGeluAttrs[] = {
    {"approximate", AttrKind::kString, "none", "none: with erf; tanh: the usual approximation with tanh."}};
constexpr AttrDef kSiluAttrs[] = {{"alpha", AttrKind::kFloat, "1", "Factor on x inside the sigmoid."}};
constexpr std::string_view kGeluRules[] = {"c1: approximate is none or tanh"};

double Sigmoid(double x) {
  const double e = mathfn::Exp(x < 0 ? x : -x);
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
double Softplus(double x) { return (x > 0 ? x : 0) + mathfn::Log1p(mathfn::Exp(-std::fabs(x))); }
double Softsign(double x) { return x / (1 + std::fabs(x)); }
double HardSwish(double x) { return x * (x <= -3 ? 0.0 : x >= 3 ? 1.0 : x / 6 + 0.5); }
// erfc keeps the digits of the negative tail. Minus infinity gives NaN here and below, as the formulas do everywhere.
double Gelu(double x) { return 0.5 * x * mathfn::Erfc(-x * kSqrtHalf); }
// 1 + tanh(u) is 2 * sigmoid(2u), which keeps the tail's digits.
double GeluTanh(double x) { return x * Sigmoid(2 * kSqrtTwoOverPi * (x + 0.044715 * x * x * x)); }
double Mish(double x) { return x * mathfn::Tanh(Softplus(x)); }

Status InferGelu(InferCtx& ctx) {
  const std::string_view kind = ctx.attrs.Str("approximate", "none");
  if (kind != "none" && kind != "tanh") return ctx.Fail("c1", std::string(kind));
  return InferSame(ctx);
}
Status EvalGelu(EvalCtx& ctx) {
  return EvalUnary(ctx, {ctx.attrs.Str("approximate", "none") == "tanh" ? GeluTanh : Gelu});
}
Status EvalSilu(EvalCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 1);
  return EvalFloat(ctx, [=](double x) { return x * Sigmoid(alpha * x); });
}
Status EvalSoftplus(EvalCtx& ctx) { return EvalUnary(ctx, {Softplus}); }
Status EvalSoftsign(EvalCtx& ctx) { return EvalUnary(ctx, {Softsign}); }
Status EvalHardSwish(EvalCtx& ctx) { return EvalUnary(ctx, {HardSwish}); }
Status EvalMish(EvalCtx& ctx) { return EvalUnary(ctx, {Mish}); }

std::span<const Sample> GeluSamples() {
  static const Sample samples[] = {
      {{"f32[2,3,4]"}, {}}, {{"f32[2,9]"}, {{"approximate", std::string("tanh")}}}, {{"f16[7]"}, {}}, {{"f64[]"}, {}}};
  return samples;
}
std::span<const Sample> SiluSamples() {
  static const Sample samples[] = {{{"f32[2,3,4]"}, {}}, {{"f32[2,9]"}, {{"alpha", 1.702}}}, {{"f16[7]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kGelu{.name = "gelu",
                         .doc = "x times the normal distribution function of x.",
                         .operands = kFloatOperand,
                         .results = kFloatResult,
                         .attrs = kGeluAttrs,
                         .constraints = kGeluRules,
                         .infer = InferGelu,
                         .eval = EvalGelu,
                         .commute = CommuteElementwise,
                         .decompose = DecomposeGelu,
                         .samples = GeluSamples};
extern const OpDef kSilu{.name = "silu",
                         .doc = "x * sigmoid(alpha * x), also known as swish.",
                         .operands = kFloatOperand,
                         .results = kFloatResult,
                         .attrs = kSiluAttrs,
                         .infer = InferSame,
                         .eval = EvalSilu,
                         .commute = CommuteElementwise,
                         .decompose = DecomposeSilu,
                         .samples = SiluSamples};
extern const OpDef kHardSwish =
    FloatUnary("hard_swish", "x * clip(x / 6 + 0.5, 0, 1).", EvalHardSwish, DecomposeHardSwish);
extern const OpDef kMish = FloatUnary("mish", "x * tanh(softplus(x)).", EvalMish, DecomposeMish);
extern const OpDef kSoftplus = FloatUnary("softplus", "log(1 + exp(x)).", EvalSoftplus, DecomposeSoftplus);
extern const OpDef kSoftsign = FloatUnary("softsign", "x / (1 + |x|).", EvalSoftsign, DecomposeSoftsign);

}  // namespace godwit::ops
