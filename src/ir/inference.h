// Type inference over a graph: runs each operator's `infer` in order, keeping what is known of integer contents.
// Used while a graph is built, and again with concrete input shapes before it is run.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"
#include "ir/infer.h"

namespace godwit {

class Inference {
 public:
  explicit Inference(Graph& graph) : graph_(graph) {}

  /// Sets the types of the node's results from those of its operands. On failure they stay unknown.
  Status InferNode(NodeId id);
  /// All nodes of a region in order; parameters keep the types they have. Stops at the first failure.
  Status InferRegion(RegionId id);

  /// Contents of a small constant (null when it is not constant, too large, or cannot be loaded).
  const Tensor* Const(ValueId id);
  std::optional<std::vector<Dim>> Contents(ValueId id);
  void SetContents(ValueId id, std::vector<Dim> dims) { contents_[id.index] = std::move(dims); }
  Dim Fresh(std::string_view hint);

  Graph& graph() { return graph_; }

 private:
  Graph& graph_;
  std::unordered_map<uint32_t, std::vector<Dim>> contents_;
  std::unordered_map<uint32_t, Tensor> loaded_;
  std::unordered_map<std::string, int> fresh_;
};

}  // namespace godwit
