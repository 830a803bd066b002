// group_norm and instance_norm: normalisation of each image's channels, in groups or each by itself.
#include <fmt/format.h>

#include <cmath>

#include "ir/op_def.h"
#include "ops/conv_common.h"
#include "ops/decompose.h"
#include "ops/plain.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'},
                              {"scale", kFloats, OperandDef::kPlain, 'P'},
                              {"bias", kFloats, OperandDef::kPlain, 'P'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kEpsilon = {"epsilon", AttrKind::kFloat, "1e-05", "Added to the variance."};
constexpr AttrDef kChannelAxis = {"channel_axis", AttrKind::kInt, "1",
                                  "Axis of the channels; axis 0 is the batch, the others spatial."};
constexpr AttrDef kGroupAttrs[] = {
    {"groups", AttrKind::kInt, "", "Number of groups of channels."}, kEpsilon, kChannelAxis};
constexpr AttrDef kInstanceAttrs[] = {kEpsilon, kChannelAxis};
constexpr std::string_view kGroupRules[] = {
    "c1: x has rank 2 or more and channel_axis is one of its axes but the first",
    "c2: scale and bias have one value for each channel, or one for each group",
    "c3: groups is positive and divides the channels"};
constexpr std::string_view kInstanceRules[] = {
    "c1: x has rank 2 or more and channel_axis is one of its axes but the first",
    "c2: scale and bias have one value for each channel"};

template <class Ctx>
Result<size_t> ChannelAxis(const Ctx& ctx, int rank) {
  if (rank < 2) return ctx.Fail("c1", fmt::format("rank {}", rank));
  TRY(DataAxes axes, ReadDataAxes(ctx, "c1", rank));
  return static_cast<size_t>(axes.channel);
}

Status CheckParameters(InferCtx& ctx, int64_t groups) {
  if (!ctx.Ranked(0)) return Ok{};
  TRY(const size_t axis, ChannelAxis(ctx, ctx.Rank(0)));
  const Dim& channels = ctx.ShapeOf(0)[axis];
  if (groups < 0 || (groups > 0 && channels.is_static() && channels.value() % groups != 0))
    return ctx.Fail("c3", fmt::format("{} groups of {} channels", groups, channels.ToString()));
  for (size_t i = 1; i < 3; ++i) {
    if (!ctx.Ranked(i)) continue;
    const bool fits = ctx.Rank(i) == 1 && (MayEqual(ctx.ShapeOf(i)[0], channels) ||
                                           (groups > 0 && MayEqual(ctx.ShapeOf(i)[0], Dim(groups))));
    if (!fits) return ctx.Fail("c2", fmt::format("{} for {} channels", ToString(ctx.ShapeOf(i)), channels.ToString()));
  }
  return Ok{};
}

Status InferGroup(InferCtx& ctx) {
  ctx.Out(0, ctx.In(0));
  const int64_t groups = ctx.attrs.Int("groups");
  if (groups < 1) return ctx.Fail("c3", fmt::format("{} groups", groups));
  return CheckParameters(ctx, groups);
}

Status InferInstance(InferCtx& ctx) {
  ctx.Out(0, ctx.In(0));
  return CheckParameters(ctx, 0);
}

Status Run(EvalCtx& ctx, size_t axis, int64_t groups) {
  const Tensor& x = ctx.In(0);
  const int64_t channels = x.dims()[axis];
  std::vector<double> p[3];
  for (size_t i = 1; i < 3; ++i) {
    p[i] = Widen<double>(ctx.In(i));
    if (ctx.In(i).size() != channels && ctx.In(i).size() != groups)
      return ctx.Fail("c2", fmt::format("{} for {} channels", ToString(ctx.In(i).dims()), channels));
  }
  TRY(Tensor * out, ctx.Make(0, x.dtype(), x.dims()));
  if (x.size() == 0) return Ok{};
  std::vector<double> wide = Widen<double>(x);
  const int64_t step = RowMajorStrides(x.dims())[axis];
  const int64_t image = x.size() / x.dim(0);
  const int64_t per_group = channels / groups;
  const double count = static_cast<double>(image / groups);
  const double epsilon = ctx.attrs.Float("epsilon", 1e-5);
  std::vector<double> mean(static_cast<size_t>(groups)), variance(mean.size());
  for (int64_t n = 0; n < x.dim(0); ++n) {
    double* base = wide.data() + n * image;
    const auto group_of = [&](int64_t i) { return static_cast<size_t>(i / step % channels / per_group); };
    std::fill(mean.begin(), mean.end(), 0.0);
    std::fill(variance.begin(), variance.end(), 0.0);
    for (int64_t i = 0; i < image; ++i) mean[group_of(i)] += base[i];
    for (double& m : mean) m /= count;
    for (int64_t i = 0; i < image; ++i) {
      const double d = base[i] - mean[group_of(i)];
      variance[group_of(i)] += d * d;
    }
    for (double& v : variance) v /= count;
    for (int64_t i = 0; i < image; ++i) {
      const size_t group = group_of(i);
      const size_t channel = static_cast<size_t>(i / step % channels);
      const auto parameter = [&](size_t k) {
        return p[k][static_cast<int64_t>(p[k].size()) == channels ? channel : group];
      };
      base[i] = (base[i] - mean[group]) / std::sqrt(variance[group] + epsilon) * parameter(1) + parameter(2);
    }
  }
  Narrow<double>(wide, out);
  return Ok{};
}

Status EvalGroup(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  TRY(const size_t axis, ChannelAxis(ctx, x.rank()));
  const int64_t groups = ctx.attrs.Int("groups");
  if (groups < 1 || x.dims()[axis] % groups != 0)
    return ctx.Fail("c3", fmt::format("{} groups of {} channels", groups, x.dims()[axis]));
  return Run(ctx, axis, groups);
}

Status EvalInstance(EvalCtx& ctx) {
  TRY(const size_t axis, ChannelAxis(ctx, ctx.In(0).rank()));
  return Run(ctx, axis, std::max<int64_t>(1, ctx.In(0).dims()[axis]));
}

std::span<const Sample> GroupSamples() {
  static const Sample samples[] = {
      {{"f32[2,4,3,3]", "f32[4]", "f32[4]"}, {{"groups", int64_t{2}}}},
      {{"f32[1,6,5]", "f32[3]", "f32[3]"}, {{"groups", int64_t{3}}, {"epsilon", 0.01}}},
      {{"f16[2,5,4]", "f16[4]", "f16[4]"}, {{"groups", int64_t{2}}, {"channel_axis", int64_t{-1}}}}};
  return samples;
}

std::span<const Sample> InstanceSamples() {
  static const Sample samples[] = {{{"f32[2,4,3,3]", "f32[4]", "f32[4]"}, {}},
                                   {{"f64[2,5,4]", "f64[4]", "f64[4]"}, {{"channel_axis", int64_t{-1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kGroupNorm{.name = "group_norm",
                              .doc = "Normalises groups of channels of each image, then scales and shifts.",
                              .operands = kIn,
                              .results = kOut,
                              .attrs = kGroupAttrs,
                              .constraints = kGroupRules,
                              .infer = InferGroup,
                              .eval = EvalGroup,
                              .commute = CommuteImage,
                              .decompose = DecomposeGroupNorm,
                              .samples = GroupSamples};
extern const OpDef kInstanceNorm{.name = "instance_norm",
                                 .doc = "Normalises each channel of each image, then scales and shifts.",
                                 .operands = kIn,
                                 .results = kOut,
                                 .attrs = kInstanceAttrs,
                                 .constraints = kInstanceRules,
                                 .infer = InferInstance,
                                 .eval = EvalInstance,
                                 .commute = CommuteImage,
                                 .decompose = DecomposeInstanceNorm,
                                 .samples = InstanceSamples};

}  // namespace godwit::ops
