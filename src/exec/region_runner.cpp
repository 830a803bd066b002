#include "exec/region_runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "ir/operands.h"

namespace godwit {

RegionId GraphFacts::HomeOf(ValueId id) const {
  const Value& v = graph.value(id);
  return v.def ? graph.node(v.def).parent : v.param_of;
}

GraphFacts::GraphFacts(const Graph& g) : graph(g), last_use(g.value_count(), -1) {
  // Where each region's owner stands in its own region, so that captures can be charged to an enclosing node.
  std::vector<int64_t> position(graph.node_count(), 0);
  for (uint32_t r = 0; r < graph.region_count(); ++r) {
    const Region& region = graph.region(RegionId{r});
    for (size_t i = 0; i < region.nodes.size(); ++i) position[region.nodes[i].index] = static_cast<int64_t>(i);
  }
  for (uint32_t r = 0; r < graph.region_count(); ++r) {
    const Region& region = graph.region(RegionId{r});
    const auto use = [&](ValueId id, int64_t at) {
      if (!id || graph.value(id).constant.valid()) return;
      const RegionId home = HomeOf(id);
      RegionId here{r};
      while (here != home && here != Graph::main()) {
        const NodeId owner = graph.region(here).owner;
        at = position[owner.index];
        here = graph.node(owner).parent;
      }
      last_use[id.index] = std::max(last_use[id.index], at);
    };
    for (size_t i = 0; i < region.nodes.size(); ++i) {
      for (ValueId id : graph.node(region.nodes[i]).in) use(id, static_cast<int64_t>(i));
    }
    for (ValueId id : region.results) use(id, kForever);
  }
}

std::vector<ValueId> GraphFacts::Captures(NodeId id) const {
  std::vector<RegionId> pending = graph.node(id).regions;
  std::vector<RegionId> inside;
  std::vector<ValueId> used;
  while (!pending.empty()) {
    const RegionId r = pending.back();
    pending.pop_back();
    inside.push_back(r);
    const Region& region = graph.region(r);
    for (NodeId n : region.nodes) {
      const Node& node = graph.node(n);
      used.insert(used.end(), node.in.begin(), node.in.end());
      pending.insert(pending.end(), node.regions.begin(), node.regions.end());
    }
    used.insert(used.end(), region.results.begin(), region.results.end());
  }
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  std::vector<ValueId> captures;
  for (ValueId v : used) {
    if (!v || graph.value(v).constant.valid()) continue;
    if (std::find(inside.begin(), inside.end(), HomeOf(v)) == inside.end()) captures.push_back(v);
  }
  return captures;
}

class RegionRunner::NodeCtx final : public EvalCtx {
 public:
  NodeCtx(RegionRunner& runner, NodeId id, const Attrs& node_attrs, std::vector<RtValue> in,
          std::vector<Tensor> targets)
      // Kernels make their first result whether or not the node names it.
      : EvalCtx(*runner.facts_.graph.node(id).op, node_attrs, std::move(in),
                std::max<size_t>(runner.facts_.graph.node(id).out.size(), 1)),
        runner_(runner),
        id_(id),
        targets_(std::move(targets)) {}
  Result<Tensor*> Make(size_t i, DType dtype, Dims dims) override {
    if (i < targets_.size() && targets_[i].dtype() == dtype && targets_[i].dims() == dims) {
      results()[i] = RtValue(targets_[i]);
      return &results()[i].tensor;
    }
    return EvalCtx::Make(i, dtype, std::move(dims));
  }
  Result<std::vector<RtValue>> RunRegion(size_t k, std::vector<RtValue> params) override {
    const RegionId region = runner_.facts_.graph.node(id_).regions[k];
    if (runner_.executor_ != nullptr) {
      TRY(auto results, runner_.executor_->Run(runner_, region, params));
      if (results) return *std::move(results);
    }
    return runner_.Run(region, std::move(params));
  }
  [[nodiscard]] uint64_t seed() const override {
    // Each node draws its own numbers, whatever else the graph holds before it.
    return runner_.options_.seed * 0x9E3779B97F4A7C15ULL + id_.index;
  }

 private:
  RegionRunner& runner_;
  NodeId id_;
  std::vector<Tensor> targets_;
};

RegionRunner::RegionRunner(const GraphFacts& facts, const RunOptions& options, Widening* widening)
    : facts_(facts),
      options_(options),
      widening_(widening),
      values_(facts.graph.value_count()),
      constants_(facts.graph.value_count()) {}

void RegionRunner::Reset() {
  for (RtValue& v : values_) v = RtValue();
  steps_ = 0;
}

Status RegionRunner::CountSteps(int64_t steps) {
  steps_ += steps;
  if (steps_ <= options_.max_steps) return Ok{};
  return Diag(diag::kLimitExceeded,
              fmt::format("the run took more than {} steps: an endless loop?", options_.max_steps));
}

Result<RtValue> RegionRunner::Get(ValueId id) {
  const Value& v = facts_.graph.value(id);
  if (!v.constant) return values_[id.index];
  RtValue& slot = constants_[id.index];
  if (slot.absent()) {
    TRY(Tensor t, facts_.graph.constant(v.constant).Load());
    TRY(Tensor wide, widening_->Map(std::move(t)));
    slot = RtValue(std::move(wide));
  }
  return slot;
}

Result<std::vector<RtValue>> RegionRunner::RunNode(NodeId id, std::vector<RtValue> in, std::vector<Tensor> targets) {
  const Node& node = facts_.graph.node(id);
  RETURN_IF_ERROR(CountSteps(1));
  if (node.op->eval == nullptr) return Diag(diag::kExecNoKernel, Concat(node.op->name, " has no kernel"));
  const bool stored = widening_->NeedsStoredBits(*node.op);
  if (stored) {
    TRY(in, widening_->Stored(facts_.graph, id, std::move(in)));
  }
  RETURN_IF_ERROR(CheckOperandValues(*node.op, in));
  NodeCtx ctx(*this, id, widening_->AttrsOf(facts_.graph, id), std::move(in), std::move(targets));
  for (size_t i = 0; i < ctx.wanted().size(); ++i) ctx.wanted()[i] = i < node.out.size() && node.out[i].valid();
  RETURN_IF_ERROR(node.op->eval(ctx));
  if (stored) {
    for (RtValue& result : ctx.results()) {
      TRY(result, widening_->Map(std::move(result)));
    }
  }
  return std::move(ctx.results());
}

Status RegionRunner::Step(NodeId id, int64_t position) {
  const Graph& graph = facts_.graph;
  const Node& node = graph.node(id);
  std::vector<RtValue> in;
  in.reserve(node.in.size());
  for (ValueId v : node.in) {
    if (!v) {
      in.emplace_back();
      continue;
    }
    TRY(RtValue value, Get(v));
    in.push_back(std::move(value));
  }
  TRY(std::vector<RtValue> out, RunNode(id, std::move(in)));
  for (size_t i = 0; i < node.out.size(); ++i) {
    const ValueId v = node.out[i];
    if (v && facts_.last_use[v.index] >= 0) values_[v.index] = std::move(out[i]);
  }
  for (ValueId v : node.in) {
    if (v && !graph.value(v).constant && facts_.last_use[v.index] == position && facts_.HomeOf(v) == node.parent) {
      values_[v.index] = RtValue();
    }
  }
  return Ok{};
}

Result<std::vector<RtValue>> RegionRunner::Run(RegionId id, std::vector<RtValue> params) {
  const Region& region = facts_.graph.region(id);
  for (size_t i = 0; i < region.params.size(); ++i) {
    values_[region.params[i].index] = i < params.size() ? std::move(params[i]) : RtValue();
  }
  for (size_t i = 0; i < region.nodes.size(); ++i) {
    Status status = Step(region.nodes[i], static_cast<int64_t>(i));
    if (status.ok()) continue;
    NameNode(facts_.graph, region.nodes[i], &status.diag());
    return status.TakeDiag();
  }
  std::vector<RtValue> results;
  for (ValueId v : region.results) {
    TRY(RtValue value, Get(v));
    results.push_back(std::move(value));
  }
  return results;
}

void NameNode(const Graph& graph, NodeId id, Diag* diag) {
  if (!diag->node.empty()) return;
  const Node& node = graph.node(id);
  const Origin& origin = graph.origin(node.origin);
  const std::string_view op = origin.op_type.empty() ? node.op->name : std::string_view(origin.op_type);
  diag->node = Concat("'", origin.node, "' (", op, ")");
  diag->op_type = op;
}

}  // namespace godwit
