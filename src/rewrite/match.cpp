#include "rewrite/match.h"

#include <algorithm>
#include <numeric>

namespace godwit {

bool IsIdentity(const Perm& perm) {
  for (size_t k = 0; k < perm.size(); ++k) {
    if (perm[k] != static_cast<int64_t>(k)) return false;
  }
  return true;
}

Perm Compose(const Perm& first, const Perm& second) {
  Perm out;
  out.reserve(second.size());
  for (int64_t p : second) out.push_back(first[static_cast<size_t>(p)]);
  return out;
}

Perm Inverse(const Perm& perm) {
  Perm out(perm.size());
  for (size_t k = 0; k < perm.size(); ++k) out[static_cast<size_t>(perm[k])] = static_cast<int64_t>(k);
  return out;
}

std::optional<Perm> PermOf(const Node& node, int rank) {
  Perm perm;
  if (!node.attrs.Has("perm")) {
    for (int64_t k = rank; k-- > 0;) perm.push_back(k);
    return perm;
  }
  for (int64_t p : node.attrs.Ints("perm")) {
    const auto axis = AxisOf(p, rank);
    if (!axis) return std::nullopt;
    perm.push_back(*axis);
  }
  Perm sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  if (static_cast<int>(perm.size()) != rank || !IsIdentity(sorted)) return std::nullopt;
  return perm;
}

bool MovesNothing(const Perm& perm, const Shape& shape) {
  int64_t last = -1;
  for (int64_t p : perm) {
    if (shape[static_cast<size_t>(p)] == Dim(1)) continue;
    if (p < last) return false;
    last = p;
  }
  return true;
}

std::optional<int64_t> AxisOf(int64_t axis, int rank) {
  if (axis < 0) axis += rank;
  return axis >= 0 && axis < rank ? std::optional(axis) : std::nullopt;
}

std::optional<std::vector<int64_t>> AxesOf(RewriteCtx& ctx, ValueId v, int rank) {
  auto axes = ctx.Ints(v);
  if (!axes) return std::nullopt;
  for (int64_t& a : *axes) {
    const auto axis = AxisOf(a, rank);
    if (!axis) return std::nullopt;
    a = *axis;
  }
  std::sort(axes->begin(), axes->end());
  if (std::adjacent_find(axes->begin(), axes->end()) != axes->end()) return std::nullopt;
  return axes;
}

bool SameShape(const Type& a, const Type& b) { return a.ranked() && b.ranked() && a.shape() == b.shape(); }

std::optional<WithConstant> SplitConstant(const RewriteCtx& ctx, const Node& node) {
  if (node.in.size() != 2 || ctx.IsConstant(node.in[0]) == ctx.IsConstant(node.in[1])) return std::nullopt;
  const bool first = ctx.IsConstant(node.in[0]);
  return WithConstant{node.in[first ? 1 : 0], node.in[first ? 0 : 1]};
}

}  // namespace godwit
