#include "verify/cut.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "ir/walk.h"
#include "ops/ops.h"

namespace godwit {

namespace {

std::string OperatorOf(const Graph& graph, const Node& node) {
  const std::string& type = graph.origin(node.origin).op_type;
  return type.empty() ? std::string(node.op->name) : type;
}

// Opaque nodes by the name of their first named result; nameless ones by their place.
std::map<std::string, NodeId> OpaqueNodes(const Graph& graph) {
  std::map<std::string, NodeId> out;
  size_t place = 0;
  for (const NodeId id : graph.region(Graph::main()).nodes) {
    const Node& node = graph.node(id);
    if (node.op != &ops::kOpaque) continue;
    std::string key;
    for (const ValueId v : node.out) {
      if (key.empty() && v) key = graph.value(v).name;
    }
    if (key.empty()) key = Concat("#", std::to_string(place));
    out.emplace(std::move(key), id);
    ++place;
  }
  return out;
}

bool IsDrawable(const Type& type) { return type.ranked() && type.dtype() != DType::kNone; }

void CutNode(NodeId id, const std::string& key, Graph* graph) {
  Node& node = graph->node(id);
  Region& main = graph->region(Graph::main());
  for (size_t k = 0; k < node.in.size(); ++k) {
    const ValueId v = node.in[k];
    if (!v || graph->IsConstant(v)) continue;
    main.results.push_back(v);
    graph->output_names.push_back(Concat("operand ", std::to_string(k), " of ", key));
  }
  for (size_t k = 0; k < node.out.size(); ++k) {
    if (!node.out[k]) continue;
    Value& value = graph->value(node.out[k]);
    value.def = NodeId();
    value.param_of = Graph::main();
    value.index = static_cast<uint32_t>(main.params.size());
    if (value.name.empty()) value.name = Concat("result ", std::to_string(k), " of ", key);
    main.params.push_back(node.out[k]);
  }
  node.in.clear();
  node.out.clear();
  std::erase(main.nodes, id);
}

}  // namespace

bool HasOpaque(const Graph& graph) { return !OpaqueNodes(graph).empty(); }

Result<std::vector<std::string>> CutOpaque(Graph* source, Graph* written) {
  const auto ours = OpaqueNodes(*source), theirs = OpaqueNodes(*written);
  std::vector<std::string> names;
  for (const auto& [key, id] : theirs) {
    if (!ours.contains(key)) {
      return Diag(diag::kProofNotRun, Concat("the written model has an operator that only its own runtime knows, ",
                                             OperatorOf(*written, written->node(id)), ", where the source has none"));
    }
  }
  for (const auto& [key, id] : ours) {
    const Node& node = source->node(id);
    const auto twin = theirs.find(key);
    const std::string op = OperatorOf(*source, node);
    for (size_t k = 0; k < node.out.size(); ++k) {
      if (!node.out[k]) continue;
      Type& type = source->value(node.out[k]).type;
      Type* other = nullptr;
      if (twin != theirs.end() && k < written->node(twin->second).out.size()) {
        const ValueId v = written->node(twin->second).out[k];
        if (v) other = &written->value(v).type;
      }
      if (!IsDrawable(type) && other != nullptr && IsDrawable(*other)) type = *other;
      if (!IsDrawable(type)) {
        return Diag(diag::kProofNotRun, Concat("only its own runtime knows ", op, ", and the file does not say what ",
                                               Printable(source->value(node.out[k]).name, 100), " is"));
      }
      if (other != nullptr) *other = type;
    }
    if (std::find(names.begin(), names.end(), op) == names.end()) names.push_back(op);
    CutNode(id, key, source);
    if (twin != theirs.end()) CutNode(twin->second, key, written);
  }
  return names;
}

std::vector<std::string> RandomOrigins(const Graph& graph) {
  std::vector<std::string> origin(graph.value_count());
  for (const NodeId id : graph.region(Graph::main()).nodes) {
    const Node& node = graph.node(id);
    std::string why = node.op->effect == Effect::kRandom ? OperatorOf(graph, node) : "";
    for (const RegionId region : node.regions) {
      for (const NodeId inner : NodesWithin(graph, region)) {
        if (graph.node(inner).op->effect == Effect::kRandom) why = OperatorOf(graph, graph.node(inner));
      }
    }
    const auto inherit = [&](ValueId v) {
      if (v && why.empty()) why = origin[v.index];
    };
    for (const ValueId v : node.in) inherit(v);
    if (!node.regions.empty()) {
      for (const ValueId v : Captures(graph, id)) inherit(v);
    }
    for (const ValueId v : node.out) {
      if (v) origin[v.index] = why;
    }
  }
  std::vector<std::string> out;
  for (const ValueId v : graph.region(Graph::main()).results) out.push_back(v ? origin[v.index] : "");
  return out;
}

}  // namespace godwit
