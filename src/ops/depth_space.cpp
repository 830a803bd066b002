// depth_to_space and space_to_depth: blocks of the spatial plane traded for channels.
#include <fmt/format.h>

#include "base/checked.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"
#include "ops/window.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"data"}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr AttrDef kAttrs[] = {
    {"block", AttrKind::kInt, "", "Edge of a block."},
    {"channels_first", AttrKind::kInt, "0",
     "Order within the deep channels. 0: place in the block before channel; 1: channel before place in the block."},
    {"channel_axis", AttrKind::kInt, "1", "The axis of channels; the others but the first are spatial."}};
constexpr std::string_view kRules[] = {"c1: rank is 4 and channel_axis one of its axes but the first",
                                       "c2: block is positive",
                                       "c3: the channels divide by the square of block (depth_to_space), the spatial "
                                       "dims by block (space_to_depth)"};

struct Axes {
  int channel, y, x;
};

template <class Ctx>
Result<Axes> AxesOf(const Ctx& ctx, int rank) {
  if (rank != 4) return ctx.Fail("c1", fmt::format("rank {}", rank));
  TRY(int channel, ctx.Axis("c1", ctx.attrs.Int("channel_axis", 1), rank));
  if (channel == 0) return ctx.Fail("c1", "axis 0 is the batch");
  const int64_t block = ctx.attrs.Int("block");
  if (block < 1 || block > (1 << 20)) return ctx.Fail("c2", fmt::format("block {}", block));
  const int y = channel == 1 ? 2 : 1;
  return Axes{channel, y, channel == 3 ? 2 : 3};
}

Result<Dim> Divided(const InferCtx& ctx, const Dim& dim, int64_t by) {
  if (dim.is_static() && dim.value() % by != 0) {
    return ctx.Fail("c3", fmt::format("{} does not divide by {}", dim.value(), by));
  }
  return Dim::FloorDiv(dim, Dim(by));
}

Status InferDepthToSpace(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(Axes axes, AxesOf(ctx, ctx.Rank(0)));
  const int64_t block = ctx.attrs.Int("block");
  Shape out = ctx.ShapeOf(0);
  Dim& channels = out[static_cast<size_t>(axes.channel)];
  TRY(channels, Divided(ctx, channels, block * block));
  for (int k : {axes.y, axes.x}) out[static_cast<size_t>(k)] = out[static_cast<size_t>(k)] * Dim(block);
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status InferSpaceToDepth(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(Axes axes, AxesOf(ctx, ctx.Rank(0)));
  const int64_t block = ctx.attrs.Int("block");
  Shape out = ctx.ShapeOf(0);
  for (int k : {axes.y, axes.x}) {
    Dim& d = out[static_cast<size_t>(k)];
    TRY(d, Divided(ctx, d, block));
  }
  out[static_cast<size_t>(axes.channel)] = out[static_cast<size_t>(axes.channel)] * Dim(block * block);
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

// The one walk of both: over batch, channel, place in the block and place of the block. `deep` has few pixels and
// many channels, `wide` the reverse.
struct Walk {
  Dims dims;
  std::vector<int64_t> deep, wide;
};

Walk WalkOf(const Dims& deep, const Dims& wide, const Axes& axes, int64_t block, bool channels_first) {
  const auto at = [](const auto& v, int k) { return v[static_cast<size_t>(k)]; };
  const std::vector<int64_t> ds = RowMajorStrides(deep);
  const std::vector<int64_t> ws = RowMajorStrides(wide);
  const int64_t channels = at(wide, axes.channel);
  const int64_t dc = at(ds, axes.channel);
  // A deep channel is (block_y * block + block_x) * channels + c, or c * block^2 + block_y * block + block_x.
  const int64_t of_c = channels_first ? block * block * dc : dc;
  const int64_t of_place = channels_first ? dc : channels * dc;
  Walk walk;
  walk.dims = {wide[0], channels, at(deep, axes.y), block, at(deep, axes.x), block};
  walk.deep = {ds[0], of_c, at(ds, axes.y), block * of_place, at(ds, axes.x), of_place};
  walk.wide = {ws[0],          at(ws, axes.channel),   block * at(ws, axes.y),
               at(ws, axes.y), block * at(ws, axes.x), at(ws, axes.x)};
  return walk;
}

Status EvalDepthToSpace(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(Axes axes, AxesOf(ctx, in.rank()));
  const int64_t block = ctx.attrs.Int("block");
  Dims dims = in.dims();
  int64_t& channels = dims[static_cast<size_t>(axes.channel)];
  if (channels % (block * block) != 0) return ctx.Fail("c3", fmt::format("{} channels, block {}", channels, block));
  channels /= block * block;
  for (int k : {axes.y, axes.x}) {
    const auto dim = CheckedMul(dims[static_cast<size_t>(k)], block);
    if (!dim) return ctx.Fail("c2", fmt::format("block {}", block));
    dims[static_cast<size_t>(k)] = *dim;
  }
  TRY(Tensor * out, ctx.Make(0, in.dtype(), dims));
  if (in.size() == 0) return Ok{};
  Walk walk = WalkOf(in.dims(), dims, axes, block, ctx.attrs.Flag("channels_first"));
  StridedCopy({walk.dims, walk.deep, walk.wide}, ByteSize(in.dtype()), in.raw(), out->mutable_raw());
  return Ok{};
}

Status EvalSpaceToDepth(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(Axes axes, AxesOf(ctx, in.rank()));
  const int64_t block = ctx.attrs.Int("block");
  Dims dims = in.dims();
  for (int k : {axes.y, axes.x}) {
    int64_t& d = dims[static_cast<size_t>(k)];
    if (d % block != 0) return ctx.Fail("c3", fmt::format("{} does not divide by {}", d, block));
    d /= block;
  }
  const auto channels = CheckedMul(dims[static_cast<size_t>(axes.channel)], block * block);
  if (!channels) return ctx.Fail("c2", fmt::format("block {}", block));
  dims[static_cast<size_t>(axes.channel)] = *channels;
  TRY(Tensor * out, ctx.Make(0, in.dtype(), dims));
  if (in.size() == 0) return Ok{};
  Walk walk = WalkOf(dims, in.dims(), axes, block, ctx.attrs.Flag("channels_first"));
  StridedCopy({walk.dims, walk.wide, walk.deep}, ByteSize(in.dtype()), in.raw(), out->mutable_raw());
  return Ok{};
}

std::span<const Sample> DepthToSpaceSamples() {
  static const Sample samples[] = {{{"f32[1,8,2,3]"}, {{"block", int64_t{2}}}},
                                   {{"f32[2,18,1,2]"}, {{"block", int64_t{3}}, {"channels_first", int64_t{1}}}},
                                   {{"u8[1,2,3,8]"}, {{"block", int64_t{2}}, {"channel_axis", int64_t{3}}}}};
  return samples;
}
std::span<const Sample> SpaceToDepthSamples() {
  static const Sample samples[] = {
      {{"f32[1,2,4,6]"}, {{"block", int64_t{2}}}},
      {{"f64[2,4,2,3]"}, {{"block", int64_t{2}}, {"channel_axis", int64_t{-1}}, {"channels_first", int64_t{1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kDepthToSpace{.name = "depth_to_space",
                                 .doc = "Spreads channels over blocks of the spatial plane.",
                                 .operands = kIn,
                                 .results = kOut,
                                 .attrs = kAttrs,
                                 .constraints = kRules,
                                 .infer = InferDepthToSpace,
                                 .eval = EvalDepthToSpace,
                                 .commute = CommuteImage,
                                 .samples = DepthToSpaceSamples};
extern const OpDef kSpaceToDepth{.name = "space_to_depth",
                                 .doc = "Gathers blocks of the spatial plane into channels.",
                                 .operands = kIn,
                                 .results = kOut,
                                 .attrs = kAttrs,
                                 .constraints = kRules,
                                 .infer = InferSpaceToDepth,
                                 .eval = EvalSpaceToDepth,
                                 .commute = CommuteImage,
                                 .samples = SpaceToDepthSamples};

}  // namespace godwit::ops
