// Sums and differences of convolutions, normalisations and scalings of the same value, and of that value itself, are
// one convolution: what re-parameterised networks keep apart for training.
#include <algorithm>
#include <array>
#include <numeric>

#include "ops/ops.h"
#include "passes/lazy_weight.h"
#include "passes/linear_node.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"
#include "rewrite/recipe.h"

namespace godwit {

namespace {

// A convolution over x, of which a scaling of the channels is one: kernel 1, as many groups as channels.
struct Branch {
  ValueId x;
  int64_t axis = 1, group = 1, inputs = 0, outputs = 0;
  std::vector<int64_t> kernel, stride, dilation, begin, end;  // by spatial axis
  std::vector<double> bias;                                   // empty: none
  std::vector<double> scale;                                  // of the channels, where there is no weight
  bool normalises = false;
  Constant weight;  // [outputs, inputs / group, spatial...]
  std::string weight_name, bias_name;

  [[nodiscard]] bool is_conv() const { return scale.empty(); }
  [[nodiscard]] double Macs() const {
    const int64_t inputs_each = inputs / group;
    double n = static_cast<double>(outputs) * static_cast<double>(inputs_each);
    for (int64_t k : kernel) n *= static_cast<double>(k);
    return n;
  }
};

std::vector<int64_t> OrOnes(const Attrs& attrs, std::string_view name, size_t n) {
  const auto& own = attrs.Ints(name);
  return own.size() == n ? own : std::vector<int64_t>(n, 1);
}

// The permutation that makes weights of a layout "oihw".
Perm PlainOrder(std::string_view layout, size_t spatial) {
  std::vector<char> letters;
  for (const char c : layout) {
    if (c == 'h') letters.insert(letters.end(), spatial, 'h');
    if (c == 'o' || c == 'i') letters.push_back(c);
  }
  Perm out;
  for (const char c : {'o', 'i', 'h'}) {
    for (size_t k = 0; k < letters.size(); ++k) {
      if (letters[k] == c) out.push_back(static_cast<int64_t>(k));
    }
  }
  return out;
}

std::optional<Branch> ConvBranch(RewriteCtx& ctx, const Node& node) {
  const auto linear = AsLinear(ctx, node);
  if (!linear || linear->op != &ops::kConv) return std::nullopt;
  const std::string_view mode = node.attrs.Str("auto_pad", "none");
  // Strided windows begin where the extents say.
  const std::vector<int64_t>& strides = node.attrs.Ints("strides");
  const bool strided = std::any_of(strides.begin(), strides.end(), [](int64_t v) { return v != 1; });
  if (mode.starts_with("same") ? strided : mode != "none" && mode != "valid") return std::nullopt;
  const auto n = static_cast<size_t>(ctx.Rank(linear->x) - 2);
  Branch out;
  out.x = linear->x;
  out.axis = linear->x_axis;
  out.group = linear->group;
  out.inputs = linear->inputs;
  out.outputs = linear->outputs;
  const Perm order = PlainOrder(node.attrs.Str("weight_layout", "oihw"), n);
  for (size_t k = 0; k < n; ++k) {
    out.kernel.push_back(ctx.ShapeOf(linear->w)[static_cast<size_t>(order[k + 2])].value());
  }
  out.stride = OrOnes(node.attrs, "strides", n);
  out.dilation = OrOnes(node.attrs, "dilations", n);
  out.begin.assign(n, 0);
  out.end.assign(n, 0);
  if (const auto& pads = node.attrs.Ints("pads"); pads.size() == 2 * n && mode == "none") {
    std::copy(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(n), out.begin.begin());
    std::copy(pads.begin() + static_cast<std::ptrdiff_t>(n), pads.end(), out.end.begin());
  }
  for (size_t k = 0; k < n && mode.starts_with("same"); ++k) {
    const int64_t all = (out.kernel[k] - 1) * out.dilation[k];
    out.begin[k] = mode == "same_upper" ? all / 2 : all - all / 2;
    out.end[k] = all - out.begin[k];
  }
  if (linear->bias) {
    auto bias = LoadNumbers(ctx, linear->bias);
    if (!bias) return std::nullopt;
    out.bias = *std::move(bias);
    out.bias_name = ctx.graph().value(linear->bias).name;
  }
  out.weight_name = ctx.graph().value(linear->w).name;
  out.weight = ctx.graph().constant(ctx.graph().value(linear->w).constant);
  if (!IsIdentity(order)) {
    TensorType type = out.weight.type;
    for (size_t k = 0; k < order.size(); ++k) {
      type.shape[k] = out.weight.type.shape[static_cast<size_t>(order[k])];
    }
    const Constant as_it_lies = out.weight;
    auto turned = Computed(ops::kTranspose, {{"perm", order}}, {&as_it_lies}, type);
    if (!turned.ok()) return std::nullopt;
    out.weight = *std::move(turned);
  }
  return out;
}

Branch ScaleBranch(ValueId x, int64_t axis, int64_t channels, size_t spatial) {
  Branch out;
  out.x = x;
  out.axis = axis;
  out.group = out.inputs = out.outputs = channels;
  out.kernel = out.stride = out.dilation = std::vector<int64_t>(spatial, 1);
  out.begin = out.end = std::vector<int64_t>(spatial, 0);
  out.scale.assign(static_cast<size_t>(channels), 1.0);
  return out;
}

// What makes `v` out of one value along the channels of axis `axis`; `identity` where nothing does.
std::optional<Branch> ReadBranch(RewriteCtx& ctx, ValueId v, int64_t axis, bool identity) {
  if (!ctx.Ranked(v) || ctx.Rank(v) < 3 || axis >= ctx.Rank(v)) return std::nullopt;
  const Dim& channels = ctx.ShapeOf(v)[static_cast<size_t>(axis)];
  const auto spatial = static_cast<size_t>(ctx.Rank(v) - 2);
  const Node* def = ctx.Def(v);
  if (identity) {
    if (!channels.is_static() || channels.value() > 65536) return std::nullopt;
    return ScaleBranch(v, axis, channels.value(), spatial);
  }
  if (def == nullptr || !ctx.SingleUse(v)) return std::nullopt;
  if (def->op == &ops::kConv) return ConvBranch(ctx, *def);
  auto map = AsChannelMap(ctx, *def);
  bool normalises = def->op == &ops::kBatchNorm;
  // A product and a sum are one such map.
  while (map) {
    const Node* before = ctx.SingleUse(map->x) ? ctx.Def(map->x) : nullptr;
    const auto first = before == nullptr ? std::nullopt : AsChannelMap(ctx, *before);
    const auto both = first ? map->channels.After(first->channels) : std::nullopt;
    if (!both) break;
    map = ChannelMap{first->x, *both};
    normalises = true;
  }
  if (!map || ctx.IsConstant(map->x) || !channels.is_static() || channels.value() > 65536) return std::nullopt;
  if (!map->channels.uniform() && map->channels.axis != axis) return std::nullopt;
  Branch out = ScaleBranch(map->x, axis, channels.value(), spatial);
  const Channels all = map->channels.Spread(channels.value());
  out.scale = all.scale;
  if (all.Shifts()) out.bias = all.shift;
  out.normalises = normalises;
  return out;
}

// How far a branch's result reaches beyond what its last tap needs.
int64_t Slack(const Branch& b, size_t k) { return b.end[k] - ((b.kernel[k] - 1) * b.dilation[k] - b.begin[k]); }

// The convolution whose taps are those of both; without weight and bias.
std::optional<Branch> Union(const Branch& a, const Branch& b) {
  if (a.x != b.x || a.axis != b.axis || a.inputs != b.inputs || a.outputs != b.outputs || a.stride != b.stride) {
    return std::nullopt;
  }
  Branch out = a;
  out.group = std::min(a.group, b.group);
  if (a.group % out.group != 0 || b.group % out.group != 0) return std::nullopt;
  for (size_t k = 0; k < a.kernel.size(); ++k) {
    const auto gap = [&](const Branch& of) { return of.kernel[k] > 1 ? of.dilation[k] : 0; };
    const int64_t step = std::max<int64_t>(std::gcd(std::gcd(gap(a), gap(b)), a.begin[k] - b.begin[k]), 1);
    if (Slack(a, k) != Slack(b, k)) return std::nullopt;
    const auto reach = [&](const Branch& of) { return (of.kernel[k] - 1) * gap(of) - of.begin[k]; };
    const int64_t last = std::max(reach(a), reach(b));
    out.dilation[k] = step;
    out.begin[k] = std::max(a.begin[k], b.begin[k]);
    out.kernel[k] = (last + out.begin[k]) / step + 1;
    out.end[k] = Slack(a, k) + last;
    if (out.end[k] < 0) return std::nullopt;
  }
  return out;
}

// Adds the taps of `branch` times `sign` to those of `sum`.
void AddTaps(const Branch& branch, const Tensor* weight, double sign, const Branch& sum, std::vector<double>* taps) {
  const int64_t in_each = branch.inputs / branch.group;
  const int64_t out_each = branch.outputs / branch.group;
  const int64_t sum_in_each = sum.inputs / sum.group;
  int64_t area = 1;
  int64_t sum_area = 1;
  for (int64_t k : branch.kernel) area *= k;
  for (int64_t k : sum.kernel) sum_area *= k;
  std::vector<int64_t> place(static_cast<size_t>(area));
  for (int64_t t = 0; t < area; ++t) {
    int64_t rest = t;
    int64_t stride = 1;
    for (size_t k = branch.kernel.size(); k-- > 0;) {
      const int64_t tap =
          (rest % branch.kernel[k] * branch.dilation[k] + sum.begin[k] - branch.begin[k]) / sum.dilation[k];
      rest /= branch.kernel[k];
      place[static_cast<size_t>(t)] += tap * stride;
      stride *= sum.kernel[k];
    }
  }
  const std::vector<double> values = weight != nullptr ? WidenWeight(*weight) : branch.scale;
  for (int64_t o = 0; o < branch.outputs; ++o) {
    for (int64_t i = 0; i < in_each; ++i) {
      const int64_t channel = o / out_each * in_each + i;
      const int64_t row = (o * sum_in_each + channel % sum_in_each) * sum_area;
      for (int64_t t = 0; t < area; ++t) {
        (*taps)[static_cast<size_t>(row + place[static_cast<size_t>(t)])] +=
            sign * values[static_cast<size_t>((o * in_each + i) * area + t)];
      }
    }
  }
}

std::vector<double> SumOfBiases(const Branch& a, const Branch& b, double sign) {
  if (a.bias.empty() && b.bias.empty()) return {};
  std::vector<double> out(static_cast<size_t>(a.outputs));
  for (size_t c = 0; c < out.size(); ++c) {
    out[c] = (a.bias.empty() ? 0.0 : a.bias[c]) + sign * (b.bias.empty() ? 0.0 : b.bias[c]);
  }
  return out;
}

// What one of two is called and the other is not: parts of one constant, of which the first kept the name.
std::string OnlyName(const std::string& a, const std::string& b) { return a.empty() ? b : b.empty() ? a : ""; }

// Two scalings are one; the kind of node that says it is the simplest that can.
Result<bool> JoinScales(RewriteCtx& ctx, const Branch& a, const Branch& b, double sign) {
  std::vector<double> scale = a.scale;
  for (size_t c = 0; c < scale.size(); ++c) scale[c] += sign * b.scale[c];
  const std::vector<double> shift = SumOfBiases(a, b, sign);
  const DType dtype = ctx.DtypeOf(a.x);
  if (shift.empty()) return ctx.Rebuild(ops::kMul, {a.x, ChannelConstant(ctx, dtype, scale, a.axis, ctx.Rank(a.x))});
  if (!a.normalises && !b.normalises) return false;
  const std::vector<double> zeros(scale.size(), 0.0);
  const std::vector<double> ones(scale.size(), 1.0);
  return ctx.Rebuild(ops::kBatchNorm,
                     {a.x, VectorConstant(ctx, dtype, scale), VectorConstant(ctx, dtype, shift),
                      VectorConstant(ctx, dtype, zeros), VectorConstant(ctx, dtype, ones)},
                     {{"epsilon", 0.0}, {"channel_axis", a.axis}});
}

Result<bool> JoinConvs(RewriteCtx& ctx, const Branch& a, const Branch& b, double sign) {
  const auto sum = Union(a, b);
  if (!sum || sum->Macs() > a.Macs() + b.Macs()) return false;
  const DType dtype = ctx.DtypeOf(a.x);
  Dims dims = {sum->outputs, sum->inputs / sum->group};
  dims.insert(dims.end(), sum->kernel.begin(), sum->kernel.end());
  std::vector<Constant> weights;
  if (a.is_conv()) weights.push_back(a.weight);
  if (b.is_conv()) weights.push_back(b.weight);
  TRY(Constant weight,
      LazyWeight(TensorType(dtype, ToShape(dims)), std::move(weights),
                 [a, b, sign, sum = *sum, dtype, dims](const std::vector<Tensor>& in) -> Result<Tensor> {
                   std::vector<double> taps(static_cast<size_t>(ElementCount(dims)));
                   AddTaps(a, a.is_conv() ? in.data() : nullptr, 1.0, sum, &taps);
                   AddTaps(b, b.is_conv() ? &in.back() : nullptr, sign, sum, &taps);
                   return NarrowWeight(dtype, dims, taps);
                 }));
  std::vector<ValueId> in = {a.x, ctx.Constant(std::move(weight))};
  ctx.editor().graph().value(in[1]).name = OnlyName(a.weight_name, b.weight_name);
  if (const auto bias = SumOfBiases(a, b, sign); !bias.empty()) {
    in.push_back(VectorConstant(ctx, dtype, bias));
    ctx.editor().graph().value(in[2]).name = OnlyName(a.bias_name, b.bias_name);
  }
  std::vector<int64_t> pads = sum->begin;
  pads.insert(pads.end(), sum->end.begin(), sum->end.end());
  Attrs attrs = {
      {"strides", sum->stride}, {"dilations", sum->dilation}, {"pads", std::move(pads)}, {"group", sum->group}};
  if (sum->axis != 1) attrs.Set("channel_axis", sum->axis);
  return ctx.Rebuild(ops::kConv, std::move(in), std::move(attrs));
}

int64_t ChannelAxisOf(const RewriteCtx& ctx, ValueId v) {
  const Node* def = ctx.Def(v);
  if (def == nullptr || (def->op != &ops::kConv && def->op != &ops::kBatchNorm) || !ctx.Ranked(v)) return -1;
  return AxisOf(def->attrs.Int("channel_axis", 1), ctx.Rank(v)).value_or(-1);
}

Result<bool> JoinBranches(RewriteCtx& ctx) {
  const ValueId left = ctx.In(0);
  const ValueId right = ctx.In(1);
  if (!IsFloat(ctx.DtypeOf(ctx.Out())) || left == right || ctx.IsConstant(left) || ctx.IsConstant(right)) return false;
  if (!SameShape(ctx.TypeOf(left), ctx.TypeOf(right))) return false;
  const int64_t axis = std::max(ChannelAxisOf(ctx, left), ChannelAxisOf(ctx, right));
  if (axis < 1) return false;
  auto a = ReadBranch(ctx, left, axis, false);
  auto b = ReadBranch(ctx, right, axis, false);
  if (a && a->x == right) b = ReadBranch(ctx, right, axis, true);
  if (b && b->x == left) a = ReadBranch(ctx, left, axis, true);
  if (!a || !b || a->x != b->x || ctx.DtypeOf(a->x) != ctx.DtypeOf(ctx.Out())) return false;
  const double sign = ctx.node().op == &ops::kSub ? -1.0 : 1.0;
  return a->is_conv() || b->is_conv() ? JoinConvs(ctx, *a, *b, sign) : JoinScales(ctx, *a, *b, sign);
}

const OpDef* const kSums[] = {&ops::kAdd, &ops::kSub};

const Rule kRules[] = {
    {"join-branches",
     "The sum or difference of convolutions, normalisations and scalings of one value, and of the value itself, is one "
     "convolution where that takes no more multiplications.",
     Numerics::kReassociating, kSums, JoinBranches},
};

}  // namespace

RuleTable FoldBranchesRules() { return kRules; }

}  // namespace godwit
