#include "passes/edges.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/diag_passes.h"
#include "base/text.h"
#include "ir/inference.h"
#include "ir/walk.h"

namespace godwit {

namespace {

bool InMain(const Graph& graph, const Value& value) {
  return value.def ? graph.node(value.def).parent == Graph::main()
                   : value.constant.valid() || value.param_of == Graph::main();
}

class EdgeEdit {
 public:
  explicit EdgeEdit(Graph* graph) : graph_(*graph) {
    for (uint32_t i = 0; i < graph_.value_count(); ++i) {
      const Value& value = graph_.value(ValueId{i});
      if (!value.name.empty() && InMain(graph_, value)) names_.try_emplace(value.name, ValueId{i});
    }
    // An output may be called otherwise than the value that it is.
    const std::vector<ValueId>& results = graph_.region(Graph::main()).results;
    for (size_t i = graph_.output_names.size(); i < results.size(); ++i) {
      graph_.output_names.push_back(graph_.value(results[i]).name);
    }
    for (size_t i = 0; i < results.size(); ++i) names_.try_emplace(graph_.output_names[i], results[i]);
  }

  Status Apply(const Edges& edges) {
    for (const std::string& name : edges.inputs) RETURN_IF_ERROR(CutInput(name));
    for (const auto& [name, tensor] : edges.bound) RETURN_IF_ERROR(Bind(name, tensor));
    RETURN_IF_ERROR(ReplaceUses());
    if (!edges.outputs.empty()) RETURN_IF_ERROR(CutOutputs(edges.outputs));
    if (!edges.inputs.empty() || !edges.outputs.empty()) DropUnneeded();
    if (!edges.bound.empty()) RETURN_IF_ERROR(InferAgain());
    for (const auto& [from, to] : edges.renamed) RETURN_IF_ERROR(Rename(from, to));
    return Ok{};
  }

 private:
  Result<ValueId> Find(std::string_view option, const std::string& name) const {
    const auto found = names_.find(name);
    if (found != names_.end()) return found->second;
    return Diag(diag::kPassEdge, Concat(option, ": the model has no tensor named '", Printable(name, 200), "'"))
        .Hint("`godwit inspect FILE --tensors` lists them");
  }

  Region& main() { return graph_.region(Graph::main()); }

  Status CutInput(const std::string& name) {
    TRY(const ValueId old, Find("--cut-in", name));
    if (graph_.value(old).param_of == Graph::main()) return Ok{};
    const Type type = graph_.value(old).type;
    graph_.value(old).name.clear();
    const ValueId param = graph_.AddParam(Graph::main(), type, name);
    replaced_[old.index] = param;
    names_[name] = param;
    cut_.insert(param.index);
    return Ok{};
  }

  Status Bind(const std::string& name, const Tensor& tensor) {
    TRY(const ValueId old, Find("--bind", name));
    std::vector<ValueId>& params = main().params;
    const auto at = std::find(params.begin(), params.end(), old);
    if (at == params.end()) {
      return Diag(diag::kPassEdge, Concat("--bind: '", Printable(name, 200), "' is not an input of the model"))
          .Hint(Concat("--cut-in ", Printable(name, 200), " makes it one"));
    }
    const Type given(tensor.type());
    if (!Meet(graph_.value(old).type, given)) {
      return Diag(diag::kPassEdge, Concat("--bind: input '", Printable(name, 200), "' is ",
                                          graph_.value(old).type.ToString(), ", the value is ", given.ToString()));
    }
    params.erase(at);
    for (uint32_t i = 0; i < params.size(); ++i) graph_.value(params[i]).index = i;
    graph_.value(old).name.clear();
    const ValueId constant = graph_.AddConstant(tensor, name);
    replaced_[old.index] = constant;
    names_[name] = constant;
    return Ok{};
  }

  Status ReplaceUses() {
    if (replaced_.empty()) return Ok{};
    const auto replace = [&](ValueId& id) {
      if (!id) return;
      if (const auto found = replaced_.find(id.index); found != replaced_.end()) id = found->second;
    };
    for (const RegionId region : RegionsWithin(graph_)) {
      for (const NodeId node : graph_.region(region).nodes) {
        for (ValueId& in : graph_.node(node).in) replace(in);
      }
      for (ValueId& result : graph_.region(region).results) replace(result);
    }
    return Ok{};
  }

  Status CutOutputs(const std::vector<std::string>& outputs) {
    std::vector<ValueId> results;
    for (const std::string& name : outputs) {
      TRY(const ValueId id, Find("--cut-out", name));
      results.push_back(id);
    }
    main().results = std::move(results);
    graph_.output_names = outputs;
    return Ok{};
  }

  // Keeps the nodes that the results need, and the inputs that those nodes need or that were asked for.
  void DropUnneeded() {
    std::unordered_set<uint32_t> values, nodes;
    std::vector<ValueId> open = main().results;
    while (!open.empty()) {
      const ValueId id = open.back();
      open.pop_back();
      if (!id || !values.insert(id.index).second) continue;
      const NodeId def = graph_.value(id).def;
      if (!def || !nodes.insert(def.index).second) continue;
      open.insert(open.end(), graph_.node(def).in.begin(), graph_.node(def).in.end());
      if (graph_.node(def).regions.empty()) continue;
      const std::vector<ValueId> captured = Captures(graph_, def);
      open.insert(open.end(), captured.begin(), captured.end());
    }
    std::erase_if(main().nodes, [&](NodeId id) { return !nodes.contains(id.index); });
    std::erase_if(main().params, [&](ValueId id) { return !values.contains(id.index) && !cut_.contains(id.index); });
    for (uint32_t i = 0; i < main().params.size(); ++i) graph_.value(main().params[i]).index = i;
  }

  Status InferAgain() {
    Inference inference(graph_);
    return inference.InferRegion(Graph::main());
  }

  Status Rename(const std::string& from, const std::string& to) {
    TRY(const ValueId id, Find("--rename", from));
    if (const auto taken = names_.find(to); taken != names_.end() && taken->second != id) {
      return Diag(diag::kPassEdge,
                  Concat("--rename: the model has another tensor named '", Printable(to, 200), "' already"));
    }
    const auto& results = main().results;
    bool is_output = false;
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i] != id || graph_.output_names[i] != from) continue;
      graph_.output_names[i] = to;
      is_output = true;
    }
    if (!is_output || graph_.value(id).name == from) graph_.value(id).name = to;
    names_.erase(from);
    names_[to] = id;
    return Ok{};
  }

  Graph& graph_;
  std::unordered_map<std::string, ValueId> names_;
  std::unordered_map<uint32_t, ValueId> replaced_;
  std::unordered_set<uint32_t> cut_;
};

}  // namespace

Status ApplyEdges(const Edges& edges, Graph* graph) {
  if (edges.empty()) return Ok{};
  return EdgeEdit(graph).Apply(edges);
}

}  // namespace godwit
