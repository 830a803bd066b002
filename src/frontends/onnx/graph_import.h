// The walk over an ONNX graph: names to values under lexical scopes, functions inlined, each node handed to its rule.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/onnx/model.h"
#include "frontends/onnx/import.h"
#include "frontends/onnx/tensor_import.h"
#include "ir/builder.h"

namespace godwit::from_onnx {

class GraphImport {
 public:
  GraphImport(const onnx::Model& model, TensorImport tensors, const ImportOptions& options, DiagSink* sink);

  /// The whole model; call once.
  Status Run();
  Graph TakeGraph() { return std::move(graph_); }

  // For NodeImport.
  Builder& builder() { return builder_; }
  [[nodiscard]] const TensorImport& tensors() const { return tensors_; }
  /// An attribute that refers to one of the enclosing function's is replaced by that; null where it has none.
  [[nodiscard]] const onnx::Attribute* Resolve(const onnx::Attribute& attribute) const;
  Result<Type> ToType(const onnx::Type& type, std::string_view name);
  Result<std::vector<ValueId>> EmitRegions(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs,
                                           const std::vector<const onnx::Graph*>& graphs,
                                           const std::vector<std::vector<Type>>& param_types);
  /// A sub-graph's nodes in place of the node that holds it, its inputs bound to `in`; its outputs.
  Result<std::vector<ValueId>> InlineGraph(const onnx::Graph& graph, const std::vector<ValueId>& in);
  /// Adds the node's name, operator and tensors to the diagnostic and passes it on.
  void Report(const onnx::Node& node, Diag diag);

 private:
  using Scope = std::unordered_map<std::string_view, ValueId>;
  using Versions = std::map<std::string_view, int64_t>;
  /// What holds inside one graph or function body.
  struct Frame {
    size_t first_scope = 0;  ///< lookups stop here: function bodies do not see their callers' names
    const onnx::Function* function = nullptr;
    std::map<std::string_view, const onnx::Attribute*> attributes;
    Versions versions;
    std::string path;  ///< origin scope, "block1/Gelu"
  };

  [[nodiscard]] ValueId Find(std::string_view name) const;
  void Define(std::string_view name, ValueId value, const onnx::Node* by);
  Status ImportInitializers(const onnx::Graph& graph);
  void ImportInputs(const onnx::Graph& graph);
  void ImportNodes(std::span<const onnx::Node> nodes);
  void ImportNode(const onnx::Node& node);
  Status ImportByRule(const onnx::Node& node, std::vector<ValueId> in);
  Status ImportCall(const onnx::Node& node, const onnx::Function& function, const std::vector<ValueId>& in);
  Status ImportRegion(const onnx::Graph& graph, RegionId region, const std::vector<Type>& param_types);
  void ImportOpaque(const onnx::Node& node, const std::vector<ValueId>& in);
  [[nodiscard]] bool CanBe(ValueId id, const Type& type) const;
  void BindOutputs(const onnx::Node& node, const std::vector<ValueId>& values);
  void UseStatedTypes(std::span<const onnx::ValueInfo> infos);
  Result<Shape> ToShape(const onnx::Type& type, std::string_view name);
  [[nodiscard]] const onnx::Function* FindFunction(const onnx::Node& node) const;
  [[nodiscard]] std::string NodeLabel(const onnx::Node& node) const;

  const onnx::Model& model_;
  TensorImport tensors_;
  const ImportOptions& options_;
  DiagSink* sink_;
  Graph graph_;
  Inference inference_;
  Builder builder_;
  std::vector<Scope> scopes_;
  std::vector<Frame> frames_;
  std::unordered_map<std::string, const onnx::Function*> functions_;
  std::unordered_map<std::string_view, const onnx::ValueInfo*> stated_;
  int depth_ = 0;
  int64_t imported_ = 0;  ///< nodes so far, those of a function once for each call
  bool stopped_ = false;  ///< a limit was exceeded
  int64_t grown_ = 0;     // bytes of graph that no node of the file stands for
};

/// Indices of `nodes` in an order in which each comes after those it needs (the given order where that is one).
/// Names that no node of the list produces are taken to come from outside. An error names a cycle.
Result<std::vector<size_t>> OrderNodes(std::span<const onnx::Node> nodes, bool* was_sorted);

}  // namespace godwit::from_onnx
