// Edits a graph in place: keeps who uses what, types, names and origins right, and drops what nobody needs any more.
// Every edit takes amortised constant time. Node lists are put in order when the editor commits; between edits a node
// may stand in its region's list after its users.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"
#include "ir/inference.h"

namespace godwit {

/// An operand of a node, or a result of a region (`node` invalid then).
struct UseSite {
  NodeId node;
  RegionId region;  ///< valid for results only
  uint32_t index = 0;
};

class Editor {
 public:
  /// Infers types and contents anew: what follows from the types of the inputs counts more than what was stated.
  explicit Editor(Graph& graph) : Editor(graph, Types::kAnew) {}
  /// What is stated is taken as it stands: for those who only sort and drop.
  enum class Types : uint8_t { kAnew, kStated };
  Editor(Graph& graph, Types types);

  [[nodiscard]] Graph& graph() { return graph_; }
  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] Inference& inference() { return inference_; }

  [[nodiscard]] bool Alive(NodeId id) const { return id.index < dead_.size() && !dead_[id.index]; }
  [[nodiscard]] const std::vector<UseSite>& Uses(ValueId id) const;
  [[nodiscard]] bool Used(ValueId id) const { return id && !Uses(id).empty(); }
  /// The region that a value belongs to; main for constants.
  [[nodiscard]] RegionId HomeOf(ValueId id) const;
  /// Whether a node in `region` can use what belongs to `home`: that is the region itself or one around it.
  [[nodiscard]] bool Encloses(RegionId home, RegionId region) const;

  /// A new node with its types inferred. When inference refuses it, it is gone again.
  Result<NodeId> AddNode(RegionId region, const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs,
                         OriginId origin);
  ValueId AddConstant(Tensor tensor);
  ValueId AddConstant(Constant constant);

  /// All uses of `old` become uses of `now`, which takes over its name where it has none. Fails, and changes nothing,
  /// when the types contradict each other or `now` is not visible where `old` is (rewrite.type, rewrite.scope).
  Status ReplaceValue(ValueId old, ValueId now);
  void SetOperand(NodeId node, size_t index, ValueId value);
  void SetAttr(NodeId node, std::string_view attr, AttrValue value);
  void SetRegionResult(RegionId region, size_t index, ValueId value);
  /// For results of If and Loop nodes and their regions, and operands of Loop nodes; what is removed must be unused.
  void RemoveResult(NodeId node, size_t index);
  void RemoveRegionResult(RegionId region, size_t index);
  void RemoveParam(RegionId region, size_t index);
  void RemoveOperand(NodeId node, size_t index);
  /// An unused result that nobody wants computed.
  void DropResult(NodeId node, size_t index);
  /// The node, and what is in its regions. Nobody may use its results.
  void Erase(NodeId node);
  /// Puts the nodes of `inner`, a region of `owner`, into the owner's region.
  void MoveOut(RegionId inner, NodeId owner);

  /// Infers the node again; true when a result's type became more precise.
  bool Refine(NodeId node);
  /// Whether it may be removed when nobody uses its results: no node of it, also within its regions, writes.
  [[nodiscard]] bool Removable(NodeId node) const;
  /// Removes removable nodes that lost their last use since the last call (at first: that have none).
  void RemoveDead();
  /// Removes dead nodes from the lists and puts the lists in topological order.
  Status Commit();

  /// Nodes that were added, or whose operands, users or types changed since the last call; some may be dead by now.
  std::vector<NodeId> TakeTouched();
  /// Number of nodes ever made: those added later have larger ids.
  [[nodiscard]] size_t node_count() const { return graph_.node_count(); }
  [[nodiscard]] int64_t removed_count() const { return removed_; }

 private:
  void Grow();
  void AddUse(ValueId value, UseSite site);
  void RemoveUse(ValueId value, UseSite site);
  uint32_t& SlotOf(const UseSite& site);
  void Touch(NodeId node);
  void Disorder(ValueId value);
  void TouchDef(ValueId value);
  void TouchUsers(ValueId value);
  void Renumber(NodeId node);
  void InferAll();

  Graph& graph_;
  Inference inference_;
  std::unordered_set<std::string> sizes_;             // symbols of the inputs' dims
  std::vector<std::vector<UseSite>> uses_;            // by value
  std::vector<std::vector<uint32_t>> operand_slots_;  // by node: where each operand stands in its value's uses
  std::vector<std::vector<uint32_t>> result_slots_;   // by region, of its results
  std::vector<bool> dead_;                            // by node
  std::vector<bool> disordered_;                      // by region: its list must be cleaned and sorted
  std::vector<NodeId> touched_;
  std::vector<bool> in_touched_;
  std::vector<NodeId> unused_;  // nodes that may have lost their last use
  int64_t removed_ = 0;
};

}  // namespace godwit
