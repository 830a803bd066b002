// One step of a recurrent layer, found in plain arithmetic: gates that are activations of sums of products of what
// comes in and of the old state, and a new state that mixes them.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "passes/recurrent/linear.h"

namespace godwit::recurrent {

struct Function {
  std::string name;  ///< as lstm, gru and rnn call it
  double alpha = 0, beta = 0;
  friend bool operator==(const Function&, const Function&) = default;
};

struct Gate {
  Function function;
  Linear linear;
  bool negated = false;  ///< the layer's gate is of the negative sum
};

constexpr size_t kNoLeaf = SIZE_MAX;

struct Cell {
  const OpDef* op = nullptr;  ///< lstm, gru or rnn
  NodeId node;                ///< makes h
  ValueId h, c;               ///< the new state
  ValueId old_h, old_c;       ///< invalid: zeros, or not known yet
  int64_t hidden = 0;
  std::vector<Gate> gates;  ///< in the layer's order; one without columns is multiplied by a state of zeros
  Linear after_reset;       ///< gru: what the reset gate multiplies, where that is not the state
  Function last;            ///< lstm: of the cell state
  bool linear_before_reset = false, input_forget = false;
  /// What the products are of, in the order of the gates' terms, and which of it is the old state.
  std::vector<ValueId> leaves;
  size_t h_leaf = kNoLeaf;
  std::unordered_set<uint32_t> nodes, views;  ///< that only serve it
};

/// Values that are states of cells already found: arithmetic is not read beyond them.
using States = std::unordered_set<uint32_t>;

/// The step whose new h the node of `ctx` makes.
std::optional<Cell> ReadCell(RewriteCtx& ctx, const States& states);

/// Whether `next` does with the state that `cell` leaves what `cell` did, by the same weights. A step from zeros may
/// lack what they are multiplied by; one of which it was not known learns which of its operands is the state.
bool Follows(const Graph& graph, Cell* cell, const Cell& next);

}  // namespace godwit::recurrent
