// A loop or a scan seen alike: so many turns, states handed from one to the next, sequences read one place a turn, and
// results stacked.
#pragma once

#include <optional>
#include <vector>

#include "passes/recurrent/layer.h"

namespace godwit::recurrent {

class Turns {
 public:
  /// The node of `outer` is the loop or scan; `inner` is any node of its body.
  Turns(RewriteCtx& outer, RewriteCtx& inner);

  /// False where the number of turns is not settled before the first one.
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] size_t states() const { return states_; }
  [[nodiscard]] ValueId Param(size_t state) const { return body().params[state + (scan_ ? 0 : 2)]; }
  [[nodiscard]] ValueId First(size_t state) const { return outer_.In(state + (scan_ ? 0 : 2)); }
  [[nodiscard]] ValueId Next(size_t state) const { return body().results[state + (scan_ ? 0 : 1)]; }

  [[nodiscard]] size_t stacks() const { return outer_.node().out.size() - std::min(outer_.node().out.size(), states_); }
  [[nodiscard]] ValueId Row(size_t stack) const { return body().results[(scan_ ? 0 : 1) + states_ + stack]; }
  [[nodiscard]] ValueId Stack(size_t stack) const { return outer_.Out(states_ + stack); }
  [[nodiscard]] int64_t StackAxis(size_t stack) const;
  [[nodiscard]] bool StackReversed(size_t stack) const;

  /// The sequence of which each turn reads one place as `leaf`.
  [[nodiscard]] std::optional<Sequence> SequenceOf(ValueId leaf);
  /// What a state that counts the turns is after the last one.
  [[nodiscard]] std::optional<int64_t> LastCount(size_t state);

 private:
  [[nodiscard]] const Region& body() const { return outer_.graph().region(outer_.node().regions[0]); }
  [[nodiscard]] std::optional<Dim> Count();
  bool Limits(ValueId condition, std::vector<Dim>* limits, int depth);
  /// The first value of what grows by one each turn.
  [[nodiscard]] std::optional<int64_t> CounterFrom(ValueId v);
  [[nodiscard]] bool IsOneMore(ValueId v, ValueId than);
  [[nodiscard]] ValueId Number(ValueId v) const;

  RewriteCtx &outer_, &inner_;
  bool scan_, ok_ = false;
  size_t states_ = 0;
  Dim count_;
};

}  // namespace godwit::recurrent
