// The part of the walk that enters other bodies: calls of model-local functions, and sub-graphs of control flow.
#include <fmt/format.h>

#include "base/text.h"
#include "frontends/onnx/graph_import.h"
#include "frontends/onnx/rule.h"
#include "ops/ops.h"

namespace godwit::from_onnx {

namespace {

constexpr int kMaxDepth = 16;  // sub-graphs and function calls, each in the other

Diag TooDeep() {
  return Diag(diag::kLimitExceeded, fmt::format("functions and sub-graphs are nested more than {} deep", kMaxDepth));
}

}  // namespace

const onnx::Function* GraphImport::FindFunction(const onnx::Node& node) const {
  if (functions_.empty()) return nullptr;
  const auto it = functions_.find(Concat(CanonicalDomain(node.domain), ":", node.op_type, ":", node.overload()));
  return it == functions_.end() ? nullptr : it->second;
}

Status GraphImport::ImportCall(const onnx::Node& node, const onnx::Function& function, const std::vector<ValueId>& in) {
  for (const Frame& f : frames_) {
    if (f.function == &function) {
      return Diag(diag::kOnnxFunction, Concat("function ", function.name, " calls itself"));
    }
  }
  if (depth_ >= kMaxDepth) return TooDeep();
  if (in.size() > function.inputs.size() || node.outputs.size() > function.outputs.size()) {
    return Diag(diag::kOnnxFunction, fmt::format("the call passes {} operands and takes {} results, function {} has {} "
                                                 "and {}",
                                                 in.size(), node.outputs.size(), function.name, function.inputs.size(),
                                                 function.outputs.size()));
  }
  Frame frame;
  frame.function = &function;
  frame.first_scope = scopes_.size();
  const std::string& outer = frames_.back().path;
  const std::string_view label = node.name.empty() ? function.name : node.name;
  frame.path = outer.empty() ? std::string(label) : Concat(outer, "/", label);
  for (const onnx::Attribute& a : function.attributes_with_default) frame.attributes[a.name] = &a;
  for (const onnx::Attribute& a : node.attributes) {
    if (const onnx::Attribute* resolved = Resolve(a)) frame.attributes[a.name] = resolved;
  }
  for (const onnx::OperatorSet& set : function.opset_imports) frame.versions[CanonicalDomain(set.domain)] = set.version;
  if (frame.versions.empty()) frame.versions = frames_.back().versions;

  frames_.push_back(std::move(frame));
  scopes_.emplace_back();
  ++depth_;
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i]) scopes_.back().emplace(function.inputs[i], in[i]);
  }
  ImportNodes(function.nodes);
  std::vector<ValueId> results;
  for (std::string_view name : function.outputs) results.push_back(Find(name));
  --depth_;
  scopes_.pop_back();
  frames_.pop_back();
  BindOutputs(node, results);
  return Ok{};
}

const onnx::Attribute* GraphImport::Resolve(const onnx::Attribute& attribute) const {
  if (attribute.ref_name.empty()) return &attribute;
  const auto& bound = frames_.back().attributes;
  const auto it = bound.find(attribute.ref_name);
  return it == bound.end() ? nullptr : it->second;
}

Result<std::vector<ValueId>> GraphImport::EmitRegions(const OpDef& op, std::vector<ValueId> in, size_t n_out,
                                                      Attrs attrs, const std::vector<const onnx::Graph*>& graphs,
                                                      const std::vector<std::vector<Type>>& param_types) {
  if (depth_ >= kMaxDepth) return TooDeep();
  const NodeId id = graph_.AddNode(builder_.region(), op, std::move(in), n_out, std::move(attrs), builder_.origin());
  const RegionId outer = builder_.region();
  const OriginId origin = builder_.origin();
  const auto restore = [&] {
    --depth_;
    builder_.set_region(outer);
    builder_.set_origin(origin);
  };
  ++depth_;
  for (size_t k = 0; k < graphs.size(); ++k) {
    const RegionId region = graph_.AddRegion(id);
    builder_.set_region(region);
    Status status = ImportRegion(*graphs[k], region, param_types[k]);
    if (!status.ok()) {
      // What is half made must not be taken for the operator: it lacks regions that its type rule would enter.
      Node& node = graph_.node(id);
      node.attrs = Attrs{{"domain", std::string()}, {"op_type", std::string(node.op->name)}};
      node.op = &ops::kOpaque;
      restore();
      return status.TakeDiag();
    }
  }
  restore();
  RETURN_IF_ERROR(inference_.InferNode(id));
  return graph_.node(id).out;
}

Result<std::vector<ValueId>> GraphImport::InlineGraph(const onnx::Graph& graph, const std::vector<ValueId>& in) {
  if (depth_ >= kMaxDepth) return TooDeep();
  if (graph.inputs.size() != in.size()) {
    return Diag(diag::kOnnxGraphName, fmt::format("a sub-graph has {} inputs, not {}", graph.inputs.size(), in.size()));
  }
  const OriginId origin = builder_.origin();
  scopes_.emplace_back();
  ++depth_;
  for (size_t i = 0; i < in.size(); ++i) scopes_.back().emplace(graph.inputs[i].name, in[i]);
  Status status = ImportInitializers(graph);
  if (status.ok()) ImportNodes(graph.nodes);
  std::vector<ValueId> results;
  for (const onnx::ValueInfo& out : graph.outputs) {
    results.push_back(Find(out.name));
    if (!results.back() && status.ok()) {
      status = Diag(diag::kOnnxGraphName, Concat("sub-graph output '", out.name, "' is not defined by any node"));
    }
  }
  --depth_;
  scopes_.pop_back();
  builder_.set_origin(origin);
  if (!status.ok()) return status.TakeDiag();
  return results;
}

Status GraphImport::ImportRegion(const onnx::Graph& graph, RegionId region, const std::vector<Type>& param_types) {
  scopes_.emplace_back();
  Status status = ImportInitializers(graph);
  for (size_t i = 0; status.ok() && i < graph.inputs.size(); ++i) {
    const onnx::ValueInfo& input = graph.inputs[i];
    if (scopes_.back().contains(input.name)) continue;
    Type type = i < param_types.size() ? param_types[i] : Type();
    if (input.type != nullptr) {
      auto stated = ToType(*input.type, input.name);
      if (stated.ok() && i >= param_types.size()) type = *stated;
      if (stated.ok() && i < param_types.size()) {
        if (auto both = Meet(type, *stated); both && type.is_unknown()) type = *both;
      }
    }
    Define(input.name, graph_.AddParam(region, std::move(type), std::string(input.name)), nullptr);
  }
  if (status.ok()) {
    ImportNodes(graph.nodes);
    for (const onnx::ValueInfo& out : graph.outputs) {
      const ValueId value = Find(out.name);
      if (!value) {
        status = Diag(diag::kOnnxGraphName, Concat("sub-graph output '", out.name, "' is not defined"))
                     .Tensor(std::string(out.name));
        break;
      }
      graph_.region(region).results.push_back(value);
    }
  }
  scopes_.pop_back();
  return status;
}

}  // namespace godwit::from_onnx
