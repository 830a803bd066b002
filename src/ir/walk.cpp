#include "ir/walk.h"

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace godwit {

namespace {

// Pushes in reverse, so that the first comes off the stack first.
template <class List, class Stack>
void PushReversed(const List& list, Stack* stack) {
  for (auto it = list.rbegin(); it != list.rend(); ++it) stack->push_back(*it);
}

// The node of `region` that `node` is, or lies within; invalid when it lies elsewhere.
NodeId AncestorIn(const Graph& graph, NodeId node, RegionId region) {
  while (node && graph.node(node).parent != region) node = graph.region(graph.node(node).parent).owner;
  return node;
}

// Whether what each node needs stands before it already, and all of it in the list.
bool InOrder(const Graph& graph, RegionId region) {
  std::vector<bool> stands(graph.node_count());
  const auto there = [&](ValueId value) {
    const NodeId def = value ? AncestorIn(graph, graph.value(value).def, region) : NodeId();
    return !def || stands[def.index];
  };
  for (const NodeId id : graph.region(region).nodes) {
    const Node& node = graph.node(id);
    if (stands[id.index] || !std::all_of(node.in.begin(), node.in.end(), there)) return false;
    if (!node.regions.empty()) {
      const std::vector<ValueId> captures = Captures(graph, id);
      if (!std::all_of(captures.begin(), captures.end(), there)) return false;
    }
    stands[id.index] = true;
  }
  return true;
}

}  // namespace

std::vector<NodeId> NodesWithin(const Graph& graph, RegionId region) {
  std::vector<NodeId> out;
  std::vector<NodeId> stack;
  PushReversed(graph.region(region).nodes, &stack);
  while (!stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    out.push_back(id);
    const std::vector<RegionId>& regions = graph.node(id).regions;
    for (auto it = regions.rbegin(); it != regions.rend(); ++it) PushReversed(graph.region(*it).nodes, &stack);
  }
  return out;
}

std::vector<RegionId> RegionsWithin(const Graph& graph, RegionId region) {
  std::vector<RegionId> out = {region};
  for (NodeId id : NodesWithin(graph, region)) {
    const std::vector<RegionId>& regions = graph.node(id).regions;
    out.insert(out.end(), regions.begin(), regions.end());
  }
  return out;
}

void ForEachUse(const Graph& graph, const std::function<void(const Use&)>& visit) {
  for (RegionId id : RegionsWithin(graph)) {
    const Region& region = graph.region(id);
    for (NodeId node : region.nodes) {
      const std::vector<ValueId>& in = graph.node(node).in;
      for (uint32_t i = 0; i < in.size(); ++i) {
        if (in[i]) visit({in[i], node, id, i});
      }
    }
    for (uint32_t i = 0; i < region.results.size(); ++i) {
      if (region.results[i]) visit({region.results[i], {}, id, i});
    }
  }
}

std::vector<uint32_t> CountUses(const Graph& graph) {
  std::vector<uint32_t> counts(graph.value_count());
  ForEachUse(graph, [&](const Use& use) { ++counts[use.value.index]; });
  return counts;
}

std::vector<ValueId> Captures(const Graph& graph, NodeId node) {
  std::unordered_set<RegionId> inside;
  std::vector<RegionId> order;
  for (RegionId region : graph.node(node).regions) {
    for (RegionId r : RegionsWithin(graph, region)) {
      inside.insert(r);
      order.push_back(r);
    }
  }
  std::vector<ValueId> out;
  std::unordered_set<ValueId> seen;
  auto use = [&](ValueId id) {
    if (!id || graph.IsConstant(id) || !seen.insert(id).second) return;
    const Value& value = graph.value(id);
    const RegionId home = value.def ? graph.node(value.def).parent : value.param_of;
    if (!inside.contains(home)) out.push_back(id);
  };
  for (RegionId r : order) {
    for (NodeId n : graph.region(r).nodes) {
      for (ValueId v : graph.node(n).in) use(v);
    }
    for (ValueId v : graph.region(r).results) use(v);
  }
  return out;
}

Status TopologicalSort(Graph* graph, RegionId region) {
  if (InOrder(*graph, region)) return Ok{};
  enum Mark : uint8_t { kNew, kOpen, kDone };
  struct Frame {
    NodeId node;
    std::vector<NodeId> needs;
    size_t next = 0;
  };
  std::vector<Mark> marks(graph->node_count(), kNew);
  std::vector<Frame> stack;
  std::vector<NodeId> sorted;
  auto open = [&](NodeId id) {
    Frame frame{id, {}};
    auto need = [&](ValueId value) {
      if (!value) return;
      const NodeId def = AncestorIn(*graph, graph->value(value).def, region);
      if (def && def != id) frame.needs.push_back(def);
    };
    const Node& node = graph->node(id);
    for (ValueId v : node.in) {
      if (v && graph->value(v).def == id) frame.needs.push_back(id);
      need(v);
    }
    if (!node.regions.empty()) {
      for (ValueId v : Captures(*graph, id)) need(v);
    }
    marks[id.index] = kOpen;
    stack.push_back(std::move(frame));
  };
  for (NodeId root : graph->region(region).nodes) {
    if (marks[root.index] == kNew) open(root);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == top.needs.size()) {
        marks[top.node.index] = kDone;
        sorted.push_back(top.node);
        stack.pop_back();
        continue;
      }
      const NodeId need = top.needs[top.next++];
      if (marks[need.index] == kOpen) {
        const Origin& origin = graph->origin(graph->node(need).origin);
        return Diag(diag::kIrCycle, Concat("node '", Printable(origin.node), "' needs its own result"))
            .Node(origin.node);
      }
      if (marks[need.index] == kNew) open(need);
    }
  }
  graph->region(region).nodes = std::move(sorted);
  return Ok{};
}

}  // namespace godwit
