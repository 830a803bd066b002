#include "passes/half_probe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "exec/session.h"
#include "ir/convert.h"
#include "ir/inference.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/half_apply.h"
#include "rewrite/recipe.h"

namespace godwit::half {

namespace {

using Values = std::vector<RtValue>;

Result<Values> RunOnce(const Graph& graph, const Values& inputs, int threads) {
  SessionOptions options;
  options.threads = threads;
  Session session(graph, options);
  return session.Run(inputs);
}

/// Values of the main region that nodes make in f32.
std::vector<ValueId> Made(const Graph& graph) {
  std::vector<ValueId> out;
  for (NodeId id : graph.region(Graph::main()).nodes) {
    for (ValueId v : graph.node(id).out) {
      if (IsF32(graph, v)) out.push_back(v);
    }
  }
  return out;
}

void GiveBackOnly(Graph* graph, std::vector<ValueId> results) {
  graph->output_names.assign(results.size(), "");
  for (size_t i = 0; i < results.size(); ++i) graph->output_names[i] = "probe." + std::to_string(i);
  graph->region(Graph::main()).results = std::move(results);
}

/// Appends nodes behind a value, in its own region.
class Appender {
 public:
  explicit Appender(Graph* graph) : graph_(*graph), inference_(*graph) {}

  Result<ValueId> Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs = {}) {
    const NodeId id = graph_.AddNode(region_, op, std::move(in), 1, std::move(attrs));
    RETURN_IF_ERROR(inference_.InferNode(id));
    return graph_.node(id).out[0];
  }
  ValueId Number(float value) { return graph_.AddConstant(Tensor::F32({}, {value})); }
  void set_region(RegionId region) { region_ = region; }

 private:
  Graph& graph_;
  Inference inference_;
  RegionId region_ = Graph::main();
};

/// The graph as it computes in f32 with the chosen nodes' operands and results rounded.
class Simulation {
 public:
  Simulation(const Graph& graph, const HalfOptions& options, const std::vector<double>& peaks, const Choice& choice)
      : graph_(graph.Clone()), options_(options), peaks_(peaks), choice_(choice), append_(&graph_) {}

  Result<Graph> Make() {
    const std::vector<NodeId> nodes = NodesWithin(graph_);
    ForEachUse(graph_, [&](const Use& use) { uses_[use.value.index].push_back(use); });
    std::vector<ValueId> to_round;
    for (NodeId id : nodes) {
      if (!choice_.Half(id)) continue;
      const size_t n_in = graph_.node(id).in.size();
      for (size_t i = 0; i < n_in; ++i) RETURN_IF_ERROR(RoundOperand(id, i));
      for (ValueId v : graph_.node(id).out) {
        if (IsF32(graph_, v)) to_round.push_back(v);
      }
    }
    for (ValueId v : to_round) RETURN_IF_ERROR(RoundResult(v));
    for (RegionId r : RegionsWithin(graph_)) RETURN_IF_ERROR(TopologicalSort(&graph_, r));
    return std::move(graph_);
  }

 private:
  // Splitting off the low bits by a product: exact rounding of finite numbers far from the ends of the range.
  Result<ValueId> Rounded(ValueId v) {
    const ValueId factor = append_.Number(options_.dtype == DType::kF16 ? 8193.0F : 65537.0F);
    TRY(const ValueId scaled, append_.Emit(ops::kMul, {v, factor}));
    TRY(const ValueId rest, append_.Emit(ops::kSub, {scaled, v}));
    return append_.Emit(ops::kSub, {scaled, rest});
  }
  [[nodiscard]] bool Tame(ValueId v) const {
    if (v.index >= peaks_.size() || peaks_[v.index] < 0) return false;
    return std::isfinite(peaks_[v.index]) && peaks_[v.index] < 1e30;
  }

  Status RoundOperand(NodeId id, size_t i) {
    const ValueId v = graph_.node(id).in[i];
    if (!Converts(graph_, graph_.node(id), i)) return Ok{};
    if (const auto it = rounded_.find(v.index); it != rounded_.end()) {
      graph_.node(id).in[i] = it->second;
      return Ok{};
    }
    const Value& value = graph_.value(v);
    ValueId now;
    if (graph_.IsConstant(v)) {
      const Constant constant = graph_.constant(value.constant);
      TRY(const Constant half, RoundedConstant(constant, options_.dtype, true));
      TRY(Constant back, Computed(ops::kCast, {{"to", DType::kF32}}, {&half}, constant.type));
      now = graph_.AddConstant(std::move(back));
    } else if (Tame(v) && (!value.def || !choice_.Half(value.def))) {
      append_.set_region(value.def ? graph_.node(value.def).parent : value.param_of);
      TRY(now, Rounded(v));
    } else {
      return Ok{};
    }
    rounded_.emplace(v.index, now);
    graph_.node(id).in[i] = now;
    return Ok{};
  }

  Status RoundResult(ValueId v) {
    if (!Tame(v)) return Ok{};
    append_.set_region(graph_.node(graph_.value(v).def).parent);
    TRY(const ValueId now, Rounded(v));
    for (const Use& use : uses_[v.index]) {
      if (use.node) {
        graph_.node(use.node).in[use.index] = now;
      } else {
        graph_.region(use.region).results[use.index] = now;
      }
    }
    return Ok{};
  }

  Graph graph_;
  const HalfOptions& options_;
  const std::vector<double>& peaks_;
  const Choice& choice_;
  Appender append_;
  std::unordered_map<uint32_t, std::vector<Use>> uses_;
  std::unordered_map<uint32_t, ValueId> rounded_;
};

/// Largest difference in units of the peak of `a`; NaN where only one has it counts as 1.
double Departure(const RtValue& a, const RtValue& b) {
  if (!a.is_tensor() || !b.is_tensor() || a.tensor.dtype() != DType::kF32 || b.tensor.dtype() != DType::kF32 ||
      a.tensor.dims() != b.tensor.dims()) {
    return 0;
  }
  double peak = 0, worst = 0;
  for (int64_t i = 0; i < a.tensor.size(); ++i) {
    const double x = a.tensor.data<float>()[i];
    const double y = b.tensor.data<float>()[i];
    if (std::isfinite(x)) peak = std::max(peak, std::fabs(x));
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    worst = std::max(worst, std::isfinite(x - y) ? std::fabs(x - y) : std::numeric_limits<double>::infinity());
  }
  return worst == 0 ? 0 : std::min(1.0, worst / std::max(peak, 1e-30));
}

double Worst(const Values& a, const Values& b) {
  double worst = 0;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) worst = std::max(worst, Departure(a[i], b[i]));
  return worst;
}

// Nodes in the order in which they stay, and how many of them have to.
struct Plan {
  std::vector<NodeId> order;
  size_t count = 0;
  double error = 1;
};

class Ranking {
 public:
  Ranking(const Graph& graph, const HalfOptions& options, const std::vector<double>& peaks, Choice* choice)
      : graph_(graph), options_(options), peaks_(peaks), choice_(*choice), limit_(options.bound / 2) {}

  Result<double> Run() {
    for (const Values& sample : options_.samples) {
      TRY(Values out, RunOnce(graph_, sample, options_.threads));
      expected_.push_back(std::move(out));
    }
    TRY(const double whole, Error(choice_));
    if (whole <= Limit()) return whole;
    limit_ /= 2;  // some stay anyway: with room
    // All from some place on, or up to some place, make the fewest casts; those that add most of the error may make a
    // much shorter list.
    const std::vector<NodeId> from_end = Within();
    TRY(Plan best, Shortest(from_end));
    TRY(Plan first, Shortest({from_end.rbegin(), from_end.rend()}));
    if (first.count < best.count) best = std::move(first);
    TRY(std::vector<NodeId> worst, ByGrowth());
    TRY(Plan scattered, Shortest(std::move(worst)));
    if (scattered.count * 2 < best.count) best = std::move(scattered);
    choice_ = Kept(best, best.count);
    return best.error;
  }

 private:
  [[nodiscard]] double Limit() const { return limit_; }

  /// Nodes in half, from the last to the first, those of inner regions last.
  [[nodiscard]] std::vector<NodeId> Within() const {
    std::vector<NodeId> out, inner;
    for (NodeId id : NodesWithin(graph_)) {
      if (choice_.Half(id)) (graph_.node(id).parent == Graph::main() ? out : inner).push_back(id);
    }
    std::reverse(out.begin(), out.end());
    out.insert(out.end(), inner.begin(), inner.end());
    return out;
  }

  [[nodiscard]] Choice Kept(const Plan& plan, size_t count) const {
    Choice out = choice_;
    for (size_t i = 0; i < count; ++i) out.Keep(plan.order[i], "it loses too many digits");
    return out;
  }

  Result<Graph> Simulated(const Choice& choice) { return Simulation(graph_, options_, peaks_, choice).Make(); }

  Result<double> Error(const Choice& choice) {
    TRY(const Graph simulated, Simulated(choice));
    double worst = 0;
    for (size_t i = 0; i < expected_.size(); ++i) {
      TRY(const Values out, RunOnce(simulated, options_.samples[i], options_.threads));
      worst = std::max(worst, Worst(expected_[i], out));
      if (worst > Limit()) break;
    }
    return worst;
  }

  // The least number of nodes, to within a few, that brings the error down to the limit; at most all of them.
  Result<Plan> Shortest(std::vector<NodeId> order) {
    Plan plan;
    plan.order = std::move(order);
    const size_t all = plan.order.size();
    const size_t step = std::max<size_t>(1, all / 32);
    size_t low = 0;
    for (size_t count = step;; count = std::min(all, count * 2)) {
      TRY(plan.error, Error(Kept(plan, count)));
      plan.count = count;
      if (plan.error <= Limit() || count == all) break;
      low = count;
    }
    while (plan.count - low > step) {
      const size_t middle = low + (plan.count - low) / 2;
      TRY(const double error, Error(Kept(plan, middle)));
      if (error <= Limit()) {
        plan.count = middle;
        plan.error = error;
      } else {
        low = middle;
      }
    }
    return plan;
  }

  // By how much larger the error of a node's results is than that of its operands.
  Result<std::vector<NodeId>> ByGrowth() {
    const std::vector<ValueId> made = Made(graph_);
    Graph plain = graph_.Clone();
    GiveBackOnly(&plain, made);
    TRY(Graph simulated, Simulated(choice_));
    GiveBackOnly(&simulated, made);
    TRY(const Values a, RunOnce(plain, options_.samples[0], options_.threads));
    TRY(const Values b, RunOnce(simulated, options_.samples[0], options_.threads));
    std::vector<double> errors(graph_.value_count());
    for (size_t i = 0; i < made.size(); ++i) errors[made[i].index] = Departure(a[i], b[i]);
    std::vector<std::pair<double, NodeId>> growth;
    for (NodeId id : Within()) {
      const Node& node = graph_.node(id);
      double before = 0, after = 0;
      for (ValueId v : node.in) before = std::max(before, v ? errors[v.index] : 0);
      for (ValueId v : node.out) after = std::max(after, v ? errors[v.index] : 0);
      growth.emplace_back(before - after, id);
    }
    std::stable_sort(growth.begin(), growth.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
    std::vector<NodeId> out;
    for (const auto& [less, id] : growth) out.push_back(id);
    return out;
  }

  const Graph& graph_;
  const HalfOptions& options_;
  const std::vector<double>& peaks_;
  Choice& choice_;
  double limit_;  // below the bound: other inputs may lose more than the samples do
  std::vector<Values> expected_;
};

}  // namespace

Result<std::vector<double>> Peaks(const Graph& graph, const HalfOptions& options) {
  std::vector<double> peaks(graph.value_count(), -1);
  if (options.samples.empty()) return peaks;
  std::vector<ValueId> seen = Made(graph);
  for (ValueId v : graph.region(Graph::main()).params) {
    if (IsF32(graph, v)) seen.push_back(v);
  }
  Graph probe = graph.Clone();
  Appender append(&probe);
  std::vector<ValueId> largest;
  for (ValueId v : seen) {
    TRY(const ValueId magnitude, append.Emit(ops::kAbs, {v}));
    TRY(const ValueId top, append.Emit(ops::kReduce, {magnitude}, {{"mode", "max"}, {"keep_dims", int64_t{0}}}));
    largest.push_back(top);
  }
  GiveBackOnly(&probe, largest);
  for (const Values& sample : options.samples) {
    TRY(const Values out, RunOnce(probe, sample, options.threads));
    for (size_t i = 0; i < seen.size(); ++i) {
      if (!out[i].is_tensor() || out[i].tensor.size() != 1) continue;
      const double top = *out[i].tensor.data<float>();
      double& peak = peaks[seen[i].index];
      peak = std::isnan(top) ? std::numeric_limits<double>::infinity() : std::max(peak, top);
    }
  }
  return peaks;
}

void KeepWide(const Graph& graph, const HalfOptions& options, const std::vector<double>& peaks, Choice* choice,
              HalfReport* report) {
  // Other inputs may reach further than the samples did.
  const double limit = Largest(options.dtype) / 2;
  for (NodeId id : NodesWithin(graph)) {
    const Node& node = graph.node(id);
    const auto wide = [&](ValueId v) {
      return v && v.index < peaks.size() && peaks[v.index] > limit && std::isfinite(peaks[v.index]);
    };
    for (ValueId v : node.out) {
      if (!wide(v)) continue;
      if (choice->Half(id)) {
        const Value& value = graph.value(v);
        report->overflows.push_back(
            {value.name.empty() ? graph.origin(node.origin).node : value.name, peaks[v.index], false});
      }
      choice->Keep(id, "its results leave the range");
    }
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (wide(node.in[i]) && !graph.IsConstant(node.in[i])) choice->Keep(id, "its operands leave the range");
    }
  }
}

Result<double> KeepSensitive(const Graph& graph, const HalfOptions& options, const std::vector<double>& peaks,
                             Choice* choice) {
  return Ranking(graph, options, peaks, choice).Run();
}

}  // namespace godwit::half
