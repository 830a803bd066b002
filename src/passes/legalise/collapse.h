// What the parts of the rank repair share: one operator that is to be said with fewer axes.
#pragma once

#include <vector>

#include "ir/decompose.h"
#include "ops/expr.h"
#include "passes/legalise/draft.h"

namespace godwit::legalise {

using ops::Expr;
using ops::Extent;
using ops::Extents;
using Ints = std::vector<int64_t>;

/// Axes of the result that become one, in order; each is of one kind.
struct Runs {
  std::vector<std::vector<int>> axes;
  Ints kind;

  void Add(int axis, int64_t k, bool neutral) {
    if (!axes.empty() && (neutral || kind.back() == k || neutral_)) {
      axes.back().push_back(axis);
      if (neutral_ && !neutral) kind.back() = k;
    } else {
      axes.push_back({axis});
      kind.push_back(k);
      neutral_ = true;
    }
    neutral_ = neutral_ && neutral;
  }

 private:
  bool neutral_ = false;  // the last run has axes of extent 1 only
};

/// The product of the extents of these axes.
Extent Joined(const Expr& x, const std::vector<int>& axes);

class Collapse {
 public:
  Collapse(Draft* d, const Node& node, std::vector<Type> results);
  Result<ValueId> Run();

 private:
  // rank_repair.cpp: what works on all axes alike, and transpositions.
  [[nodiscard]] bool Elementwise() const;
  [[nodiscard]] const Shape& result() const { return results_[0].shape(); }
  Result<Expr> Broadcasting(int tail);
  Extent ResultDim(int axis);
  Result<Expr> Transposition();
  Result<Expr> ByMoves(const Expr& x, const Ints& perm, const Extents& full);

  // collapse_axes.cpp: what works along some axes.
  Result<Expr> AlongAxis();
  Result<Expr> Reduced();
  [[nodiscard]] bool Separable() const;
  /// Operand 0 with axes that nothing happens to joined: the joined value, where each axis went, and the result's dims.
  struct Flat {
    Expr x;
    Ints place;
    std::vector<std::vector<int>> runs;
  };
  Result<Flat> Untouched(const std::vector<bool>& touched);
  Expr Restored(const Expr& y, const Flat& flat, const std::vector<bool>& touched);
  Result<Expr> Sliced();
  Result<Expr> Padding();
  Result<Expr> PadHalves(const Ints& pads);

  const Node& node_;
  std::vector<Type> results_;
  DecomposeCtx ctx_;
  std::vector<Expr> in_;
};

}  // namespace godwit::legalise
