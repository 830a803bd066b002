#include "passes/layout/split_move.h"

#include <algorithm>
#include <numeric>

namespace godwit::layout {

namespace {

constexpr size_t kMostAxes = 8;
constexpr double kOpen = 64;  // an extent that is not known

// What is paid for each element: next to nothing in large blocks; one by one the more, the more axes are stepped
// through.
double PriceOf(const Shape& dims, const PartOfMove& part) {
  const size_t axes = part.perm.size();
  if (part.perm.back() + 1 != static_cast<int64_t>(axes)) return 1 + 0.0625 * static_cast<double>(axes);
  double block = 1;
  for (const size_t axis : part.runs.back()) block *= static_cast<double>(dims[axis].known().value_or(kOpen));
  return 1 / std::max(block, 1.0);
}

// The runs of a move over axes that have already been moved by `before`.
PartOfMove After(const std::vector<int64_t>& before, const Perm& perm) {
  PartOfMove out = Joined(perm);
  for (auto& run : out.runs) {
    for (size_t& axis : run) axis = static_cast<size_t>(before[axis]);
  }
  return out;
}

// All ways to cut the axes into up to `most` runs and to put these into another order.
std::vector<Perm> FirstMoves(size_t rank, size_t most) {
  std::vector<Perm> out;
  for (uint32_t cuts = 1; cuts < uint32_t{1} << (rank - 1); ++cuts) {
    std::vector<std::vector<int64_t>> runs(1);
    for (size_t axis = 0; axis < rank; ++axis) {
      if (axis > 0 && (cuts >> (axis - 1) & 1) != 0) runs.emplace_back();
      runs.back().push_back(static_cast<int64_t>(axis));
    }
    if (runs.size() > most) continue;
    std::vector<size_t> order(runs.size());
    std::iota(order.begin(), order.end(), 0);
    while (std::next_permutation(order.begin(), order.end())) {
      Perm perm;
      for (const size_t run : order) perm.insert(perm.end(), runs[run].begin(), runs[run].end());
      out.push_back(std::move(perm));
    }
  }
  return out;
}

}  // namespace

PartOfMove Joined(const Perm& perm) {
  std::vector<std::vector<size_t>> moved;
  for (const int64_t p : perm) {
    const auto axis = static_cast<size_t>(p);
    if (moved.empty() || moved.back().back() + 1 != axis) moved.emplace_back();
    moved.back().push_back(axis);
  }
  PartOfMove out{moved, Perm(moved.size())};
  std::sort(out.runs.begin(), out.runs.end());
  for (size_t k = 0; k < moved.size(); ++k) {
    out.perm[k] = std::find(out.runs.begin(), out.runs.end(), moved[k]) - out.runs.begin();
  }
  return out;
}

std::optional<std::array<PartOfMove, 2>> SplitMove(const Shape& dims, const Perm& perm, size_t most) {
  if (perm.size() < 2 || perm.size() > kMostAxes) return std::nullopt;
  std::optional<std::array<PartOfMove, 2>> best;
  double least = 0;
  for (const Perm& first : FirstMoves(perm.size(), most)) {
    std::vector<int64_t> place(perm.size());
    for (size_t k = 0; k < first.size(); ++k) place[static_cast<size_t>(first[k])] = static_cast<int64_t>(k);
    Perm rest;
    for (const int64_t axis : perm) rest.push_back(place[static_cast<size_t>(axis)]);
    std::array<PartOfMove, 2> parts = {Joined(first), After(first, rest)};
    if (parts[0].perm.size() > most || parts[1].perm.size() > most) continue;
    const double price = PriceOf(dims, parts[0]) + PriceOf(dims, parts[1]);
    if (best && price >= least) continue;
    best = std::move(parts);
    least = price;
  }
  return best;
}

}  // namespace godwit::layout
