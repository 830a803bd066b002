#include "ops/pool_common.h"

#include <fmt/format.h>

#include <algorithm>

#include "ops/plain.h"

namespace godwit::ops {

namespace {

struct Resolved {
  DataAxes axes;
  WindowAttrs window;
  std::vector<int64_t> kernel;
};

template <class Ctx>
Result<Resolved> Read(const Ctx& ctx, int rank) {
  Resolved r;
  if (rank < 2) return ctx.Fail("c1", fmt::format("rank {}", rank));
  TRY(r.axes, ReadDataAxes(ctx, "c1", rank));
  const size_t n = r.axes.spatial.size();
  TRY(r.window, ReadWindowAttrs(ctx, "c2", n));
  r.kernel = ctx.attrs.Ints("kernel");
  if (r.kernel.size() != n) return ctx.Fail("c2", fmt::format("{} kernel extents for rank {}", r.kernel.size(), rank));
  for (const int64_t extent : r.kernel) {
    if (extent < 1) return ctx.Fail("c2", fmt::format("kernel extent {}", extent));
  }
  return r;
}

}  // namespace

Status InferPool(InferCtx& ctx) {
  const DType dtype = ctx.DtypeOf(0);
  const int rank = ctx.Ranked(0) ? ctx.Rank(0) : static_cast<int>(ctx.attrs.Ints("kernel").size()) + 2;
  TRY(Resolved r, Read(ctx, rank));
  Shape out;
  for (int k = 0; k < rank; ++k)
    out.push_back(ctx.Ranked(0) ? ctx.ShapeOf(0)[static_cast<size_t>(k)] : ctx.Fresh("pool"));
  for (size_t k = 0; k < r.kernel.size(); ++k) {
    const size_t axis = static_cast<size_t>(r.axes.spatial[k]);
    TRY(out[axis], WindowCount(ctx, "c3", r.window, k, out[axis], Dim(r.kernel[k])));
  }
  ctx.Out(0, dtype, std::move(out));
  return Ok{};
}

Result<PoolGeometry> ResolvePool(const EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  TRY(Resolved r, Read(ctx, x.rank()));
  PoolGeometry g;
  g.axes = std::move(r.axes);
  g.out = x.dims();
  for (size_t k = 0; k < r.kernel.size(); ++k) {
    const size_t axis = static_cast<size_t>(g.axes.spatial[k]);
    TRY(Slide s, MakeSlide(ctx, "c3", r.window, k, x.dims()[axis], r.kernel[k]));
    g.out[axis] = s.out;
    g.slides.push_back(s);
  }
  return g;
}

double PoolWindow::Inside() const {
  double n = 1;
  for (size_t k = 0; k < at_.size(); ++k) n *= static_cast<double>(last_[k] - first_[k]);
  return n;
}

double PoolWindow::Padded() const {
  double n = 1;
  for (size_t k = 0; k < at_.size(); ++k) {
    const Slide& s = (*slides_)[k];
    // Windows of the ceiling mode may reach past the padding: what lies there does not count.
    const int64_t room = s.in + s.pad_end - s.Start(at_[k]);
    n *= static_cast<double>(std::min(s.kernel, room <= 0 ? 0 : (room + s.dilation - 1) / s.dilation));
  }
  return n;
}

void ForEachWindow(const Dims& x, const PoolGeometry& g,
                   const std::function<void(const PoolWindow&, int64_t y_offset)>& visit) {
  const std::vector<int64_t> x_strides = RowMajorStrides(x);
  const std::vector<int64_t> y_strides = RowMajorStrides(g.out);
  const size_t n = g.slides.size();
  const size_t channel = static_cast<size_t>(g.axes.channel);
  Dims box;
  std::vector<int64_t> y_steps;
  PoolWindow w;
  w.slides_ = &g.slides;
  for (size_t k = 0; k < n; ++k) {
    const size_t axis = static_cast<size_t>(g.axes.spatial[k]);
    w.strides_.push_back(x_strides[axis]);
    y_steps.push_back(y_strides[axis]);
    box.push_back(g.slides[k].out);
  }
  if (ElementCount(g.out) == 0) return;
  w.first_.resize(n);
  w.last_.resize(n);
  for (int64_t image = 0; image < x[0]; ++image) {
    for (int64_t c = 0; c < x[channel]; ++c) {
      w.base_ = image * x_strides[0] + c * x_strides[channel];
      const int64_t y_base = image * y_strides[0] + c * y_strides[channel];
      Odometer walk(box, {y_steps});
      for (int64_t p = 0; p < walk.count(); ++p, walk.Next()) {
        w.at_ = walk.index();
        for (size_t k = 0; k < n; ++k) {
          w.first_[k] = g.slides[k].FirstTap(w.at_[k]);
          w.last_[k] = g.slides[k].LastTap(w.at_[k]);
        }
        visit(w, y_base + walk.offset(0));
      }
    }
  }
}

}  // namespace godwit::ops
