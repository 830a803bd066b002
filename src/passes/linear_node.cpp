#include "passes/linear_node.h"

#include <algorithm>

#include "ir/convert.h"
#include "ops/ops.h"
#include "passes/lazy_weight.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

struct Layout {
  int o = 0, i = 1;
};
// "oihw", "hwio" and the like, hw standing for all spatial axes.
std::optional<Layout> ReadLayout(std::string_view text, int rank) {
  Layout out{-1, -1};
  int next = 0;
  for (char c : text) {
    if (c == 'o') {
      out.o = next++;
    } else if (c == 'i') {
      out.i = next++;
    } else if (c == 'h') {
      next += rank - 2;
    }
  }
  if (out.o < 0 || out.i < 0 || next != rank) return std::nullopt;
  return out;
}

bool Padded(const Attrs& attrs) {
  const auto& pads = attrs.Ints("pads");
  const std::string_view mode = attrs.Str("auto_pad", "none");
  return mode.substr(0, 4) == "same" || std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p != 0; });
}

bool ReadConvolution(const RewriteCtx& ctx, const Node& node, LinearNode* out) {
  const bool transposed = node.op == &ops::kConvTranspose;
  const int rank = ctx.Rank(out->w);
  const auto layout = ReadLayout(node.attrs.Str("weight_layout", transposed ? "iohw" : "oihw"), rank);
  const auto axis = AxisOf(node.attrs.Int("channel_axis", 1), rank);
  if (!layout || !axis || ctx.Rank(out->x) != rank) return false;
  out->w_out = layout->o;
  out->w_in = layout->i;
  out->group = node.attrs.Int("group", 1);
  const Shape& w = ctx.ShapeOf(out->w);
  out->outputs = w[static_cast<size_t>(layout->o)].value() * (transposed ? out->group : 1);
  out->inputs = w[static_cast<size_t>(layout->i)].value() * (transposed ? 1 : out->group);
  out->x_axis = out->y_axis = *axis;
  out->padded = Padded(node.attrs) || transposed;
  for (size_t k = 3; k < node.in.size(); ++k) {
    if (node.in[k]) return false;
  }
  return out->group > 0 && out->outputs % out->group == 0 && out->inputs % out->group == 0;
}

bool ReadProduct(const RewriteCtx& ctx, const Node& node, LinearNode* out) {
  const bool gemm = node.op == &ops::kGemm;
  if (ctx.Rank(out->w) != 2 || ctx.Rank(out->x) < 1) return false;
  const bool transposed = node.attrs.Flag("transpose_b");
  out->w_out = transposed ? 0 : 1;
  out->w_in = transposed ? 1 : 0;
  const Shape& w = ctx.ShapeOf(out->w);
  out->outputs = w[static_cast<size_t>(out->w_out)].value();
  out->inputs = w[static_cast<size_t>(out->w_in)].value();
  out->x_axis = ctx.Rank(out->x) - (node.attrs.Flag("transpose_a") ? 2 : 1);
  out->y_axis = ctx.Rank(out->y) - 1;
  if (!gemm) return node.in.size() <= 2 && out->x_axis >= 0;
  if (!out->bias) return true;
  // A bias of another shape than one number for each column is left alone.
  const Shape& c = ctx.ShapeOf(out->bias);
  if (!ctx.Ranked(out->bias) || c.empty() || c.back() != Dim(out->outputs)) return false;
  return c.size() == 1 || c[0] == Dim(1);
}

const Constant& ConstantOf(const RewriteCtx& ctx, ValueId v) {
  return ctx.graph().constant(ctx.graph().value(v).constant);
}

// The weight seen as [outer, first, middle, second, inner], first and second being the two axes of channels.
struct WeightWalk {
  int64_t outer = 1, first = 1, middle = 1, second = 1, inner = 1;
  bool out_first = true;

  WeightWalk(const Shape& shape, int w_out, int w_in) {
    const int a = std::min(w_out, w_in);
    const int b = std::max(w_out, w_in);
    for (int k = 0; k < static_cast<int>(shape.size()); ++k) {
      const int64_t n = shape[static_cast<size_t>(k)].value();
      (k < a ? outer : k == a ? first : k < b ? middle : k == b ? second : inner) *= n;
    }
    out_first = w_out < w_in;
  }
  // visit(index along w_out, index along w_in, first element, elements)
  template <class Fn>
  void Each(Fn visit) const {
    int64_t at = 0;
    for (int64_t p = 0; p < outer; ++p) {
      for (int64_t a = 0; a < first; ++a) {
        for (int64_t m = 0; m < middle; ++m) {
          for (int64_t b = 0; b < second; ++b, at += inner) visit(out_first ? a : b, out_first ? b : a, at, inner);
        }
      }
    }
  }
};

// Channel numbers of a weight's element, groups taken into account.
struct ChannelIndex {
  explicit ChannelIndex(const LinearNode& n)
      : transposed(n.op == &ops::kConvTranspose),
        grouped(n.group > 1),
        out_each(n.outputs / n.group),
        in_each(n.inputs / n.group) {}
  [[nodiscard]] int64_t Out(int64_t o, int64_t i) const {
    return transposed && grouped ? i / in_each * out_each + o : o;
  }
  [[nodiscard]] int64_t In(int64_t o, int64_t i) const {
    return !transposed && grouped ? o / out_each * in_each + i : i;
  }
  bool transposed, grouped;
  int64_t out_each, in_each;
};

Result<Constant> ScaledWeight(const RewriteCtx& ctx, const LinearNode& linear, std::vector<double> factors,
                              bool by_output) {
  const Constant& w = ConstantOf(ctx, linear.w);
  return LazyWeight(w.type, {w}, [linear, factors, by_output](const std::vector<Tensor>& in) -> Result<Tensor> {
    const Tensor& from = in[0];
    TRY(Tensor out, Tensor::Make(from.dtype(), from.dims()));
    const ChannelIndex index(linear);
    const size_t step = ByteSize(from.dtype());
    const float* singles = from.dtype() == DType::kF32 ? from.data<float>() : nullptr;
    float* scaled = singles != nullptr ? out.mutable_data<float>() : nullptr;
    WeightWalk(ToShape(from.dims()), linear.w_out, linear.w_in).Each([&](int64_t o, int64_t i, int64_t at, int64_t n) {
      const double factor = factors[static_cast<size_t>(by_output ? index.Out(o, i) : index.In(o, i))];
      if (singles != nullptr) {
        for (int64_t k = at; k < at + n; ++k) scaled[k] = static_cast<float>(singles[k] * factor);
        return;
      }
      for (auto k = static_cast<size_t>(at); k < static_cast<size_t>(at + n); ++k) {
        const double value = LoadF64(from.dtype(), from.raw() + k * step);
        StoreF64(from.dtype(), value * factor, out.mutable_raw() + k * step);
      }
    });
    return out;
  });
}

// bias + what the shifts of the input channels add to each output.
Result<Constant> ShiftedBias(const RewriteCtx& ctx, const LinearNode& linear, const std::vector<double>& shifts,
                             const std::vector<double>& bias, double alpha) {
  const Constant& w = ConstantOf(ctx, linear.w);
  const TensorType type(w.type.dtype, {Dim(linear.outputs)});
  return LazyWeight(type, {w}, [linear, shifts, bias, alpha](const std::vector<Tensor>& in) -> Result<Tensor> {
    const Tensor& from = in[0];
    std::vector<double> sums(static_cast<size_t>(linear.outputs));
    const ChannelIndex index(linear);
    const size_t step = ByteSize(from.dtype());
    const float* singles = from.dtype() == DType::kF32 ? from.data<float>() : nullptr;
    WeightWalk(ToShape(from.dims()), linear.w_out, linear.w_in).Each([&](int64_t o, int64_t i, int64_t at, int64_t n) {
      const double shift = shifts[static_cast<size_t>(index.In(o, i))];
      double& sum = sums[static_cast<size_t>(index.Out(o, i))];
      if (singles != nullptr) {
        for (int64_t k = at; k < at + n; ++k) sum += singles[k] * shift;
        return;
      }
      for (auto k = static_cast<size_t>(at); k < static_cast<size_t>(at + n); ++k) {
        sum += LoadF64(from.dtype(), from.raw() + k * step) * shift;
      }
    });
    for (size_t c = 0; c < sums.size(); ++c) sums[c] = alpha * sums[c] + (bias.empty() ? 0.0 : bias[c]);
    return NarrowWeight(in[0].dtype(), {linear.outputs}, sums);
  });
}

// The bias in the result's scale: absent ones are empty.
std::optional<std::vector<double>> BiasOf(RewriteCtx& ctx, const LinearNode& linear) {
  if (!linear.bias) return std::vector<double>();
  auto bias = LoadNumbers(ctx, linear.bias);
  if (!bias || static_cast<int64_t>(bias->size()) != linear.outputs) return std::nullopt;
  const double beta = linear.op == &ops::kGemm ? ctx.graph().node(linear.id).attrs.Float("beta", 1) : 1.0;
  for (double& b : *bias) b *= beta;
  return bias;
}

// Whether all that is done with a value is that a constant is added to it, which may as well be another one.
bool MeetsConstant(const RewriteCtx& ctx, ValueId y) {
  const Node* add = ctx.OnlyUser(y);
  return add != nullptr && add->op == &ops::kAdd && ctx.IsConstant(add->in[add->in[0] == y ? 1 : 0]);
}

std::optional<ValueId> Remake(RewriteCtx& ctx, const LinearNode& linear, ValueId x, ValueId w, ValueId bias) {
  const Node& node = ctx.graph().node(linear.id);
  std::vector<ValueId> in = {x, w};
  const bool apart = linear.op == &ops::kMatMul;  // has no place for a bias: it is added
  if (bias && !apart) in.push_back(bias);
  Attrs attrs = node.attrs;
  attrs.Erase("beta");
  const OriginId origin = node.origin;
  ctx.set_origin(origin);
  auto y = ctx.Emit(*node.op, std::move(in), std::move(attrs));
  if (y.ok() && bias && apart) y = ctx.Emit(ops::kAdd, {*y, bias});
  ctx.set_origin(ctx.node().origin);
  return y.ok() ? std::optional(*y) : std::nullopt;
}

}  // namespace

std::optional<LinearNode> AsLinear(const RewriteCtx& ctx, const Node& node) {
  const bool product = node.op == &ops::kGemm || node.op == &ops::kMatMul;
  if (!product && node.op != &ops::kConv && node.op != &ops::kConvTranspose) return std::nullopt;
  LinearNode out;
  if (node.out.empty() || !node.out[0]) return std::nullopt;
  out.op = node.op;
  out.y = node.out[0];
  out.id = ctx.graph().value(out.y).def;
  out.x = node.in[0];
  out.w = node.in[1];
  if (node.op != &ops::kMatMul && node.in.size() > 2) out.bias = node.in[2];
  if (!ctx.IsConstant(out.w) || ctx.IsConstant(out.x) || !IsFloat(ctx.DtypeOf(out.w))) return std::nullopt;
  if (ctx.DtypeOf(out.x) != ctx.DtypeOf(out.w) || ctx.TypeOf(out.w).tensor().quant) return std::nullopt;
  if (!ctx.Ranked(out.x) || !ctx.Ranked(out.y)) return std::nullopt;
  if (out.bias && (!ctx.IsConstant(out.bias) || ctx.DtypeOf(out.bias) != ctx.DtypeOf(out.w))) return std::nullopt;
  if (!(product ? ReadProduct(ctx, node, &out) : ReadConvolution(ctx, node, &out))) return std::nullopt;
  return out.inputs > 0 && out.outputs > 0 ? std::optional(out) : std::nullopt;
}

std::optional<ValueId> ScaleResult(RewriteCtx& ctx, const LinearNode& linear, const Channels& channels) {
  if (!channels.uniform() &&
      (channels.axis != linear.y_axis || static_cast<int64_t>(channels.size()) != linear.outputs)) {
    return std::nullopt;
  }
  if (linear.op == &ops::kMatMul && channels.Shifts()) return std::nullopt;
  auto bias = BiasOf(ctx, linear);
  if (!bias) return std::nullopt;
  const Channels all = channels.Spread(linear.outputs);
  const DType dtype = ctx.DtypeOf(linear.w);
  ValueId w = linear.w;
  if (channels.Scales()) {
    auto scaled = ScaledWeight(ctx, linear, all.scale, true);
    if (!scaled.ok()) return std::nullopt;
    w = ctx.Constant(*std::move(scaled));
  }
  ValueId new_bias;
  if (!bias->empty() || channels.Shifts()) {
    bias->resize(static_cast<size_t>(linear.outputs));
    for (size_t c = 0; c < bias->size(); ++c) (*bias)[c] = (*bias)[c] * all.scale[c] + all.shift[c];
    new_bias = VectorConstant(ctx, dtype, *bias);
  }
  return Remake(ctx, linear, linear.x, w, new_bias);
}

namespace {

// Whether x has been scaled for this node alone: once the shift is behind the product, the scale goes into its weight,
// which is one node less.
bool ScaledForOne(const RewriteCtx& ctx, const LinearNode& linear, ValueId x) {
  const Node* scale = ctx.Def(x, ops::kMul);
  return scale != nullptr && SplitConstant(ctx, *scale) && ctx.SingleUse(x) && ctx.SingleUse(ctx.node().out[0]) &&
         ctx.SingleUse(linear.x);
}

}  // namespace

std::optional<ValueId> ScaleOperand(RewriteCtx& ctx, const LinearNode& linear, const Channels& channels, ValueId x) {
  if (!channels.uniform() &&
      (channels.axis != linear.x_axis || static_cast<int64_t>(channels.size()) != linear.inputs)) {
    return std::nullopt;
  }
  const bool shifts = channels.Shifts();
  if (shifts && linear.padded) return std::nullopt;
  if (shifts && linear.op == &ops::kMatMul && !MeetsConstant(ctx, linear.y) && !ScaledForOne(ctx, linear, x)) {
    return std::nullopt;
  }
  auto bias = BiasOf(ctx, linear);
  if (!bias) return std::nullopt;
  const Channels all = channels.Spread(linear.inputs);
  ValueId w = linear.w;
  if (channels.Scales()) {
    auto scaled = ScaledWeight(ctx, linear, all.scale, false);
    if (!scaled.ok()) return std::nullopt;
    w = ctx.Constant(*std::move(scaled));
  }
  ValueId new_bias;
  if (shifts) {
    const Node& node = ctx.graph().node(linear.id);
    const double alpha = linear.op == &ops::kGemm ? node.attrs.Float("alpha", 1) : 1.0;
    auto shifted = ShiftedBias(ctx, linear, all.shift, *bias, alpha);
    if (!shifted.ok()) return std::nullopt;
    new_bias = ctx.Constant(*std::move(shifted));
  } else if (!bias->empty()) {
    new_bias = VectorConstant(ctx, ctx.DtypeOf(linear.w), *bias);
  }
  return Remake(ctx, linear, x, w, new_bias);
}

}  // namespace godwit
