// Activations with parameters: leaky_relu, elu, selu, celu, hard_sigmoid, thresholded_relu, shrink.
#include "base/mathfn.h"
#include "ops/decompose.h"
#include "ops/elementwise.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr AttrDef kLeakyAttrs[] = {{"alpha", AttrKind::kFloat, "0.01", "Slope for negative x."}};
constexpr AttrDef kEluAttrs[] = {{"alpha", AttrKind::kFloat, "1", "What the negative side tends to, negated."}};
constexpr AttrDef kSeluAttrs[] = {
    {"alpha", AttrKind::kFloat, "1.6732632423543772", "What the negative side tends to, before `gamma`."},
    {"gamma", AttrKind::kFloat, "1.0507009873554805", "Factor on both sides."}};
constexpr AttrDef kCeluAttrs[] = {{"alpha", AttrKind::kFloat, "1", "Scale of the negative side; not 0."}};
constexpr AttrDef kHardSigmoidAttrs[] = {{"alpha", AttrKind::kFloat, "0.2", "Slope."},
                                         {"beta", AttrKind::kFloat, "0.5", "Value at 0."}};
constexpr AttrDef kThresholdAttrs[] = {{"alpha", AttrKind::kFloat, "1", "The threshold."}};
constexpr AttrDef kShrinkAttrs[] = {{"bias", AttrKind::kFloat, "0", "How far numbers beyond it move toward 0."},
                                    {"lambd", AttrKind::kFloat, "0.5", "Numbers at most this large become 0."}};

Status EvalLeakyRelu(EvalCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 0.01);
  return EvalFloat(ctx, [=](double x) { return x < 0 ? alpha * x : x; });
}
Status EvalElu(EvalCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 1);
  return EvalFloat(ctx, [=](double x) { return x < 0 ? alpha * mathfn::Expm1(x) : x; });
}
Status EvalSelu(EvalCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 1.6732632423543772);
  const double gamma = ctx.attrs.Float("gamma", 1.0507009873554805);
  return EvalFloat(ctx, [=](double x) { return gamma * (x <= 0 ? alpha * mathfn::Expm1(x) : x); });
}
Status EvalCelu(EvalCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 1);
  return EvalFloat(ctx, [=](double x) { return x < 0 ? alpha * mathfn::Expm1(x / alpha) : x; });
}
Status EvalHardSigmoid(EvalCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 0.2);
  const double beta = ctx.attrs.Float("beta", 0.5);
  return EvalFloat(ctx, [=](double x) {
    const double y = alpha * x + beta;
    return y < 0 ? 0.0 : y > 1 ? 1.0 : y;
  });
}
Status EvalThresholdedRelu(EvalCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 1);
  return EvalFloat(ctx, [=](double x) { return x > alpha ? x : 0.0; });
}

// Integers too: the result is cut toward zero, as a conversion does.
Status EvalShrink(EvalCtx& ctx) {
  const double bias = ctx.attrs.Float("bias", 0);
  const double lambd = ctx.attrs.Float("lambd", 0.5);
  const auto shrink = [=](double x) { return x < -lambd ? x + bias : x > lambd ? x - bias : 0.0; };
  const Tensor& in = ctx.In(0);
  if (IsFloat(in.dtype())) return EvalFloat(ctx, shrink);
  TRY(Tensor wide, ConvertTensor(in, DType::kF64, {}));
  TRY(Tensor y, Tensor::Make(DType::kF64, in.dims()));
  for (int64_t i = 0; i < in.size(); ++i) y.mutable_data<double>()[i] = shrink(wide.data<double>()[i]);
  TRY(Tensor out, ConvertTensor(y, in.dtype(), {}));
  ctx.Set(0, std::move(out));
  return Ok{};
}

template <int kCase>
std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3,4]"}, {}},
                                   {{"f64[5]"}, {{kCase == 1 ? "bias" : "alpha", 0.3}}},
                                   {{"f16[1,7]"}, {}},
                                   {{"f32[0,2]"}, {}}};
  return samples;
}

constexpr OpDef Activation(std::string_view name, std::string_view doc, std::span<const AttrDef> attrs,
                           Status (*eval)(EvalCtx&), Status (*decompose)(DecomposeCtx&)) {
  OpDef def = FloatUnary(name, doc, eval, decompose);
  def.attrs = attrs;
  def.samples = Samples<0>;
  return def;
}

}  // namespace

extern const OpDef kLeakyRelu =
    Activation("leaky_relu", "x, times alpha where negative.", kLeakyAttrs, EvalLeakyRelu, nullptr);
extern const OpDef kElu =
    Activation("elu", "x, or alpha * (exp(x) - 1) where negative.", kEluAttrs, EvalElu, DecomposeElu);
extern const OpDef kSelu = Activation("selu", "gamma * x, or gamma * alpha * (exp(x) - 1) where not positive.",
                                      kSeluAttrs, EvalSelu, DecomposeSelu);
extern const OpDef kCelu =
    Activation("celu", "x, or alpha * (exp(x / alpha) - 1) where negative.", kCeluAttrs, EvalCelu, DecomposeCelu);
extern const OpDef kHardSigmoid = Activation("hard_sigmoid", "alpha * x + beta, cut to [0, 1].", kHardSigmoidAttrs,
                                             EvalHardSigmoid, DecomposeHardSigmoid);
extern const OpDef kThresholdedRelu = Activation("thresholded_relu", "x where above alpha, else 0.", kThresholdAttrs,
                                                 EvalThresholdedRelu, DecomposeThresholdedRelu);
extern const OpDef kShrink{.name = "shrink",
                           .doc = "0 within [-lambd, lambd], elsewhere x moved toward 0 by bias.",
                           .operands = kNumberOperand,
                           .results = kNumberResult,
                           .attrs = kShrinkAttrs,
                           .infer = InferSame,
                           .eval = EvalShrink,
                           .commute = CommuteElementwise,
                           .decompose = DecomposeShrink,
                           .samples = Samples<1>};

}  // namespace godwit::ops
