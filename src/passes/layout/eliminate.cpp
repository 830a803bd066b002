#include "passes/layout/eliminate.h"

#include <set>
#include <utility>

namespace godwit::layout {

namespace {

// Costs over the states of some variables, the last one fastest.
struct Factor {
  std::vector<uint32_t> over;
  std::vector<Cost> costs;
};

// The order, and for each variable the neighbours that its table is over.
struct Plan {
  std::vector<uint32_t> order;
  std::vector<std::vector<uint32_t>> over;
};

std::optional<Plan> MakePlan(const Pbqp& problem, int64_t max_table, int64_t* work) {
  std::vector<std::set<uint32_t>> near(problem.size());
  for (const Pbqp::Joint& j : problem.joints()) {
    near[j.a].insert(j.b);
    near[j.b].insert(j.a);
  }
  const auto table = [&](uint32_t v) {
    int64_t n = problem.States(v);
    for (const uint32_t o : near[v]) n = std::min<int64_t>(n * problem.States(o), max_table + 1);
    return n;
  };
  std::set<std::pair<int64_t, uint32_t>> queue;
  std::vector<int64_t> size(problem.size());
  for (uint32_t v = 0; v < problem.size(); ++v) queue.insert({size[v] = table(v), v});
  Plan plan;
  while (!queue.empty()) {
    const auto [entries, v] = *queue.begin();
    queue.erase(queue.begin());
    if (entries > max_table || *work < 0) return std::nullopt;
    *work -= entries * static_cast<int64_t>(near[v].size() + 1);
    plan.order.push_back(v);
    plan.over.emplace_back(near[v].begin(), near[v].end());
    for (const uint32_t o : plan.over.back()) {
      near[o].erase(v);
      for (const uint32_t p : plan.over.back()) {
        if (p != o) near[o].insert(p);
      }
    }
    for (const uint32_t o : plan.over.back()) {
      queue.erase({size[o], o});
      queue.insert({size[o] = table(o), o});
    }
  }
  return plan;
}

// Steps through the states of `over` while keeping the place in each factor's table.
class Walk {
 public:
  Walk(const Pbqp& problem, const std::vector<uint32_t>& over, const std::vector<const Factor*>& factors)
      : at_(over.size()), places_(factors.size()), strides_(over.size()) {
    for (const uint32_t v : over) states_.push_back(problem.States(v));
    for (size_t i = 0; i < over.size(); ++i) {
      for (const Factor* f : factors) {
        size_t stride = 1, mine = 0;
        for (size_t k = f->over.size(); k-- > 0; stride *= problem.States(f->over[k])) {
          if (f->over[k] == over[i]) mine = stride;
        }
        strides_[i].push_back(mine);
      }
    }
  }
  [[nodiscard]] const std::vector<size_t>& places() const { return places_; }
  void Next() {
    for (size_t i = at_.size(); i-- > 0;) {
      const bool wraps = ++at_[i] == states_[i];
      for (size_t f = 0; f < places_.size(); ++f) {
        places_[f] += strides_[i][f];
        if (wraps) places_[f] -= strides_[i][f] * states_[i];
      }
      if (!wraps) return;
      at_[i] = 0;
    }
  }

 private:
  std::vector<uint32_t> at_, states_;
  std::vector<size_t> places_;
  std::vector<std::vector<size_t>> strides_;  // by variable, then factor
};

size_t Stride(const Pbqp& problem, const Factor& f, uint32_t v) {
  size_t stride = 1;
  for (size_t k = f.over.size(); k-- > 0; stride *= problem.States(f.over[k])) {
    if (f.over[k] == v) return stride;
  }
  return 0;
}

}  // namespace

std::optional<std::vector<uint32_t>> SolveByElimination(const Pbqp& problem, int64_t max_table, int64_t* work) {
  const std::optional<Plan> plan = MakePlan(problem, max_table, work);
  if (!plan) return std::nullopt;
  std::vector<Factor> factors;
  std::vector<std::vector<uint32_t>> of(problem.size());  // factors of each variable that are not used up
  std::vector<bool> used;
  const auto add = [&](Factor f) {
    for (const uint32_t v : f.over) of[v].push_back(static_cast<uint32_t>(factors.size()));
    factors.push_back(std::move(f));
    used.push_back(false);
  };
  for (const Pbqp::Joint& j : problem.joints()) add({{j.a, j.b}, j.costs});

  std::vector<std::vector<uint32_t>> best;  // by step: the state for each choice of the neighbours
  for (size_t s = 0; s < plan->order.size(); ++s) {
    const uint32_t v = plan->order[s];
    const std::vector<uint32_t>& over = plan->over[s];
    std::vector<const Factor*> mine;
    std::vector<size_t> steps;
    for (const uint32_t f : of[v]) {
      if (used[f]) continue;
      used[f] = true;
      mine.push_back(&factors[f]);
      steps.push_back(Stride(problem, factors[f], v));
    }
    size_t entries = 1;
    for (const uint32_t o : over) entries *= problem.States(o);
    Factor left{over, std::vector<Cost>(entries)};
    std::vector<uint32_t> states(entries);
    Walk walk(problem, over, mine);
    const std::vector<Cost>& alone = problem.alone()[v];
    for (size_t e = 0; e < entries; ++e, walk.Next()) {
      Cost least = kNever;
      for (uint32_t k = 0; k < alone.size(); ++k) {
        Cost sum = alone[k];
        for (size_t f = 0; f < mine.size(); ++f) sum = Plus(sum, mine[f]->costs[walk.places()[f] + k * steps[f]]);
        if (sum < least) {
          least = sum;
          states[e] = k;
        }
      }
      left.costs[e] = least;
    }
    best.push_back(std::move(states));
    if (!over.empty()) add(std::move(left));
  }
  std::vector<uint32_t> choice(problem.size());
  for (size_t s = plan->order.size(); s-- > 0;) {
    size_t place = 0;
    for (const uint32_t o : plan->over[s]) place = place * problem.States(o) + choice[o];
    choice[plan->order[s]] = best[s][place];
  }
  return choice;
}

}  // namespace godwit::layout
