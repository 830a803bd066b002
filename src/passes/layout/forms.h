// The forms that a node can take: for which orders of its operands it gives its results in which orders, worked out
// from the operator's `commute`, and which of them the target runs.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "passes/layout/orders.h"
#include "passes/layout/pbqp.h"
#include "passes/layout/view.h"

namespace godwit::layout {

/// One operand is taken in another order than the node has it now.
struct Turn {
  uint32_t operand = 0;
  Label order = kAny;
};

struct Form {
  std::vector<Label> operands;  ///< of their own rank; kAny where it does not matter
  std::vector<Label> results;
  std::vector<Turn> turns;  ///< how it comes about
  Label weights = kAny;     ///< what operand 1 is turned by to the target's weight layout
  Cost own = 0;             ///< bytes that the node moves itself
};

/// A node in another form, all of it.
struct Turned {
  Attrs attrs;
  std::vector<std::pair<size_t, std::vector<int64_t>>> numbers;
  std::vector<Label> operands;
  std::vector<Label> spread;  ///< of operands of lower rank: the order of the rank that they broadcast to
  std::vector<Label> results;
};

class Forms {
 public:
  enum class Kind : uint8_t {
    kStays,      ///< one form, as it is
    kTranspose,  ///< no node at all: another name for its operand
    kView,       ///< reshape and its like
    kSizes,      ///< looks at dims alone
    kTurns,      ///< as `commute` says
  };

  Forms(const Graph& graph, Inference& facts, Orders& orders, const LayoutTarget& target)
      : graph_(graph), facts_(facts), orders_(orders), target_(target) {}

  [[nodiscard]] Kind KindOf(NodeId node) const;
  /// Whether a value has an order worth speaking of.
  [[nodiscard]] bool Ordered(ValueId v) const;
  [[nodiscard]] const Shape& ShapeOf(ValueId v) const { return graph_.value(v).type.shape(); }

  /// Whether operand 1 are weights in an order that an attribute names.
  [[nodiscard]] bool HasWeights(const Node& node) const;
  /// The node with these operands turned, whatever the target thinks; nullopt when the operator says no.
  std::optional<Turned> Turn(NodeId node, const std::vector<layout::Turn>& turns);
  /// What it is with no operand turned.
  Form Plain(NodeId node);
  /// The forms that the target runs, among those that `candidates` (of each operand and result, own orders) make up.
  std::vector<Form> All(NodeId node, const std::vector<std::vector<Label>>& operands,
                        const std::vector<std::vector<Label>>& results);
  /// Orders that go with one of an operand or result: pairs of place (results after operands) and order.
  std::vector<std::pair<size_t, Label>> Neighbours(NodeId node, size_t place, Label order);

  Orders& orders() { return orders_; }

 private:
  std::optional<Form> Offer(NodeId node, const std::vector<layout::Turn>& turns);
  bool Priced(NodeId node, Turned turned, Form* form);
  bool Simple(const Node& node) const;
  [[nodiscard]] size_t Lead(const Node& node) const;
  void Views(const Node& node, const std::vector<Label>& from, const std::vector<Label>& to, std::vector<Form>* out);
  bool TurnOne(const Node& node, const layout::Turn& turn, Turned* state, std::vector<int>* ranks);
  Turned Start(const Node& node, std::vector<int>* ranks);

  const Graph& graph_;
  Inference& facts_;
  Orders& orders_;
  const LayoutTarget& target_;
};

/// Turns the axes of weights from one layout ("oihw") to another; nullopt when they are not the same axes.
std::optional<Perm> WeightPerm(std::string_view from, std::string_view to, size_t rank);

}  // namespace godwit::layout
