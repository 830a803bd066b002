// A reshape as what it does to orders of axes: which order of the result holds the same elements in the same places
// as some order of the operand.
#pragma once

#include <optional>
#include <vector>

#include "passes/layout/orders.h"

namespace godwit::layout {

class View {
 public:
  /// Shapes of the same elements.
  View(const Shape& from, const Shape& to);
  /// The order of the result when the operand is stored in `order`; nullopt when there is none. Axes of 1 stay behind
  /// the axis that they follow.
  [[nodiscard]] std::optional<Perm> Through(const Perm& order) const;

 private:
  // Axes that stay together in their order, and the pieces that they consist of, outermost first.
  struct Unit {
    std::vector<int64_t> axes;
    std::vector<int> pieces;
  };
  void Group(const Shape& from, const Shape& to, std::vector<int64_t> a, std::vector<int64_t> b);

  std::vector<Unit> from_, to_;
  std::vector<int> unit_of_;   // by axis of the operand; -1: an axis of 1
  std::vector<int> opening_;   // by piece: the unit of the result that begins with it, or -1
  std::vector<int64_t> ones_;  // axes of 1 of the result
  int pieces_ = 0;
};

/// Contents of a reshape's `shape` operand for a result of that shape, with at most one -1 and zeros that copy;
/// nullopt where numbers alone cannot say it.
std::optional<std::vector<int64_t>> ShapeNumbers(const Shape& from, const Shape& to);

}  // namespace godwit::layout
