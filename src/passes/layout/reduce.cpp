#include "passes/layout/reduce.h"

#include <utility>

namespace godwit::layout {

namespace {

uint32_t Least(const std::vector<Cost>& costs) {
  return static_cast<uint32_t>(std::min_element(costs.begin(), costs.end()) - costs.begin());
}

}  // namespace

Reducer::Reducer(const Pbqp& problem)
    : states_(problem.alone()), at_(problem.size()), gone_(problem.size()), waiting_(problem.size()) {
  tables_.reserve(problem.joints().size());
  for (const Pbqp::Joint& j : problem.joints()) Add(j.a, j.b, j.costs);
  for (uint32_t v = static_cast<uint32_t>(states_.size()); v-- > 0;) Visit(v);
}

// The one state that may be; the number of states where there are several.
uint32_t Reducer::Only(uint32_t v) const {
  const std::vector<Cost>& costs = states_[v];
  auto only = static_cast<uint32_t>(costs.size());
  for (uint32_t k = 0; k < costs.size(); ++k) {
    if (costs[k] >= kNever) continue;
    if (only < costs.size()) return static_cast<uint32_t>(costs.size());
    only = k;
  }
  return only < costs.size() ? only : 0;
}

void Reducer::Visit(uint32_t v) {
  if (gone_[v] || waiting_[v] || (at_[v].size() > 2 && Only(v) == states_[v].size())) return;
  waiting_[v] = true;
  work_.push_back(v);
}

void Reducer::Detach(uint32_t table, uint32_t from) {
  std::vector<uint32_t>& list = at_[from];
  list.erase(std::find(list.begin(), list.end(), table));
  Visit(from);
}

bool Reducer::Split(Table* t) {
  const size_t n = states_[t->a].size(), m = states_[t->b].size();
  std::vector<Cost>& c = t->costs;
  for (size_t i = 0; i < n; ++i) {
    const Cost least = *std::min_element(c.begin() + static_cast<std::ptrdiff_t>(i * m),
                                         c.begin() + static_cast<std::ptrdiff_t>((i + 1) * m));
    if (least == 0) continue;
    states_[t->a][i] = Plus(states_[t->a][i], least);
    // A row that must not be says nothing more about its columns.
    for (size_t j = 0; j < m; ++j) {
      Cost& cost = c[i * m + j];
      cost = least >= kNever ? 0 : cost >= kNever ? kNever : cost - least;
    }
  }
  bool empty = true;
  for (size_t j = 0; j < m; ++j) {
    Cost least = kNever;
    for (size_t i = 0; i < n; ++i) {
      if (states_[t->a][i] < kNever) least = std::min(least, c[i * m + j]);
    }
    if (least != 0) states_[t->b][j] = Plus(states_[t->b][j], least);
    for (size_t i = 0; i < n; ++i) {
      Cost& cost = c[i * m + j];
      if (states_[t->a][i] >= kNever || least >= kNever) {
        cost = 0;
      } else if (cost < kNever) {
        cost -= least;
      }
      empty = empty && cost == 0;
    }
  }
  return empty;
}

void Reducer::Add(uint32_t a, uint32_t b, std::vector<Cost> costs) {
  const uint32_t few = at_[a].size() <= at_[b].size() ? a : b;
  for (const uint32_t e : at_[few]) {
    Table& t = tables_[e];
    if (Other(t, few) != (few == a ? b : a)) continue;
    const size_t n = states_[a].size(), m = states_[b].size();
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < m; ++j) {
        Cost& into = t.a == a ? t.costs[i * m + j] : t.costs[j * n + i];
        into = Plus(into, costs[i * m + j]);
      }
    }
    const bool empty = Split(&t);
    if (empty) Detach(e, a);
    if (empty) Detach(e, b);
    Visit(a);
    Visit(b);
    return;
  }
  Table t{a, b, std::move(costs)};
  if (Split(&t)) {
    Visit(a);
    Visit(b);
    return;
  }
  const auto id = static_cast<uint32_t>(tables_.size());
  tables_.push_back(std::move(t));
  at_[a].push_back(id);
  at_[b].push_back(id);
  Visit(a);
  Visit(b);
}

void Reducer::Run() {
  while (!work_.empty()) {
    const uint32_t v = work_.back();
    work_.pop_back();
    waiting_[v] = false;
    if (gone_[v]) continue;
    if (const uint32_t only = Only(v); only < states_[v].size()) {
      Fix(v, only);
    } else if (at_[v].size() <= 2) {
      TakeOut(v);
    }
  }
}

void Reducer::Fix(uint32_t v, uint32_t state) {
  gone_[v] = true;
  base_ = Plus(base_, states_[v][state]);
  const std::vector<uint32_t> tables = std::exchange(at_[v], {});
  for (const uint32_t e : tables) {
    const Table& t = tables_[e];
    const uint32_t o = Other(t, v);
    for (uint32_t k = 0; k < states_[o].size(); ++k) states_[o][k] = Plus(states_[o][k], At(t, v, state, k));
    Detach(e, o);
  }
  for (uint32_t k = 0; k < states_[v].size(); ++k) {
    if (k != state) states_[v][k] = kNever;
  }
  steps_.push_back({v});
}

void Reducer::TakeOut(uint32_t v) {
  gone_[v] = true;
  const std::vector<uint32_t> tables = std::exchange(at_[v], {});
  Step step{v, static_cast<uint32_t>(tables.size())};
  std::copy(tables.begin(), tables.end(), step.tables.begin());
  steps_.push_back(step);
  const std::vector<Cost>& mine = states_[v];
  if (tables.empty()) base_ = Plus(base_, *std::min_element(mine.begin(), mine.end()));
  if (tables.size() == 1) {
    const Table& t = tables_[tables[0]];
    const uint32_t o = Other(t, v);
    for (uint32_t k = 0; k < states_[o].size(); ++k) {
      Cost least = kNever;
      for (uint32_t i = 0; i < mine.size(); ++i) least = std::min(least, Plus(mine[i], At(t, v, i, k)));
      states_[o][k] = Plus(states_[o][k], least);
    }
    Detach(tables[0], o);
  } else if (tables.size() == 2) {
    const Table& s = tables_[tables[0]];
    const Table& t = tables_[tables[1]];
    const uint32_t a = Other(s, v), b = Other(t, v);
    const size_t n = states_[a].size(), m = states_[b].size();
    std::vector<Cost> costs(n * m, kNever);
    for (uint32_t i = 0; i < mine.size(); ++i) {
      if (mine[i] >= kNever) continue;
      for (uint32_t j = 0; j < n; ++j) {
        const Cost base = Plus(mine[i], At(s, v, i, j));
        if (base >= kNever) continue;
        for (uint32_t k = 0; k < m; ++k) {
          Cost& into = costs[j * m + k];
          into = std::min(into, Plus(base, At(t, v, i, k)));
        }
      }
    }
    Detach(tables[0], a);
    Detach(tables[1], b);
    Add(a, b, std::move(costs));
    Visit(a);
    Visit(b);
  }
}

std::vector<uint32_t> Reducer::Core() const {
  std::vector<uint32_t> out;
  for (uint32_t v = 0; v < gone_.size(); ++v) {
    if (!gone_[v]) out.push_back(v);
  }
  return out;
}

uint32_t Reducer::Tempting(uint32_t v) const {
  std::vector<Cost> costs = states_[v];
  for (const uint32_t e : at_[v]) {
    const Table& t = tables_[e];
    const std::vector<Cost>& theirs = states_[Other(t, v)];
    const Cost floor = *std::min_element(theirs.begin(), theirs.end());
    for (uint32_t i = 0; i < costs.size(); ++i) {
      Cost least = kNever;
      for (uint32_t k = 0; k < theirs.size(); ++k) {
        least = std::min(least, theirs[k] >= kNever ? kNever : Plus(theirs[k] - floor, At(t, v, i, k)));
      }
      costs[i] = Plus(costs[i], least);
    }
  }
  return Least(costs);
}

std::vector<Reducer::Part> Reducer::Parts() const {
  constexpr uint32_t kNone = ~uint32_t{0};
  std::vector<Part> parts;
  std::vector<uint32_t> place(gone_.size(), kNone);
  for (const uint32_t root : Core()) {
    if (place[root] != kNone) continue;
    Part part;
    std::vector<uint32_t> found;
    place[root] = 0;
    part.members.push_back(root);
    for (size_t next = 0; next < part.members.size(); ++next) {
      for (const uint32_t e : at_[part.members[next]]) {
        const uint32_t o = Other(tables_[e], part.members[next]);
        if (tables_[e].a == part.members[next]) found.push_back(e);
        if (place[o] != kNone) continue;
        place[o] = static_cast<uint32_t>(part.members.size());
        part.members.push_back(o);
      }
    }
    // States that must not be are left out; one stays where none may be.
    for (const uint32_t v : part.members) {
      std::vector<uint32_t> left;
      std::vector<Cost> costs;
      for (uint32_t k = 0; k < states_[v].size(); ++k) {
        if (states_[v][k] >= kNever) continue;
        left.push_back(k);
        costs.push_back(states_[v][k]);
      }
      if (left.empty()) {
        left.push_back(0);
        costs.push_back(states_[v][0]);
      }
      part.problem.Add(std::move(costs));
      part.states.push_back(std::move(left));
    }
    std::sort(found.begin(), found.end());
    for (const uint32_t e : found) {
      const Table& t = tables_[e];
      const uint32_t a = place[t.a], b = place[t.b];
      std::vector<Cost> costs;
      for (const uint32_t i : part.states[a]) {
        for (const uint32_t j : part.states[b]) costs.push_back(t.costs[i * states_[t.b].size() + j]);
      }
      part.problem.Join(a, b, std::move(costs));
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

void Reducer::Complete(std::vector<uint32_t>* choice) const {
  for (size_t s = steps_.size(); s-- > 0;) {
    const Step& step = steps_[s];
    std::vector<Cost> costs = states_[step.variable];
    for (uint32_t k = 0; k < step.count; ++k) {
      const Table& t = tables_[step.tables[k]];
      const uint32_t other = (*choice)[Other(t, step.variable)];
      for (uint32_t i = 0; i < costs.size(); ++i) costs[i] = Plus(costs[i], At(t, step.variable, i, other));
    }
    (*choice)[step.variable] = Least(costs);
  }
}

}  // namespace godwit::layout
