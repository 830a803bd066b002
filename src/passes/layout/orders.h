// Permutations by number: compared, composed and inverted in constant time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "ir/dim.h"
#include "passes/layout/layout.h"

namespace godwit::layout {

/// A permutation's number; any one serves where it is kAny.
using Label = int32_t;
inline constexpr Label kAny = -1;

class Orders {
 public:
  Label Of(const Perm& perm);
  Label Identity(size_t rank);
  [[nodiscard]] const Perm& operator[](Label label) const { return perms_[static_cast<size_t>(label)]; }
  [[nodiscard]] size_t Rank(Label label) const { return (*this)[label].size(); }
  [[nodiscard]] bool IsIdentity(Label label) const { return label == kAny || identity_[static_cast<size_t>(label)]; }
  /// transpose(transpose(x, first), second).
  Label Compose(Label first, Label second);
  Label Inverse(Label label);

 private:
  std::map<Perm, Label> known_;
  std::deque<Perm> perms_;  // a reference stays good
  std::vector<bool> identity_;
  std::vector<Label> inverse_, by_rank_;
  std::unordered_map<uint64_t, Label> composed_;
};

/// The axes that are not 1, in the order they are stored in: equal for labels that mean the same memory.
Perm MemoryOrder(const Perm& perm, const Shape& shape);
/// The dims as they are stored.
Shape Stored(const Shape& shape, const Perm& perm);

}  // namespace godwit::layout
