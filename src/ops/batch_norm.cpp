// batch_norm: normalisation of each channel by given statistics, or (training) by those of the batch.
#include <fmt/format.h>

#include <cmath>

#include "ir/commute.h"
#include "ir/op_def.h"
#include "ops/conv_common.h"
#include "ops/decompose.h"
#include "ops/plain.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'},
                              {"scale", kFloats, OperandDef::kPlain, 'P'},
                              {"bias", kFloats, OperandDef::kPlain, 'P'},
                              {"mean", kFloats, OperandDef::kPlain, 'S'},
                              {"variance", kFloats, OperandDef::kPlain, 'S'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'},
                               {"running_mean", kFloats, OperandDef::kOptional, 'S'},
                               {"running_variance", kFloats, OperandDef::kOptional, 'S'}};
constexpr AttrDef kAttrs[] = {
    {"epsilon", AttrKind::kFloat, "1e-05", "Added to the variance."},
    {"momentum", AttrKind::kFloat, "0.9", "Training: weight of the old statistics in the running ones."},
    {"training", AttrKind::kInt, "0", "1: statistics of x itself normalise, and the running ones are given."},
    {"channel_axis", AttrKind::kInt, "1", "Axis of the channels."}};
constexpr std::string_view kRules[] = {"c1: channel_axis lies in [-rank, rank); a tensor of rank 1 has one channel",
                                       "c2: scale, bias, mean and variance have one value for each channel"};

constexpr std::string_view kNames[] = {"", "scale", "bias", "mean", "variance"};

Status Infer(InferCtx& ctx) {
  Dim channels = ctx.Fresh("channels");
  for (size_t i = 1; i < 5; ++i) {
    if (ctx.Ranked(i) && ctx.Rank(i) == 1 && ctx.ShapeOf(i)[0].is_static()) channels = ctx.ShapeOf(i)[0];
  }
  if (ctx.Ranked(0)) {
    if (ctx.Rank(0) < 2) {
      channels = Dim(1);
    } else {
      TRY(const int axis, ctx.Axis("c1", ctx.attrs.Int("channel_axis", 1), ctx.Rank(0)));
      if (const Dim& d = ctx.ShapeOf(0)[static_cast<size_t>(axis)]; d.is_static()) channels = d;
    }
  }
  for (size_t i = 1; i < 5; ++i) {
    if (ctx.Ranked(i) && (ctx.Rank(i) != 1 || !MayEqual(ctx.ShapeOf(i)[0], channels)))
      return ctx.Fail(
          "c2", fmt::format("{} is {} for {} channels", kNames[i], ToString(ctx.ShapeOf(i)), channels.ToString()));
  }
  ctx.Out(0, ctx.In(0));
  const DType statistics = ctx.DtypeOf(3);
  ctx.Out(1, statistics, {channels});
  ctx.Out(2, statistics, {channels});
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  int axis = 0;
  int64_t channels = 1, step = std::max<int64_t>(1, x.size());
  if (x.rank() >= 2) {
    TRY(axis, ctx.Axis("c1", ctx.attrs.Int("channel_axis", 1), x.rank()));
    channels = x.dim(axis);
    step = RowMajorStrides(x.dims())[static_cast<size_t>(axis)];
  }
  std::vector<double> p[5];
  for (size_t i = 1; i < 5; ++i) {
    if (ctx.In(i).size() != channels)
      return ctx.Fail("c2", fmt::format("{} is {} for {} channels", kNames[i], ToString(ctx.In(i).dims()), channels));
    p[i] = Widen<double>(ctx.In(i));
  }
  std::vector<double> wide = Widen<double>(x);
  const auto channel_of = [&](size_t i) { return static_cast<size_t>(static_cast<int64_t>(i) / step % channels); };
  std::vector<double> mean = p[3], variance = p[4];
  if (ctx.attrs.Flag("training")) {
    const size_t n = static_cast<size_t>(channels);
    mean.assign(n, 0);
    variance.assign(n, 0);
    const double count = static_cast<double>(wide.size()) / static_cast<double>(std::max<int64_t>(1, channels));
    for (size_t i = 0; i < wide.size(); ++i) mean[channel_of(i)] += wide[i];
    for (double& m : mean) m /= count;
    for (size_t i = 0; i < wide.size(); ++i) {
      const double d = wide[i] - mean[channel_of(i)];
      variance[channel_of(i)] += d * d;
    }
    for (double& v : variance) v /= count;
    const double momentum = ctx.attrs.Float("momentum", 0.9);
    for (size_t k = 0; k < n; ++k) {
      p[3][k] = p[3][k] * momentum + mean[k] * (1 - momentum);
      p[4][k] = p[4][k] * momentum + variance[k] * (1 - momentum);
    }
  }
  TRY(Tensor * out, ctx.Make(0, x.dtype(), x.dims()));
  const double epsilon = ctx.attrs.Float("epsilon", 1e-5);
  for (size_t i = 0; i < wide.size(); ++i) {
    const size_t c = channel_of(i);
    wide[i] = (wide[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * p[1][c] + p[2][c];
  }
  Narrow<double>(wide, out);
  for (size_t i = 1; i < ctx.n_out() && i < 3; ++i) {
    TRY(Tensor * running, ctx.Make(i, ctx.In(3).dtype(), {channels}));
    Narrow<double>(p[2 + i], running);
  }
  return Ok{};
}

bool Commute(CommuteCtx& ctx) {
  return ctx.operand == 0 && ctx.n_out == 1 && ctx.rank() > 1 && ctx.MoveAxis("channel_axis", 1);
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {
      {{"f32[2,3,4,5]", "f32[3]", "f32[3]", "f32[3]", "f32[3] = 1,0.5,2"}, {}},
      {{"f16[2,4,3]", "f16[3]", "f16[3]", "f32[3]", "f32[3] = 1,0.5,2"},
       {{"channel_axis", int64_t{-1}}, {"epsilon", 0.01}}},
      {{"f32[4,2,3]", "f32[2]", "f32[2]", "f32[2]", "f32[2] = 1,2"}, {{"training", int64_t{1}}}, 3},
      {{"f64[3,2]", "f64[2]", "f64[2]", "f64[2]", "f64[2] = 1,2"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kBatchNorm{.name = "batch_norm",
                              .doc = "(x - mean) / sqrt(variance + epsilon) * scale + bias for each channel.",
                              .operands = kIn,
                              .results = kOut,
                              .attrs = kAttrs,
                              .constraints = kRules,
                              .infer = Infer,
                              .eval = Eval,
                              .commute = Commute,
                              .decompose = DecomposeBatchNorm,
                              .samples = Samples};

}  // namespace godwit::ops
