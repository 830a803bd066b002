// expand and tile: repetition along dims.
#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/broadcast.h"
#include "ops/commute_rules.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kExpandIn[] = {{"data"}, {"shape", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kTileIn[] = {{"data"}, {"repeats", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr std::string_view kExpandRules[] = {"c1: the operand's shape and `shape` broadcast",
                                             "c2: shape is rank 1 and not negative"};
constexpr std::string_view kTileRules[] = {"c1: repeats are one for each dim of the operand and not negative",
                                           "c2: the result's size can be"};
constexpr size_t kMaxContents = 1024;

Result<Dim> BroadcastDim(InferCtx& ctx, const Dim& have, const Dim& want) {
  if (have == want || want == Dim(1)) return have;
  if (have == Dim(1)) return want;
  if (have.is_static() && want.is_static()) {
    return ctx.Fail("c1", fmt::format("{} against {}", have.value(), want.value()));
  }
  if (have.is_static()) return have;
  if (want.is_static()) return want;
  return ctx.Fresh("expand");
}

Status InferExpand(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  const auto want = ctx.Contents(1);
  if (!want) {
    if (!ctx.Ranked(0) || !ctx.Ranked(1) || ctx.Rank(1) != 1 || !ctx.ShapeOf(1)[0].is_static()) return Ok{};
    const int64_t rank = std::max<int64_t>(ctx.Rank(0), ctx.ShapeOf(1)[0].value());
    if (rank > 32) return Ok{};
    Shape out;
    for (int64_t k = 0; k < rank; ++k) out.push_back(ctx.Fresh("expand"));
    ctx.Out(0, ctx.DtypeOf(0), std::move(out));
    return Ok{};
  }
  for (const Dim& d : *want) {
    if (d.is_static() && d.value() < 0) return ctx.Fail("c2", fmt::format("a dim of {}", d.value()));
  }
  if (!ctx.Ranked(0)) return Ok{};
  const Shape& in = ctx.ShapeOf(0);
  const size_t rank = std::max(in.size(), want->size());
  Shape out(rank, Dim(1));
  for (size_t k = 0; k < in.size(); ++k) out[rank - in.size() + k] = in[k];
  for (size_t k = 0; k < want->size(); ++k) {
    Dim& have = out[rank - want->size() + k];
    TRY(have, BroadcastDim(ctx, have, (*want)[k]));
  }
  const auto contents = ctx.Contents(0);
  if (contents && rank <= 1) {
    const Dim n = rank == 0 ? Dim(1) : out[0];
    const bool small = n.is_static() && n.value() >= 0 && static_cast<size_t>(n.value()) <= kMaxContents;
    if (small && contents->size() == 1) {
      ctx.OutContents(0, std::vector<Dim>(static_cast<size_t>(n.value()), (*contents)[0]));
    } else if (n == Dim(static_cast<int64_t>(contents->size()))) {
      ctx.OutContents(0, *contents);
    }
  }
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status EvalExpand(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  const Dims want = ctx.Ints(1);
  for (int64_t d : want) {
    if (d < 0) return ctx.Fail("c2", fmt::format("a dim of {}", d));
  }
  const Dims* shapes[] = {&in.dims(), &want};
  TRY(Dims dims, BroadcastDims(ctx, shapes, "c1"));
  if (dims == in.dims()) {
    ctx.Set(0, in);
    return Ok{};
  }
  TRY(Tensor * out, ctx.Make(0, in.dtype(), dims));
  if (out->size() == 0) return Ok{};
  if (in.size() == 1) {
    FillElements(out->mutable_raw(), out->size(), in.raw(), ByteSize(in.dtype()));
    return Ok{};
  }
  const std::vector<int64_t> strides = RowMajorStrides(in.dims());
  const size_t lead = dims.size() - in.dims().size();
  std::vector<int64_t> src(dims.size(), 0);
  for (size_t k = 0; k < strides.size(); ++k) src[lead + k] = in.dims()[k] == 1 ? 0 : strides[k];
  StridedCopy({dims, std::move(src), RowMajorStrides(dims)}, ByteSize(in.dtype()), in.raw(), out->mutable_raw());
  return Ok{};
}

Status InferTile(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  Shape out = ctx.ShapeOf(0);
  if (const auto repeats = ctx.Contents(1)) {
    if (repeats->size() != out.size()) {
      return ctx.Fail("c1", fmt::format("{} repeats with rank {}", repeats->size(), out.size()));
    }
    for (size_t k = 0; k < out.size(); ++k) {
      const Dim& r = (*repeats)[k];
      if (r.is_static() && r.value() < 0) return ctx.Fail("c1", fmt::format("repeat {} is {}", k, r.value()));
      out[k] = out[k] * r;
    }
    const auto contents = ctx.Contents(0);
    if (contents && out.size() == 1 && (*repeats)[0].is_static() && contents->size() <= kMaxContents &&
        (*repeats)[0].value() <= 64) {
      std::vector<Dim> all;
      for (int64_t r = 0; r < (*repeats)[0].value(); ++r) all.insert(all.end(), contents->begin(), contents->end());
      ctx.OutContents(0, std::move(all));
    }
  } else {
    for (Dim& d : out) d = ctx.Fresh("tile");
  }
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status EvalTile(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  const std::vector<int64_t> repeats = ctx.Ints(1);
  if (repeats.size() != in.dims().size()) {
    return ctx.Fail("c1", fmt::format("{} repeats with rank {}", repeats.size(), in.rank()));
  }
  Dims dims = in.dims();
  const std::vector<int64_t> strides = RowMajorStrides(dims);
  StridedBlock block;
  for (size_t k = 0; k < dims.size(); ++k) {
    if (repeats[k] < 0) return ctx.Fail("c1", fmt::format("repeat {} is {}", k, repeats[k]));
    block.dims.insert(block.dims.end(), {repeats[k], dims[k]});
    block.src.insert(block.src.end(), {0, strides[k]});
    const auto dim = CheckedMul(dims[k], repeats[k]);
    if (!dim) return ctx.Fail("c2", fmt::format("{} times {}", dims[k], repeats[k]));
    dims[k] = *dim;
  }
  TRY(Tensor * out, ctx.Make(0, in.dtype(), std::move(dims)));
  if (out->size() == 0) return Ok{};
  block.dst = RowMajorStrides(block.dims);
  StridedCopy(std::move(block), ByteSize(in.dtype()), in.raw(), out->mutable_raw());
  return Ok{};
}

std::span<const Sample> ExpandSamples() {
  static const Sample samples[] = {{{"f32[3,1]", "i64[3] = 2,1,4"}, {}},
                                   {{"f32[2,3,4]", "i64[1] = 1"}, {}},
                                   {{"i64[]", "i64[2] = 2,5"}, {}},
                                   {{"f32[1,3]", "i64[2] = 0,3"}, {}}};
  return samples;
}
std::span<const Sample> TileSamples() {
  static const Sample samples[] = {{{"f32[2,3]", "i64[2] = 2,1"}, {}},
                                   {{"f32[2,3]", "i64[2] = 3,2"}, {}},
                                   {{"u8[4]", "i64[1] = 0"}, {}},
                                   {{"f64[]", "i64[0] = "}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kExpand{.name = "expand",
                           .doc = "Broadcasts to (at least) a shape, both ways as numpy does.",
                           .operands = kExpandIn,
                           .results = kOut,
                           .constraints = kExpandRules,
                           .infer = InferExpand,
                           .eval = EvalExpand,
                           .commute = CommuteExpand,
                           .samples = ExpandSamples};
extern const OpDef kTile{.name = "tile",
                         .doc = "Repeats the whole tensor along each dim.",
                         .operands = kTileIn,
                         .results = kOut,
                         .constraints = kTileRules,
                         .infer = InferTile,
                         .eval = EvalTile,
                         .commute = CommuteTile,
                         .samples = TileSamples};

}  // namespace godwit::ops
