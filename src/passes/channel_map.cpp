#include "passes/channel_map.h"

#include <algorithm>
#include <cmath>

#include "base/mathfn.h"
#include "ir/convert.h"
#include "ops/ops.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

constexpr int64_t kMaxNumbers = int64_t{1} << 16;

// The constant operand of add, sub, mul and div, and on which side it stands.
std::optional<ChannelMap> FromArithmetic(RewriteCtx& ctx, const Node& node) {
  const auto split = SplitConstant(ctx, node);
  if (!split || !ctx.Ranked(split->value)) return std::nullopt;
  const auto numbers = AlongOneAxis(ctx, split->constant, ctx.ShapeOf(split->value));
  if (!numbers) return std::nullopt;
  const bool first = node.in[0] == split->constant;
  ChannelMap map{split->value, {numbers->axis, {1.0}, {0.0}}};
  if (node.op == &ops::kMul) {
    map.channels.scale = numbers->scale;
  } else if (node.op == &ops::kDiv) {
    if (first) return std::nullopt;
    map.channels.scale = numbers->scale;
    for (double& v : map.channels.scale) v = 1.0 / v;
  } else if (node.op == &ops::kAdd) {
    map.channels.shift = numbers->scale;
  } else if (first) {
    map.channels.shift = numbers->scale;
    map.channels.scale.assign(1, -1.0);
  } else {
    map.channels.shift = numbers->scale;
    for (double& v : map.channels.shift) v = -v;
  }
  return map;
}

std::optional<ChannelMap> FromBatchNorm(RewriteCtx& ctx, const Node& node) {
  if (node.attrs.Flag("training") || !ctx.Ranked(node.in[0])) return std::nullopt;
  for (size_t i = 1; i < node.out.size(); ++i) {
    if (node.out[i]) return std::nullopt;
  }
  const auto axis = AxisOf(node.attrs.Int("channel_axis", 1), ctx.Rank(node.in[0]));
  const auto scale = LoadNumbers(ctx, node.in[1]);
  const auto bias = LoadNumbers(ctx, node.in[2]);
  const auto mean = LoadNumbers(ctx, node.in[3]);
  const auto variance = LoadNumbers(ctx, node.in[4]);
  if (!axis || !scale || !bias || !mean || !variance) return std::nullopt;
  const size_t n = scale->size();
  if (bias->size() != n || mean->size() != n || variance->size() != n || n == 0) return std::nullopt;
  const double epsilon = node.attrs.Float("epsilon", 1e-5);
  ChannelMap map{node.in[0], {*axis, std::vector<double>(n), std::vector<double>(n)}};
  for (size_t i = 0; i < n; ++i) {
    const double factor = (*scale)[i] / std::sqrt((*variance)[i] + epsilon);
    map.channels.scale[i] = factor;
    map.channels.shift[i] = (*bias)[i] - (*mean)[i] * factor;
  }
  return map;
}

bool All(const std::vector<double>& values, double number) {
  return std::all_of(values.begin(), values.end(), [&](double v) { return v == number; });
}

}  // namespace

bool Channels::Shifts() const { return !All(shift, 0.0); }
bool Channels::Scales() const { return !All(scale, 1.0); }
bool Channels::Positive() const {
  return std::all_of(scale.begin(), scale.end(), [](double v) { return v > 0; });
}
bool Channels::Finite() const {
  const auto finite = [](double v) { return std::isfinite(v); };
  return std::all_of(scale.begin(), scale.end(), finite) && std::all_of(shift.begin(), shift.end(), finite);
}

Channels Channels::Spread(int64_t n) const {
  Channels out{axis, scale, shift};
  if (scale.size() == 1) out.scale.assign(static_cast<size_t>(n), scale[0]);
  if (shift.size() == 1) out.shift.assign(static_cast<size_t>(n), shift[0]);
  return out;
}

std::optional<Channels> Channels::After(const Channels& first) const {
  if (!uniform() && !first.uniform() && (axis != first.axis || size() != first.size())) return std::nullopt;
  const size_t n = std::max(size(), first.size());
  Channels out{uniform() ? first.axis : axis, std::vector<double>(n), std::vector<double>(n)};
  for (size_t i = 0; i < n; ++i) {
    out.scale[i] = Scale(i) * first.Scale(i);
    out.shift[i] = Scale(i) * first.Shift(i) + Shift(i);
  }
  return out;
}

std::optional<ChannelMap> AsChannelMap(RewriteCtx& ctx, const Node& node) {
  if (node.out.empty() || !node.out[0] || !IsFloat(ctx.DtypeOf(node.out[0]))) return std::nullopt;
  std::optional<ChannelMap> map;
  if (node.op == &ops::kAdd || node.op == &ops::kSub || node.op == &ops::kMul || node.op == &ops::kDiv) {
    map = FromArithmetic(ctx, node);
  } else if (node.op == &ops::kBatchNorm) {
    map = FromBatchNorm(ctx, node);
  } else if (node.op == &ops::kNeg && ctx.Ranked(node.in[0])) {
    map = ChannelMap{node.in[0], {0, {-1.0}, {0.0}}};
  }
  if (!map || !map->channels.Finite()) return std::nullopt;
  return map;
}

std::optional<std::vector<double>> LoadNumbers(RewriteCtx& ctx, ValueId v) {
  if (!ctx.IsConstant(v) || !IsFloat(ctx.DtypeOf(v)) || ctx.TypeOf(v).tensor().quant) return std::nullopt;
  const Constant& constant = ctx.graph().constant(ctx.graph().value(v).constant);
  int64_t count = 1;
  for (const Dim& d : constant.type.shape) {
    if (d.value() < 0 || d.value() > kMaxNumbers) return std::nullopt;
    count *= d.value();
    if (count > kMaxNumbers) return std::nullopt;
  }
  // What is computed from weights is computed once.
  if (const Tensor* known = ctx.Small(v)) return ToF64(*known);
  auto tensor = constant.Load();
  if (!tensor.ok()) return std::nullopt;
  return ToF64(*tensor);
}

std::optional<Channels> AlongOneAxis(RewriteCtx& ctx, ValueId constant, const Shape& shape) {
  if (!ctx.Ranked(constant) || ctx.ShapeOf(constant).size() > shape.size()) return std::nullopt;
  const Shape& own = ctx.ShapeOf(constant);
  const size_t lead = shape.size() - own.size();
  Channels out;
  for (size_t k = 0; k < own.size(); ++k) {
    if (own[k] == Dim(1)) continue;
    if (out.axis != 0 || !shape[lead + k].is_static() || own[k] != shape[lead + k]) return std::nullopt;
    out.axis = static_cast<int64_t>(lead + k) + 1;
  }
  auto numbers = LoadNumbers(ctx, constant);
  if (!numbers || numbers->empty()) return std::nullopt;
  out.axis = std::max<int64_t>(out.axis - 1, 0);
  out.scale = *std::move(numbers);
  if (All(out.scale, out.scale[0])) out.scale.resize(1);
  return out;
}

ValueId ChannelConstant(RewriteCtx& ctx, DType dtype, const std::vector<double>& numbers, int64_t axis, int rank) {
  Dims dims(numbers.size() == 1 ? 0 : static_cast<size_t>(rank - axis), 1);
  if (!dims.empty()) dims[0] = static_cast<int64_t>(numbers.size());
  Tensor t(dtype, dims);
  const size_t step = ByteSize(dtype);
  for (size_t i = 0; i < numbers.size(); ++i) StoreF64(dtype, numbers[i], t.mutable_raw() + i * step);
  return ctx.Constant(std::move(t));
}

ValueId VectorConstant(RewriteCtx& ctx, DType dtype, const std::vector<double>& numbers) {
  Tensor t(dtype, {static_cast<int64_t>(numbers.size())});
  const size_t step = ByteSize(dtype);
  for (size_t i = 0; i < numbers.size(); ++i) StoreF64(dtype, numbers[i], t.mutable_raw() + i * step);
  return ctx.Constant(std::move(t));
}

namespace {

// Dims [first, last) of both shapes that hold the same elements, around axis `at` of `to`.
struct Group {
  size_t from_first = 0, from_last = 0, to_first = 0, to_last = 0;
};
// The side that divides the other one is the smaller one.
bool Divides(const Dim& a, const Dim& b) {
  if (a.is_static() && b.is_static()) return a.value() < b.value();
  if (a.is_static() != b.is_static()) return a.is_static();
  return Dim::FloorDiv(b, a) * a == b;
}

std::optional<Group> GroupAround(const Shape& from, const Shape& to, size_t at) {
  Group g;
  while (g.to_last < to.size() || g.from_last < from.size()) {
    g.from_first = g.from_last;
    g.to_first = g.to_last;
    Dim a(1), b(1);
    if (g.from_last < from.size()) a = from[g.from_last++];
    if (g.to_last < to.size()) b = to[g.to_last++];
    while (a != b) {
      const bool grow_from = Divides(a, b) || g.to_last >= to.size();
      if (grow_from) {
        if (g.from_last >= from.size()) return std::nullopt;
        a = a * from[g.from_last++];
      } else {
        if (g.to_last >= to.size()) return std::nullopt;
        b = b * to[g.to_last++];
      }
    }
    if (at >= g.to_first && at < g.to_last) return g;
  }
  return std::nullopt;
}

std::optional<std::vector<int64_t>> StaticDims(const Shape& shape, size_t first, size_t last) {
  std::vector<int64_t> out;
  for (size_t k = first; k < last; ++k) {
    if (!shape[k].is_static()) return std::nullopt;
    out.push_back(shape[k].value());
  }
  return out;
}

}  // namespace

std::optional<Channels> ThroughReshape(const Shape& from, const Shape& to, const Channels& channels) {
  if (channels.uniform()) return channels;
  const auto at = static_cast<size_t>(channels.axis);
  const auto group = GroupAround(from, to, at);
  if (!group) return std::nullopt;
  // Dims of 1 beside the axis say nothing.
  const auto in = StaticDims(from, group->from_first, group->from_last);
  const auto out = StaticDims(to, group->to_first, group->to_last);
  if (!in || !out) return std::nullopt;
  int64_t count = 1;
  for (int64_t d : *in) count *= d;
  if (count > kMaxNumbers || count == 0) return std::nullopt;
  int64_t inner = 1;
  for (size_t k = at + 1; k < group->to_last; ++k) inner *= to[k].value();
  const auto index_in_to = [&](int64_t i) {
    return static_cast<size_t>(i / inner % static_cast<int64_t>(channels.size()));
  };
  const Channels full = channels.Spread(static_cast<int64_t>(channels.size()));
  int64_t step = count;
  for (size_t k = 0; k < in->size(); ++k) {
    const int64_t n = (*in)[k];
    step /= n;
    Channels seen{static_cast<int64_t>(group->from_first + k), std::vector<double>(static_cast<size_t>(n)),
                  std::vector<double>(static_cast<size_t>(n))};
    for (int64_t j = 0; j < n; ++j) {
      seen.scale[static_cast<size_t>(j)] = full.scale[index_in_to(j * step)];
      seen.shift[static_cast<size_t>(j)] = full.shift[index_in_to(j * step)];
    }
    bool explains = n > 1;
    for (int64_t i = 0; i < count && explains; ++i) {
      const auto j = static_cast<size_t>(i / step % n);
      explains = seen.scale[j] == full.scale[index_in_to(i)] && seen.shift[j] == full.shift[index_in_to(i)];
    }
    if (explains) return seen;
  }
  return std::nullopt;
}

}  // namespace godwit
