// Puts nodes in topological order where a file has them in another.
#include <algorithm>
#include <queue>

#include "base/text.h"
#include "frontends/onnx/graph_import.h"

namespace godwit::from_onnx {

namespace {

// Names that a node needs: its inputs and whatever its sub-graphs use without defining. Sub-graphs are walked with a
// worklist of their own, so nesting costs no stack.
void ForEachNeed(const onnx::Node& node, auto&& visit) {
  for (std::string_view name : node.inputs) visit(name);
  std::vector<const onnx::Graph*> pending;
  const auto push = [&](const onnx::Node& n) {
    for (const onnx::Attribute& a : n.attributes) {
      if (a.g() != nullptr) pending.push_back(a.g());
      for (const onnx::Graph& g : a.graphs()) pending.push_back(&g);
    }
  };
  push(node);
  while (!pending.empty()) {
    const onnx::Graph* graph = pending.back();
    pending.pop_back();
    for (const onnx::Node& inner : graph->nodes) {
      for (std::string_view name : inner.inputs) visit(name);
      push(inner);
    }
    for (const onnx::ValueInfo& out : graph->outputs) visit(out.name);
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
