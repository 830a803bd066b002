// What an operator's `commute` sees: one operand is to be replaced by its transposition. The operator says with which
// attributes it then gives its result transposed, and how. Semantics only: what a target likes is not asked here.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "ir/attrs.h"
#include "ir/op_def.h"

namespace godwit {

class CommuteCtx {
 public:
  /// Dim k of the new operand is dim perm[k] of the old one; other operands stay as they are unless the operator says
  /// otherwise in `alike` and `numbers`.
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

  // What the caller knows about all operands of the node. An operator that needs it and finds nothing says no.
  std::vector<int> ranks;                                               ///< -1: absent, or not known
  std::function<std::optional<std::vector<int64_t>>(size_t)> contents;  ///< of integer operands

  /// Dim k of the new result is dim result[k] of the old one: all results alike. At first it is `perm`.
  std::vector<int64_t> result;
  /// The node's attributes afterwards. At first they are `attrs`.
  Attrs changed;
  /// Operands that have to be transposed as `operand` is. Those of lower rank get dims of 1 in front first.
  std::vector<size_t> alike;
  /// Integer operands (axes, pads) and what they hold afterwards; those absent before are new.
  std::vector<std::pair<size_t, std::vector<int64_t>>> numbers;

  /// The attributes say something now that few formats can: operands of products swapped, axes of a resize.
  bool rare = false;

  [[nodiscard]] int64_t rank() const { return static_cast<int64_t>(perm.size()); }
  [[nodiscard]] bool Has(size_t i) const { return i < ranks.size() && ranks[i] >= 0; }
  [[nodiscard]] std::optional<std::vector<int64_t>> Ints(size_t i) const {
    return contents ? contents(i) : std::nullopt;
  }
  /// Where the operand's axis goes; negative ones count from the end. -1 when it names none.
  [[nodiscard]] int64_t Place(int64_t axis) const {
    if (axis < 0) axis += rank();
    for (size_t k = 0; k < perm.size(); ++k) {
      if (perm[k] == axis) return static_cast<int64_t>(k);
    }
    return -1;
  }
  /// An axis attribute (negative ones count from the end) follows its axis. False when it names no axis.
  bool MoveAxis(std::string_view attr, int64_t fallback) {
    const int64_t place = Place(attrs.Int(attr, fallback));
    if (place < 0) return false;
    changed.Set(attr, place);
    return true;
  }
};

}  // namespace godwit
