#include "passes/layout/bound.h"

namespace godwit::layout {

Cost LowerBound(const Pbqp& problem, int rounds) {
  std::vector<std::vector<Cost>> alone = problem.alone();
  std::vector<Pbqp::Joint> joints = problem.joints();
  std::vector<std::vector<uint32_t>> at(alone.size());
  for (uint32_t e = 0; e < joints.size(); ++e) {
    at[joints[e].a].push_back(e);
    at[joints[e].b].push_back(e);
  }
  Cost bound = 0;
  for (int round = 0; round < rounds; ++round) {
    const Cost before = bound;
    for (uint32_t v = 0; v < alone.size(); ++v) {
      std::vector<Cost>& mine = alone[v];
      const auto place = [&](const Pbqp::Joint& j, size_t i, size_t k) {
        return j.a == v ? i * alone[j.b].size() + k : k * mine.size() + i;
      };
      // All that the pairs say about this variable alone...
      for (const uint32_t e : at[v]) {
        Pbqp::Joint& j = joints[e];
        const size_t n = alone[j.a == v ? j.b : j.a].size();
        for (size_t i = 0; i < mine.size(); ++i) {
          Cost least = kNever;
          for (size_t k = 0; k < n; ++k) least = std::min(least, j.costs[place(j, i, k)]);
          if (least == 0) continue;
          mine[i] = Plus(mine[i], least);
          for (size_t k = 0; k < n; ++k) {
            Cost& c = j.costs[place(j, i, k)];
            if (c < kNever) c -= least;
          }
        }
      }
      const Cost least = *std::min_element(mine.begin(), mine.end());
      bound = Plus(bound, least);
      if (least >= kNever) return kNever;
      // ... and back to them, evenly.
      for (size_t i = 0; i < mine.size(); ++i) {
        if (mine[i] >= kNever) continue;
        mine[i] -= least;
        Cost left = static_cast<Cost>(at[v].size());
        for (const uint32_t e : at[v]) {
          Pbqp::Joint& j = joints[e];
          const Cost share = mine[i] / left--;
          mine[i] -= share;
          const size_t n = alone[j.a == v ? j.b : j.a].size();
          for (size_t k = 0; k < n; ++k) j.costs[place(j, i, k)] = Plus(j.costs[place(j, i, k)], share);
        }
      }
    }
    if (bound == before && round > 0) break;
  }
  return bound;
}

}  // namespace godwit::layout
