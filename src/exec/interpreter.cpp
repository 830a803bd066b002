#include "exec/interpreter.h"

#include <fmt/format.h>

#include "base/text.h"
#include "ir/eval.h"

namespace godwit {

struct Interpreter::State {
  explicit State(const Graph& g) : graph(g), constants(g.value_count()), last_use(g.value_count(), -1) {}
  const Graph& graph;
  std::vector<RtValue> constants;  // by value, loaded on first use
  // Position in its own region's node list after which a value is dead. A use inside a nested region counts as a use
  // by the node of the defining region that holds it.
  std::vector<int64_t> last_use;
};

namespace {

constexpr int64_t kForever = INT64_MAX;

RegionId DefiningRegion(const Graph& graph, ValueId id) {
  const Value& v = graph.value(id);
  if (v.def) return graph.node(v.def).parent;
  return v.param_of;
}

void FindLastUses(const Graph& graph, std::vector<int64_t>* last_use) {
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
      const RegionId home = DefiningRegion(graph, id);
      RegionId here{r};
      while (here != home && here != Graph::main()) {
        const NodeId owner = graph.region(here).owner;
        at = position[owner.index];
        here = graph.node(owner).parent;
      }
      int64_t& last = (*last_use)[id.index];
      last = std::max(last, at);
    };
    for (size_t i = 0; i < region.nodes.size(); ++i) {
      for (ValueId id : graph.node(region.nodes[i]).in) use(id, static_cast<int64_t>(i));
    }
    for (ValueId id : region.results) use(id, kForever);
  }
}

}  // namespace

/// The values of one run. Nested regions share it: value ids are unique over the graph.
class Interpreter::Frame {
 public:
  Frame(State& state, const RunOptions& options)
      : state_(state), options_(options), values_(state.graph.value_count()) {}

  Result<std::vector<RtValue>> RunRegion(RegionId id, std::vector<RtValue> params);

 private:
  Status RunNode(NodeId id, int64_t position);
  Result<const RtValue*> Get(ValueId id);

  class NodeCtx;
  State& state_;
  const RunOptions& options_;
  std::vector<RtValue> values_;
  int64_t steps_ = 0;
};

class Interpreter::Frame::NodeCtx final : public EvalCtx {
 public:
  NodeCtx(Frame& frame, NodeId id, std::vector<RtValue> in)
      : EvalCtx(*frame.state_.graph.node(id).op, frame.state_.graph.node(id).attrs, std::move(in),
                frame.state_.graph.node(id).out.size()),
        frame_(frame),
        id_(id) {}
  Result<std::vector<RtValue>> RunRegion(size_t k, std::vector<RtValue> params) override {
    return frame_.RunRegion(frame_.state_.graph.node(id_).regions[k], std::move(params));
  }
  [[nodiscard]] uint64_t seed() const override {
    // Each node draws its own numbers, whatever else the graph holds before it.
    return frame_.options_.seed * 0x9E3779B97F4A7C15ULL + id_.index;
  }

 private:
  Frame& frame_;
  NodeId id_;
};

Result<const RtValue*> Interpreter::Frame::Get(ValueId id) {
  const Value& v = state_.graph.value(id);
  if (!v.constant) return &values_[id.index];
  RtValue& slot = state_.constants[id.index];
  if (slot.absent()) {
    TRY(Tensor t, state_.graph.constant(v.constant).Load());
    slot = RtValue(std::move(t));
  }
  return &slot;
}

Status Interpreter::Frame::RunNode(NodeId id, int64_t position) {
  const Graph& graph = state_.graph;
  const Node& node = graph.node(id);
  if (++steps_ > options_.max_steps) {
    return Diag(diag::kLimitExceeded,
                fmt::format("the run took more than {} steps: an endless loop?", options_.max_steps));
  }
  std::vector<RtValue> in;
  in.reserve(node.in.size());
  for (ValueId v : node.in) {
    if (!v) {
      in.emplace_back();
      continue;
    }
    TRY(const RtValue* value, Get(v));
    in.push_back(*value);
  }
  if (node.op->eval == nullptr) return Diag(diag::kExecNoKernel, Concat(node.op->name, " has no kernel"));
  NodeCtx ctx(*this, id, std::move(in));
  for (size_t i = 0; i < node.out.size(); ++i) ctx.wanted()[i] = node.out[i].valid();
  RETURN_IF_ERROR(node.op->eval(ctx));
  for (size_t i = 0; i < node.out.size(); ++i) {
    if (node.out[i] && state_.last_use[node.out[i].index] >= 0) {
      values_[node.out[i].index] = std::move(ctx.results()[i]);
    }
  }
  for (ValueId v : node.in) {
    if (v && !graph.value(v).constant && state_.last_use[v.index] == position &&
        DefiningRegion(graph, v) == node.parent) {
      values_[v.index] = RtValue();
    }
  }
  return Ok{};
}

Result<std::vector<RtValue>> Interpreter::Frame::RunRegion(RegionId id, std::vector<RtValue> params) {
  const Region& region = state_.graph.region(id);
  for (size_t i = 0; i < region.params.size(); ++i) {
    values_[region.params[i].index] = i < params.size() ? std::move(params[i]) : RtValue();
  }
  for (size_t i = 0; i < region.nodes.size(); ++i) {
    Status status = RunNode(region.nodes[i], static_cast<int64_t>(i));
    if (status.ok()) continue;
    Diag& diag = status.diag();
    if (diag.node.empty()) {
      const Node& node = state_.graph.node(region.nodes[i]);
      const Origin& origin = state_.graph.origin(node.origin);
      diag.node = Concat("'", origin.node, "' (", origin.op_type.empty() ? node.op->name : origin.op_type, ")");
      diag.op_type = origin.op_type;
    }
    return status.TakeDiag();
  }
  std::vector<RtValue> results;
  for (ValueId v : region.results) {
    TRY(const RtValue* value, Get(v));
    results.push_back(*value);
  }
  return results;
}

Interpreter::Interpreter(const Graph& graph) : state_(std::make_unique<State>(graph)) {
  FindLastUses(graph, &state_->last_use);
}
Interpreter::~Interpreter() = default;

Status CheckInput(const Graph& graph, size_t index, const RtValue& value,
                  std::vector<std::pair<std::string, int64_t>>* symbols) {
  const ValueId id = graph.region(Graph::main()).params[index];
  const Value& param = graph.value(id);
  const Type& type = param.type;
  if (value.absent()) {
    return Diag(diag::kExecInput, Concat("input '", param.name, "' is not given"))
        .Hint(Concat("--sample ", param.name, "=FILE.npy"));
  }
  if (!type.is_tensor() || !value.is_tensor()) return Ok{};
  const Tensor& t = value.tensor;
  const auto mismatch = [&](std::string_view why) {
    return Diag(diag::kExecInput, Concat("input '", param.name, "' is ", type.ToString(), ", but the value given is ",
                                         Name(t.dtype()), ToString(t.dims()), why));
  };
  if (type.dtype() != DType::kNone && t.dtype() != type.dtype()) return mismatch("");
  if (!type.ranked()) return Ok{};
  if (t.rank() != type.rank()) return mismatch("");
  for (int i = 0; i < t.rank(); ++i) {
    const Dim& d = type.shape()[static_cast<size_t>(i)];
    if (d.is_static() && d.value() != t.dim(i)) return mismatch("");
    if (auto name = d.symbol(); name && symbols != nullptr) {
      bool seen = false;
      for (const auto& [symbol, size] : *symbols) {
        if (symbol != *name) continue;
        seen = true;
        if (size != t.dim(i)) return mismatch(fmt::format("; dim '{}' was {} before", symbol, size));
      }
      if (!seen) symbols->emplace_back(*name, t.dim(i));
    }
  }
  return Ok{};
}

Result<std::vector<RtValue>> Interpreter::Run(std::vector<RtValue> inputs, const RunOptions& options) {
  const Graph& graph = state_->graph;
  const Region& main = graph.region(Graph::main());
  if (inputs.size() != main.params.size()) {
    return Diag(diag::kExecInput,
                fmt::format("the model has {} inputs, {} values were given", main.params.size(), inputs.size()));
  }
  std::vector<std::pair<std::string, int64_t>> symbols;
  for (size_t i = 0; i < inputs.size(); ++i) RETURN_IF_ERROR(CheckInput(graph, i, inputs[i], &symbols));
  Frame frame(*state_, options);
  return frame.RunRegion(Graph::main(), std::move(inputs));
}

}  // namespace godwit
