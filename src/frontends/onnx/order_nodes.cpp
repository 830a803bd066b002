// Puts nodes in topological order where a file has them in another.
#include <algorithm>
#include <queue>
#include <unordered_set>

#include "base/text.h"
#include "frontends/onnx/graph_import.h"

namespace godwit::from_onnx {

namespace {

// A graph inside a node, and the one around it.
struct Scope {
  const onnx::Graph* graph;
  int64_t parent;  // in the list of scopes; -1 for the node's own graphs
  std::unordered_set<std::string_view> defined;

  Scope(const onnx::Graph& g, int64_t around) : graph(&g), parent(around) {
    for (const onnx::ValueInfo& in : g.inputs) defined.insert(in.name);
    for (const auto& tensor : g.initializers) defined.insert(tensor.name);
    for (const onnx::SparseTensor& tensor : g.sparse_initializers) defined.insert(tensor.values.name);
    for (const onnx::Node& node : g.nodes) defined.insert(node.outputs.begin(), node.outputs.end());
  }
};

// Names that a node needs: its inputs and whatever its sub-graphs use without defining. Sub-graphs are walked with a
// worklist of their own, so nesting costs no stack.
void ForEachNeed(const onnx::Node& node, auto&& visit) {
  for (std::string_view name : node.inputs) visit(name);
  std::vector<Scope> scopes;
  const auto push = [&](const onnx::Node& n, int64_t around) {
    for (const onnx::Attribute& a : n.attributes) {
      if (a.g() != nullptr) scopes.emplace_back(*a.g(), around);
      for (const onnx::Graph& g : a.graphs()) scopes.emplace_back(g, around);
    }
  };
  push(node, -1);
  for (size_t at = 0; at < scopes.size(); ++at) {
    const onnx::Graph& graph = *scopes[at].graph;
    const auto use = [&](std::string_view name) {
      for (auto s = static_cast<int64_t>(at); s >= 0; s = scopes[static_cast<size_t>(s)].parent) {
        if (scopes[static_cast<size_t>(s)].defined.contains(name)) return;
      }
      visit(name);
    };
    for (const onnx::Node& inner : graph.nodes) {
      for (std::string_view name : inner.inputs) use(name);
      push(inner, static_cast<int64_t>(at));
    }
    for (const onnx::ValueInfo& out : graph.outputs) use(out.name);
  }
}

}  // namespace

Result<std::vector<size_t>> OrderNodes(std::span<const onnx::Node> nodes, bool* was_sorted) {
  std::unordered_map<std::string_view, size_t> producer;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (std::string_view name : nodes[i].outputs) {
      if (!name.empty()) producer.emplace(name, i);
    }
  }
  std::vector<std::vector<size_t>> users(nodes.size());
  std::vector<size_t> missing(nodes.size(), 0);
  *was_sorted = true;
  for (size_t i = 0; i < nodes.size(); ++i) {
    std::vector<size_t> needs;
    ForEachNeed(nodes[i], [&](std::string_view name) {
      if (auto it = producer.find(name); !name.empty() && it != producer.end()) needs.push_back(it->second);
    });
    std::sort(needs.begin(), needs.end());
    needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
    for (size_t p : needs) {
      if (p >= i) *was_sorted = false;
      users[p].push_back(i);
      ++missing[i];
    }
  }
  std::vector<size_t> order;
  order.reserve(nodes.size());
  if (*was_sorted) {
    for (size_t i = 0; i < nodes.size(); ++i) order.push_back(i);
    return order;
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (missing[i] == 0) ready.push(i);
  }
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    order.push_back(i);
    for (size_t user : users[i]) {
      if (--missing[user] == 0) ready.push(user);
    }
  }
  if (order.size() == nodes.size()) return order;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (missing[i] != 0) {
      return Diag(diag::kOnnxGraphCycle, Concat("node '", nodes[i].name, "' (", nodes[i].op_type,
                                                ") needs its own result, directly or through others"));
    }
  }
  return Diag(diag::kOnnxGraphCycle, "nodes need each other's results");
}

}  // namespace godwit::from_onnx
