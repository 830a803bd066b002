#include "verify/taps.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "ops/ops.h"

namespace godwit {

namespace {

bool HasBody(const OpDef* op) { return op == &ops::kIf || op == &ops::kLoop || op == &ops::kScan; }

// Whether a value of a body can be handed out.
bool CanLeave(const Type& type, const Tap& tap) {
  if (!type.ranked() || type.dtype() == DType::kNone || type.dtype() == DType::kString) return false;
  return tap.turns == 0 || (tap.turns == 1 && type.tensor().is_static());
}

// Hands values of inner regions out to the main one. Works on a graph of its own.
class Lift {
 public:
  explicit Lift(Graph* graph) : graph_(*graph) {}

  Result<ValueId> ToMain(ValueId v) {
    for (RegionId in = HomeOf(v); in != Graph::main(); in = HomeOf(v)) {
      TRY(v, Out(v, in));
    }
    return v;
  }

 private:
  [[nodiscard]] RegionId HomeOf(ValueId v) const {
    const Value& value = graph_.value(v);
    if (value.def) return graph_.node(value.def).parent;
    return value.param_of ? value.param_of : Graph::main();
  }

  [[nodiscard]] bool InTurns(RegionId region) const {
    for (; region != Graph::main(); region = graph_.node(graph_.region(region).owner).parent) {
      const OpDef* op = graph_.node(graph_.region(region).owner).op;
      if (op == &ops::kLoop || op == &ops::kScan) return true;
    }
    return false;
  }

  // One more result of the node around: of an if, what the other branch gives too; of a loop, all turns.
  Result<ValueId> Out(ValueId v, RegionId from) {
    const NodeId owner = graph_.region(from).owner;
    const OpDef* op = graph_.node(owner).op;
    Type type = graph_.value(v).type;
    // Results that the node leaves out stand before the new one.
    const size_t lead = op == &ops::kLoop ? 1 : 0;
    while (graph_.node(owner).out.size() + lead < graph_.region(from).results.size()) graph_.AddResult(owner);
    for (const RegionId r : graph_.node(owner).regions) {
      ValueId given = v;
      if (r != from) {
        TRY(given, Absent(type, InTurns(graph_.node(owner).parent)));
      }
      graph_.region(r).results.push_back(given);
    }
    if (op != &ops::kIf) {
      AddStackedType(owner, type);
      type.tensor().shape.insert(type.tensor().shape.begin(), Dim::Symbol("turns"));
    }
    const ValueId out = graph_.AddResult(owner);
    graph_.value(out).type = std::move(type);
    return out;
  }

  // What it is where there is no turn.
  void AddStackedType(NodeId owner, const Type& type) {
    const Node& node = graph_.node(owner);
    const size_t carried = node.op == &ops::kLoop ? std::max<size_t>(node.in.size(), 2) - 2
                                                  : node.in.size() - static_cast<size_t>(node.attrs.Int("sliced"));
    std::vector<std::string> types = node.attrs.Strs("stacked_types");
    types.resize(node.out.size() - std::min(node.out.size(), carried));
    types.push_back(type.ToString());
    graph_.node(owner).attrs.Set("stacked_types", std::move(types));
  }

  // Nothing; zeros where each turn of a loop must give the same shape.
  Result<ValueId> Absent(const Type& type, bool turns) {
    Dims dims(type.shape().size(), 0);
    if (!turns && dims.empty()) dims.push_back(0);  // no element rather than one
    for (size_t k = 0; turns && k < dims.size(); ++k) dims[k] = type.shape()[k].known().value_or(0);
    TRY(Tensor none, Tensor::Make(type.dtype(), dims));
    if (none.bytes() > 0) std::memset(none.mutable_raw(), 0, none.bytes());
    return graph_.AddConstant(std::move(none));
  }

  Graph& graph_;
};

}  // namespace

std::vector<Tap> TapsOf(const Graph& graph) {
  std::vector<Tap> out;
  struct Frame {
    std::vector<NodeId> nodes;
    size_t next = 0;
    Tap at;            // place, turns and branch of what is in it
    bool done = true;  // the next node's bodies have been walked
  };
  std::vector<Frame> stack;
  stack.push_back({graph.region(Graph::main()).nodes, 0, {}, false});
  while (!stack.empty()) {
    Frame& top = stack.back();
    if (top.next == top.nodes.size()) {
      stack.pop_back();
      continue;
    }
    const NodeId id = top.nodes[top.next];
    const Node& node = graph.node(id);
    if (!top.done && HasBody(node.op) && !node.regions.empty()) {
      top.done = true;
      std::vector<Frame> bodies;
      for (size_t k = 0; k < node.regions.size(); ++k) {
        Tap in = top.at;
        in.place += Concat("/", node.op->name, " ", std::to_string(k));
        in.branch = in.branch || node.op == &ops::kIf;
        in.turns += node.op == &ops::kIf ? 0 : 1;
        bodies.push_back({graph.region(node.regions[k]).nodes, 0, std::move(in), false});
      }
      stack.insert(stack.end(), std::make_move_iterator(bodies.rbegin()), std::make_move_iterator(bodies.rend()));
      continue;
    }
    for (size_t k = 0; k < node.out.size(); ++k) {
      Tap tap = top.at;
      tap.id = node.out[k];
      tap.node = id;
      tap.index = k;
      if (tap.id && (tap.place.empty() || CanLeave(graph.value(tap.id).type, tap))) out.push_back(std::move(tap));
    }
    ++top.next;
    top.done = false;
  }
  return out;
}

Result<std::vector<RtValue>> RunTaps(const Graph& graph, std::span<const ValueId> taps,
                                     const std::vector<RtValue>& inputs, const SessionOptions& options) {
  Graph tapped = graph.Clone();
  Lift lift(&tapped);
  std::vector<ValueId> results;
  for (const ValueId tap : taps) {
    TRY(const ValueId v, lift.ToMain(tap));
    results.push_back(v);
  }
  tapped.region(Graph::main()).results = std::move(results);
  tapped.output_names.assign(taps.size(), "tap");
  Session session(tapped, options);
  return session.Run(inputs);
}

}  // namespace godwit
