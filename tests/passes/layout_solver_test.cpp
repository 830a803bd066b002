// The solver against the enumeration of all choices.
#include <gtest/gtest.h>

#include <random>

#include "passes/layout/bound.h"
#include "passes/layout/eliminate.h"
#include "passes/layout/min_cut.h"
#include "passes/layout/pbqp.h"
#include "passes/layout_check.h"

namespace godwit::layout {
namespace {

constexpr int kProblems = test::kSlowBuild ? 1500 : 20000;

int Below(std::mt19937_64& random, int n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); }

Cost AnyCost(std::mt19937_64& random) { return Below(random, 8) == 0 ? kNever : Below(random, 20); }

Pbqp RandomProblem(std::mt19937_64& random, bool cut) {
  Pbqp out;
  const int n = 1 + Below(random, 8), most = cut ? 2 : 1 + Below(random, 4);
  for (int v = 0; v < n; ++v) {
    std::vector<Cost> states(cut ? 2 : static_cast<size_t>(1 + Below(random, most)));
    for (Cost& c : states) c = AnyCost(random);
    states[static_cast<size_t>(Below(random, static_cast<int>(states.size())))] = Below(random, 20);
    out.Add(std::move(states));
  }
  const int m = n > 1 ? Below(random, 2 * n + 6) : 0;
  for (int e = 0; e < m; ++e) {
    const auto a = static_cast<uint32_t>(Below(random, n)), b = static_cast<uint32_t>(Below(random, n));
    std::vector<Cost> costs(out.States(a) * out.States(b));
    for (Cost& c : costs) c = AnyCost(random);
    if (cut && a != b) costs[0] = costs[3] = 0;
    out.Join(a, b, std::move(costs));
  }
  return out;
}

Cost Best(const Pbqp& problem) {
  std::vector<uint32_t> choice(problem.size());
  Cost best = kNever;
  while (true) {
    best = std::min(best, problem.CostOf(choice));
    size_t v = 0;
    while (v < choice.size() && ++choice[v] == problem.States(static_cast<uint32_t>(v))) choice[v++] = 0;
    if (v == choice.size()) return best;
  }
}

TEST(LayoutSolver, FindsTheBest) {
  std::mt19937_64 random(1);
  for (int i = 0; i < kProblems; ++i) {
    const Pbqp problem = RandomProblem(random, i % 3 == 0);
    const Cost best = Best(problem);
    const Answer answer = problem.Solve(1 << 20);
    ASSERT_EQ(answer.cost, best) << i;
    ASSERT_EQ(problem.CostOf(answer.choice), best) << i;
    ASSERT_LE(answer.bound, best) << i;
    ASSERT_LE(LowerBound(problem, 32), best) << i;
    int64_t work = 1 << 24;
    const auto all = SolveByElimination(problem, 1 << 20, &work);
    ASSERT_TRUE(all.has_value());
    ASSERT_EQ(problem.CostOf(*all), best) << i;
    const auto cut = SolveByCut(problem);
    ASSERT_TRUE(!cut || problem.CostOf(*cut) == best) << i;
  }
}

TEST(LayoutSolver, ACutIsRecognised) {
  std::mt19937_64 random(2);
  int cuts = 0;
  for (int i = 0; i < 200; ++i) {
    Pbqp problem;
    for (int v = 0; v < 6; ++v) problem.Add({Below(random, 9), Below(random, 9)});
    // Alike or unlike costs nothing, by which side of a fence the variables stand on.
    for (uint32_t a = 0; a < 6; ++a) {
      for (uint32_t b = a + 1; b < 6; ++b) {
        const Cost c = 1 + Below(random, 9);
        problem.Join(a, b, (a < 3) == (b < 3) ? std::vector<Cost>{0, c, c, 0} : std::vector<Cost>{c, 0, 0, c});
      }
    }
    const auto cut = SolveByCut(problem);
    ASSERT_TRUE(cut.has_value());
    ASSERT_EQ(problem.CostOf(*cut), Best(problem));
    ++cuts;
  }
  EXPECT_EQ(cuts, 200);
}

TEST(LayoutSolver, WhatIsNotProvedHasABound) {
  std::mt19937_64 random(3);
  Pbqp problem;
  for (int v = 0; v < 60; ++v) problem.Add({Below(random, 20), Below(random, 20), Below(random, 20)});
  for (int e = 0; e < 400; ++e) {
    std::vector<Cost> costs(9);
    for (Cost& c : costs) c = Below(random, 20);
    problem.Join(static_cast<uint32_t>(Below(random, 60)), static_cast<uint32_t>(Below(random, 60)), costs);
  }
  const Answer answer = problem.Solve(1 << 22);
  EXPECT_FALSE(answer.optimal());
  EXPECT_GT(answer.bound, answer.cost / 2);
  EXPECT_EQ(answer.cost, problem.CostOf(answer.choice));
  EXPECT_EQ(problem.Solve(1 << 22).choice, answer.choice);
}

}  // namespace
}  // namespace godwit::layout
