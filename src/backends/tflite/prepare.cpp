#include "backends/tflite/prepare.h"

#include <cmath>
#include <map>
#include <optional>

#include "backends/tflite/model_export.h"
#include "backends/tflite/stateful.h"
#include "backends/tflite/tidy.h"
#include "backends/tflite/widen_half.h"
#include "backends/tflite/widen_lines.h"
#include "ir/builder.h"
#include "ir/convert.h"
#include "ir/decompose.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/absorb_shuffles.h"
#include "passes/fusion_policy.h"
#include "passes/lazy_weight.h"
#include "passes/rule_tables.h"
#include "passes/simplify.h"
#include "passes/unroll.h"
#include "rewrite/editor.h"

namespace godwit::to_tflite {

namespace {

// Composites of composites, bounded all the same.
constexpr int kMaxRounds = 8;
/// Loops of more turns stay loops.
constexpr int64_t kMostTurns = 64;

// hard_sigmoid as TFLite's runtimes have it: clip(6 a x + 6 b, 0, 6) / 6, whose sum goes into what is before it.
Result<ValueId> HardSigmoidForm(Builder& build, const Node& node) {
  const DType dtype = build.TypeOf(node.in[0]).dtype();
  ValueId x = node.in[0];
  const double slope = 6 * node.attrs.Float("alpha", 0.2), shift = 6 * node.attrs.Float("beta", 0.5);
  if (RoundTo(DType::kF32, slope) != 1) {
    TRY(x, build.Emit(ops::kMul, {x, build.Scalar(dtype, slope)}));
  }
  TRY(x, build.Emit(ops::kAdd, {x, build.Scalar(dtype, shift)}));
  TRY(x, build.Emit(ops::kClip, {x, build.Scalar(dtype, 0), build.Scalar(dtype, 6)}));
  return build.Emit(ops::kMul, {x, build.Scalar(dtype, 1.0 / 6)});
}

// batch_norm with known statistics is one product and one sum, which goes before an activation.
Result<std::optional<ValueId>> BatchNormForm(Builder& build, const Node& node) {
  const Type x = build.TypeOf(node.in[0]);
  if (node.attrs.Flag("training") || !x.ranked() || x.rank() < 2) return std::optional<ValueId>();
  std::vector<std::vector<double>> p;
  for (size_t i = 1; i < 5; ++i) {
    const Tensor* known = build.inference().Const(node.in[i]);
    if (known == nullptr) return std::optional<ValueId>();
    p.push_back(ToF64(*known));
  }
  const double epsilon = node.attrs.Float("epsilon", 1e-5);
  std::vector<double> scale, shift;
  for (size_t c = 0; c < p[0].size(); ++c) {
    scale.push_back(p[0][c] / std::sqrt(p[3][c] + epsilon));
    shift.push_back(p[1][c] - p[2][c] * scale.back());
  }
  int64_t axis = node.attrs.Int("channel_axis", 1);
  if (axis < 0) axis += x.rank();
  Dims dims(static_cast<size_t>(x.rank() - axis), 1);
  dims[0] = static_cast<int64_t>(scale.size());
  TRY(Tensor factors, NarrowWeight(x.dtype(), dims, scale));
  TRY(Tensor terms, NarrowWeight(x.dtype(), dims, shift));
  TRY(const ValueId y, build.Emit(ops::kMul, {node.in[0], build.Constant(std::move(factors))}));
  TRY(const ValueId z, build.Emit(ops::kAdd, {y, build.Constant(std::move(terms))}));
  return std::optional(z);
}

// What runtimes have a better form for than the operator's own decomposition.
Result<std::vector<ValueId>> Said(Builder& build, NodeId id) {
  const Node node = build.graph().node(id);
  if (node.op == &ops::kHardSigmoid) {
    TRY(const ValueId y, HardSigmoidForm(build, node));
    return std::vector<ValueId>{y};
  }
  if (node.op == &ops::kBatchNorm) {
    TRY(const std::optional<ValueId> y, BatchNormForm(build, node));
    if (y) return std::vector<ValueId>{*y};
  }
  return Decompose(build, id);
}

// Puts what they are in simpler operators in the places of nodes. How many there were.
Result<int64_t> Decomposed(Graph* graph, const std::vector<NodeId>& nodes) {
  std::map<ValueId, ValueId> now;
  int64_t done = 0;
  {
    Editor facts(*graph);
    for (const NodeId id : nodes) {
      const RegionId parent = graph->node(id).parent;
      Builder build(*graph, facts.inference(), parent);
      build.set_origin(graph->node(id).origin);
      const auto made = Said(build, id);
      if (!made.ok()) continue;
      ++done;
      for (size_t i = 0; i < made->size(); ++i) {
        const ValueId old = graph->node(id).out[i];
        const ValueId made_value = (*made)[i];
        if (!old || !made_value) continue;
        now[old] = made_value;
        if (graph->value(made_value).def && graph->value(made_value).name.empty()) {
          graph->value(made_value).name = graph->value(old).name;
        }
      }
    }
  }
  if (now.empty()) return done;
  const auto current = [&](ValueId v) {
    // What a decomposition hands back may itself have been replaced.
    for (auto it = now.find(v); it != now.end(); it = now.find(v)) v = it->second;
    return v;
  };
  for (const RegionId region : RegionsWithin(*graph)) {
    for (const NodeId id : graph->region(region).nodes) {
      for (ValueId& v : graph->node(id).in) {
        if (v) v = current(v);
      }
    }
    for (ValueId& v : graph->region(region).results) {
      if (v) v = current(v);
    }
  }
  for (const RegionId region : RegionsWithin(*graph)) RETURN_IF_ERROR(TopologicalSort(graph, region));
  Editor editor(*graph, Editor::Types::kStated);
  editor.RemoveDead();
  RETURN_IF_ERROR(editor.Commit());
  return done;
}

bool IsLast(const Attrs& attrs, std::string_view name, int64_t fallback, int rank) {
  const int64_t axis = attrs.Int(name, fallback);
  return axis == -1 || axis == rank - 1;
}

int64_t BytesOf(const Type& type) {
  if (!type.is_tensor() || !type.tensor().is_static()) return 1;
  int64_t bytes = static_cast<int64_t>(ByteSize(type.dtype()));
  for (const Dim& d : type.shape()) bytes *= std::max<int64_t>(d.value(), 1);
  return bytes;
}

bool WindowsOver(const OpDef* op) {
  return op == &ops::kConv || op == &ops::kConvTranspose || op == &ops::kAvgPool || op == &ops::kMaxPool ||
         op == &ops::kLpPool || op == &ops::kDepthToSpace || op == &ops::kSpaceToDepth || op == &ops::kLrn;
}

// The axes of which a resize changes the extent.
std::vector<int64_t> ResizedAxes(const Shape& x, const Shape& y) {
  std::vector<int64_t> out;
  for (size_t k = 0; k < x.size() && k < y.size(); ++k) {
    if (!(x[k] == y[k])) out.push_back(static_cast<int64_t>(k));
  }
  return out;
}

Perm AxisToLast(int64_t axis, int64_t rank) {
  Perm perm;
  for (int64_t k = 0; k < rank; ++k) {
    if (k != axis) perm.push_back(k);
  }
  perm.push_back(axis);
  return perm;
}

class TfliteOrders final : public LayoutTarget {
 public:
  [[nodiscard]] std::optional<int64_t> Runs(const LayoutForm& form) const override {
    const OpDef* op = form.op();
    const Type x = form.Operand(0);
    if (!x.ranked()) return 0;
    const int rank = x.rank();
    if (WindowsOver(op)) {
      return IsLast(form.attrs, "channel_axis", 1, rank) ? std::optional<int64_t>(0) : std::nullopt;
    }
    if (op == &ops::kResize) {
      for (const int64_t axis : ResizedAxes(x.shape(), form.Result(0).shape())) {
        if (axis == 0 || axis == rank - 1) return std::nullopt;
      }
      return 0;
    }
    // The left side of a product is turned by the row, or by the kernel.
    if ((op == &ops::kMatMul || op == &ops::kGemm) && form.attrs.Flag("transpose_a")) return BytesOf(x);
    // The row puts the axis last and back.
    const bool last_only = op == &ops::kSoftmax || op == &ops::kTopK;
    if (last_only && !IsLast(form.attrs, "axis", -1, rank)) return 2 * BytesOf(x);
    return 0;
  }

  [[nodiscard]] std::vector<Perm> Wanted(const Graph& graph, NodeId id, size_t operand) const override {
    const Node& node = graph.node(id);
    if (operand != 0 || !node.in[0]) return {};
    const Type& x = graph.value(node.in[0]).type;
    if (!x.ranked() || x.rank() < 3) return {};
    const int64_t rank = x.rank();
    const auto last = [&](int64_t axis) { return std::vector<Perm>{AxisToLast(axis < 0 ? axis + rank : axis, rank)}; };
    if (WindowsOver(node.op)) return last(node.attrs.Int("channel_axis", 1));
    if (node.op == &ops::kSoftmax || node.op == &ops::kTopK) return last(node.attrs.Int("axis", -1));
    if (node.op == &ops::kResize) {
      const std::vector<int64_t> axes = ResizedAxes(x.shape(), graph.value(node.out[0]).type.shape());
      for (int64_t k = 1; k < rank; ++k) {
        if (std::find(axes.begin(), axes.end(), k) == axes.end()) return last(k);
      }
    }
    return {};
  }

  [[nodiscard]] Perm ImageOrder(int rank) const override { return rank < 3 ? Perm() : AxisToLast(1, rank); }
};

// What a decomposition gave is not put together again.
std::set<std::string> Decompositions() {
  return {"fuse-mish",
          "fuse-norm",
          "fuse-rms-norm",
          "fuse-group-norm",
          "fuse-whole-norm",
          "fuse-softsign",
          "fuse-sum-square",
          "fuse-l2",
          "fuse-log",
          "fuse-log-sum-exp",
          "fuse-softplus",
          "fuse-softplus-parts",
          "fuse-softplus-sigmoid",
          "fuse-pixel-shuffle",
          "fuse-lp-norm",
          "fuse-lp-norm-clamped",
          "fuse-hard-sigmoid",
          "fuse-hard-sigmoid-affine",
          "fuse-hard-swish-parts",
          "fuse-recurrent-steps"};
}

}  // namespace

const LayoutTarget& TfliteLayout() {
  static const TfliteOrders kOrders;
  return kOrders;
}

namespace {

// Puts what TFLite cannot say into simpler operators, and gives every value its order.
Status Arrange(Graph* graph, const PrepareOptions& options, const SimplifyOptions& rewriting, PrepareReport* report) {
  ExportOptions exporting;
  exporting.profile = options.profile;
  for (int round = 0; round < kMaxRounds; ++round) {
    DiagSink quiet;
    const std::vector<NodeId> nodes = ModelExport(*graph, exporting, &quiet).ToDecompose();
    if (nodes.empty()) break;
    TRY(const int64_t done, Decomposed(graph, nodes));
    report->decomposed += done;
    if (done == 0) break;
    if (options.rewrite) RETURN_IF_ERROR(Simplify(*graph, rewriting, nullptr));
  }
  if (options.rewrite) {
    TRY(const bool lines, WidenLines(graph));
    if (lines) RETURN_IF_ERROR(Simplify(*graph, rewriting, nullptr));
  }
  if (options.rewrite && options.rewriting.level >= 2) {
    TRY(report->shuffles, AbsorbShuffles(graph));
  }
  RETURN_IF_ERROR(Relayout(graph, TfliteLayout(), options.layout, &report->layout));
  if (!options.rewrite) return Ok{};
  RETURN_IF_ERROR(Tidy(graph, options.rewriting));
  report->layout.after = CountTransposes(*graph);
  return Ok{};
}

// Where orders have been chosen, more may go together: what a second conversion would find is looked for at once.
Status OnceMore(Graph* graph, PrepareOptions options, const SimplifyOptions& rewriting, PrepareReport* report) {
  SimplifyReport found;
  RETURN_IF_ERROR(Simplify(*graph, rewriting, &found));
  // Which constants are one is of no matter here.
  const auto merged = found.rewrites.find(kMergeConstantsPass.name);
  const bool other = found.total_rewrites > (merged == found.rewrites.end() ? 0 : merged->second);
  int64_t shuffles = 0;
  if (options.rewriting.level >= 2) {
    TRY(shuffles, AbsorbShuffles(graph));
  }
  if (!other && shuffles == 0) return Ok{};
  // Inputs and outputs are as they were asked for by now.
  options.layout.inputs = options.layout.outputs = {};
  options.layout.named.clear();
  PrepareReport again;
  RETURN_IF_ERROR(Arrange(graph, options, rewriting, &again));
  report->decomposed += again.decomposed;
  report->shuffles += shuffles + again.shuffles;
  report->layout.after = again.layout.after;
  report->layout.left = std::move(again.layout.left);
  report->layout.optimal = again.layout.optimal;
  return Ok{};
}

}  // namespace

Status Prepare(Graph* graph, const PrepareOptions& options, PrepareReport* report) {
  PrepareReport unread;
  if (report == nullptr) report = &unread;
  SimplifyOptions rewriting;
  rewriting.rewrite = options.rewriting;
  rewriting.rewrite.off.merge(FusionsToLeave({.tflite = true}));
  const StateTable states = StatesByInput(*graph);
  const auto one_operator = [&](NodeId id) { return IsSequenceLayer(*graph, states, id); };
  TRY(const int64_t unrolled, UnrollLoops(graph, kMostTurns, one_operator));
  if (unrolled > 0 && options.rewrite) RETURN_IF_ERROR(Simplify(*graph, rewriting, nullptr));
  rewriting.rewrite.off.merge(Decompositions());
  TRY(const bool widened, WidenHalf(graph));
  if (widened && options.rewrite) RETURN_IF_ERROR(Simplify(*graph, rewriting, nullptr));
  RETURN_IF_ERROR(Arrange(graph, options, rewriting, report));
  return options.rewrite ? OnceMore(graph, options, rewriting, report) : Ok{};
}

}  // namespace godwit::to_tflite
