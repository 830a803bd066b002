// slice: every step-th element between two positions, along some axes.
#include <fmt/format.h>

#include <algorithm>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr uint8_t kOptionalShape = OperandDef::kOptional | OperandDef::kShapeLike;
constexpr OperandDef kIn[] = {{"data"},
                              {"starts", kIndex, OperandDef::kShapeLike},
                              {"ends", kIndex, OperandDef::kShapeLike},
                              {"axes", kIndex, kOptionalShape},
                              {"steps", kIndex, kOptionalShape}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr std::string_view kRules[] = {"c1: starts, ends, axes and steps are of one length",
                                       "c2: axes are distinct axes", "c3: steps are not 0"};

struct Cut {
  int64_t start, step, count;
};

// Positions are clamped, negative ones count from the end. Unlike numpy's, a backward start before the first element is
// the first element.
Cut Resolve(int64_t start, int64_t end, int64_t step, int64_t dim) {
  if (dim == 0) return {0, step, 0};
  const bool forward = step > 0;
  const auto place = [&](int64_t v, int64_t lowest) {
    return std::clamp(v < 0 ? v + dim : v, lowest, forward ? dim : dim - 1);
  };
  start = place(start, 0);
  end = place(end, forward ? 0 : -1);
  const uint64_t stride = forward ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  const int64_t span = forward ? end - start : start - end;
  const int64_t count = span <= 0 ? 0 : static_cast<int64_t>((static_cast<uint64_t>(span) - 1) / stride) + 1;
  return {start, step, count};
}

// The axis each entry speaks for.
template <class Ctx>
Result<std::vector<int>> CutAxes(const Ctx& ctx, const std::vector<int64_t>* axes, size_t n, int rank) {
  if (axes != nullptr && axes->size() != n) {
    return ctx.Fail("c1", fmt::format("{} starts, {} axes", n, axes->size()));
  }
  if (axes == nullptr && n > static_cast<size_t>(rank)) {
    return ctx.Fail("c2", fmt::format("{} starts with rank {}", n, rank));
  }
  std::vector<bool> seen(static_cast<size_t>(rank), false);
  std::vector<int> out;
  for (size_t i = 0; i < n; ++i) {
    TRY(int axis, ctx.Axis("c2", axes ? (*axes)[i] : static_cast<int64_t>(i), rank));
    if (seen[static_cast<size_t>(axis)]) return ctx.Fail("c2", fmt::format("axis {} occurs twice", axis));
    seen[static_cast<size_t>(axis)] = true;
    out.push_back(axis);
  }
  return out;
}

// Where a symbolic position lies in [0, dim]; nullopt when its sign is not known.
std::optional<Dim> Place(const Dim& position, const Dim& dim) {
  if (position.is_static() && position.value() < 0) {
    if (position.value() < -(int64_t{1} << 40)) return Dim(0);
    return Dim::Max(dim + position, Dim(0));
  }
  if (position.is_static() && position.value() > (int64_t{1} << 40)) return dim;
  if (!(Dim::Max(position, Dim(0)) == position)) return std::nullopt;
  return Dim::Min(position, dim);
}

std::optional<Dim> SlicedDim(const Dim& start, const Dim& end, int64_t step, const Dim& dim) {
  if (start.is_static() && end.is_static() && dim.is_static()) {
    return Dim(Resolve(start.value(), end.value(), step, dim.value()).count);
  }
  if (step < 0) {
    const bool whole = start == Dim(-1) && end.is_static() && end.value() < -(int64_t{1} << 40);
    return whole && step > -(int64_t{1} << 40) ? std::optional(Dim::CeilDiv(dim, Dim(-step))) : std::nullopt;
  }
  auto from = Place(start, dim);
  auto to = Place(end, dim);
  if (!from || !to) return std::nullopt;
  const Dim span = Dim::Max(*to - *from, Dim(0));
  return step == 1 ? span : Dim::CeilDiv(span, Dim(step));
}

Status Infer(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  Shape out = ctx.ShapeOf(0);
  const auto starts = ctx.Contents(1);
  const auto ends = ctx.Contents(2);
  std::optional<std::vector<int64_t>> axes;
  std::optional<std::vector<int64_t>> steps;
  if (ctx.Has(3)) axes = ctx.Ints(3);
  if (ctx.Has(4)) steps = ctx.Ints(4);
  const bool axes_known = !ctx.Has(3) || axes;
  // What is cut where is not known: the axes that may be cut lose their extent.
  if (!starts || !ends || !axes_known || (ctx.Has(4) && !steps)) {
    std::vector<bool> cut(out.size(), !(axes && ctx.Has(3)));
    if (axes) {
      for (int64_t a : *axes) {
        TRY(int axis, ctx.Axis("c2", a, ctx.Rank(0)));
        cut[static_cast<size_t>(axis)] = true;
      }
    }
    for (size_t k = 0; k < out.size(); ++k) {
      if (cut[k]) out[k] = ctx.Fresh("slice");
    }
    ctx.Out(0, ctx.DtypeOf(0), std::move(out));
    return Ok{};
  }
  const size_t n = starts->size();
  if (ends->size() != n || (steps && steps->size() != n)) return ctx.Fail("c1", "lengths differ");
  TRY(std::vector<int> at, CutAxes(ctx, axes ? &*axes : nullptr, n, ctx.Rank(0)));
  for (size_t i = 0; i < n; ++i) {
    const int64_t step = steps ? (*steps)[i] : 1;
    if (step == 0) return ctx.Fail("c3", fmt::format("step {} is 0", i));
    Dim& dim = out[static_cast<size_t>(at[i])];
    auto cut = SlicedDim((*starts)[i], (*ends)[i], step, dim);
    dim = cut ? *cut : ctx.Fresh("slice");
  }
  auto contents = ctx.Contents(0);
  if (contents && out.size() == 1 && n == 1 && (*starts)[0].is_static() && (*ends)[0].is_static()) {
    const Cut cut = Resolve((*starts)[0].value(), (*ends)[0].value(), steps ? (*steps)[0] : 1,
                            static_cast<int64_t>(contents->size()));
    std::vector<Dim> taken;
    for (int64_t i = 0; i < cut.count; ++i) taken.push_back((*contents)[static_cast<size_t>(cut.start + i * cut.step)]);
    ctx.OutContents(0, std::move(taken));
  }
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  const std::vector<int64_t> starts = ctx.Ints(1);
  const std::vector<int64_t> ends = ctx.Ints(2);
  const std::vector<int64_t> axes = ctx.Ints(3);
  std::vector<int64_t> steps = ctx.Ints(4);
  if (!ctx.Has(4)) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || steps.size() != starts.size()) {
    return ctx.Fail("c1", fmt::format("{} starts, {} ends, {} steps", starts.size(), ends.size(), steps.size()));
  }
  TRY(std::vector<int> at, CutAxes(ctx, ctx.Has(3) ? &axes : nullptr, starts.size(), in.rank()));
  Dims dims = in.dims();
  std::vector<int64_t> strides = RowMajorStrides(dims);
  int64_t offset = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    if (steps[i] == 0) return ctx.Fail("c3", fmt::format("step {} is 0", i));
    const size_t k = static_cast<size_t>(at[i]);
    const Cut cut = Resolve(starts[i], ends[i], steps[i], dims[k]);
    dims[k] = cut.count;
    if (cut.count == 0) continue;
    offset += cut.start * strides[k];
    strides[k] *= cut.count > 1 ? cut.step : 1;
  }
  if (dims == in.dims() && offset == 0) {
    ctx.Set(0, in);
    return Ok{};
  }
  TRY(Tensor * out, ctx.Make(0, in.dtype(), dims));
  if (out->size() == 0) return Ok{};
  const size_t step = ByteSize(in.dtype());
  StridedCopy({dims, std::move(strides), RowMajorStrides(dims)}, step, in.raw() + static_cast<size_t>(offset) * step,
              out->mutable_raw());
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {
      {{"f32[4,6]", "i64[1] = 1", "i64[1] = 3"}, {}},
      {{"f32[4,6]", "i64[2] = 1,-2", "i64[2] = 1000,-9", "i64[2] = 1,0", "i64[2] = 2,-1"}, {}},
      {{"u8[10]", "i32[1] = -1", "i32[1] = -100", "i32[1] = 0", "i32[1] = -3"}, {}},
      {{"f64[3,2]", "i64[1] = 5", "i64[1] = 9", "i64[1] = -2"}, {}},
      {{"string[3]", "i64[1] = 1", "i64[1] = 3"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kSlice{.name = "slice",
                          .doc = "Every step-th element between two positions along some axes.",
                          .operands = kIn,
                          .results = kOut,
                          .constraints = kRules,
                          .infer = Infer,
                          .eval = Eval,
                          .commute = CommuteSlice,
                          .samples = Samples};

}  // namespace godwit::ops
