// Reductions of whole axes and of windows, by what a subgraph says, and StableHLO's convolution of any layout.
#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"
#include "frontends/tflite/fold_import.h"
#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/movement_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;
using Ints = std::vector<int64_t>;

ValueId WithInitial(OpImport& n, Fold fold, ValueId y, ValueId initial) {
  return IsNeutral(n, fold, initial) ? y : Folded(n, fold, y, n.Reshape(initial, {}));
}

void ImportReduce(OpImport& n) {
  if (n.n_in() != 2) {
    n.Unsupported("several operands that are reduced together");
    return;
  }
  const ValueId x = n.In(0);
  const Ints axes = n.Ints("dimensions");
  const int rank = n.Rank(x);
  if (!n.ok() || !AreAxes(n, "dimensions", axes, static_cast<size_t>(rank))) return;
  const Fold fold = FoldOf(n.importer().model(), n.Int("body_subgraph_index"));
  n.Out(0, WithInitial(n, fold, FoldedAxes(n, fold, x, axes), n.In(1)));
}

// One axis of a window that moves over elements with gaps between them and others around them.
struct WindowAxis {
  int64_t length = 1;  ///< of the operand
  int64_t size = 1, stride = 1, gap = 1, step = 1, before = 0, after = 0;

  [[nodiscard]] bool Moves() const { return size != 1 || stride != 1 || gap != 1 || before != 0 || after != 0; }
  [[nodiscard]] int64_t Padded() const { return (length == 0 ? 0 : (length - 1) * gap + 1) + before + after; }
  [[nodiscard]] int64_t Span() const { return (size - 1) * step + 1; }
  [[nodiscard]] int64_t Places() const { return Padded() < Span() ? 0 : (Padded() - Span()) / stride + 1; }
  /// The element of the operand at a position of the padded axis; -1: none.
  [[nodiscard]] int64_t At(int64_t position) const {
    const int64_t p = position - before;
    return p < 0 || p % gap != 0 || p / gap >= length ? -1 : p / gap;
  }
};

// All figures small enough for products of two to be numbers.
bool AreSmall(OpImport& n, const std::vector<WindowAxis>& axes) {
  for (const WindowAxis& a : axes) {
    for (const int64_t v : {a.size, a.stride, a.gap, a.step}) {
      if (v >= 1 && v <= INT32_MAX / 2) continue;
      n.Unsupported(fmt::format("a window with a figure of {}", v));
      return false;
    }
    for (const int64_t v : {a.length, a.before, a.after}) {
      if (v >= INT32_MIN / 2 && v <= INT32_MAX / 2) continue;
      n.Unsupported(fmt::format("an axis with a figure of {}", v));
      return false;
    }
  }
  return n.ok();
}

// As a pooling, where one axis but the first is that of channels and the initial value adds nothing.
ValueId Pooled(OpImport& n, Fold fold, ValueId x, ValueId initial, const std::vector<WindowAxis>& axes) {
  const size_t rank = axes.size();
  const DType dtype = n.DtypeOf(x);
  const bool fits =
      fold == Fold::kAdd || fold == Fold::kMin ? IsFloat(dtype) : fold == Fold::kMax && dtype != DType::kBool;
  if (!n.ok() || !fits || rank < 3 || axes[0].Moves() || !IsNeutral(n, fold, initial)) return {};
  size_t channel = rank - 1;
  if (axes[channel].Moves()) channel = 1;
  if (axes[channel].Moves()) return {};
  Ints kernel, strides, dilations, pads, after;
  int64_t elements = 1;
  for (size_t k = 1; k < rank; ++k) {
    if (k == channel) continue;
    const WindowAxis& a = axes[k];
    if (a.gap != 1 || a.before < 0 || a.after < 0 || std::max(a.before, a.after) >= a.size || a.Places() < 1) return {};
    kernel.push_back(a.size);
    strides.push_back(a.stride);
    dilations.push_back(a.step);
    pads.push_back(a.before);
    after.push_back(a.after);
    if (elements > (int64_t{1} << 24) / a.size) return {};
    elements *= a.size;
  }
  pads.insert(pads.end(), after.begin(), after.end());
  Attrs attrs{{"kernel", kernel}, {"strides", strides}, {"dilations", dilations}, {"pads", pads}};
  if (channel != 1) attrs.Set("channel_axis", static_cast<int64_t>(channel));
  if (fold == Fold::kMax) return n.Emit(ops::kMaxPool, {x}, std::move(attrs));
  if (fold == Fold::kMin) return n.Emit(ops::kNeg, {n.Emit(ops::kMaxPool, {n.Emit(ops::kNeg, {x})}, std::move(attrs))});
  attrs.Set("count_pads", int64_t{1});
  return n.Mul(n.Emit(ops::kAvgPool, {x}, std::move(attrs)), n.Number(x, static_cast<double>(elements)));
}

// Each axis becomes two, places and elements of the window there; the initial value stands behind the axis for what is
// no element.
ValueId Gathered(OpImport& n, Fold fold, ValueId x, ValueId initial, const std::vector<WindowAxis>& axes) {
  constexpr int64_t kMost = int64_t{1} << 20;
  Ints windows;
  int64_t at = 0;
  for (const WindowAxis& a : axes) {
    const int64_t axis = at++;
    if (!a.Moves()) continue;
    const int64_t places = std::max<int64_t>(a.Places(), 0);
    if (places > 0 && a.size > kMost / places) return n.Unsupported("windows of too many elements");
    Ints indices;
    bool outside = false;
    for (int64_t p = 0; p < places; ++p) {
      for (int64_t k = 0; k < a.size; ++k) {
        const int64_t from = a.At(p * a.stride + k * a.step);
        outside = outside || from < 0;
        indices.push_back(from < 0 ? a.length : from);
      }
    }
    if (outside) {
      const int rank = n.Rank(x);
      if (!n.ok()) return {};
      Ints pads(2 * static_cast<size_t>(rank), 0);
      pads[static_cast<size_t>(rank + axis)] = 1;
      x = n.Emit(ops::kPad, {x, n.I64s(pads), n.Reshape(initial, {})});
    }
    const ValueId places_of = n.builder().Constant(Tensor::I64({places, a.size}, indices));
    x = n.Emit(ops::kGather, {x, places_of}, {{"axis", axis}});
    windows.push_back(at++);
  }
  return WithInitial(n, fold, windows.empty() ? x : FoldedAxes(n, fold, x, windows), initial);
}

void EmitWindows(OpImport& n, Fold fold, const std::vector<WindowAxis>& axes) {
  const ValueId x = n.In(0), initial = n.In(1);
  if (!n.ok() || !AreSmall(n, axes)) return;
  const ValueId pooled = Pooled(n, fold, x, initial, axes);
  n.Out(0, pooled ? pooled : Gathered(n, fold, x, initial, axes));
}

// What the option states for each axis, or `otherwise` where it states nothing.
bool Spread(OpImport& n, std::string_view field, const Ints& stated, size_t count, int64_t otherwise, Ints* out) {
  *out = stated.empty() ? Ints(count, otherwise) : stated;
  if (out->size() == count) return n.ok();
  n.BadOption(field, fmt::format("{} numbers where {} belong", stated.size(), count));
  return false;
}

bool Spread(OpImport& n, std::string_view field, size_t count, int64_t otherwise, Ints* out) {
  return Spread(n, field, n.Ints(field), count, otherwise, out);
}

void ImportReduceWindow(OpImport& n) {
  if (n.n_in() != 2) {
    n.Unsupported("several operands that are reduced together");
    return;
  }
  const Ints dims = n.Dims(n.In(0));
  Ints size, stride, gap, step, pads;
  if (!n.ok() || !Spread(n, "window_dimensions", dims.size(), 1, &size) ||
      !Spread(n, "window_strides", dims.size(), 1, &stride) || !Spread(n, "base_dilations", dims.size(), 1, &gap) ||
      !Spread(n, "window_dilations", dims.size(), 1, &step) || !Spread(n, "padding", 2 * dims.size(), 0, &pads))
    return;
  std::vector<WindowAxis> axes;
  for (size_t k = 0; k < dims.size(); ++k)
    axes.push_back({dims[k], size[k], stride[k], gap[k], step[k], pads[2 * k], pads[2 * k + 1]});
  EmitWindows(n, FoldOf(n.importer().model(), n.Int("body_subgraph_index")), axes);
}

// The older form: what a window is, is said by operands.
void ImportPlainReduceWindow(OpImport& n) {
  using Function = tflite::ReduceWindowFunction;
  Fold fold = Fold::kUnknown;
  switch (n.options().Enum<Function>("reduce_function")) {
    case Function::kAdd: fold = Fold::kAdd; break;
    case Function::kMul: fold = Fold::kMul; break;
    case Function::kMinimum: fold = Fold::kMin; break;
    case Function::kMaximum: fold = Fold::kMax; break;
    case Function::kAll: fold = Fold::kAnd; break;
    case Function::kAny: fold = Fold::kOr; break;
    case Function::kUnsupported: break;
  }
  const Ints dims = n.Dims(n.In(0));
  Ints size, stride, step;
  if (!n.ok() || !Spread(n, "window", n.ConstInts(2), dims.size(), 1, &size) ||
      !Spread(n, "strides", n.ConstInts(3), dims.size(), 1, &stride) ||
      !Spread(n, "dilations", n.ConstInts(4), dims.size(), 1, &step))
    return;
  std::vector<WindowAxis> axes;
  for (size_t k = 0; k < dims.size(); ++k) axes.push_back({dims[k], size[k], stride[k], 1, step[k], 0, 0});
  EmitWindows(n, fold, axes);
}

// The axes that an option and a list of spatial axes name, in the order first, second, spatial.
bool Layout(OpImport& n, std::string_view first, std::string_view second, std::string_view spatial, size_t rank,
            Ints* order) {
  *order = {n.Int(first), n.Int(second)};
  const Ints rest = n.Ints(spatial);
  order->insert(order->end(), rest.begin(), rest.end());
  if (order->size() == rank) return AreAxes(n, spatial, *order, rank);
  n.BadOption(spatial, fmt::format("{} axes for rank {}", rest.size(), rank));
  return false;
}

// [groups x batch, channels, ...] -> [batch, groups x channels, ...]: a group of images becomes one of channels.
ValueId BatchGroupsToChannels(OpImport& n, ValueId x, int64_t groups) {
  Ints dims = n.Dims(x);
  if (!n.ok()) return {};
  const auto channels = CheckedMul(groups, dims[1]);
  if (dims[0] % groups != 0 || !channels) {
    return n.BadOption("batch_group_count", fmt::format("{} for a batch of {}", groups, dims[0]));
  }
  Ints apart{groups, dims[0] / groups}, perm{1, 0};
  for (size_t k = 1; k < dims.size(); ++k) {
    apart.push_back(dims[k]);
    perm.push_back(static_cast<int64_t>(k) + 1);
  }
  dims[0] /= groups;
  dims[1] = *channels;
  return n.Reshape(n.Transpose(n.Reshape(x, apart), perm), dims);
}

void ImportConvolution(OpImport& n) {
  ValueId x = n.In(0), w = n.In(1);
  const int known = n.Rank(x);
  if (!n.ok()) return;
  const auto rank = static_cast<size_t>(known);
  if (rank < 3 || n.Rank(w) != known) {
    n.Unsupported("of operands without a spatial axis");
    return;
  }
  Ints of_x, of_w, of_y;
  if (!Layout(n, "input_batch_dimension", "input_feature_dimension", "input_spatial_dimensions", rank, &of_x) ||
      !Layout(n, "kernel_output_feature_dimension", "kernel_input_feature_dimension", "kernel_spatial_dimensions", rank,
              &of_w) ||
      !Layout(n, "output_batch_dimension", "output_feature_dimension", "output_spatial_dimensions", rank, &of_y))
    return;
  const size_t spatial = rank - 2;
  Ints strides, edges, gaps, steps, reversed;
  if (!Spread(n, "window_strides", spatial, 1, &strides) || !Spread(n, "padding", 2 * spatial, 0, &edges) ||
      !Spread(n, "lhs_dilation", spatial, 1, &gaps) || !Spread(n, "rhs_dilation", spatial, 1, &steps) ||
      !Spread(n, "window_reversal", spatial, 0, &reversed))
    return;
  x = n.Transpose(x, of_x);
  w = n.Transpose(w, of_w);
  Ints distances{1, 1};
  distances.insert(distances.end(), gaps.begin(), gaps.end());
  if (std::any_of(gaps.begin(), gaps.end(), [](int64_t g) { return g != 1; }))
    x = Dilated(n, x, distances, n.Number(x, 0));
  Ints pads(2 * rank, 0), inner;
  for (size_t k = 0; k < spatial; ++k) {
    pads[2 + k] = edges[2 * k];
    pads[rank + 2 + k] = edges[2 * k + 1];
    if (reversed[k] != 0) w = n.Slice(w, static_cast<int64_t>(k) + 2, -1, INT64_MIN, -1);
  }
  if (std::any_of(edges.begin(), edges.end(), [](int64_t e) { return e < 0; })) {
    x = n.Emit(ops::kPad, {x, n.I64s(pads)});
    inner.assign(2 * spatial, 0);
  } else {
    inner.assign(pads.begin() + 2, pads.begin() + static_cast<std::ptrdiff_t>(rank));
    inner.insert(inner.end(), pads.begin() + static_cast<std::ptrdiff_t>(rank) + 2, pads.end());
  }
  int64_t group = std::max<int64_t>(n.Int("feature_group_count"), 1);
  const int64_t batches = std::max<int64_t>(n.Int("batch_group_count"), 1);
  if (batches > 1 && group > 1) {
    n.Unsupported("groups of images and of channels at once");
    return;
  }
  if (batches > 1) {
    x = BatchGroupsToChannels(n, x, batches);
    group = batches;
  }
  const ValueId y =
      n.Emit(ops::kConv, {x, w}, {{"strides", strides}, {"dilations", steps}, {"pads", inner}, {"group", group}});
  Ints back(rank);
  for (size_t k = 0; k < rank; ++k) back[static_cast<size_t>(of_y[k])] = static_cast<int64_t>(k);
  n.Out(0, n.Transpose(y, back));
}

constexpr Rule kRules[] = {
    {B::kReduceWindow, Numbers::kReal, ImportPlainReduceWindow},
    {B::kStablehloConvolution, Numbers::kReal, ImportConvolution},
    {B::kStablehloReduce, Numbers::kReal, ImportReduce},
    {B::kStablehloReduceWindow, Numbers::kReal, ImportReduceWindow},
};

}  // namespace

extern const RuleSet kStablehloWindowRules{kRules};

}  // namespace godwit::from_tflite
