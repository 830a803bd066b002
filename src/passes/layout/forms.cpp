#include "passes/layout/forms.h"

#include <algorithm>

#include "ir/commute.h"
#include "ops/commute_rules.h"
#include "ops/elementwise.h"
#include "ops/ops.h"
#include "ops/weight_axes.h"

namespace godwit::layout {

namespace {

constexpr size_t kMaxForms = 96;
constexpr size_t kMaxLiftedRank = 4;  // all orders of that rank are tried where a result's is to be lifted

bool IsView(const OpDef* op) {
  return op == &ops::kReshape || op == &ops::kFlatten || op == &ops::kSqueeze || op == &ops::kUnsqueeze;
}

bool HasAttr(const OpDef& op, std::string_view name) {
  return std::any_of(op.attrs.begin(), op.attrs.end(), [&](const AttrDef& a) { return a.name == name; });
}

std::string_view Fallback(const OpDef& op, std::string_view name) {
  for (const AttrDef& a : op.attrs) {
    if (a.name == name) return a.fallback;
  }
  return {};
}

// An order of the last axes alone.
Perm LastOf(const Perm& perm, size_t rank) {
  const auto lead = static_cast<int64_t>(perm.size() - rank);
  Perm out;
  for (const int64_t k : perm) {
    if (k >= lead) out.push_back(k - lead);
  }
  return out;
}

}  // namespace

std::optional<Perm> WeightPerm(std::string_view from, std::string_view to, size_t rank) {
  const std::string has = ops::WeightAxes(from, rank), wants = ops::WeightAxes(to, rank);
  if (has.size() != rank || wants.size() != rank) return std::nullopt;
  Perm out;
  for (const char axis : wants) {
    const size_t at = has.find(axis);
    if (at == std::string::npos) return std::nullopt;
    out.push_back(static_cast<int64_t>(at));
  }
  return out;
}

bool Forms::Ordered(ValueId v) const {
  if (!v) return false;
  const Type& type = graph_.value(v).type;
  return type.ranked() && type.rank() >= 2;
}

Forms::Kind Forms::KindOf(NodeId id) const {
  const Node& node = graph_.node(id);
  if (!node.regions.empty() || node.out.empty()) return Kind::kStays;
  if (node.op == &ops::kTranspose) {
    const ValueId x = node.in[0];
    const bool known = x && graph_.value(x).type.ranked() && node.out[0] && graph_.value(node.out[0]).type.ranked();
    return known && graph_.value(x).type.rank() >= 2 ? Kind::kTranspose : Kind::kStays;
  }
  if (IsView(node.op)) {
    const bool known = graph_.value(node.in[0]).type.ranked() && node.out[0] && graph_.value(node.out[0]).type.ranked();
    return known ? Kind::kView : Kind::kStays;
  }
  if (node.op == &ops::kShapeOf || node.op == &ops::kSizeOf) {
    return Ordered(node.in[0]) && node.out[0] ? Kind::kSizes : Kind::kStays;
  }
  return node.op->commute != nullptr && !node.in.empty() ? Kind::kTurns : Kind::kStays;
}

bool Forms::HasWeights(const Node& node) const {
  return node.in.size() > 1 && Ordered(node.in[1]) && HasAttr(*node.op, "weight_layout");
}

// Element by element or broadcast, no attribute speaks of axes: what Turn would find out, without asking.
bool Forms::Simple(const Node& node) const {
  return node.op->commute == &ops::CommuteElementwise || node.op->commute == &ops::CommuteBroadcast;
}

// The operand that decides: of the largest rank, not constant where there is a choice.
size_t Forms::Lead(const Node& node) const {
  size_t lead = 0;
  int best = -1;
  for (size_t i = 0; i < node.in.size(); ++i) {
    if (!Ordered(node.in[i])) continue;
    const int rank = graph_.value(node.in[i]).type.rank() * 2 + (graph_.IsConstant(node.in[i]) ? 0 : 1);
    if (rank <= best) continue;
    best = rank;
    lead = i;
  }
  return lead;
}

Turned Forms::Start(const Node& node, std::vector<int>* ranks) {
  Turned out{node.attrs, {}, {}, {}, {}};
  for (const ValueId v : node.in) {
    const bool ranked = v && graph_.value(v).type.ranked();
    ranks->push_back(ranked ? graph_.value(v).type.rank() : -1);
    out.operands.push_back(Ordered(v) ? orders_.Identity(ShapeOf(v).size()) : kAny);
  }
  for (const ValueId v : node.out) out.results.push_back(Ordered(v) ? orders_.Identity(ShapeOf(v).size()) : kAny);
  out.spread.resize(node.in.size(), kAny);
  return out;
}

bool Forms::TurnOne(const Node& node, const layout::Turn& turn, Turned* state, std::vector<int>* ranks) {
  const size_t which = turn.operand;
  const Perm& perm = orders_[turn.order];
  std::vector<size_t> alike;
  Perm result = perm;
  if (Simple(node)) {
    if (node.op->commute == &ops::CommuteElementwise && which != 0) return false;
    if (node.op->commute == &ops::CommuteBroadcast) {
      for (size_t i = 0; i < ranks->size(); ++i) {
        if ((*ranks)[i] < 0 || (*ranks)[i] > static_cast<int>(perm.size())) return false;
        if (i != which && (*ranks)[i] > 0) alike.push_back(i);
      }
    }
  } else {
    // What is there but has no rank would be taken for absent.
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (node.in[i] && (*ranks)[i] < 0) return false;
    }
    CommuteCtx ctx(state->attrs, which, perm, node.out.size());
    ctx.ranks = *ranks;
    ctx.contents = [&](size_t i) -> std::optional<std::vector<int64_t>> {
      for (const auto& [operand, held] : state->numbers) {
        if (operand == i) return held;
      }
      if (i >= node.in.size() || !node.in[i]) return std::nullopt;
      const auto dims = facts_.Contents(node.in[i]);
      std::vector<int64_t> out;
      for (const Dim& d : dims.value_or(std::vector<Dim>())) {
        if (!d.is_static()) return std::nullopt;
        out.push_back(d.value());
      }
      return dims ? std::optional(std::move(out)) : std::nullopt;
    };
    if (!node.op->commute(ctx)) return false;
    alike = ctx.alike;
    result = ctx.result;
    state->attrs = std::move(ctx.changed);
    for (auto& [operand, held] : ctx.numbers) {
      std::erase_if(state->numbers, [i = operand](const auto& n) { return n.first == i; });
      state->numbers.emplace_back(operand, std::move(held));
    }
  }
  if (state->operands[which] == kAny) return false;
  state->operands[which] = orders_.Compose(state->operands[which], turn.order);
  for (const size_t i : alike) {
    if (i >= node.in.size() || !node.in[i]) return false;
    const auto rank = static_cast<size_t>((*ranks)[i]);
    if (rank < perm.size()) {
      // Dims of 1 in front, and then as the others.
      if (state->spread[i] != kAny) return false;
      state->spread[i] = turn.order;
      if (state->operands[i] != kAny) state->operands[i] = orders_.Of(LastOf(perm, rank));
      (*ranks)[i] = static_cast<int>(perm.size());
    } else if (state->spread[i] != kAny) {
      return false;
    } else if (state->operands[i] != kAny) {
      state->operands[i] = orders_.Compose(state->operands[i], turn.order);
    }
  }
  for (size_t k = 0; k < node.out.size(); ++k) {
    if (!node.out[k]) continue;
    if (!Ordered(node.out[k])) {
      if (graph_.value(node.out[k]).type.ranked()) continue;
      return false;
    }
    if (ShapeOf(node.out[k]).size() != result.size()) return false;
    state->results[k] = orders_.Compose(state->results[k], orders_.Of(result));
  }
  return true;
}

std::optional<Turned> Forms::Turn(NodeId id, const std::vector<layout::Turn>& turns) {
  const Node& node = graph_.node(id);
  std::vector<int> ranks;
  Turned state = Start(node, &ranks);
  for (const layout::Turn& turn : turns) {
    if (!TurnOne(node, turn, &state, &ranks)) return std::nullopt;
  }
  return state;
}

Form Forms::Plain(NodeId id) {
  std::vector<int> ranks;
  Turned start = Start(graph_.node(id), &ranks);
  return {std::move(start.operands), std::move(start.results), {}, kAny, 0};
}

// Asks the target; fills in what it costs and how it wants the weights.
bool Forms::Priced(NodeId id, Turned turned, Form* form) {
  const Node& node = graph_.node(id);
  LayoutForm offer{graph_, facts_, id, std::move(turned.attrs), {}, {}, std::move(turned.numbers)};
  for (const Label l : form->operands) offer.operands.push_back(orders_.IsIdentity(l) ? Perm() : orders_[l]);
  for (const Label l : form->results) offer.results.push_back(orders_.IsIdentity(l) ? Perm() : orders_[l]);
  if (HasWeights(node)) {
    const std::string_view wanted = target_.WeightLayout(offer);
    const std::string_view has = node.attrs.Str("weight_layout", Fallback(*node.op, "weight_layout"));
    if (!wanted.empty() && wanted != has && orders_.IsIdentity(form->operands[1])) {
      if (const auto perm = WeightPerm(has, wanted, ShapeOf(node.in[1]).size())) {
        form->weights = form->operands[1] = orders_.Of(*perm);
        offer.operands[1] = *perm;
        offer.attrs.Set("weight_layout", std::string(wanted));
      }
    }
  }
  const auto cost = target_.Runs(offer);
  if (cost) form->own = *cost;
  return cost.has_value();
}

std::optional<Form> Forms::Offer(NodeId id, const std::vector<layout::Turn>& turns) {
  std::optional<Turned> turned = Turn(id, turns);
  if (!turned) return std::nullopt;
  Form form{turned->operands, turned->results, turns, kAny, 0};
  if (!Priced(id, *std::move(turned), &form)) return std::nullopt;
  return form;
}

void Forms::Views(const Node& node, const std::vector<Label>& from, const std::vector<Label>& to,
                  std::vector<Form>* out) {
  const Shape& x = ShapeOf(node.in[0]);
  const Shape& y = ShapeOf(node.out[0]);
  const View view(x, y);
  Form form;
  form.operands.resize(node.in.size(), kAny);
  form.results.resize(node.out.size(), kAny);
  const std::vector<Label> any = {kAny};
  for (const Label p : from.empty() ? any : from) {
    const Perm order = orders_[p == kAny ? orders_.Identity(x.size()) : p];
    const auto through = view.Through(order);
    if (!through) continue;
    const Perm memory = MemoryOrder(*through, y);
    for (const Label r : to.empty() ? any : to) {
      const Perm& order_y = orders_[r == kAny ? orders_.Identity(y.size()) : r];
      if (MemoryOrder(order_y, y) != memory) continue;
      const bool plain = orders_.IsIdentity(p) && orders_.IsIdentity(r);
      if (!plain && !ShapeNumbers(Stored(x, order), Stored(y, order_y))) continue;
      form.operands[0] = p;
      form.results[0] = r;
      out->push_back(form);
      if (out->size() >= kMaxForms) return;
    }
  }
}

std::vector<Form> Forms::All(NodeId id, const std::vector<std::vector<Label>>& operands,
                             const std::vector<std::vector<Label>>& results) {
  const Node& node = graph_.node(id);
  std::vector<Form> out;
  switch (KindOf(id)) {
    case Kind::kStays:
    case Kind::kTranspose: return {Plain(id)};
    case Kind::kView: Views(node, operands[0], results[0], &out); break;
    case Kind::kSizes:
      for (const Label p : operands[0]) {
        Form form = Plain(id);
        form.operands[0] = p;
        out.push_back(std::move(form));
      }
      break;
    case Kind::kTurns: {
      const size_t lead = Lead(node);
      if (!Ordered(node.in[lead])) return {Plain(id)};
      std::vector<std::vector<layout::Turn>> ways;
      for (const Label p : operands[lead]) {
        ways.push_back(orders_.IsIdentity(p) ? std::vector<layout::Turn>()
                                             : std::vector<layout::Turn>{{static_cast<uint32_t>(lead), p}});
      }
      // Operands that can be turned with nothing else: the sides of a product.
      for (size_t i = 0; i < node.in.size() && !Simple(node); ++i) {
        if (i == lead || !Ordered(node.in[i]) || graph_.IsConstant(node.in[i])) continue;
        for (size_t w = 0, n = ways.size(); w < n && ways.size() < kMaxForms; ++w) {
          const auto before = Turn(id, ways[w]);
          if (!before || before->spread[i] != kAny) continue;
          for (const Label p : operands[i]) {
            const Label turn = orders_.Compose(orders_.Inverse(before->operands[i]), p);
            if (orders_.IsIdentity(turn)) continue;
            std::vector<layout::Turn> way = ways[w];
            way.push_back({static_cast<uint32_t>(i), turn});
            const auto after = Turn(id, way);
            if (after && after->operands[lead] == before->operands[lead]) ways.push_back(std::move(way));
          }
        }
      }
      for (const auto& way : ways) {
        if (auto form = Offer(id, way)) out.push_back(*std::move(form));
      }
      break;
    }
  }
  if (out.empty()) out.push_back(Plain(id));
  return out;
}

std::vector<std::pair<size_t, Label>> Forms::Neighbours(NodeId id, size_t place, Label order) {
  const Node& node = graph_.node(id);
  std::vector<std::pair<size_t, Label>> out;
  const size_t n_in = node.in.size();
  const Kind kind = KindOf(id);
  if (kind == Kind::kView) {
    const bool back = place == n_in;
    if (!back && place != 0) return out;
    const ValueId from = back ? node.out[0] : node.in[0], to = back ? node.in[0] : node.out[0];
    if (!Ordered(to)) return out;
    if (auto other = View(ShapeOf(from), ShapeOf(to)).Through(orders_[order])) {
      out.emplace_back(back ? 0 : n_in, orders_.Of(*other));
    }
    return out;
  }
  if (kind != Kind::kTurns) return out;
  if (place < n_in) {
    const auto turned = Turn(id, {{static_cast<uint32_t>(place), order}});
    if (!turned) return out;
    for (size_t i = 0; i < n_in; ++i) {
      if (i != place && turned->operands[i] != kAny) out.emplace_back(i, turned->operands[i]);
    }
    for (size_t k = 0; k < node.out.size(); ++k) {
      if (turned->results[k] != kAny) out.emplace_back(n_in + k, turned->results[k]);
    }
    return out;
  }
  // An order of the lead that gives this one.
  const size_t lead = Lead(node), k = place - n_in;
  if (!Ordered(node.in[lead])) return out;
  const size_t rank = ShapeOf(node.in[lead]).size();
  const auto gives = [&](Label p) {
    const auto turned = Turn(id, {{static_cast<uint32_t>(lead), p}});
    return turned && turned->results[k] == order;
  };
  if (rank == orders_.Rank(order) && gives(order)) {
    out.emplace_back(lead, order);
  } else if (rank != orders_.Rank(order) && rank <= kMaxLiftedRank) {
    Perm perm = orders_[orders_.Identity(rank)];
    do {
      if (!gives(orders_.Of(perm))) continue;
      out.emplace_back(lead, orders_.Of(perm));
      break;
    } while (std::next_permutation(perm.begin(), perm.end()));
  }
  return out;
}

}  // namespace godwit::layout
