// Choices that cost something alone and something in pairs: each variable takes one of its states, the sum of the
// states' costs and of the costs of joined pairs is to be least. Exact wherever the shape of the problem lets it be;
// what is left is searched, with a lower bound that says how far from the best the answer can be.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace godwit::layout {

using Cost = int64_t;
/// What must not be. Sums stop there.
inline constexpr Cost kNever = Cost{1} << 60;
inline Cost Plus(Cost a, Cost b) { return std::min(a + b, kNever); }

struct Answer {
  std::vector<uint32_t> choice;  ///< a state for each variable
  Cost cost = 0;
  Cost bound = 0;  ///< nothing costs less
  [[nodiscard]] bool optimal() const { return cost <= bound; }
};

class Pbqp {
 public:
  struct Joint {
    uint32_t a = 0, b = 0;
    std::vector<Cost> costs;  ///< row by row: a's states, within them b's
  };

  /// A variable with the cost of each state (at least one).
  uint32_t Add(std::vector<Cost> states);
  /// Costs of pairs; those of one pair of variables add up. `a` and `b` may be the same variable.
  void Join(uint32_t a, uint32_t b, std::vector<Cost> costs);
  void Charge(uint32_t variable, uint32_t state, Cost cost);

  [[nodiscard]] size_t size() const { return alone_.size(); }
  [[nodiscard]] uint32_t States(uint32_t v) const { return static_cast<uint32_t>(alone_[v].size()); }
  [[nodiscard]] const std::vector<std::vector<Cost>>& alone() const { return alone_; }
  [[nodiscard]] const std::vector<Joint>& joints() const { return joints_; }
  [[nodiscard]] Cost CostOf(const std::vector<uint32_t>& choice) const;

  /// `effort` bounds the steps of search where no exact method ends. The same problem has the same answer.
  [[nodiscard]] Answer Solve(int64_t effort) const;

 private:
  std::vector<std::vector<Cost>> alone_;
  std::vector<Joint> joints_;
};

}  // namespace godwit::layout
