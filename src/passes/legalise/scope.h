// A graph that is being written for a target: the model itself, or the fragment that a repair put in the place of one
// of its nodes. A fragment's parameters stand for values of the scope around it. Fragments live beside the graph,
// which is never changed, so that checking and writing are one walk.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"
#include "ir/inference.h"

namespace godwit {

class Scope {
 public:
  /// A whole model.
  explicit Scope(const Graph& graph);
  /// A fragment for node `stands_for` of `outer`, whose values some of its own are: parameters and copies of constants.
  using Bindings = std::unordered_map<ValueId, ValueId>;
  Scope(std::unique_ptr<Graph> fragment, std::unique_ptr<Inference> facts, Scope* outer, NodeId stands_for,
        Bindings bound);

  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] Scope* outer() const { return outer_; }
  [[nodiscard]] NodeId stands_for() const { return stands_for_; }
  [[nodiscard]] int depth() const { return depth_; }
  /// The value of the outer scope that this one is; invalid where it is none.
  [[nodiscard]] ValueId Bound(ValueId id) const;
  [[nodiscard]] uint32_t Uses(ValueId id) const { return uses_[id.index]; }
  [[nodiscard]] const Type& TypeOf(ValueId id) const { return graph_.value(id).type; }

  /// Contents of a constant of at most a few thousand elements; null otherwise.
  const Tensor* Known(ValueId id);
  /// Integer contents of a small tensor that are known without running the model, constant or not.
  std::optional<std::vector<int64_t>> Ints(ValueId id);
  /// Whether a value is needed by what has been written so far.
  std::vector<bool> wanted;
  /// What the target calls each value; empty until it has a name.
  std::vector<std::string_view> names;

 private:
  std::unique_ptr<Graph> owned_;
  const Graph& graph_;
  std::unique_ptr<Inference> facts_;
  std::vector<Type> types_;  // for facts_ of a whole model
  bool inferred_ = false;
  Scope* outer_ = nullptr;
  NodeId stands_for_;
  Bindings bound_;
  std::vector<uint32_t> uses_;
  int depth_ = 0;
};

}  // namespace godwit
