// Whether two steps are the same but for what they read: turns of one layer.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "passes/recurrent/cell.h"

namespace godwit::recurrent {

namespace {

// The terms without those of one leaf.
std::vector<Term> Without(const Linear& linear, ValueId leaf) {
  std::vector<Term> out;
  for (const Term& t : linear.terms) {
    if (!leaf || !(t.input == leaf)) out.push_back(t);
  }
  return out;
}

bool SameBiases(const Graph& graph, const Linear& a, const Linear& b, bool by_value) {
  const bool same = std::equal(
      a.biases.begin(), a.biases.end(), b.biases.begin(), b.biases.end(),
      [](const Bias& x, const Bias& y) { return x.value == y.value && x.first == y.first && x.spread == y.spread; });
  if (same || !by_value) return same;
  const auto x = SumOf(graph, a), y = SumOf(graph, b);
  if (!x || !y) return false;
  for (size_t k = 0; k < x->size(); ++k) {
    if (std::fabs((*x)[k] - (*y)[k]) > 1e-6 * (std::fabs((*x)[k]) + std::fabs((*y)[k]))) return false;
  }
  return true;
}

}  // namespace

bool Follows(const Graph& graph, Cell* before, const Cell& next) {
  const Cell& cell = *before;
  const bool from_zero = cell.h_leaf == kNoLeaf && cell.leaves.size() + 1 == next.leaves.size();
  if (cell.op != next.op || cell.hidden != next.hidden || !(cell.last == next.last) || next.h_leaf == kNoLeaf ||
      cell.input_forget != next.input_forget || (!from_zero && cell.leaves.size() != next.leaves.size())) {
    return false;
  }
  const ValueId skip = from_zero ? next.leaves[next.h_leaf] : ValueId();
  // Which leaf of the one stands for which of the other follows from the terms.
  std::vector<ValueId> stands_for(next.leaves.size());
  const auto agree = [&](const Linear& a, const Linear& b) {
    const std::vector<Term> wanted = Without(b, skip);
    if (a.terms.size() != wanted.size() || !SameBiases(graph, a, b, from_zero)) return false;
    for (size_t k = 0; k < wanted.size(); ++k) {
      const Term &x = a.terms[k], &y = wanted[k];
      if (x.weight != y.weight || x.transposed != y.transposed || x.in != y.in || x.inputs != y.inputs ||
          x.out != y.out) {
        return false;
      }
      const auto leaf =
          static_cast<size_t>(std::find(next.leaves.begin(), next.leaves.end(), y.input) - next.leaves.begin());
      if (stands_for[leaf] && !(stands_for[leaf] == x.input)) return false;
      stands_for[leaf] = x.input;
    }
    return true;
  };
  for (size_t g = 0; g < next.gates.size(); ++g) {
    const Gate &a = cell.gates[g], &b = next.gates[g];
    if (a.linear.width == 0) {
      // Multiplied by zeros, and so gone.
      const bool forget = cell.op == &ops::kLstm && g == 2 && !cell.old_c;
      const bool reset = cell.op == &ops::kGru && g == 1 && from_zero;
      if (b.linear.width != 0 && !forget && !reset) return false;
      continue;
    }
    if (b.linear.width == 0 || !(a.function == b.function) || a.negated != b.negated || !agree(a.linear, b.linear)) {
      return false;
    }
  }
  if (cell.linear_before_reset != next.linear_before_reset) {
    // A product of zeros without a bias.
    if (!from_zero || cell.linear_before_reset || !next.after_reset.biases.empty()) return false;
  } else if (next.linear_before_reset && !agree(cell.after_reset, next.after_reset)) {
    return false;
  }
  const ValueId state = stands_for[next.h_leaf];
  if (from_zero) return true;
  if (!state || (cell.h_leaf != kNoLeaf && !(state == cell.leaves[cell.h_leaf]))) return false;
  before->old_h = state;
  before->h_leaf = static_cast<size_t>(std::find(cell.leaves.begin(), cell.leaves.end(), state) - cell.leaves.begin());
  return true;
}

}  // namespace godwit::recurrent
