// The layout of a graph as a problem of choices: a variable for each node (its form), for each input and output (its
// order), and one for each order of a tensor that several users may share.
#pragma once

#include <vector>

#include "ir/graph.h"
#include "passes/layout/forms.h"
#include "passes/layout/orders.h"
#include "passes/layout/pbqp.h"

namespace godwit::layout {

inline constexpr size_t kMaxLabels = 24;
inline constexpr Cost kUnit = Cost{1} << 12;       ///< of a byte: ties lie below
inline constexpr Cost kMostMoved = Cost{1} << 38;  ///< bytes; what is larger costs no more

/// Where a value is used.
struct Site {
  NodeId node;      ///< invalid: a region's result
  RegionId region;  ///< of the result
  uint32_t place = 0;
  ValueId value;  ///< as the user names it
};

class Problem {
 public:
  Problem(const Graph& graph, Inference& facts, const LayoutTarget& target, const LayoutOptions& options);

  /// Chooses; what it cost is in `answer`. The graph stays as it is where nothing is better.
  void Solve(int64_t effort);
  /// Every node that has a form as it stands takes it: what wrapping each node in transposes would be.
  void TakePlain();
  /// These states and no others.
  void Take(std::vector<uint32_t> choice) { answer_.choice = std::move(choice); }
  /// Variables of nodes and of inputs and outputs; the others follow from them.
  [[nodiscard]] size_t chooser_count() const { return chooser_count_; }

  [[nodiscard]] const Answer& answer() const { return answer_; }
  [[nodiscard]] const Pbqp& pbqp() const { return pbqp_; }
  [[nodiscard]] size_t label_count() const { return label_count_; }
  [[nodiscard]] Forms& forms() { return forms_; }
  [[nodiscard]] Orders& orders() { return orders_; }

  /// The value that this one is by another name: the operand of the transposes that it comes out of.
  [[nodiscard]] ValueId RootOf(ValueId v) const { return v.index < root_.size() ? root_[v.index] : v; }
  /// value = transpose(root, relation).
  [[nodiscard]] Label RelationOf(ValueId v) const { return v.index < relation_.size() ? relation_[v.index] : kAny; }
  /// Of a node in the graph, or no node at all; graphs keep values of nodes that are gone.
  [[nodiscard]] bool Alive(ValueId v) const {
    return !graph_.value(v).def || !node_forms_[graph_.value(v).def.index].empty();
  }
  [[nodiscard]] const std::vector<Site>& SitesOf(ValueId root) const { return sites_[root.index]; }
  [[nodiscard]] const Form& FormOf(NodeId node) const {
    return node_forms_[node.index][Chosen(variable_of_node_[node.index])];
  }
  [[nodiscard]] size_t FormCount(NodeId node) const { return node_forms_[node.index].size(); }
  /// The order, of the root's axes, that a value is made in (identity for constants), and that a user needs.
  [[nodiscard]] Label MadeIn(ValueId root);
  [[nodiscard]] Label NeededBy(const Site& site);
  /// Whether the order at the site matters; not where it is read in any.
  [[nodiscard]] bool Moves(ValueId root, Label from, Label to) const;

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  /// Variables that follow from the others take their best states.
  void Follow(std::vector<uint32_t>* choice) const;
  [[nodiscard]] uint32_t Chosen(uint32_t variable) const { return variable == kNone ? 0 : answer_.choice[variable]; }
  void FindRoots();
  void FindSites();
  void FindLabels();
  void Spread(ValueId root, Label label);
  void Want(ValueId v, Label order);
  void AddVariables();
  void AddPrices();
  void Price(ValueId root);
  [[nodiscard]] std::vector<Label> OwnLabels(ValueId v);
  [[nodiscard]] std::vector<Label> Allowed(ValueId v, const IoLayout& io);
  [[nodiscard]] const IoLayout& IoOf(const std::string& name, const IoLayout& all) const;
  /// Orders of the root for each state of the variable at the site, or that makes the value.
  [[nodiscard]] std::vector<Label> LabelsAt(const Site& site);
  [[nodiscard]] std::vector<Label> LabelsMade(ValueId root);
  [[nodiscard]] uint32_t VariableAt(const Site& site) const;
  [[nodiscard]] uint32_t VariableMaking(ValueId root) const;
  [[nodiscard]] Cost MoveCost(ValueId root, Label from, Label to);
  [[nodiscard]] bool Free(ValueId root) const { return free_[root.index]; }

  const Graph& graph_;
  const LayoutTarget& target_;
  const LayoutOptions& options_;
  Orders orders_;
  Forms forms_;
  Pbqp pbqp_;
  Answer answer_;

  std::vector<NodeId> nodes_;
  std::vector<RegionId> regions_;
  // By value.
  std::vector<ValueId> root_;
  std::vector<Label> relation_;
  std::vector<std::vector<Site>> sites_;
  std::vector<std::vector<Label>> labels_;
  std::vector<bool> free_;  // constants and what follows from them alone
  std::vector<uint32_t> variable_of_param_;
  std::vector<std::vector<Label>> param_labels_;
  // By node.
  std::vector<std::vector<Form>> node_forms_;
  std::vector<uint32_t> variable_of_node_;
  // By region, of its results.
  std::vector<std::vector<uint32_t>> variable_of_result_;
  std::vector<std::vector<std::vector<Label>>> result_labels_;
  std::vector<std::pair<ValueId, Label>> events_;
  size_t label_count_ = 0, chooser_count_ = 0;
};

/// Bytes of a tensor; sizes that are not known are taken to be kGuess. 0 where nothing is known.
double BytesOf(const Type& type);
double ElementsOf(const Type& type);

}  // namespace godwit::layout
