// The lists of a tree_ensemble, as its attributes have them: a child always has a higher index than its parent, so that
// no file can make a walk endless.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/attrs.h"
#include "ir/decompose.h"

namespace godwit::ops {

struct Trees {
  const std::vector<int64_t>&features, &modes, &on_true, &on_false, &missing, &set_starts, &roots, &leaf_starts,
      &targets;
  const std::vector<double>&splits, &members, &weights;
  int64_t n_targets;

  explicit Trees(const Attrs& a)
      : features(a.Ints("features")),
        modes(a.Ints("modes")),
        on_true(a.Ints("on_true")),
        on_false(a.Ints("on_false")),
        missing(a.Ints("missing_is_true")),
        set_starts(a.Ints("set_starts")),
        roots(a.Ints("roots")),
        leaf_starts(a.Ints("leaf_starts")),
        targets(a.Ints("targets")),
        splits(a.Floats("splits")),
        members(a.Floats("members")),
        weights(a.Floats("weights")),
        n_targets(a.Int("n_targets")) {}

  [[nodiscard]] bool Rising(const std::vector<int64_t>& starts, size_t count, size_t end) const {
    if (starts.size() != count + 1) return false;
    for (size_t i = 0; i < starts.size(); ++i) {
      if (starts[i] < (i == 0 ? 0 : starts[i - 1]) || starts[i] > static_cast<int64_t>(end)) return false;
    }
    return true;
  }

  [[nodiscard]] bool Sound() const {
    const size_t n = features.size();
    const auto nodes = static_cast<int64_t>(n);
    const auto leaves = static_cast<int64_t>(leaf_starts.size()) - 1;
    if (modes.size() != n || splits.size() != n || on_true.size() != n || on_false.size() != n || leaves < 0)
      return false;
    if (!missing.empty() && missing.size() != n) return false;
    if (!set_starts.empty() && !Rising(set_starts, n, members.size())) return false;
    if (!Rising(leaf_starts, static_cast<size_t>(leaves), targets.size()) || weights.size() != targets.size())
      return false;
    for (size_t i = 0; i < n; ++i) {
      if (modes[i] < 0 || modes[i] > 6 || features[i] < 0 || (modes[i] == 6 && set_starts.empty())) return false;
      for (const int64_t next : {on_true[i], on_false[i]}) {
        if (next < 0 ? next < -leaves : next <= static_cast<int64_t>(i) || next >= nodes) return false;
      }
    }
    for (const int64_t r : roots) {
      if (r < 0 ? r < -leaves : r >= nodes) return false;
    }
    for (const int64_t t : targets) {
      if (t < 0 || t >= n_targets) return false;
    }
    return true;
  }

  [[nodiscard]] bool Test(size_t i, double x) const {
    if (x != x && !missing.empty() && missing[i] != 0) return true;
    switch (modes[i]) {
      case 0: return x <= splits[i];
      case 1: return x < splits[i];
      case 2: return x >= splits[i];
      case 3: return x > splits[i];
      case 4: return x == splits[i];
      case 5: return x != splits[i];
      default: break;
    }
    for (int64_t k = set_starts[i]; k < set_starts[i + 1]; ++k) {
      if (members[static_cast<size_t>(k)] == x) return true;
    }
    return false;
  }

  /// Index of the leaf that a row ends in.
  [[nodiscard]] size_t Walk(int64_t at, const double* row) const {
    while (at >= 0) {
      const auto i = static_cast<size_t>(at);
      at = Test(i, row[features[i]]) ? on_true[i] : on_false[i];
    }
    return static_cast<size_t>(-1 - at);
  }
};

/// All tests at once, which leaf they lead to in each tree, and what the leaves say.
Status DecomposeTrees(DecomposeCtx& ctx);

}  // namespace godwit::ops
