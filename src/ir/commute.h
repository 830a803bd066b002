// What an operator's `commute` sees: one operand is to be replaced by its transposition. The operator says with which
// attributes it then gives its result transposed, and how. Semantics only: what a target likes is not asked here.
#pragma once

#include <vector>

#include "ir/attrs.h"
#include "ir/op_def.h"

namespace godwit {

class CommuteCtx {
 public:
  /// Dim k of the new operand is dim perm[k] of the old one; all other operands stay as they are.
  CommuteCtx(const Attrs& node_attrs, size_t which, std::vector<int64_t> permutation, size_t wanted = 1)
      : attrs(node_attrs),
        operand(which),
        n_out(wanted),
        perm(std::move(permutation)),
        result(perm),
        changed(node_attrs) {}

  const Attrs& attrs;
  const size_t operand;
  const size_t n_out;  ///< how many results the node has
  const std::vector<int64_t> perm;

  /// Dim k of the new result is dim result[k] of the old one: all results alike. At first it is `perm`.
  std::vector<int64_t> result;
  /// The node's attributes afterwards. At first they are `attrs`.
  Attrs changed;

  [[nodiscard]] int64_t rank() const { return static_cast<int64_t>(perm.size()); }
  /// An axis attribute (negative ones count from the end) follows its axis. False when it names no axis.
  bool MoveAxis(std::string_view attr, int64_t fallback) {
    int64_t axis = attrs.Int(attr, fallback);
    if (axis < 0) axis += rank();
    for (size_t k = 0; k < perm.size(); ++k) {
      if (perm[k] != axis) continue;
      changed.Set(attr, static_cast<int64_t>(k));
      return true;
    }
    return false;
  }
};

}  // namespace godwit
