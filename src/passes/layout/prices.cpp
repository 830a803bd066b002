// What the choices of a layout problem cost: bytes of the orders that values are needed in and not made in.
#include <algorithm>
#include <cmath>

#include "passes/layout/problem.h"

namespace godwit::layout {

namespace {

constexpr Cost kTransposeTie = 16;
constexpr Cost kReshapeTie = 2;
// Rows that are taken apart beside those that stay whole.
constexpr Cost kScatterTie = 1;

}  // namespace

uint32_t Problem::VariableAt(const Site& site) const {
  return site.node ? variable_of_node_[site.node.index] : variable_of_result_[site.region.index][site.place];
}

uint32_t Problem::VariableMaking(ValueId root) const {
  const Value& value = graph_.value(root);
  return value.def ? variable_of_node_[value.def.index] : variable_of_param_[root.index];
}

std::vector<Label> Problem::LabelsAt(const Site& site) {
  std::vector<Label> out;
  if (site.node) {
    for (const Form& f : node_forms_[site.node.index]) out.push_back(f.operands[site.place]);
  } else {
    out = result_labels_[site.region.index][site.place];
  }
  for (Label& l : out) {
    if (l != kAny) l = orders_.Compose(relation_[site.value.index], l);
  }
  return out;
}

std::vector<Label> Problem::LabelsMade(ValueId root) {
  const Value& value = graph_.value(root);
  std::vector<Label> out;
  if (value.def) {
    for (const Form& f : node_forms_[value.def.index]) out.push_back(f.results[value.index]);
  } else if (variable_of_param_[root.index] != kNone) {
    out = param_labels_[root.index];
  } else {
    out.push_back(orders_.Identity(forms_.ShapeOf(root).size()));
  }
  return out;
}

bool Problem::Moves(ValueId root, Label from, Label to) const {
  if (from == to || from == kAny || to == kAny) return false;
  const Shape& shape = forms_.ShapeOf(root);
  return MemoryOrder(orders_[from], shape) != MemoryOrder(orders_[to], shape);
}

Cost Problem::MoveCost(ValueId root, Label from, Label to) {
  if (from == to || from == kAny || to == kAny) return 0;
  if (!Moves(root, from, to)) return kReshapeTie;
  TensorType stored = graph_.value(root).type.tensor();
  stored.shape = Stored(stored.shape, orders_[from]);
  const Perm& perm = orders_[orders_.Compose(orders_.Inverse(from), to)];
  const double weight = target_.ByteWeight(stored, perm);
  const double bytes = std::ceil(BytesOf(graph_.value(root).type) * weight);
  return static_cast<Cost>(std::min(bytes, static_cast<double>(kMostMoved))) * kUnit + kTransposeTie +
         (perm.back() == static_cast<int64_t>(perm.size()) - 1 ? 0 : kScatterTie);
}

void Problem::AddPrices() {
  for (uint32_t i = 0; i < sites_.size(); ++i) {
    const ValueId v{i};
    if (root_[i] == v && !graph_.IsConstant(v) && !sites_[i].empty()) Price(v);
  }
}

// Each order but the one that the value is made in costs once, however many use it.
void Problem::Price(ValueId root) {
  const std::vector<Label> made = LabelsMade(root);
  const uint32_t maker = VariableMaking(root);
  const Shape& shape = forms_.ShapeOf(root);
  const std::vector<Site>& sites = sites_[root.index];
  std::vector<std::vector<Label>> needed;
  std::vector<Label> all = made;
  for (const Site& site : sites) {
    needed.push_back(LabelsAt(site));
    all.insert(all.end(), needed.back().begin(), needed.back().end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::erase(all, kAny);
  if (all.size() < 2) return;
  // Orders that are the same memory are one.
  std::vector<Perm> memories;
  std::vector<Label> first;
  std::vector<size_t> class_of(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    Perm memory = MemoryOrder(orders_[all[i]], shape);
    const auto it = std::find(memories.begin(), memories.end(), memory);
    class_of[i] = static_cast<size_t>(it - memories.begin());
    if (it != memories.end()) continue;
    memories.push_back(std::move(memory));
    first.push_back(all[i]);
  }
  const auto class_at = [&](Label l) {
    return l == kAny ? memories.size()
                     : class_of[static_cast<size_t>(std::lower_bound(all.begin(), all.end(), l) - all.begin())];
  };
  const auto charge = [&](uint32_t variable, size_t states, const auto& cost) {
    for (uint32_t k = 0; k < states && variable != kNone; ++k) pbqp_.Charge(variable, k, cost(k));
  };
  // A table of both variables, or of the one that there is.
  const auto join = [&](uint32_t a, size_t n, uint32_t b, size_t m, const auto& cost) {
    if (a == kNone) return charge(b, m, [&](uint32_t k) { return cost(0, k); });
    if (b == kNone) return charge(a, n, [&](uint32_t k) { return cost(k, 0); });
    std::vector<Cost> costs;
    bool some = false;
    for (uint32_t i = 0; i < n; ++i) {
      for (uint32_t k = 0; k < m; ++k) {
        costs.push_back(cost(i, k));
        some = some || costs.back() != 0;
      }
    }
    if (some) pbqp_.Join(a, b, std::move(costs));
  };

  std::vector<size_t> users(memories.size() + 1);
  for (const auto& labels : needed) {
    std::vector<bool> seen(memories.size() + 1);
    for (const Label l : labels) seen[class_at(l)] = true;
    for (size_t c = 0; c < seen.size(); ++c) users[c] += seen[c] ? 1U : 0U;
  }
  std::vector<uint32_t> shared(memories.size(), kNone);
  for (size_t c = 0; c < memories.size(); ++c) {
    if (users[c] < 2) continue;
    if (std::all_of(made.begin(), made.end(), [&](Label l) { return class_at(l) == c; })) continue;
    shared[c] = pbqp_.Add({0, 0});
    join(maker, made.size(), shared[c], 2, [&](uint32_t i, uint32_t there) {
      return there == 0 || class_at(made[i]) == c ? Cost{0} : MoveCost(root, made[i], first[c]);
    });
  }
  const bool ones = memories.size() < all.size();
  for (size_t s = 0; s < sites.size(); ++s) {
    const std::vector<Label>& labels = needed[s];
    const uint32_t user = VariableAt(sites[s]);
    const auto own = [&](Label l) { return class_at(l) < memories.size() && shared[class_at(l)] == kNone; };
    if (ones || std::any_of(labels.begin(), labels.end(), own)) {
      join(maker, made.size(), user, labels.size(), [&](uint32_t i, uint32_t k) {
        const bool here = own(labels[k]) || (class_at(labels[k]) == class_at(made[i]));
        return here ? MoveCost(root, made[i], labels[k]) : Cost{0};
      });
    }
    for (size_t c = 0; c < memories.size(); ++c) {
      if (shared[c] == kNone || std::none_of(labels.begin(), labels.end(), [&](Label l) { return class_at(l) == c; })) {
        continue;
      }
      join(user, labels.size(), shared[c], 2,
           [&](uint32_t k, uint32_t there) { return there == 0 && class_at(labels[k]) == c ? kNever : Cost{0}; });
    }
  }
}

}  // namespace godwit::layout
