// Type inference over a graph: runs each operator's `infer` in order, keeping what is known of integer contents.
// Used while a graph is built, and again with concrete input shapes before it is run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ir/graph.h"
#include "ir/infer.h"

namespace godwit {

class Inference {
 public:
  /// Types are written into the graph.
  explicit Inference(Graph& graph) : graph_(graph), writable_(&graph) {}
  /// Types are written into `types` (one for each value, preset for parameters and constants); the graph stays as it
  /// is.
  Inference(const Graph& graph, std::vector<Type>* types) : graph_(graph), types_(types) {}

  /// Attributes to use instead of the node's own: for runs in another precision.
  void SetAttrs(std::function<const Attrs&(NodeId)> attrs) { attrs_ = std::move(attrs); }

  /// Sets the types of the node's results from those of its operands. On failure they stay unknown.
  Status InferNode(NodeId id);
  /// All nodes of a region in order; parameters keep the types they have. Stops at the first failure.
  Status InferRegion(RegionId id);

  /// Contents of a small constant (null when it is not constant, too large, or cannot be loaded).
  const Tensor* Const(ValueId id);
  std::optional<std::vector<Dim>> Contents(ValueId id);
  void SetContents(ValueId id, std::vector<Dim> dims) { contents_[id.index] = std::move(dims); }
  Dim Fresh(std::string_view hint);
  /// Fresh symbols will not be any of those in the graph's types: for inference over a graph that has types already.
  void AvoidSymbolsInUse();

  [[nodiscard]] const Type& TypeOf(ValueId id) const { return types_ ? (*types_)[id.index] : graph_.value(id).type; }
  void SetType(ValueId id, Type type);
  [[nodiscard]] const Graph& graph() const { return graph_; }

 private:
  const Graph& graph_;
  Graph* writable_ = nullptr;
  std::function<const Attrs&(NodeId)> attrs_;
  std::vector<Type>* types_ = nullptr;
  std::unordered_map<uint32_t, std::vector<Dim>> contents_;
  std::unordered_map<uint32_t, Tensor> loaded_;
  std::unordered_map<std::string, int> fresh_;
  std::unordered_set<std::string> taken_;
};

}  // namespace godwit
