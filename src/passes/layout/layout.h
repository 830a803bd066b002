// Layout of a whole graph as one problem: every tensor gets an order of its axes so that the fewest bytes are moved
// around what the target runs. Transposes of the source take part in it: they are other names for the same data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"
#include "ir/inference.h"

namespace godwit {

/// Dim k of what is stored is dim perm[k] of what is meant. Empty: as it is meant.
using Perm = std::vector<int64_t>;

/// A node as it would be with its operands and results in other orders. The graph still holds it as it is.
struct LayoutForm {
  const Graph& graph;
  Inference& facts;
  NodeId node;
  Attrs attrs;                 ///< axes moved along, weights in the order that the target wants
  std::vector<Perm> operands;  ///< of their own rank
  std::vector<Perm> results;
  /// Integer operands (axes, pads, sizes) and what they hold then.
  std::vector<std::pair<size_t, std::vector<int64_t>>> numbers = {};

  [[nodiscard]] const OpDef* op() const { return graph.node(node).op; }
  [[nodiscard]] size_t n_in() const { return graph.node(node).in.size(); }
  [[nodiscard]] bool Has(size_t i) const { return i < n_in() && graph.node(node).in[i].valid(); }
  [[nodiscard]] bool IsConstant(size_t i) const { return Has(i) && graph.IsConstant(graph.node(node).in[i]); }
  /// Types in the order they would be stored in; unknown where there is none.
  [[nodiscard]] Type Operand(size_t i) const;
  [[nodiscard]] Type Result(size_t i) const;
  /// Contents of an integer operand then, where they are known.
  [[nodiscard]] std::optional<std::vector<int64_t>> Ints(size_t i) const;
};

/// What a runtime likes. Asked about many forms of each node: answers should come from tables.
class LayoutTarget {
 public:
  virtual ~LayoutTarget() = default;
  /// Whether the target runs the node in this form, and bytes that it moves then beside its work (0 for most). A node
  /// that runs in no form keeps the one that it has.
  [[nodiscard]] virtual std::optional<int64_t> Runs(const LayoutForm& form) const = 0;
  /// Orders of operand `operand` (of the graph's value) that the target would like this node in. Those that come from
  /// neighbours are tried anyway; absent operands are not asked for.
  [[nodiscard]] virtual std::vector<Perm> Wanted(const Graph& graph, NodeId node, size_t operand) const = 0;
  /// The value of `weight_layout` that a node with weights must have in this form; empty: the one it has.
  [[nodiscard]] virtual std::string_view WeightLayout(const LayoutForm&) const { return {}; }
  /// What moving one byte of such a tensor by a transposition costs. A runtime that would cut a partition for it says
  /// a large number. `type` is what is stored before.
  [[nodiscard]] virtual double ByteWeight(const TensorType& type, const Perm& perm) const {
    return static_cast<void>(type), static_cast<void>(perm), 1.0;
  }
  /// The order that the target likes images of this rank in: that of inputs and outputs when asked for.
  [[nodiscard]] virtual Perm ImageOrder(int rank) const = 0;
};

/// Whose order an input or output of the graph has afterwards.
struct IoLayout {
  enum class Kind : uint8_t {
    kKeep,    ///< the source's
    kTarget,  ///< the target's, where it is an image: where an order of the target's reaches it
    kAuto,    ///< whatever moves least
    kPerm,    ///< `perm`
  };
  Kind kind = Kind::kKeep;
  Perm perm = {};
};

struct LayoutOptions {
  IoLayout inputs = {};
  IoLayout outputs = {};
  std::map<std::string, IoLayout, std::less<>> named = {};  ///< by input or output name
  int64_t effort = int64_t{1} << 29;  ///< steps of search where no exact method ends; the report then states a gap
};

/// A transposition in the graph as it is left.
struct TransposeLeft {
  std::string value;      ///< source tensor, or the node that makes it
  std::string producer;   ///< source node that gives it in one order; "input x" for an input
  std::string consumers;  ///< those that need it in the other, ", " between
  Type type;              ///< as stored before
  Perm perm;              ///< what is done to it
  int64_t elements = 0;   ///< -1 where the shape is not known
  int64_t bytes = 0;      ///< -1 likewise
  bool reshape = false;   ///< only dims of 1 change places: nothing is moved
  std::string why;        ///< the two constraints that disagree, in words
};

struct LayoutTotals {
  int64_t transposes = 0;  ///< that move something; dims of unknown size count as 1 in the sums
  int64_t elements = 0;
  int64_t bytes = 0;
};

/// How the stored tensor of that name relates to the source's: dim k is dim perm[k] there.
struct ValueLayout {
  ValueId value;
  std::string name;
  Perm perm;
};

struct LayoutReport {
  LayoutTotals before;  ///< of the graph as given
  LayoutTotals alone;   ///< when each node with a layout of its own is wrapped in transposes
  LayoutTotals after;
  bool optimal = true;
  double gap = 0;  ///< how much better, as a fraction of the cost, the best could be at most
  std::vector<TransposeLeft> left;
  std::vector<ValueLayout> layouts;  ///< of values in another order than in the source; named ones alone
  int64_t variables = 0, labels = 0, reduced = 0;
};

/// Chooses orders for all values and rewrites the graph so.
Status Relayout(Graph* graph, const LayoutTarget& target, const LayoutOptions& options, LayoutReport* report);

/// Lines for people: totals, and each transpose that is left with the reason.
std::string ToText(const LayoutReport& report);

/// What the transposes of any graph move, those that stand in for one (gathers, slices put together) not counted.
LayoutTotals CountTransposes(const Graph& graph);

}  // namespace godwit
