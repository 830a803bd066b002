#include "passes/layout/pbqp.h"

#include <utility>

#include "passes/layout/bound.h"
#include "passes/layout/eliminate.h"
#include "passes/layout/min_cut.h"
#include "passes/layout/reduce.h"

namespace godwit::layout {

namespace {

constexpr int64_t kMaxTable = int64_t{1} << 18;
constexpr int64_t kMaxElimination = int64_t{1} << 24;  // steps for one part
constexpr int kBoundRounds = 32;
constexpr int kMaxDepth = 48;

class Search {
 public:
  explicit Search(int64_t effort) : effort_(effort) {}

  Answer Solve(const Pbqp& problem, int depth) {
    Reducer reducer(problem);
    reducer.Run();
    Answer out;
    out.choice.resize(problem.size());
    out.bound = reducer.base();
    for (const Reducer::Part& part : reducer.Parts()) {
      const Answer inner = SolvePart(part.problem, depth);
      out.bound = Plus(out.bound, inner.bound);
      for (size_t i = 0; i < part.members.size(); ++i) out.choice[part.members[i]] = part.states[i][inner.choice[i]];
    }
    reducer.Complete(&out.choice);
    out.cost = problem.CostOf(out.choice);
    return out;
  }

 private:
  Answer Exact(const Pbqp& problem, std::vector<uint32_t> choice) {
    Answer out;
    out.choice = std::move(choice);
    out.cost = out.bound = problem.CostOf(out.choice);
    return out;
  }

  Answer SolvePart(const Pbqp& problem, int depth) {
    if (auto cut = SolveByCut(problem)) return Exact(problem, *std::move(cut));
    int64_t work = std::min(kMaxElimination, std::max<int64_t>(effort_, depth == 0 ? kMaxElimination : 0));
    const int64_t given = work;
    auto all = SolveByElimination(problem, kMaxTable, &work);
    effort_ -= given - work;
    if (all) return Exact(problem, *std::move(all));
    return Branch(problem, depth);
  }

  // Quick and good: the variable with the most neighbours takes what tempts it, the rest is reduced again.
  static std::vector<uint32_t> Greedy(const Pbqp& problem) {
    Reducer reducer(problem);
    reducer.Run();
    std::vector<uint32_t> core = reducer.Core();
    while (!core.empty()) {
      const uint32_t v = *std::max_element(
          core.begin(), core.end(), [&](uint32_t a, uint32_t b) { return reducer.Degree(a) < reducer.Degree(b); });
      reducer.Fix(v, reducer.Tempting(v));
      reducer.Run();
      std::erase_if(core, [&](uint32_t o) { return reducer.Gone(o); });
    }
    std::vector<uint32_t> choice(problem.size());
    reducer.Complete(&choice);
    return choice;
  }

  // Single variables change their state while that helps.
  static void Settle(const Pbqp& problem, std::vector<uint32_t>* choice) {
    std::vector<std::vector<const Pbqp::Joint*>> at(problem.size());
    for (const Pbqp::Joint& j : problem.joints()) {
      at[j.a].push_back(&j);
      at[j.b].push_back(&j);
    }
    for (bool better = true; better;) {
      better = false;
      for (uint32_t v = 0; v < problem.size(); ++v) {
        std::vector<Cost> costs = problem.alone()[v];
        for (const Pbqp::Joint* j : at[v]) {
          for (uint32_t k = 0; k < costs.size(); ++k) {
            const uint32_t a = j->a == v ? k : (*choice)[j->a], b = j->b == v ? k : (*choice)[j->b];
            costs[k] = Plus(costs[k], j->costs[a * problem.States(j->b) + b]);
          }
        }
        const auto least = static_cast<uint32_t>(std::min_element(costs.begin(), costs.end()) - costs.begin());
        if (costs[least] >= costs[(*choice)[v]]) continue;
        (*choice)[v] = least;
        better = true;
      }
    }
  }

  Answer Branch(const Pbqp& problem, int depth) {
    for (const Pbqp::Joint& j : problem.joints()) effort_ -= kBoundRounds * static_cast<int64_t>(j.costs.size());
    Answer best;
    best.choice = Greedy(problem);
    Settle(problem, &best.choice);
    best.cost = problem.CostOf(best.choice);
    best.bound = std::min(best.cost, LowerBound(problem, kBoundRounds));
    if (best.optimal() || effort_ <= 0 || depth >= kMaxDepth) return best;

    std::vector<uint32_t> degree(problem.size());
    for (const Pbqp::Joint& j : problem.joints()) {
      ++degree[j.a];
      ++degree[j.b];
    }
    const auto v = static_cast<uint32_t>(std::max_element(degree.begin(), degree.end()) - degree.begin());
    Cost floor = kNever;  // the least that any branch can cost
    const uint32_t first = best.choice[v];
    for (uint32_t i = 0; i < problem.States(v); ++i) {
      // The state of the best answer first, the others in order.
      const uint32_t state = i == 0 ? first : i <= first ? i - 1 : i;
      Pbqp fixed = problem;
      for (uint32_t k = 0; k < problem.States(v); ++k) {
        if (k != state) fixed.Charge(v, k, kNever);
      }
      Cost bound = LowerBound(fixed, kBoundRounds / 4);
      if (bound < best.cost) {
        Answer inner = Solve(fixed, depth + 1);
        bound = std::max(bound, inner.bound);
        if (inner.cost < best.cost) {
          best.cost = inner.cost;
          best.choice = std::move(inner.choice);
        }
      }
      floor = std::min(floor, bound);
    }
    best.bound = std::min(best.cost, std::max(best.bound, floor));
    return best;
  }

  int64_t effort_;
};

}  // namespace

uint32_t Pbqp::Add(std::vector<Cost> states) {
  alone_.push_back(std::move(states));
  return static_cast<uint32_t>(alone_.size() - 1);
}

void Pbqp::Charge(uint32_t variable, uint32_t state, Cost cost) {
  alone_[variable][state] = Plus(alone_[variable][state], cost);
}

void Pbqp::Join(uint32_t a, uint32_t b, std::vector<Cost> costs) {
  if (a == b) {
    for (uint32_t k = 0; k < States(a); ++k) Charge(a, k, costs[k * States(a) + k]);
    return;
  }
  joints_.push_back({a, b, std::move(costs)});
}

Cost Pbqp::CostOf(const std::vector<uint32_t>& choice) const {
  Cost sum = 0;
  for (size_t v = 0; v < alone_.size(); ++v) sum = Plus(sum, alone_[v][choice[v]]);
  for (const Joint& j : joints_) sum = Plus(sum, j.costs[choice[j.a] * States(j.b) + choice[j.b]]);
  return sum;
}

Answer Pbqp::Solve(int64_t effort) const { return Search(effort).Solve(*this, 0); }

}  // namespace godwit::layout
