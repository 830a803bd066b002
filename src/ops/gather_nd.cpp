// gather_elements and gather_nd: elements and slices picked by tensors of indices.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/index_walk.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"data"}, {"indices", kIndex}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr AttrDef kElementsAttrs[] = {{"axis", AttrKind::kInt, "0", "The axis that the indices pick from."}};
constexpr AttrDef kNdAttrs[] = {
    {"batch_dims", AttrKind::kInt, "0", "Leading dims that data and indices share; indices pick within a batch."},
    {"from_start", AttrKind::kInt, "0", "1: the source lets no index count from the end; negative ones are refused."}};
constexpr std::string_view kElementsRules[] = {"c1: -rank <= axis < rank, rank > 0", "c2: -dim <= index < dim",
                                               "c3: indices have the rank of data and no larger dims but at the axis"};
constexpr std::string_view kNdRules[] = {
    "c1: 0 <= batch_dims < rank of both operands", "c2: -dim <= index < dim; from_start: 0 <= index",
    "c3: the batch dims are equal", "c4: the last dim of indices is at most the rank of data less batch_dims"};

Status InferElements(InferCtx& ctx) {
  if (!ctx.Ranked(1)) {
    ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
    return Ok{};
  }
  if (ctx.Ranked(0)) {
    TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), ctx.Rank(0)));
    (void)axis;
    if (ctx.Rank(0) != ctx.Rank(1)) return ctx.Fail("c3", fmt::format("ranks {} and {}", ctx.Rank(0), ctx.Rank(1)));
  }
  ctx.Out(0, ctx.DtypeOf(0), ctx.ShapeOf(1));
  return Ok{};
}

Status EvalElements(EvalCtx& ctx) {
  const Tensor& data = ctx.In(0);
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), data.rank()));
  TRY(ElementIndices at, ElementIndices::Check(ctx, data, ctx.In(1), ctx.Ints(1), axis, "c2", "c3"));
  TRY(Tensor * out, ctx.Make(0, data.dtype(), ctx.In(1).dims()));
  const size_t step = ByteSize(data.dtype());
  std::byte* dst = out->mutable_raw();
  at.ForEach([&](int64_t i, int64_t offset) {
    std::memcpy(dst + static_cast<size_t>(i) * step, data.raw() + static_cast<size_t>(offset) * step, step);
  });
  return Ok{};
}

Status InferNd(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0) || !ctx.Ranked(1)) return Ok{};
  const int64_t batch = ctx.attrs.Int("batch_dims");
  if (batch < 0 || batch >= ctx.Rank(0) || batch >= ctx.Rank(1)) {
    return ctx.Fail("c1", fmt::format("batch_dims {} with ranks {} and {}", batch, ctx.Rank(0), ctx.Rank(1)));
  }
  const Shape& indices = ctx.ShapeOf(1);
  if (!indices.back().is_static()) return Ok{};
  const int64_t depth = indices.back().value();
  if (depth < 0 || depth > ctx.Rank(0) - batch) {
    return ctx.Fail("c4", fmt::format("{} indices into rank {}", depth, ctx.Rank(0) - batch));
  }
  Shape out(indices.begin(), indices.end() - 1);
  out.insert(out.end(), ctx.ShapeOf(0).begin() + batch + depth, ctx.ShapeOf(0).end());
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status EvalNd(EvalCtx& ctx) {
  const Tensor& data = ctx.In(0);
  const Tensor& indices = ctx.In(1);
  const int64_t batch_dims = ctx.attrs.Int("batch_dims");
  if (batch_dims < 0 || batch_dims >= data.rank() || batch_dims >= indices.rank()) {
    return ctx.Fail("c1", fmt::format("batch_dims {} with ranks {} and {}", batch_dims, data.rank(), indices.rank()));
  }
  const size_t batch = static_cast<size_t>(batch_dims);
  for (size_t k = 0; k < batch; ++k) {
    if (data.dims()[k] != indices.dims()[k]) {
      return ctx.Fail("c3", fmt::format("{} against {}", ToString(data.dims()), ToString(indices.dims())));
    }
  }
  const std::vector<int64_t> picks = ctx.Ints(1);
  const bool negative = std::any_of(picks.begin(), picks.end(), [](int64_t i) { return i < 0; });
  if (negative && ctx.attrs.Flag("from_start")) return ctx.Fail("c2", "a negative index");
  TRY(SliceIndices at, SliceIndices::Check(ctx, data.dims(), indices.dims(), picks, batch, "c2", "c4"));
  Dims dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.insert(dims.end(), data.dims().begin() + static_cast<int64_t>(batch + at.depth), data.dims().end());
  TRY(Tensor * out, ctx.Make(0, data.dtype(), std::move(dims)));
  if (out->size() == 0) return Ok{};
  const size_t run = static_cast<size_t>(at.run) * ByteSize(data.dtype());
  for (size_t i = 0; i < at.offsets.size(); ++i) {
    const size_t offset = static_cast<size_t>(at.offsets[i]) * ByteSize(data.dtype());
    std::memcpy(out->mutable_raw() + i * run, data.raw() + offset, run);
  }
  return Ok{};
}

std::span<const Sample> ElementsSamples() {
  static const Sample samples[] = {{{"f32[3,3]", "i64[2,3] = 1,2,0,2,0,-3"}, {}},
                                   {{"f32[2,3]", "i32[2,2] = 0,2,1,1"}, {{"axis", int64_t{1}}}},
                                   {{"f32[2,3]", "i64[0,2] = "}, {}}};
  return samples;
}
std::span<const Sample> NdSamples() {
  static const Sample samples[] = {{{"f32[2,3]", "i64[2,2] = 0,0,1,-1"}, {}},
                                   {{"f32[2,3]", "i64[2,2] = 0,0,1,2"}, {{"from_start", int64_t{1}}}},
                                   {{"f32[2,3,4]", "i64[2,1] = 1,0"}, {}},
                                   {{"i32[2,3,4]", "i64[2,2,1] = 0,1,2,-1"}, {{"batch_dims", int64_t{1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kGatherElements{.name = "gather_elements",
                                   .doc = "For each index the element of data at that place along the axis.",
                                   .operands = kIn,
                                   .results = kOut,
                                   .attrs = kElementsAttrs,
                                   .constraints = kElementsRules,
                                   .infer = InferElements,
                                   .eval = EvalElements,
                                   .commute = CommuteConcat,
                                   .decompose = DecomposeGatherElements,
                                   .samples = ElementsSamples};
extern const OpDef kGatherNd{.name = "gather_nd",
                             .doc = "Slices of data at index tuples, which are the last dim of indices.",
                             .operands = kIn,
                             .results = kOut,
                             .attrs = kNdAttrs,
                             .constraints = kNdRules,
                             .infer = InferNd,
                             .eval = EvalNd,
                             .decompose = DecomposeGatherNd,
                             .samples = NdSamples};

}  // namespace godwit::ops
