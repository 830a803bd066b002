#include "passes/layout/orders.h"

#include <numeric>

namespace godwit::layout {

Label Orders::Of(const Perm& perm) {
  const auto [it, is_new] = known_.emplace(perm, static_cast<Label>(perms_.size()));
  if (is_new) {
    perms_.push_back(perm);
    bool identity = true;
    for (size_t k = 0; k < perm.size(); ++k) identity = identity && perm[k] == static_cast<int64_t>(k);
    identity_.push_back(identity);
    inverse_.push_back(kAny);
  }
  return it->second;
}

Label Orders::Identity(size_t rank) {
  while (by_rank_.size() <= rank) {
    Perm perm(by_rank_.size());
    std::iota(perm.begin(), perm.end(), 0);
    by_rank_.push_back(Of(perm));
  }
  return by_rank_[rank];
}

Label Orders::Compose(Label first, Label second) {
  if (IsIdentity(second)) return first;
  if (IsIdentity(first)) return second;
  const uint64_t key = (static_cast<uint64_t>(first) << 32U) | static_cast<uint32_t>(second);
  if (const auto it = composed_.find(key); it != composed_.end()) return it->second;
  Perm out = (*this)[second];
  const Perm& a = (*this)[first];
  for (int64_t& k : out) k = a[static_cast<size_t>(k)];
  const Label label = Of(out);
  composed_.emplace(key, label);
  return label;
}

Label Orders::Inverse(Label label) {
  if (label == kAny) return kAny;
  if (inverse_[static_cast<size_t>(label)] == kAny) {
    const Perm& perm = (*this)[label];
    Perm out(perm.size());
    for (size_t k = 0; k < perm.size(); ++k) out[static_cast<size_t>(perm[k])] = static_cast<int64_t>(k);
    const Label inverse = Of(out);
    inverse_[static_cast<size_t>(label)] = inverse;
  }
  return inverse_[static_cast<size_t>(label)];
}

Perm MemoryOrder(const Perm& perm, const Shape& shape) {
  Perm out;
  for (const int64_t k : perm) {
    if (shape[static_cast<size_t>(k)] != Dim(1)) out.push_back(k);
  }
  return out;
}

Shape Stored(const Shape& shape, const Perm& perm) {
  Shape out;
  out.reserve(perm.size());
  for (const int64_t k : perm) out.push_back(shape[static_cast<size_t>(k)]);
  return out;
}

}  // namespace godwit::layout
