// Takes variables with at most two neighbours out of a problem: what they would choose is known for each choice of
// their neighbours, and becomes a cost of these. What cannot be taken out so is the core.
#pragma once

#include <array>
#include <vector>

#include "passes/layout/pbqp.h"

namespace godwit::layout {

class Reducer {
 public:
  explicit Reducer(const Pbqp& problem);

  /// Takes out all that it can.
  void Run();
  /// Gives a variable a state.
  void Fix(uint32_t v, uint32_t state);

  /// Variables that are left, in order.
  [[nodiscard]] std::vector<uint32_t> Core() const;
  [[nodiscard]] size_t Degree(uint32_t v) const { return at_[v].size(); }
  [[nodiscard]] bool Gone(uint32_t v) const { return gone_[v]; }
  /// The connected parts of the core as problems of their own; `members` are their variables here.
  struct Part {
    Pbqp problem;
    std::vector<uint32_t> members;
    std::vector<std::vector<uint32_t>> states;  ///< those that are left of each member's
  };
  [[nodiscard]] std::vector<Part> Parts() const;
  /// The state that costs least as things stand when each neighbour does what suits it best.
  [[nodiscard]] uint32_t Tempting(uint32_t v) const;

  /// What the variables taken out cost beside the core.
  [[nodiscard]] Cost base() const { return base_; }
  /// Fills in the variables that were taken out; those of the core have their choice already.
  void Complete(std::vector<uint32_t>* choice) const;

 private:
  struct Table {
    uint32_t a, b;
    std::vector<Cost> costs;
  };
  struct Step {
    uint32_t variable;
    uint32_t count = 0;
    std::array<uint32_t, 2> tables = {};
  };

  [[nodiscard]] Cost At(const Table& t, uint32_t v, uint32_t mine, uint32_t other) const {
    return t.a == v ? t.costs[mine * states_[t.b].size() + other] : t.costs[other * states_[t.b].size() + mine];
  }
  [[nodiscard]] static uint32_t Other(const Table& t, uint32_t v) { return t.a == v ? t.b : t.a; }
  void Detach(uint32_t table, uint32_t from);
  [[nodiscard]] uint32_t Only(uint32_t v) const;
  void Visit(uint32_t v);
  void TakeOut(uint32_t v);
  void Add(uint32_t a, uint32_t b, std::vector<Cost> costs);
  /// What a table says about one of its variables alone goes to that; true when nothing is left of it.
  bool Split(Table* t);

  std::vector<std::vector<Cost>> states_;
  std::vector<Table> tables_;
  std::vector<std::vector<uint32_t>> at_;  // tables of each variable
  std::vector<bool> gone_, waiting_;
  std::vector<uint32_t> work_;
  std::vector<Step> steps_;
  Cost base_ = 0;
};

}  // namespace godwit::layout
