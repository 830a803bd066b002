// Lowers a specialised graph to steps: each node is offered to the rules of its operator; what no rule takes runs on
// the operator's own kernel. Layouts are decided as values are asked for: a value has a slot in the layout in which it
// is made, and in another once somebody has asked for that.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "exec/plan/executable.h"
#include "exec/plan/integer/cluster.h"
#include "exec/specialise.h"

namespace godwit::plan {

class Lowering {
 public:
  Lowering(Executable& out, Specialised specialised, const PlanOptions& options, Widening* widening);
  Status Run();

  // Facts.
  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const Type& TypeOf(ValueId v) const { return facts_.types[v.index]; }
  /// dims of a value whose type is static.
  [[nodiscard]] Dims DimsOf(ValueId v) const;
  [[nodiscard]] bool IsStatic(ValueId v) const;
  /// The value where it is known before the run (constants are loaded), else null.
  const Tensor* Known(ValueId v);
  /// How many operands and results of the graph the value is.
  [[nodiscard]] int Uses(ValueId v) const { return uses_[v.index]; }
  /// Nodes of the plan that take the value.
  [[nodiscard]] const std::vector<NodeId>& UsersOf(ValueId v) const { return users_[v.index]; }
  /// Whether a node of the plan runs before another.
  [[nodiscard]] bool IsBefore(NodeId a, NodeId b) const;
  [[nodiscard]] bool IsOutput(ValueId v) const { return is_output_[v.index]; }
  [[nodiscard]] const Attrs& AttrsOf(NodeId id) { return widening_.AttrsOf(graph_, id); }

  /// x where the node is x * sigmoid(x) or x * hard_sigmoid(x) spelled out and nothing else uses the inner result.
  [[nodiscard]] std::optional<ValueId> GatedBy(NodeId id, const OpDef* gate) const;
  [[nodiscard]] bool IsAbsorbed(NodeId id) const { return absorbed_[id.index]; }

  // Slots.
  /// The value in a layout; emits a reorder where it is only there in another.
  SlotId In(ValueId v, Layout layout);
  SlotId Plain(ValueId v) { return In(v, Layout::kPlain); }
  [[nodiscard]] bool Has(ValueId v, Layout layout) const { return Places(layout)[v.index].valid(); }
  /// The layout to work on the value in: a value that exists only in blocks is worked on in blocks.
  [[nodiscard]] Layout LayoutOf(ValueId v) const;
  /// A new place for a result of static type.
  SlotId Define(ValueId v, Layout layout);
  /// The result in one layout is what another value is in a layout of its own: only the names of the axes differ.
  void AliasIn(ValueId v, Layout layout, SlotId source);
  /// The result shares the memory of a plain slot.
  void Alias(ValueId v, SlotId source);
  /// The result is another value, in all its places.
  void Share(ValueId v, ValueId source);
  /// Working memory or packed constants that belong to no value of the graph.
  SlotId AddConstant(Tensor tensor);
  SlotId AddTemporary(DType dtype, Dims dims);
  Slot& slot(SlotId id) { return out_.slots_[id.index]; }

  // Steps.
  void Emit(std::unique_ptr<Step> step, NodeId node);
  /// The step that writes the value's slot of that layout, if it was emitted for exactly this value.
  Step* Producer(ValueId v, Layout layout);
  /// Gives the step at hand another result: for fusion into the step that made an operand. The step moves to the end of
  /// the list, after whatever makes its new operands.
  void Redirect(Step* step, ValueId from, ValueId to, Layout layout, NodeId node);

 private:
  Status LowerNode(NodeId id);
  void EmitKernel(NodeId id);
  void CollectNodes(RegionId region);
  void JoinBranch(NodeId id, RegionId branch);
  void FindGates();
  void TakeClusters();
  /// Whether the value is a stored constant made real, which is done when somebody asks for it.
  [[nodiscard]] bool IsMadeReal(ValueId v) const;
  void MakeReal(ValueId v);
  Status Dissolve(const Cluster& cluster);
  SlotId NewSlot(ValueId v, Layout layout);
  std::vector<SlotId>& Places(Layout layout) { return places_[static_cast<size_t>(layout)]; }
  [[nodiscard]] const std::vector<SlotId>& Places(Layout layout) const { return places_[static_cast<size_t>(layout)]; }
  /// 0 and a failure of the whole plan where no tensor can be that large.
  int64_t BytesOf(DType dtype, const Dims& dims);

  Executable& out_;
  const Graph& graph_;
  Specialised facts_;
  const PlanOptions& options_;
  Widening& widening_;
  std::vector<NodeId> order_;
  std::array<std::vector<SlotId>, 3> places_;  // by layout and value
  std::vector<int> uses_;
  std::vector<Step*> producers_;  // by slot
  NodeId at_;                     // that is being lowered
  std::vector<bool> is_output_;
  std::vector<std::vector<NodeId>> users_;
  std::vector<bool> absorbed_;     // by node: its work is done by a recognised user
  Clusters clusters_;              // that integer kernels may do
  std::unique_ptr<Diag> failure_;  // why there is no plan: a constant cannot be loaded, a tensor cannot be
};

/// A rule returns false, having changed nothing, where it does not take the node.
using LowerFn = Result<bool> (*)(Lowering&, NodeId);
struct LowerRule {
  const OpDef* op;
  LowerFn lower;
};
/// All rules for an operator, in the order in which they are tried.
std::vector<LowerFn> RulesFor(const OpDef* op);

}  // namespace godwit::plan
