// avg_pool and lp_pool: the mean, or the p-norm, of each window.
#include <cmath>

#include "base/mathfn.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/plain.h"
#include "ops/pool_common.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kKernel = {"kernel", AttrKind::kIntList, "", "Extent of the window along each spatial axis."};
constexpr AttrDef kStrides = {"strides", AttrKind::kIntList, "none",
                              "Step of the window along each spatial axis; absent: 1."};
constexpr AttrDef kDilations = {"dilations", AttrKind::kIntList, "none",
                                "Distance of the taps along each spatial axis; absent: 1."};
constexpr AttrDef kPads = {"pads", AttrKind::kIntList, "none",
                           "Zeros before each spatial axis, then after each; absent: 0."};
constexpr AttrDef kAutoPad = {"auto_pad", AttrKind::kString, "none", "none, same_upper, same_lower or valid."};
constexpr AttrDef kCeilMode = {"ceil_mode", AttrKind::kInt, "0",
                               "1: a last window that leaves the input counts, if it starts inside."};
constexpr AttrDef kChannelAxis = {"channel_axis", AttrKind::kInt, "1",
                                  "Axis of the channels; axis 0 is the batch, the others spatial."};
constexpr AttrDef kAvgAttrs[] = {
    kKernel,      kStrides,
    kDilations,   kPads,
    kAutoPad,     kCeilMode,
    kChannelAxis, {"count_pads", AttrKind::kInt, "0", "1: zeros of the padding count as elements."}};
constexpr AttrDef kLpAttrs[] = {
    kKernel,  kStrides,  kDilations,   kPads,
    kAutoPad, kCeilMode, kChannelAxis, {"p", AttrKind::kFloat, "2", "The norm's exponent."}};
constexpr std::string_view kRules[] = {
    "c1: x has rank 2 or more and channel_axis is one of its axes but the first",
    "c2: kernel, strides and dilations are positive, pads not negative, one (pads: two) for each spatial axis",
    "c3: the dilated window fits into the padded input"};

template <class Fn>
Status Run(EvalCtx& ctx, Fn value) {
  const Tensor& x = ctx.In(0);
  TRY(PoolGeometry g, ResolvePool(ctx));
  TRY(Tensor * out, ctx.Make(0, x.dtype(), g.out));
  const std::vector<double> wide = Widen<double>(x);
  std::vector<double> y(static_cast<size_t>(out->size()));
  ForEachWindow(x.dims(), g, [&](const PoolWindow& window, int64_t y_offset) {
    y[static_cast<size_t>(y_offset)] = value(window, wide);
  });
  Narrow<double>(y, out);
  return Ok{};
}

Status EvalAvg(EvalCtx& ctx) {
  const bool count_pads = ctx.attrs.Flag("count_pads");
  return Run(ctx, [count_pads](const PoolWindow& window, const std::vector<double>& x) {
    double sum = 0;
    window.ForEach([&](int64_t offset) { sum += x[static_cast<size_t>(offset)]; });
    return sum / (count_pads ? window.Padded() : window.Inside());
  });
}

Status EvalLp(EvalCtx& ctx) {
  const double p = ctx.attrs.Float("p", 2);
  return Run(ctx, [p](const PoolWindow& window, const std::vector<double>& x) {
    double sum = 0;
    window.ForEach([&](int64_t offset) {
      const double v = std::fabs(x[static_cast<size_t>(offset)]);
      sum += p == 1 ? v : p == 2 ? v * v : mathfn::Pow(v, p);
    });
    return p == 1 ? sum : p == 2 ? std::sqrt(sum) : mathfn::Pow(sum, 1 / p);
  });
}

template <bool kAverage>
std::span<const Sample> Samples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {
      {{"f32[1,2,6,7]"}, {{"kernel", Ints{3, 2}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 0, 1, 1}}}},
      {{"f32[1,5,5,3]"},
       {{"kernel", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}, {"channel_axis", int64_t{-1}}}},
      {{"f64[2,1,9]"}, {{"kernel", Ints{3}}, {"dilations", Ints{2}}}},
      {{"f16[1,1,4,4,4]"}, {{"kernel", Ints{2, 2, 2}}, {"auto_pad", "same_upper"}}},
      {{"f32[2,3,6,8]"},
       {{"kernel", Ints{2, 3}},
        {"dilations", Ints{2, 2}},
        {"strides", Ints{2, 3}},
        {"pads", Ints{1, 0, 1, 2}},
        {"ceil_mode", int64_t{1}}}},
      {{"f32[1,2,7]"},
       {{"kernel", Ints{2}},
        {"dilations", Ints{2}},
        {"strides", Ints{3}},
        {"pads", Ints{1, 1}},
        {"ceil_mode", int64_t{1}},
        {kAverage ? "count_pads" : "p", kAverage ? AttrValue(int64_t{1}) : AttrValue(1.0)}}}};
  return samples;
}

}  // namespace

extern const OpDef kAvgPool{.name = "avg_pool",
                            .doc = "Mean of each window.",
                            .operands = kIn,
                            .results = kOut,
                            .attrs = kAvgAttrs,
                            .constraints = kRules,
                            .infer = InferPool,
                            .eval = EvalAvg,
                            .commute = CommuteImage,
                            .decompose = DecomposeAvgPool,
                            .samples = Samples<true>};
extern const OpDef kLpPool{.name = "lp_pool",
                           .doc = "p-norm of each window.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kLpAttrs,
                           .constraints = kRules,
                           .infer = InferPool,
                           .eval = EvalLp,
                           .commute = CommuteImage,
                           .decompose = DecomposeLpPool,
                           .samples = Samples<false>};

}  // namespace godwit::ops
