#include "passes/layout/problem.h"

#include <algorithm>

#include "ir/walk.h"
#include "rewrite/match.h"

namespace godwit::layout {

namespace {

constexpr double kGuess = 64;  // for a size that is not known

}  // namespace

double ElementsOf(const Type& type) {
  if (!type.ranked()) return 0;
  double out = 1;
  for (const Dim& d : type.shape()) {
    const Dim known = d.is_static() ? d : d.Substitute([](const std::string&) { return Dim(int64_t{64}); });
    out *= known.is_static() ? static_cast<double>(known.value()) : kGuess;
  }
  return out;
}

double BytesOf(const Type& type) {
  if (type.dtype() == DType::kNone) return ElementsOf(type) * 4;
  return ElementsOf(type) * Info(type.dtype()).bits / 8;
}

Problem::Problem(const Graph& graph, Inference& facts, const LayoutTarget& target, const LayoutOptions& options)
    : graph_(graph),
      target_(target),
      options_(options),
      forms_(graph, facts, orders_, target),
      nodes_(NodesWithin(graph)),
      regions_(RegionsWithin(graph)) {
  FindRoots();
  FindSites();
  FindLabels();
  AddVariables();
  chooser_count_ = pbqp_.size();
  AddPrices();
}

void Problem::FindRoots() {
  const size_t n = graph_.value_count();
  root_.resize(n);
  relation_.resize(n, kAny);
  free_.resize(n);
  for (uint32_t i = 0; i < n; ++i) {
    root_[i] = ValueId{i};
    if (forms_.Ordered(ValueId{i})) relation_[i] = orders_.Identity(forms_.ShapeOf(ValueId{i}).size());
    free_[i] = graph_.IsConstant(ValueId{i});
  }
  for (const NodeId id : nodes_) {
    const Node& node = graph_.node(id);
    const Forms::Kind kind = forms_.KindOf(id);
    if (kind == Forms::Kind::kTranspose) {
      const ValueId x = node.in[0], y = node.out[0];
      const auto perm = PermOf(node, graph_.value(x).type.rank());
      if (perm) {
        root_[y.index] = root_[x.index];
        relation_[y.index] = orders_.Compose(relation_[x.index], orders_.Of(*perm));
      }
    } else if (kind == Forms::Kind::kTurns) {
      const bool follows = std::all_of(node.in.begin(), node.in.end(), [&](ValueId v) {
        return !v || free_[root_[v.index].index] || !forms_.Ordered(v);
      });
      const bool some = std::any_of(node.in.begin(), node.in.end(),
                                    [&](ValueId v) { return v && forms_.Ordered(v) && free_[root_[v.index].index]; });
      for (const ValueId v : node.out) {
        if (v) free_[v.index] = follows && some;
      }
    }
  }
}

void Problem::FindSites() {
  sites_.resize(graph_.value_count());
  for (const NodeId id : nodes_) {
    if (forms_.KindOf(id) == Forms::Kind::kTranspose) continue;
    const Node& node = graph_.node(id);
    for (uint32_t i = 0; i < node.in.size(); ++i) {
      if (forms_.Ordered(node.in[i])) sites_[root_[node.in[i].index].index].push_back({id, {}, i, node.in[i]});
    }
  }
  for (const RegionId r : regions_) {
    const std::vector<ValueId>& results = graph_.region(r).results;
    for (uint32_t i = 0; i < results.size(); ++i) {
      if (forms_.Ordered(results[i])) sites_[root_[results[i].index].index].push_back({{}, r, i, results[i]});
    }
  }
}

void Problem::Want(ValueId v, Label order) {
  if (!forms_.Ordered(v) || order == kAny) return;
  const ValueId root = root_[v.index];
  const Label label = orders_.Compose(relation_[v.index], order);
  std::vector<Label>& known = labels_[root.index];
  if (known.size() >= kMaxLabels || std::find(known.begin(), known.end(), label) != known.end()) return;
  known.push_back(label);
  events_.emplace_back(root, label);
}

// What an order of a value suggests for the values around the nodes that use and make it.
void Problem::Spread(ValueId root, Label label) {
  const auto around = [&](NodeId id, size_t place, Label order) {
    if (orders_.IsIdentity(order)) return;
    const Node& node = graph_.node(id);
    for (const auto& [at, other] : forms_.Neighbours(id, place, order)) {
      Want(at < node.in.size() ? node.in[at] : node.out[at - node.in.size()], other);
    }
  };
  for (const Site& site : sites_[root.index]) {
    if (!site.node) continue;
    // A constant of many users says nothing to them.
    if (Free(root)) {
      const std::vector<ValueId>& out = graph_.node(site.node).out;
      if (out.empty() || !out[0] || !free_[out[0].index]) continue;
    }
    around(site.node, site.place, orders_.Compose(orders_.Inverse(relation_[site.value.index]), label));
  }
  const Value& value = graph_.value(root);
  if (value.def) around(value.def, graph_.node(value.def).in.size() + value.index, label);
}

const IoLayout& Problem::IoOf(const std::string& name, const IoLayout& all) const {
  const auto it = options_.named.find(name);
  return it == options_.named.end() ? all : it->second;
}

void Problem::FindLabels() {
  labels_.resize(graph_.value_count());
  for (uint32_t i = 0; i < labels_.size(); ++i) {
    if (!forms_.Ordered(ValueId{i})) continue;
    const ValueId root = root_[i];
    Want(root, orders_.Identity(forms_.ShapeOf(root).size()));
    if (root != ValueId{i}) Want(ValueId{i}, orders_.Identity(forms_.ShapeOf(ValueId{i}).size()));
  }
  const Region& main = graph_.region(Graph::main());
  for (const ValueId v : main.params) {
    const IoLayout& io = IoOf(graph_.value(v).name, options_.inputs);
    if (io.kind == IoLayout::Kind::kPerm && forms_.Ordered(v) && io.perm.size() == forms_.ShapeOf(v).size()) {
      Want(v, orders_.Of(io.perm));
    }
  }
  for (size_t i = 0; i < main.results.size(); ++i) {
    const ValueId v = main.results[i];
    const IoLayout& io = IoOf(i < graph_.output_names.size() ? graph_.output_names[i] : "", options_.outputs);
    if (io.kind == IoLayout::Kind::kPerm && forms_.Ordered(v) && io.perm.size() == forms_.ShapeOf(v).size()) {
      Want(v, orders_.Of(io.perm));
    }
  }
  for (const NodeId id : nodes_) {
    if (forms_.KindOf(id) != Forms::Kind::kTurns) continue;
    const Node& node = graph_.node(id);
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (!forms_.Ordered(node.in[i])) continue;
      for (const Perm& perm : target_.Wanted(graph_, id, i)) {
        if (perm.size() == forms_.ShapeOf(node.in[i]).size()) Want(node.in[i], orders_.Of(perm));
      }
    }
    if (forms_.HasWeights(node)) {
      for (const Form& form :
           forms_.All(id, std::vector<std::vector<Label>>(node.in.size(), {OwnLabels(node.in[0])}), {})) {
        Want(node.in[1], form.weights);
        if (form.weights != kAny) break;
      }
    }
  }
  for (size_t next = 0; next < events_.size(); ++next) {
    const auto [root, label] = events_[next];
    Spread(root, label);
  }
  for (const auto& l : labels_) label_count_ += l.size();
}

std::vector<Label> Problem::OwnLabels(ValueId v) {
  std::vector<Label> out;
  if (!forms_.Ordered(v)) return out;
  const Label back = orders_.Inverse(relation_[v.index]);
  for (const Label l : labels_[root_[v.index].index]) out.push_back(orders_.Compose(back, l));
  // As it is comes first: of equal forms the first is taken.
  const auto plain = std::find_if(out.begin(), out.end(), [&](Label l) { return orders_.IsIdentity(l); });
  if (plain != out.end()) std::rotate(out.begin(), plain, plain + 1);
  return out;
}

std::vector<Label> Problem::Allowed(ValueId v, const IoLayout& io) {
  std::vector<Label> own = OwnLabels(v);
  const Label plain = orders_.Identity(forms_.ShapeOf(v).size());
  const auto known = [&](const Perm& perm) {
    const Label label = orders_.Of(perm);
    return std::find(own.begin(), own.end(), label) != own.end() ? label : plain;
  };
  switch (io.kind) {
    case IoLayout::Kind::kKeep: break;
    case IoLayout::Kind::kTarget: return {known(target_.ImageOrder(graph_.value(v).type.rank()))};
    case IoLayout::Kind::kAuto: return own;
    case IoLayout::Kind::kPerm: return {known(io.perm)};
  }
  return {plain};
}

void Problem::AddVariables() {
  node_forms_.resize(graph_.node_count());
  variable_of_node_.resize(graph_.node_count(), kNone);
  for (const NodeId id : nodes_) {
    const Node& node = graph_.node(id);
    const Forms::Kind kind = forms_.KindOf(id);
    std::vector<Form>& forms = node_forms_[id.index];
    if (kind == Forms::Kind::kStays || kind == Forms::Kind::kTranspose) {
      forms = {forms_.Plain(id)};
      continue;
    }
    std::vector<std::vector<Label>> operands, results;
    for (const ValueId v : node.in) operands.push_back(OwnLabels(v));
    for (const ValueId v : node.out) results.push_back(OwnLabels(v));
    forms = forms_.All(id, operands, results);
    std::vector<Cost> own;
    for (const Form& f : forms) own.push_back(std::clamp<Cost>(f.own, 0, kMostMoved) * kUnit);
    variable_of_node_[id.index] = pbqp_.Add(std::move(own));
  }
  param_labels_.resize(graph_.value_count());
  variable_of_param_.resize(graph_.value_count(), kNone);
  const Region& main = graph_.region(Graph::main());
  for (const ValueId v : main.params) {
    if (!forms_.Ordered(v)) continue;
    param_labels_[v.index] = Allowed(v, IoOf(graph_.value(v).name, options_.inputs));
    variable_of_param_[v.index] = pbqp_.Add(std::vector<Cost>(param_labels_[v.index].size()));
  }
  variable_of_result_.resize(graph_.region_count());
  result_labels_.resize(graph_.region_count());
  for (const RegionId r : regions_) {
    const std::vector<ValueId>& results = graph_.region(r).results;
    variable_of_result_[r.index].resize(results.size(), kNone);
    result_labels_[r.index].resize(results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      if (!forms_.Ordered(results[i])) continue;
      std::vector<Label>& labels = result_labels_[r.index][i];
      if (r == Graph::main()) {
        const std::string name = i < graph_.output_names.size() ? graph_.output_names[i] : "";
        labels = Allowed(results[i], IoOf(name, options_.outputs));
        variable_of_result_[r.index][i] = pbqp_.Add(std::vector<Cost>(labels.size()));
      } else {
        labels.assign(1, orders_.Identity(forms_.ShapeOf(results[i]).size()));
      }
    }
  }
}

void Problem::Solve(int64_t effort) {
  TakePlain();
  std::vector<uint32_t> plain = std::move(answer_.choice);
  Follow(&plain);
  answer_ = pbqp_.Solve(effort);
  const Cost cost = pbqp_.CostOf(plain);
  if (cost > answer_.cost) return;
  answer_.choice = std::move(plain);
  answer_.cost = cost;
}

void Problem::Follow(std::vector<uint32_t>* choice) const {
  std::vector<std::vector<Cost>> costs(pbqp_.alone().begin() + static_cast<std::ptrdiff_t>(chooser_count_),
                                       pbqp_.alone().end());
  for (const Pbqp::Joint& j : pbqp_.joints()) {
    // Joints are between such a variable and one that chooses.
    const bool first = j.a >= chooser_count_;
    if (!first && j.b < chooser_count_) continue;
    std::vector<Cost>& of = costs[(first ? j.a : j.b) - chooser_count_];
    for (uint32_t k = 0; k < of.size(); ++k) {
      const uint32_t a = first ? k : (*choice)[j.a], b = first ? (*choice)[j.b] : k;
      of[k] = Plus(of[k], j.costs[a * pbqp_.States(j.b) + b]);
    }
  }
  for (size_t i = 0; i < costs.size(); ++i) {
    (*choice)[chooser_count_ + i] =
        static_cast<uint32_t>(std::min_element(costs[i].begin(), costs[i].end()) - costs[i].begin());
  }
}

void Problem::TakePlain() {
  answer_ = {};
  answer_.choice.resize(pbqp_.size());
  for (const NodeId id : nodes_) {
    const uint32_t v = variable_of_node_[id.index];
    if (v == kNone) continue;
    const Form plain = forms_.Plain(id);
    const std::vector<Form>& forms = node_forms_[id.index];
    for (uint32_t k = 0; k < forms.size(); ++k) {
      if (forms[k].operands[0] == plain.operands[0]) {
        answer_.choice[v] = k;
        break;
      }
    }
  }
}

Label Problem::MadeIn(ValueId root) { return LabelsMade(root)[Chosen(VariableMaking(root))]; }

Label Problem::NeededBy(const Site& site) { return LabelsAt(site)[Chosen(VariableAt(site))]; }

}  // namespace godwit::layout
