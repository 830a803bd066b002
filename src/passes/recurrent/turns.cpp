#include "passes/recurrent/turns.h"

#include <algorithm>

#include "ops/ops.h"
#include "rewrite/match.h"

namespace godwit::recurrent {

namespace {

int64_t Entry(const Attrs& attrs, std::string_view name, size_t i) {
  const std::vector<int64_t>& list = attrs.Ints(name);
  return i < list.size() ? list[i] : 0;
}

constexpr int64_t kEndless = int64_t{1} << 31;

}  // namespace

Turns::Turns(RewriteCtx& outer, RewriteCtx& inner)
    : outer_(outer), inner_(inner), scan_(outer.node().op == &ops::kScan) {
  if (scan_) {
    const int64_t sliced = outer_.attrs().Int("sliced");
    if (sliced < 1 || sliced > static_cast<int64_t>(outer_.n_in())) return;
    states_ = outer_.n_in() - static_cast<size_t>(sliced);
  } else {
    if (outer_.n_in() < 2) return;
    states_ = outer_.n_in() - 2;
  }
  const size_t lead = scan_ ? 0 : 1;
  if (body().params.size() != outer_.n_in() || outer_.node().out.size() < states_ ||
      body().results.size() < lead + outer_.node().out.size()) {
    return;
  }
  if (!scan_) {
    const auto count = Count();
    if (!count) return;
    count_ = *count;
  }
  ok_ = true;
}

int64_t Turns::StackAxis(size_t stack) const {
  const int64_t axis = scan_ ? Entry(outer_.attrs(), "out_axes", stack) : 0;
  return axis < 0 && outer_.Ranked(Stack(stack)) ? axis + outer_.Rank(Stack(stack)) : axis;
}

bool Turns::StackReversed(size_t stack) const { return scan_ && Entry(outer_.attrs(), "out_reversed", stack) != 0; }

// Under views and conversions of one number.
ValueId Turns::Number(ValueId v) const {
  for (const Node* def = inner_.Def(v);
       def != nullptr && (def->op == &ops::kReshape || def->op == &ops::kSqueeze || def->op == &ops::kUnsqueeze ||
                          def->op == &ops::kCast || def->op == &ops::kIdentity);
       def = inner_.Def(v)) {
    v = def->in[0];
  }
  return v;
}

bool Turns::IsOneMore(ValueId v, ValueId than) {
  const Node* add = inner_.Def(Number(v), ops::kAdd);
  if (add == nullptr) return false;
  return (Number(add->in[0]) == than && inner_.IsSplat(add->in[1], 1)) ||
         (Number(add->in[1]) == than && inner_.IsSplat(add->in[0], 1));
}

std::optional<int64_t> Turns::CounterFrom(ValueId v) {
  v = Number(v);
  if (!scan_ && v == body().params[0]) return 0;
  for (size_t i = 0; i < states_; ++i) {
    if (!(Param(i) == v) || !IsOneMore(Next(i), v)) continue;
    const auto first = outer_.Ints(First(i));
    return first && first->size() == 1 ? std::optional(first->front()) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<int64_t> Turns::LastCount(size_t state) {
  const auto from = CounterFrom(Param(state));
  const auto turns = count_.known();
  return from && turns && !scan_ ? std::optional(*from + *turns) : std::nullopt;
}

// What must hold for another turn: that counters stay below limits.
bool Turns::Limits(ValueId condition, std::vector<Dim>* limits, int depth) {
  const ValueId v = Number(condition);
  if (v == body().params[1] || inner_.IsSplat(v, 1)) return true;
  const Node* def = inner_.Def(v);
  if (def == nullptr || depth == 0) return false;
  if (def->op == &ops::kLogicalAnd) {
    return Limits(def->in[0], limits, depth - 1) && Limits(def->in[1], limits, depth - 1);
  }
  if (def->op != &ops::kLess) return false;
  // The counter as the next turn will see it.
  const Node* add = inner_.Def(Number(def->in[0]), ops::kAdd);
  const auto limit = inner_.Dims(def->in[1]);
  if (add == nullptr || !limit || limit->size() != 1) return false;
  for (const ValueId counter : add->in) {
    const auto from = CounterFrom(counter);
    if (!from || !IsOneMore(def->in[0], Number(counter))) continue;
    // There is a first turn whatever the limit.
    const Dim turns = limit->front() - Dim(*from);
    if (turns.is_static() && turns.value() < 1) return false;
    limits->push_back(turns);
    return true;
  }
  return false;
}

std::optional<Dim> Turns::Count() {
  std::vector<Dim> limits;
  if (!Limits(body().results[0], &limits, 4)) return std::nullopt;
  if (outer_.Has(1) && !outer_.IsSplat(outer_.In(1), 1)) {
    // Whether there is a first turn may be asked as for every other.
    const Node* less = outer_.Def(outer_.In(1), ops::kLess);
    const auto from = less == nullptr ? std::nullopt : outer_.Dims(less->in[0]);
    const auto limit = less == nullptr ? std::nullopt : outer_.Dims(less->in[1]);
    if (!from || !limit || from->size() != 1 || limit->size() != 1) return std::nullopt;
    const Dim turns = limit->front() - from->front();
    if (std::find(limits.begin(), limits.end(), turns) == limits.end()) return std::nullopt;
  }
  if (outer_.Has(0)) {
    const auto trips = outer_.Dims(outer_.In(0));
    if (!trips || trips->size() != 1) return std::nullopt;
    if (!trips->front().is_static() || trips->front().value() < kEndless) limits.push_back(trips->front());
  }
  if (limits.empty()) return std::nullopt;
  Dim least = limits[0];
  for (const Dim& d : limits) {
    if (d == least) continue;
    if (!d.is_static() || !least.is_static()) return std::nullopt;
    least = Dim(std::min(d.value(), least.value()));
  }
  return !least.is_static() || least.value() > 0 ? std::optional(least) : std::nullopt;
}

std::optional<Sequence> Turns::SequenceOf(ValueId leaf) {
  Sequence out;
  if (scan_) {
    const auto& params = body().params;
    const auto at = std::find(params.begin() + static_cast<std::ptrdiff_t>(states_), params.end(), leaf);
    if (at == params.end()) return std::nullopt;
    const auto k = static_cast<size_t>(at - params.begin());
    out.whole = outer_.In(k);
    if (!outer_.Ranked(out.whole) || outer_.Rank(out.whole) != 3) return std::nullopt;
    const auto axis = AxisOf(Entry(outer_.attrs(), "in_axes", k - states_), 3);
    if (!axis || *axis > 1) return std::nullopt;
    out.axis = *axis;
    out.reversed = Entry(outer_.attrs(), "in_reversed", k - states_) != 0;
    return out;
  }
  // gather(sequence, counter)
  const Node* gather = inner_.Def(leaf, ops::kGather);
  if (gather == nullptr || !inner_.Ranked(gather->in[0]) || inner_.Rank(gather->in[0]) != 3) return std::nullopt;
  Editor& editor = outer_.editor();
  out.whole = gather->in[0];
  if (!editor.Encloses(editor.HomeOf(out.whole), outer_.node().parent)) return std::nullopt;
  const auto axis = AxisOf(gather->attrs.Int("axis"), 3);
  if (!axis || *axis > 1) return std::nullopt;
  out.axis = *axis;
  const Dim& extent = outer_.ShapeOf(out.whole)[static_cast<size_t>(*axis)];
  const auto turns = count_.known(), places = extent.known();
  if (const auto from = CounterFrom(gather->in[1])) {
    if (*from == 0 && extent == count_) return out;
    if (!turns || !places || *from < 0 || *from + *turns > *places) return std::nullopt;
    out.first = *from;
    out.count = *turns;
    return out;
  }
  // From a place backwards.
  const Node* sub = inner_.Def(Number(gather->in[1]), ops::kSub);
  const auto last = sub == nullptr ? std::nullopt : inner_.Ints(sub->in[0]);
  const auto from = sub == nullptr ? std::nullopt : CounterFrom(sub->in[1]);
  if (!last || last->size() != 1 || !from || !turns || !places) return std::nullopt;
  out.reversed = true;
  out.first = last->front() - *from - (*turns - 1);
  out.count = *turns;
  return out.first >= 0 && out.first + out.count <= *places ? std::optional(out) : std::nullopt;
}

}  // namespace godwit::recurrent
