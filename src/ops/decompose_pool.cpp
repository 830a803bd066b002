// Poolings with dilated windows as convolutions with kernels of ones, one channel at a time.
#include "base/checked.h"
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

using Ints = std::vector<int64_t>;

/// Kernels with more elements are not made.
constexpr int64_t kMostTaps = 1 << 12;

bool Dilated(const DecomposeCtx& ctx) {
  for (const int64_t d : ctx.attrs.Ints("dilations")) {
    if (d != 1) return true;
  }
  return false;
}

class WindowSum {
 public:
  static Result<WindowSum> Make(DecomposeCtx& ctx) {
    WindowSum w;
    if (!Dilated(ctx)) return ctx.Cannot("it is a simple one");
    if (ctx.attrs.Int("channel_axis", 1) != 1) return ctx.Cannot("the channels are not in the second axis");
    const Expr given = RankedOperand(ctx, 0);
    w.x_ = Widen(given);
    w.kernel_ = ctx.attrs.Ints("kernel");
    const size_t n = w.kernel_.size();
    if (given.rank() != static_cast<int>(n) + 2) return ctx.Cannot("the rank of an operand is not known");
    for (const int64_t k : w.kernel_) {
      const auto product = CheckedMul(w.taps_, k);
      if (!product || *product > kMostTaps) return ctx.Cannot("the window is too large");
      w.taps_ = *product;
    }
    w.attrs_.Set("dilations", ctx.attrs.Ints("dilations"));
    if (!ctx.attrs.Ints("strides").empty()) w.attrs_.Set("strides", ctx.attrs.Ints("strides"));
    if (ctx.attrs.Str("auto_pad", "none") != "none") {
      w.attrs_.Set("auto_pad", std::string(ctx.attrs.Str("auto_pad")));
      w.auto_ = true;
      return w;
    }
    w.pads_ = ctx.attrs.Ints("pads");
    w.pads_.resize(2 * n, 0);
    w.extra_.assign(n, 0);
    for (size_t k = 0; ctx.attrs.Flag("ceil_mode") && k < n; ++k) {
      const auto length = given.dim(static_cast<int>(k) + 2).known();
      if (!length) return ctx.Cannot("how many windows there are is not known");
      w.extra_[k] = Extra(*length + w.pads_[k] + w.pads_[n + k], ctx, k, w.pads_[k] + *length);
    }
    return w;
  }

  [[nodiscard]] const Expr& x() const { return x_; }
  [[nodiscard]] int64_t taps() const { return taps_; }
  [[nodiscard]] bool ends_outside() const {
    for (const int64_t e : extra_) {
      if (e != 0) return true;
    }
    return false;
  }
  [[nodiscard]] bool auto_pad() const { return auto_; }

  /// The sums over all windows of an [n, c, spatial...] value.
  [[nodiscard]] Expr Of(const Expr& x) const {
    Extents flat = {Extent::Of(x, 0) * Extent::Of(x, 1), 1};
    for (int i = 2; i < x.rank(); ++i) flat.push_back(Extent::Of(x, i));
    const Expr sums = Convolved(Reshape(x, flat), pads_);
    Extents full = {Extent::Of(x, 0), Extent::Of(x, 1)};
    for (int i = 2; i < x.rank(); ++i) full.push_back(Extent::Of(sums, i));
    return Reshape(sums, full);
  }
  /// How many elements each window covers, those of the padding included or not.
  [[nodiscard]] Expr Counts(bool padding) const {
    DecomposeCtx& ctx = x_.ctx();
    const size_t n = kernel_.size();
    Extents dims = {1, 1};
    Ints pads = pads_;
    for (size_t k = 0; k < n; ++k) {
      Extent length = Extent::Of(x_, static_cast<int>(k) + 2);
      if (padding && !auto_) {
        length = length + (pads[k] + pads[n + k]);
        pads[k] = pads[n + k] = 0;
      }
      dims.push_back(length);
    }
    return Convolved(Full(ctx, x_.dtype(), 1, dims), pads);
  }

 private:
  // What a window that starts inside and ends past the padding needs there.
  static int64_t Extra(int64_t padded, const DecomposeCtx& ctx, size_t k, int64_t start_below) {
    const Ints& strides = ctx.attrs.Ints("strides");
    const int64_t stride = strides.empty() ? 1 : strides[k];
    const int64_t span = ctx.attrs.Ints("dilations")[k] * (ctx.attrs.Ints("kernel")[k] - 1) + 1;
    const int64_t rest = padded < span ? 0 : (padded - span) % stride;
    const int64_t last = padded < span ? 0 : (padded - span) / stride * stride + stride;
    return rest == 0 || last >= start_below ? 0 : stride - rest;
  }

  [[nodiscard]] Expr Convolved(const Expr& x, Ints pads) const {
    DecomposeCtx& ctx = x.ctx();
    Attrs attrs = attrs_;
    if (!auto_) {
      for (size_t k = 0; k < extra_.size(); ++k) pads[extra_.size() + k] += extra_[k];
      attrs.Set("pads", pads);
    }
    Dims kernel = {1, 1};
    kernel.insert(kernel.end(), kernel_.begin(), kernel_.end());
    Tensor ones(DType::kF32, kernel);
    for (int64_t i = 0; i < ones.size(); ++i) ones.mutable_data<float>()[i] = 1;
    return Apply(ctx, kConv, {x, Cast(Const(ctx, std::move(ones)), x.dtype())}, std::move(attrs));
  }

  Expr x_;
  Ints kernel_, pads_, extra_;
  Attrs attrs_;
  int64_t taps_ = 1;
  bool auto_ = false;
};

}  // namespace

// Undilated sums, and those of channels in another axis, go slice by slice.
Status DecomposeAvgPool(DecomposeCtx& ctx) {
  if (!Dilated(ctx) || ctx.attrs.Int("channel_axis", 1) != 1) return DecomposeSlicedAvgPool(ctx);
  TRY(const WindowSum w, WindowSum::Make(ctx));
  const bool count_pads = ctx.attrs.Flag("count_pads");
  const Expr sums = w.Of(w.x());
  const bool constant = count_pads && !w.ends_outside();
  const Expr y = constant ? sums / static_cast<double>(w.taps()) : sums / w.Counts(count_pads);
  Result0(ctx, y, ctx.TypeOfIn(0).dtype());
  return Ok{};
}

Status DecomposeLpPool(DecomposeCtx& ctx) {
  if (!Dilated(ctx) || ctx.attrs.Int("channel_axis", 1) != 1) return DecomposeSlicedLpPool(ctx);
  TRY(const WindowSum w, WindowSum::Make(ctx));
  const double p = ctx.attrs.Float("p", 2);
  const Expr powers = p == 1 ? Abs(w.x()) : p == 2 ? w.x() * w.x() : Pow(Abs(w.x()), p);
  const Expr sums = w.Of(powers);
  Result0(ctx, p == 1 ? sums : p == 2 ? Sqrt(sums) : Pow(sums, 1 / p), ctx.TypeOfIn(0).dtype());
  return Ok{};
}

}  // namespace godwit::ops
