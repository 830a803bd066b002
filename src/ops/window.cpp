#include "ops/window.h"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::ops {

template <class Ctx>
Result<DataAxes> ReadDataAxes(const Ctx& ctx, std::string_view constraint, int rank) {
  DataAxes axes;
  TRY(axes.channel, ctx.Axis(constraint, ctx.attrs.Int("channel_axis", 1), rank));
  if (axes.channel == 0) return ctx.Fail(constraint, "channel_axis is the batch axis");
  for (int i = 1; i < rank; ++i) {
    if (i != axes.channel) axes.spatial.push_back(i);
  }
  return axes;
}

template <class Ctx>
Result<WeightAxes> ReadWeightAxes(const Ctx& ctx, std::string_view constraint, std::string_view fallback, int rank) {
  const std::string_view layout = ctx.attrs.Str("weight_layout", fallback);
  WeightAxes axes;
  axes.o = axes.i = -1;
  int next = 0;
  bool spatial_seen = false;
  for (size_t k = 0; k < layout.size(); ++k) {
    if (layout[k] == 'o' && axes.o < 0) {
      axes.o = next++;
    } else if (layout[k] == 'i' && axes.i < 0) {
      axes.i = next++;
    } else if (layout.substr(k, 2) == "hw" && !spatial_seen) {
      spatial_seen = true;
      for (int s = 2; s < rank; ++s) axes.spatial.push_back(next++);
      ++k;
    } else {
      return ctx.Fail(constraint, fmt::format("weight_layout '{}'", layout));
    }
  }
  if (axes.o < 0 || axes.i < 0 || !spatial_seen) {
    return ctx.Fail(constraint, fmt::format("weight_layout '{}'", layout));
  }
  return axes;
}

int64_t Slide::FirstTap(int64_t o) const {
  const int64_t start = Start(o);
  return start >= 0 ? 0 : std::min(kernel, (-start + dilation - 1) / dilation);
}

int64_t Slide::LastTap(int64_t o) const {
  const int64_t room = in - Start(o);
  return room <= 0 ? FirstTap(o) : std::clamp((room + dilation - 1) / dilation, FirstTap(o), kernel);
}

template <class Ctx>
Result<WindowAttrs> ReadWindowAttrs(const Ctx& ctx, std::string_view constraint, size_t n) {
  WindowAttrs out;
  const auto read = [&](std::string_view name, size_t count, int64_t low, std::vector<int64_t>* values) -> Status {
    *values = ctx.attrs.Ints(name);
    if (values->empty()) values->assign(count, low);
    if (values->size() != count) {
      return ctx.Fail(constraint, fmt::format("{} has {} values for {} spatial axes", name, values->size(), n));
    }
    for (int64_t v : *values) {
      if (v < low || v >= kMaxWindow) return ctx.Fail(constraint, fmt::format("{} holds {}", name, v));
    }
    return Ok{};
  };
  RETURN_IF_ERROR(read("strides", n, 1, &out.strides));
  RETURN_IF_ERROR(read("dilations", n, 1, &out.dilations));
  RETURN_IF_ERROR(read("pads", 2 * n, 0, &out.pads));
  const std::string_view auto_pad = ctx.attrs.Str("auto_pad", "none");
  if (auto_pad == "same_upper") {
    out.auto_pad = AutoPad::kSameUpper;
  } else if (auto_pad == "same_lower") {
    out.auto_pad = AutoPad::kSameLower;
  } else if (auto_pad == "valid") {
    out.auto_pad = AutoPad::kValid;
  } else if (auto_pad != "none") {
    return ctx.Fail(constraint, fmt::format("auto_pad '{}'", auto_pad));
  }
  out.ceil_mode = ctx.attrs.Flag("ceil_mode");
  return out;
}

namespace {
int64_t CeilDiv(int64_t a, int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }
}  // namespace

template <class Ctx>
Result<Slide> MakeSlide(const Ctx& ctx, std::string_view constraint, const WindowAttrs& attrs, size_t k, int64_t in,
                        int64_t kernel) {
  if (kernel < 1 || kernel >= kMaxWindow) return ctx.Fail(constraint, fmt::format("kernel extent {}", kernel));
  Slide s{.in = in, .kernel = kernel, .stride = attrs.strides[k], .dilation = attrs.dilations[k]};
  const int64_t span = (kernel - 1) * s.dilation + 1;
  if (attrs.auto_pad == AutoPad::kSameUpper || attrs.auto_pad == AutoPad::kSameLower) {
    s.out = CeilDiv(in, s.stride);
    const int64_t total = std::max<int64_t>(0, (s.out - 1) * s.stride + span - in);
    const int64_t small = total / 2;
    s.pad_begin = attrs.auto_pad == AutoPad::kSameUpper ? small : total - small;
    s.pad_end = total - s.pad_begin;
    return s;
  }
  if (attrs.auto_pad == AutoPad::kNone) {
    s.pad_begin = attrs.pads[k];
    s.pad_end = attrs.pads[k + attrs.strides.size()];
  }
  const int64_t room = in + s.pad_begin + s.pad_end - span;
  if (room < 0) {
    if (in == 0) return s;  // nothing in, nothing out
    return ctx.Fail(constraint, fmt::format("a window of {} does not fit into {} padded by {} and {}", span, in,
                                            s.pad_begin, s.pad_end));
  }
  s.out = (attrs.ceil_mode ? CeilDiv(room, s.stride) : room / s.stride) + 1;
  // A window that would start in the padding after the input is left out.
  if (attrs.ceil_mode && (s.out - 1) * s.stride >= in + s.pad_begin) --s.out;
  return s;
}

template <class Ctx>
Result<Dim> WindowCount(const Ctx& ctx, std::string_view constraint, const WindowAttrs& attrs, size_t k, const Dim& in,
                        const Dim& kernel) {
  if (in.is_static() && kernel.is_static()) {
    TRY(Slide s, MakeSlide(ctx, constraint, attrs, k, in.value(), kernel.value()));
    return Dim(s.out);
  }
  const Dim stride(attrs.strides[k]);
  if (attrs.auto_pad == AutoPad::kSameUpper || attrs.auto_pad == AutoPad::kSameLower) return Dim::CeilDiv(in, stride);
  const bool padded = attrs.auto_pad == AutoPad::kNone;
  const int64_t begin = padded ? attrs.pads[k] : 0;
  const int64_t end = padded ? attrs.pads[k + attrs.strides.size()] : 0;
  const Dim room = in + Dim(begin + end - 1) - (kernel - Dim(1)) * Dim(attrs.dilations[k]);
  if (!attrs.ceil_mode) return Dim::FloorDiv(room, stride) + Dim(1);
  const Dim count = Dim::CeilDiv(room, stride) + Dim(1);
  const Dim span = (kernel - Dim(1)) * Dim(attrs.dilations[k]) + Dim(1);
  if (span.is_static() && end + attrs.strides[k] <= span.value()) return count;
  return Dim::Min(count, Dim::CeilDiv(in + Dim(begin), stride));
}

bool CommuteImage(CommuteCtx& ctx) {
  if (ctx.operand != 0 || ctx.rank() < 2 || ctx.perm[0] != 0 || !ctx.MoveAxis("channel_axis", 1)) return false;
  int64_t channel = ctx.attrs.Int("channel_axis", 1);
  if (channel < 0) channel += ctx.rank();
  int64_t last = 0;
  for (int64_t axis : ctx.perm) {
    if (axis == channel) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

#define GODWIT_INSTANTIATE(Ctx)                                                                                 \
  template Result<DataAxes> ReadDataAxes(const Ctx&, std::string_view, int);                                    \
  template Result<WeightAxes> ReadWeightAxes(const Ctx&, std::string_view, std::string_view, int);              \
  template Result<WindowAttrs> ReadWindowAttrs(const Ctx&, std::string_view, size_t);                           \
  template Result<Slide> MakeSlide(const Ctx&, std::string_view, const WindowAttrs&, size_t, int64_t, int64_t); \
  template Result<Dim> WindowCount(const Ctx&, std::string_view, const WindowAttrs&, size_t, const Dim&, const Dim&)
GODWIT_INSTANTIATE(InferCtx);
GODWIT_INSTANTIATE(EvalCtx);
#undef GODWIT_INSTANTIATE

}  // namespace godwit::ops
