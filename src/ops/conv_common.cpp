#include "ops/conv_common.h"

#include <fmt/format.h>

#include "ops/plain.h"

namespace godwit::ops {

template <class Ctx>
Result<ConvGeometry> ResolveConv(const Ctx& ctx, const Shape& x, const Shape& w, std::string_view layout) {
  const int rank = static_cast<int>(x.size());
  if (x.size() != w.size() || rank < 2)
    return ctx.Fail("c1", fmt::format("x is {}, w is {}", ToString(x), ToString(w)));
  ConvGeometry g;
  TRY(g.axes, ReadDataAxes(ctx, "c1", rank));
  TRY(g.weights, ReadWeightAxes(ctx, "c2", layout, rank));
  TRY(g.window, ReadWindowAttrs(ctx, "c3", g.axes.spatial.size()));
  g.group = ctx.attrs.Int("group", 1);
  const Dim& in = x[static_cast<size_t>(g.axes.channel)];
  const Dim& in_per_group = w[static_cast<size_t>(g.weights.i)];
  const Dim& channels = w[static_cast<size_t>(g.weights.o)];
  if (g.group < 1 || g.group >= kMaxWindow || !MayEqual(in, in_per_group * Dim(g.group)) ||
      (channels.is_static() && channels.value() % g.group != 0)) {
    return ctx.Fail("c5", fmt::format("x is {}, w is {}, group {}", ToString(x), ToString(w), g.group));
  }
  g.out = x;
  g.out[static_cast<size_t>(g.axes.channel)] = channels;
  for (size_t k = 0; k < g.axes.spatial.size(); ++k) {
    const size_t axis = static_cast<size_t>(g.axes.spatial[k]);
    const Dim& kernel = w[static_cast<size_t>(g.weights.spatial[k])];
    TRY(g.out[axis], WindowCount(ctx, "c4", g.window, k, x[axis], kernel));
  }
  return g;
}

template Result<ConvGeometry> ResolveConv(const InferCtx&, const Shape&, const Shape&, std::string_view);
template Result<ConvGeometry> ResolveConv(const EvalCtx&, const Shape&, const Shape&, std::string_view);

Result<std::vector<Slide>> ConvSlides(const EvalCtx& ctx, const ConvGeometry& g, const Tensor& x, const Tensor& w) {
  std::vector<Slide> slides;
  for (size_t k = 0; k < g.axes.spatial.size(); ++k) {
    TRY(Slide s, MakeSlide(ctx, "c4", g.window, k, x.dim(g.axes.spatial[k]), w.dim(g.weights.spatial[k])));
    slides.push_back(s);
  }
  return slides;
}

std::vector<int64_t> PositionOffsets(const Dims& dims, const DataAxes& axes) {
  const std::vector<int64_t> strides = RowMajorStrides(dims);
  Dims box;
  std::vector<int64_t> steps;
  for (int s : axes.spatial) {
    box.push_back(dims[static_cast<size_t>(s)]);
    steps.push_back(strides[static_cast<size_t>(s)]);
  }
  // With no image or channel there is nothing to place, however large the positions claim to be.
  if (ElementCount(dims) == 0) return {};
  Odometer walk(box, {steps});
  std::vector<int64_t> out(static_cast<size_t>(walk.count()));
  for (int64_t& v : out) {
    v = walk.offset(0);
    walk.Next();
  }
  return out;
}

}  // namespace godwit::ops
