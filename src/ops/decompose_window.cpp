// Convolutions step by step toward what every runtime has, two spatial axes and one group of floats: integers as
// floats, groups one by one, one axis as two, three as a sum over the taps of the first.
#include <algorithm>

#include "ops/conv_common.h"
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/known_shapes.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

using Ints = std::vector<int64_t>;

/// Whole numbers up to here are exact in f32.
constexpr int64_t kExactSum = int64_t{1} << 24;
/// Kernels with more taps along an axis, or groups, are not taken apart.
constexpr int64_t kMostParts = 512;

// One convolution to be taken apart: its axes and what the next steps keep.
struct Parts {
  Expr x, w, bias;
  int channel = 1;
  std::vector<int> spatial;
  std::string layout;
  int w_in = 1, w_out = 0;
  std::vector<int> w_spatial;
  int64_t group = 1;
};

int Place(std::string_view layout, char axis, int n) {
  int at = 0;
  for (const char c : layout) {
    if (c == axis) return at;
    at += c == 'h' ? n : c == 'w' ? 0 : 1;
  }
  return at;
}

std::optional<Parts> Read(DecomposeCtx& ctx, std::string_view layout) {
  Parts p;
  p.x = RankedOperand(ctx, 0);
  p.w = RankedOperand(ctx, 1);
  if (ctx.failed() || p.x.rank() < 3) {
    if (!ctx.failed()) ctx.Fail(ctx.Cannot("there is no spatial axis"));
    return std::nullopt;
  }
  p.bias = Operand(ctx, 2);
  const int rank = p.x.rank(), n = rank - 2;
  p.channel = static_cast<int>(ctx.attrs.Int("channel_axis", 1));
  if (p.channel < 0) p.channel += rank;
  for (int k = 1; k < rank; ++k) {
    if (k != p.channel) p.spatial.push_back(k);
  }
  p.layout = std::string(ctx.attrs.Str("weight_layout", layout));
  p.w_in = Place(p.layout, 'i', n);
  p.w_out = Place(p.layout, 'o', n);
  const int first = Place(p.layout, 'h', n);
  for (int k = 0; k < n; ++k) p.w_spatial.push_back(first + k);
  p.group = ctx.attrs.Int("group", 1);
  return p;
}

// The list with one more entry before the first spatial axis.
void Prepend(Attrs* attrs, std::string_view name, int64_t value, bool pairs) {
  Ints list = attrs->Ints(name);
  if (list.empty()) return;
  const size_t n = list.size() / 2;
  if (pairs) list.insert(list.begin() + static_cast<int64_t>(n), value);
  list.insert(list.begin(), value);
  attrs->Set(name, std::move(list));
}

// One spatial axis as two, the first of extent 1.
Status AsPlane(DecomposeCtx& ctx, const OpDef& op, const Parts& p) {
  Attrs attrs = ctx.attrs;
  for (const std::string_view name : {"strides", "dilations"}) Prepend(&attrs, name, 1, false);
  Prepend(&attrs, "output_pads", 0, false);
  Prepend(&attrs, "output_shape", 1, false);
  Prepend(&attrs, "pads", 0, true);
  const int64_t axis = p.spatial[0];
  if (p.channel > axis) attrs.Set("channel_axis", int64_t{p.channel} + 1);
  const Expr y = Apply(ctx, op, {Unsqueeze(p.x, {axis}), Unsqueeze(p.w, {p.w_spatial[0]}), p.bias}, std::move(attrs));
  ctx.Out(0, Squeeze(y, {axis}).id());
  return Ok{};
}

// Group by group, joined along the channels. `w_axis` is cut with the groups.
Status ByGroups(DecomposeCtx& ctx, const OpDef& op, const Parts& p, int w_axis) {
  const auto in = p.x.dim(p.channel).known(), w = p.w.dim(w_axis).known();
  if (!in || !w || p.group > kMostParts) return ctx.Cannot("the groups are too many or their sizes are not known");
  Attrs attrs = ctx.attrs;
  attrs.Erase("group");
  std::vector<Expr> parts;
  for (int64_t g = 0; g < p.group; ++g) {
    const auto part = [&](const Expr& e, int axis, int64_t n) {
      return Slice(e, axis, g * (n / p.group), (g + 1) * (n / p.group));
    };
    const auto outputs = p.bias.valid() ? p.bias.dim(0).known() : std::nullopt;
    if (p.bias.valid() && !outputs) return ctx.Cannot("the sizes of the groups are not known");
    const Expr bias = p.bias.valid() ? part(p.bias, 0, *outputs) : Expr();
    parts.push_back(Apply(ctx, op, {part(p.x, p.channel, *in), part(p.w, w_axis, *w), bias}, attrs));
  }
  ctx.Out(0, Join(parts, p.channel).id());
  return Ok{};
}

// Zeros between the elements along an axis, step - 1 of them.
Expr Spread(const Expr& x, int axis, int64_t step) {
  if (step == 1) return x;
  DecomposeCtx& ctx = x.ctx();
  Extents joined;
  for (int k = 0; k < x.rank(); ++k) {
    const Extent e = Extent::Of(x, k);
    joined.push_back(k == axis ? e * step : e);
  }
  const Expr apart = Unsqueeze(x, {axis + 1});
  Ints pads(static_cast<size_t>(2 * apart.rank()), 0);
  pads[static_cast<size_t>(apart.rank() + axis + 1)] = step - 1;
  const Expr wide = Reshape(Apply(ctx, kPad, {apart, I64s(ctx, pads)}), joined);
  return Slice(wide, axis, 0, joined[static_cast<size_t>(axis)] - (step - 1));
}

Expr Padded(const Expr& x, int axis, const Extent& before, const Extent& after) {
  if (before.known() == 0 && after.known() == 0) return x;
  Extents pads(static_cast<size_t>(2 * x.rank()), Extent(0));
  pads[static_cast<size_t>(axis)] = before;
  pads[static_cast<size_t>(x.rank() + axis)] = after;
  return Apply(x.ctx(), kPad, {x, DimsOf(x.ctx(), pads)});
}

// A vector of output channels as it broadcasts against the result.
Expr AlongChannel(const Expr& v, const Parts& p) {
  Ints axes;
  for (int k = 1; k < p.x.rank() - p.channel; ++k) axes.push_back(k);
  return Unsqueeze(v, axes);
}

Status IntegerConv(DecomposeCtx& ctx, const Parts& p) {
  // As floats, while no sum is too large for them to be exact.
  int64_t taps = p.w.dim(p.w_in).known().value_or(kExactSum);
  for (const int axis : p.w_spatial) {
    const int64_t n = p.w.dim(axis).known().value_or(kExactSum);
    taps = n >= kExactSum || taps >= kExactSum ? kExactSum : taps * n;
  }
  if (taps > kExactSum / (255 * 255)) return ctx.Cannot("sums of so many products are not exact in f32");
  const auto centred = [&](const Expr& e, size_t zero, int axis) {
    const Expr y = Cast(e, DType::kF32);
    if (!ctx.Has(zero)) return y;
    Expr z = Cast(Operand(ctx, zero), DType::kF32);
    const bool each = z.ranked() && z.rank() == 1 && !(z.dim(0) == Dim(1));
    if (!each) return y - Reshape(z, {});
    Ints axes;
    for (int k = 1; k < e.rank() - axis; ++k) axes.push_back(k);
    return y - Unsqueeze(z, axes);
  };
  const Expr bias = p.bias.valid() ? Cast(p.bias, DType::kF32) : Expr();
  const Expr y = Apply(ctx, kConv, {centred(p.x, 3, 0), centred(p.w, 4, p.w_out), bias}, Attrs(ctx.attrs));
  ctx.Out(0, Cast(Round(y), DType::kI32).id());
  return Ok{};
}

// A sum over the taps of the first spatial axis, which joins the batch.
Status ByFirstAxis(DecomposeCtx& ctx, const Parts& p) {
  const auto shapes = KnownShapes(ctx);
  if (!shapes) return ctx.Cannot("sizes are known only when the model runs");
  TRY(const ConvGeometry g, ResolveConv(*shapes, ToShape(shapes->In(0).dims()), ToShape(shapes->In(1).dims()), "oihw"));
  TRY(const std::vector<Slide> slides, ConvSlides(*shapes, g, shapes->In(0), shapes->In(1)));
  const Slide& s = slides[0];
  if (s.kernel > kMostParts || s.out < 1) return ctx.Cannot("the kernel is too large");
  const int depth = p.spatial[0];
  const int64_t last = (s.out - 1) * s.stride + (s.kernel - 1) * s.dilation + 1;
  const Expr x = Padded(p.x, depth, s.pad_begin, std::max<int64_t>(0, last - s.pad_begin - s.in));
  Attrs attrs = ctx.attrs;
  const size_t n = slides.size();
  Ints strides, dilations, begin, end;
  for (size_t k = 1; k < n; ++k) {
    strides.push_back(slides[k].stride);
    dilations.push_back(slides[k].dilation);
    begin.push_back(slides[k].pad_begin);
    end.push_back(slides[k].pad_end);
  }
  begin.insert(begin.end(), end.begin(), end.end());
  attrs.Set("strides", strides);
  attrs.Set("dilations", dilations);
  attrs.Set("pads", begin);
  attrs.Erase("auto_pad");
  // The depth goes next to the batch, and what follows keeps its order.
  Ints perm = {0, depth}, back;
  for (int k = 1; k < x.rank(); ++k) {
    if (k != depth) perm.push_back(k);
  }
  attrs.Set("channel_axis", int64_t{p.channel > depth ? p.channel - 1 : p.channel});
  Expr sum;
  Extents full;
  for (int64_t t = 0; t < s.kernel; ++t) {
    const int64_t start = t * s.dilation;
    const Expr rows = Transpose(Slice(x, depth, start, start + (s.out - 1) * s.stride + 1, s.stride), perm);
    Extents flat = {Extent::Of(rows, 0) * Extent::Of(rows, 1)};
    for (int k = 2; k < rows.rank(); ++k) flat.push_back(Extent::Of(rows, k));
    const Expr w = Squeeze(Slice(p.w, p.w_spatial[0], t, t + 1), {p.w_spatial[0]});
    const Expr part = Apply(ctx, kConv, {Reshape(rows, flat), w, t == 0 ? p.bias : Expr()}, attrs);
    sum = t == 0 ? part : sum + part;
    if (t > 0) continue;
    full = {Extent::Of(rows, 0), Extent::Of(rows, 1)};
    for (int k = 1; k < part.rank(); ++k) full.push_back(Extent::Of(part, k));
  }
  back.resize(perm.size());
  for (size_t k = 0; k < perm.size(); ++k) back[static_cast<size_t>(perm[k])] = static_cast<int64_t>(k);
  ctx.Out(0, Transpose(Reshape(sum, full), back).id());
  return Ok{};
}

}  // namespace

Status DecomposeConv(DecomposeCtx& ctx) {
  const std::optional<Parts> p = Read(ctx, "oihw");
  if (!p) return Ok{};
  if (IsInteger(p->x.dtype())) return IntegerConv(ctx, *p);
  if (p->spatial.size() == 1) return AsPlane(ctx, kConv, *p);
  if (p->group > 1) return ByGroups(ctx, kConv, *p, p->w_out);
  if (p->spatial.size() > 2) return ByFirstAxis(ctx, *p);
  return ctx.Cannot("it is a simple one");
}

Status DecomposeConvTranspose(DecomposeCtx& ctx) {
  std::optional<Parts> p = Read(ctx, "iohw");
  if (!p) return Ok{};
  if (p->spatial.size() == 1) return AsPlane(ctx, kConvTranspose, *p);
  if (p->group > 1) return ByGroups(ctx, kConvTranspose, *p, p->w_in);
  const size_t n = p->spatial.size();
  Attrs attrs = ctx.attrs;
  bool dilated = false;
  const Ints dilations = attrs.Ints("dilations");
  for (size_t k = 0; k < dilations.size(); ++k) {
    if (dilations[k] == 1) continue;
    dilated = true;
    p->w = Spread(p->w, p->w_spatial[k], dilations[k]);
  }
  attrs.Erase("dilations");
  if (dilated) {
    ctx.Out(0, Apply(ctx, kConvTranspose, {p->x, p->w, p->bias}, std::move(attrs)).id());
    return Ok{};
  }
  Ints strides = attrs.Ints("strides");
  if (strides.empty()) strides.assign(n, 1);
  const Ints pads = attrs.Ints("pads"), extra = attrs.Ints("output_pads"), fixed = attrs.Ints("output_shape");
  const auto any = [](const Ints& list) {
    return std::any_of(list.begin(), list.end(), [](int64_t v) { return v != 0; });
  };
  const bool whole = attrs.Str("auto_pad", "none") == "none" && fixed.empty() && !any(pads) && !any(extra);
  if (whole && n < 3) return ctx.Cannot("it is a simple one");
  Expr y;
  if (n < 3) {
    for (const std::string_view name : {"pads", "output_pads", "output_shape", "auto_pad"}) attrs.Erase(name);
    y = Apply(ctx, kConvTranspose, {p->x, p->w}, std::move(attrs));
  } else {
    // Zeros between the elements and around them, then a convolution with the kernel turned round.
    Expr x = p->x, w = p->w;
    for (size_t k = 0; k < n; ++k) {
      const auto taps = w.dim(p->w_spatial[k]).known();
      if (!taps) return ctx.Cannot("the kernel's size is not known");
      x = Padded(Spread(x, p->spatial[k], strides[k]), p->spatial[k], *taps - 1, *taps - 1);
      w = Slice(w, p->w_spatial[k], -1, -INT64_MAX, -1);
    }
    y = Apply(ctx, kConv, {x, w}, {{"channel_axis", int64_t{p->channel}}, {"weight_layout", p->layout}});
  }
  if (ctx.failed()) return Ok{};
  if (!whole) {
    // What is cut off at both ends, and what is added where the result reaches further.
    std::vector<Slide> slides;
    if (const auto shapes = KnownShapes(ctx)) {
      TRY(slides, ConvTransposeSlides(*shapes, shapes->In(0), shapes->In(1)));
    } else if (ctx.attrs.Str("auto_pad", "none") != "none" || !fixed.empty()) {
      return ctx.Cannot("sizes are known only when the model runs");
    }
    Ints axes;
    Extents starts, ends;
    for (size_t k = 0; k < n; ++k) {
      const Extent natural = Extent::Of(y, p->spatial[k]);
      const int64_t begin = !slides.empty() ? slides[k].pad_begin : pads.empty() ? 0 : pads[k];
      const int64_t added = extra.empty() ? 0 : extra[k];
      // Counted from the end where it can be, so that nothing depends on extents that are not known.
      const int64_t beyond = added - (pads.empty() ? 0 : pads[n + k]);
      if (slides.empty() && beyond <= 0) {
        axes.push_back(p->spatial[k]);
        starts.emplace_back(begin);
        ends.push_back(beyond == 0 ? Extent(INT64_MAX) : Extent(beyond));
        continue;
      }
      const Extent end = !slides.empty() ? Extent(begin + slides[k].out) : natural + beyond;
      axes.push_back(p->spatial[k]);
      starts.emplace_back(begin);
      ends.push_back(end);
      y = Padded(y, p->spatial[k], 0, Extent::Larger(end - natural, 0));
    }
    y = Apply(ctx, kSlice, {y, DimsOf(ctx, starts), DimsOf(ctx, ends), I64s(ctx, axes)});
  }
  if (p->bias.valid()) y = y + AlongChannel(p->bias, *p);
  ctx.Out(0, y.id());
  return Ok{};
}

}  // namespace godwit::ops
