// nll_loss: the negative log-likelihood of target classes, weighed and averaged.
#include <fmt/format.h>

#include "ir/op_def.h"
#include "ops/conv_common.h"
#include "ops/decompose.h"
#include "ops/plain.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"log_probability", kFloats, OperandDef::kPlain, 'T'},
                              {"target", kIndex},
                              {"weight", kFloats, OperandDef::kOptional, 'T'}};
constexpr OperandDef kOut[] = {{"loss", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {
    {"reduction", AttrKind::kString, "mean", "mean (by the sum of the weights), sum or none."},
    {"ignore_index", AttrKind::kInt, "none", "Targets of this class do not count."}};
constexpr std::string_view kRules[] = {
    "c1: log_probability is [N, C, rest...] and target [N, rest...]", "c2: weight has one value for each class",
    "c3: targets are classes, in [0, C), or ignore_index", "c4: reduction is mean, sum or none"};

template <class Ctx>
Result<Shape> Resolve(const Ctx& ctx, const Shape& x, const Shape& target) {
  const std::string_view reduction = ctx.attrs.Str("reduction", "mean");
  if (reduction != "mean" && reduction != "sum" && reduction != "none")
    return ctx.Fail("c4", fmt::format("reduction '{}'", reduction));
  bool fits = x.size() >= 2 && target.size() + 1 == x.size();
  for (size_t k = 0; fits && k < target.size(); ++k) fits = MayEqual(target[k], x[k == 0 ? 0 : k + 1]);
  if (!fits) return ctx.Fail("c1", fmt::format("{} and {}", ToString(x), ToString(target)));
  return reduction == "none" ? target : Shape();
}

Status Infer(InferCtx& ctx) {
  if (ctx.Ranked(0) && ctx.Ranked(1)) {
    TRY(Shape out, Resolve(ctx, ctx.ShapeOf(0), ctx.ShapeOf(1)));
    ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  } else if (ctx.attrs.Str("reduction", "mean") != "none") {
    ctx.Out(0, ctx.DtypeOf(0), {});
  } else if (ctx.Ranked(1)) {
    ctx.Out(0, ctx.DtypeOf(0), ctx.ShapeOf(1));
  } else {
    ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  }
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  TRY(Shape shape, Resolve(ctx, ToShape(x.dims()), ToShape(ctx.In(1).dims())));
  const int64_t classes = x.dim(1);
  const int64_t rest = ProductOf(x.dims(), 2, x.dims().size());
  std::vector<double> weight;
  if (ctx.Has(2)) {
    weight = Widen<double>(ctx.In(2));
    if (static_cast<int64_t>(weight.size()) != classes)
      return ctx.Fail("c2", fmt::format("{} weights for {} classes", weight.size(), classes));
  }
  const bool ignores = ctx.attrs.Has("ignore_index");
  const int64_t ignored = ctx.attrs.Int("ignore_index");
  const std::vector<int64_t> target = ctx.Ints(1);
  const std::vector<double> wide = Widen<double>(x);
  std::vector<double> loss(target.size());
  double sum = 0, total = 0;
  for (size_t i = 0; i < target.size(); ++i) {
    const int64_t label = target[i];
    if (ignores && label == ignored) continue;
    if (label < 0 || label >= classes) return ctx.Fail("c3", fmt::format("target {} of {} classes", label, classes));
    const int64_t at = static_cast<int64_t>(i);
    const double w = weight.empty() ? 1 : weight[static_cast<size_t>(label)];
    loss[i] = -wide[static_cast<size_t>((at / rest * classes + label) * rest + at % rest)] * w;
    sum += loss[i];
    total += w;
  }
  const std::string_view reduction = ctx.attrs.Str("reduction", "mean");
  const bool whole = reduction != "none";
  TRY(Tensor * out, ctx.Make(0, x.dtype(), whole ? Dims() : ctx.In(1).dims()));
  if (whole) loss.assign(1, reduction == "sum" ? sum : sum / total);
  Narrow<double>(loss, out);
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {
      {{"f32[3,5]", "i64[3] = 1,0,4"}, {}},
      {{"f32[2,3,2]", "i32[2,2] = 0,1,2,1", "f32[3]"}, {{"reduction", "none"}}},
      {{"f64[3,4]", "i64[3] = 1,-1,3", "f64[4]"}, {{"reduction", "sum"}, {"ignore_index", int64_t{-1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kNllLoss{.name = "nll_loss",
                            .doc = "Negative log-likelihood of the target classes.",
                            .operands = kIn,
                            .results = kOut,
                            .attrs = kAttrs,
                            .constraints = kRules,
                            .infer = Infer,
                            .eval = Eval,
                            .decompose = DecomposeNllLoss,
                            .samples = Samples};

}  // namespace godwit::ops
