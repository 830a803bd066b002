#include "verify/model_runner.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ir/walk.h"

namespace godwit {

namespace {

constexpr size_t kForever = SIZE_MAX;

uint64_t BytesOf(const Graph& graph, ValueId value) {
  return graph.IsConstant(value) ? graph.constant(graph.value(value).constant).stored_bytes() : 0;
}

// What a node needs from outside, constants included: operands, and what its regions capture.
std::vector<ValueId> NeedsOf(const Graph& graph, NodeId id) {
  std::vector<ValueId> out;
  for (const ValueId v : graph.node(id).in) {
    if (v) out.push_back(v);
  }
  if (!graph.node(id).regions.empty()) {
    for (const ValueId v : Captures(graph, id)) out.push_back(v);
  }
  return out;
}

// A graph whose main region is one stretch of the model's nodes after the other.
class Segments {
 public:
  Segments(const Graph& graph, uint64_t bytes) : graph_(graph.Clone()), bytes_(bytes) {
    Region& main = graph_.region(Graph::main());
    nodes_ = main.nodes;
    results_ = main.results;
    last_need_.assign(graph_.value_count(), 0);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      for (const ValueId v : NeedsOf(graph_, nodes_[i])) last_need_[v.index] = i;
    }
    for (const ValueId v : results_) last_need_[v.index] = kForever;
  }

  void Give(ValueId value, RtValue v) { values_[value.index] = std::move(v); }
  [[nodiscard]] std::vector<ValueId> params() const { return graph_.region(Graph::main()).params; }
  [[nodiscard]] bool done() const { return next_ == nodes_.size(); }

  /// Runs the next stretch and keeps what later ones need of it.
  Status Run(const SessionOptions& options) {
    Region& main = graph_.region(Graph::main());
    main.nodes.clear();
    main.params.clear();
    main.results.clear();
    std::unordered_set<uint32_t> made;
    std::vector<RtValue> inputs;
    uint64_t weights = 0;
    while (next_ < nodes_.size() && (main.nodes.empty() || weights + WeightsOf(nodes_[next_]) <= bytes_)) {
      const NodeId id = nodes_[next_++];
      weights += WeightsOf(id);
      main.nodes.push_back(id);
      for (const ValueId v : NeedsOf(graph_, id)) {
        if (graph_.IsConstant(v) || made.contains(v.index)) continue;
        made.insert(v.index);
        BecomeParam(v);
        inputs.push_back(values_[v.index]);
      }
      for (const ValueId v : graph_.node(id).out) {
        if (v) made.insert(v.index);
      }
    }
    for (const NodeId id : main.nodes) {
      for (const ValueId v : graph_.node(id).out) {
        if (v && last_need_[v.index] >= next_) main.results.push_back(v);
      }
    }
    graph_.output_names.assign(main.results.size(), "result");
    Session session(graph_, options);
    TRY(auto results, session.Run(std::move(inputs)));
    for (size_t i = 0; i < results.size(); ++i) values_[main.results[i].index] = std::move(results[i]);
    std::erase_if(values_, [&](const auto& entry) { return last_need_[entry.first] < next_; });
    return Ok{};
  }

  Result<std::vector<RtValue>> Results() {
    std::vector<RtValue> out;
    for (const ValueId v : results_) {
      if (graph_.IsConstant(v)) {
        TRY(Tensor tensor, graph_.constant(graph_.value(v).constant).Load());
        out.emplace_back(std::move(tensor));
      } else {
        out.push_back(values_[v.index]);
      }
    }
    return out;
  }

 private:
  [[nodiscard]] uint64_t WeightsOf(NodeId id) const {
    uint64_t bytes = 0;
    for (const ValueId v : NeedsOf(graph_, id)) bytes += BytesOf(graph_, v);
    return bytes;
  }

  // The type is that of the value at hand: sizes are known, and a wider run has wider elements.
  void BecomeParam(ValueId id) {
    Region& main = graph_.region(Graph::main());
    Value& value = graph_.value(id);
    value.def = NodeId();
    value.param_of = Graph::main();
    value.index = static_cast<uint32_t>(main.params.size());
    if (const RtValue& v = values_[id.index]; v.is_tensor()) value.type = Type(v.tensor.type());
    main.params.push_back(id);
  }

  Graph graph_;
  uint64_t bytes_;
  std::vector<NodeId> nodes_;
  std::vector<ValueId> results_;
  std::vector<size_t> last_need_;  // position of the last node that needs a value
  std::unordered_map<uint32_t, RtValue> values_;
  size_t next_ = 0;
};

}  // namespace

uint64_t WeightBytes(const Graph& graph) {
  std::unordered_set<uint32_t> seen;
  uint64_t bytes = 0;
  ForEachUse(graph, [&](const Use& use) {
    if (seen.insert(use.value.index).second) bytes += BytesOf(graph, use.value);
  });
  return bytes;
}

ModelRunner::ModelRunner(const Graph& graph, const SessionOptions& options, const Sizes& sizes)
    : graph_(graph), options_(options), sizes_(sizes) {
  if (WeightBytes(graph) <= sizes_.whole) session_ = std::make_unique<Session>(graph_, options_);
}

Result<std::vector<RtValue>> ModelRunner::Run(std::vector<RtValue> inputs) {
  return session_ != nullptr ? session_->Run(std::move(inputs)) : RunSegments(std::move(inputs));
}

Result<std::vector<RtValue>> ModelRunner::RunSegments(std::vector<RtValue> inputs) {
  Segments segments(graph_, sizes_.segment);
  const std::vector<ValueId> params = segments.params();
  if (inputs.size() != params.size()) return Diag(diag::kExecInput, "the number of inputs is another");
  std::vector<std::pair<std::string, int64_t>> symbols;
  for (size_t i = 0; i < inputs.size(); ++i) {
    RETURN_IF_ERROR(CheckInput(graph_, i, inputs[i], &symbols));
    segments.Give(params[i], std::move(inputs[i]));
  }
  while (!segments.done()) {
    RETURN_IF_ERROR(segments.Run(options_));
  }
  return segments.Results();
}

}  // namespace godwit
