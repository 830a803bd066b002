// Decision trees in both of ONNX's spellings, brought to the one of ours: nodes in an order in which each comes after
// its parent, leaves with their weights listed apart.
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <optional>

#include "frontends/onnx/ml_import.h"
#include "ir/convert.h"

namespace godwit::from_onnx {

namespace {

// One node as its source says it; `next` is a node or, where `leaf` says so, a leaf.
struct Branch {
  int64_t next;
  bool leaf;
};
struct SourceNode {
  int64_t feature, mode;
  double split;
  bool missing;
  Branch on_true, on_false;
};

struct Forest {
  std::vector<SourceNode> nodes;
  std::vector<Branch> roots;
  std::vector<std::vector<double>> sets;  ///< of each node, where its mode asks for one
  std::vector<int64_t> leaf_starts, targets;
  std::vector<double> weights;
};

constexpr std::string_view kModeNames[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                           "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};

// The attributes of the core operator. Every node may be reached once: a tree that joins or loops is refused.
Result<Attrs> Flatten(NodeImport& n, const Forest& f, int64_t n_targets) {
  const auto count = static_cast<int64_t>(f.nodes.size());
  const auto leaves = static_cast<int64_t>(f.leaf_starts.size()) - 1;
  std::vector<int64_t> order, place(f.nodes.size(), -1), roots;
  const auto settle = [&](const Branch& b) -> std::optional<int64_t> {
    if (b.next < 0 || b.next >= (b.leaf ? leaves : count)) return std::nullopt;
    if (b.leaf) return -1 - b.next;
    int64_t& at = place[static_cast<size_t>(b.next)];
    if (at >= 0) return std::nullopt;
    at = static_cast<int64_t>(order.size());
    order.push_back(b.next);
    return at;
  };
  const Diag broken = n.BadValue("nodes_truenodeids", "the nodes do not form trees");
  std::vector<int64_t> features, modes, on_true, on_false, missing, set_starts{0};
  std::vector<double> splits, members;
  for (const Branch& root : f.roots) {
    const auto at = settle(root);
    if (!at) return broken;
    roots.push_back(*at);
    for (size_t i = features.size(); i < order.size(); ++i) {
      const auto k = static_cast<size_t>(order[i]);
      const SourceNode& node = f.nodes[k];
      const auto yes = settle(node.on_true);
      const auto no = settle(node.on_false);
      if (!yes || !no) return broken;
      features.push_back(node.feature);
      modes.push_back(node.mode);
      splits.push_back(node.split);
      on_true.push_back(*yes);
      on_false.push_back(*no);
      missing.push_back(node.missing ? 1 : 0);
      if (k < f.sets.size()) members.insert(members.end(), f.sets[k].begin(), f.sets[k].end());
      set_starts.push_back(static_cast<int64_t>(members.size()));
    }
  }
  Attrs attrs{{"features", features},  {"modes", modes},
              {"splits", splits},      {"on_true", on_true},
              {"on_false", on_false},  {"missing_is_true", missing},
              {"roots", roots},        {"leaf_starts", f.leaf_starts},
              {"targets", f.targets},  {"weights", f.weights},
              {"n_targets", n_targets}};
  if (!members.empty()) {
    attrs.Set("set_starts", set_starts);
    attrs.Set("members", members);
  }
  return attrs;
}

// A list that comes as plain floats or, for doubles, as a tensor.
Result<std::vector<double>> Reals(NodeImport& n, const std::string& name) {
  if (n.HasAttr(name + "_as_tensor")) {
    TRY(const Tensor t, n.TensorAttr(name + "_as_tensor"));
    return ToF64(t);
  }
  return n.Floats(name);
}

Status ReadForest5(NodeImport& n, Forest* f) {
  TRY(const Tensor modes, n.TensorAttr("nodes_modes"));
  TRY(const Tensor splits, n.TensorAttr("nodes_splits"));
  TRY(const Tensor members, n.TensorAttr("membership_values"));
  TRY(const Tensor weights, n.TensorAttr("leaf_weights"));
  TRY(const std::vector<int64_t> features, n.Ints("nodes_featureids"));
  TRY(const std::vector<int64_t> on_true, n.Ints("nodes_truenodeids"));
  TRY(const std::vector<int64_t> on_false, n.Ints("nodes_falsenodeids"));
  TRY(const std::vector<int64_t> true_leaf, n.Ints("nodes_trueleafs"));
  TRY(const std::vector<int64_t> false_leaf, n.Ints("nodes_falseleafs"));
  TRY(const std::vector<int64_t> missing, n.Ints("nodes_missing_value_tracks_true"));
  TRY(const std::vector<int64_t> roots, n.Ints("tree_roots"));
  TRY(f->targets, n.Ints("leaf_targetids"));
  n.Ignore("nodes_hitrates");
  if (!modes.valid() || !splits.valid() || !weights.valid()) {
    return Diag(diag::kOnnxAttrMissing, "nodes_modes, nodes_splits and leaf_weights must be given");
  }
  const auto mode = ToI64(modes);
  const auto split = ToF64(splits);
  f->weights = ToF64(weights);
  for (size_t i = 0; i <= f->targets.size(); ++i) f->leaf_starts.push_back(static_cast<int64_t>(i));
  const size_t count = features.size();
  for (const size_t size : {mode.size(), split.size(), on_true.size(), on_false.size(), true_leaf.size(),
                            false_leaf.size(), missing.empty() ? count : missing.size()}) {
    if (size != count) return n.BadValue("nodes_featureids", "the lists about nodes differ in length");
  }
  for (size_t i = 0; i < count; ++i) {
    f->nodes.push_back({features[i],
                        mode[i],
                        split[i],
                        !missing.empty() && missing[i] != 0,
                        {on_true[i], true_leaf[i] != 0},
                        {on_false[i], false_leaf[i] != 0}});
  }
  for (const int64_t r : roots) {
    if (r < 0 || r >= static_cast<int64_t>(count)) return n.BadValue("tree_roots", fmt::format("no node {}", r));
    // A tree that is one leaf is written as a node with that leaf on both sides.
    f->roots.push_back({r, false});
  }
  // Sets lie one after the other, in the order of a walk that takes true branches first, each closed by a NaN.
  const auto values = members.valid() ? ToF64(members) : std::vector<double>();
  f->sets.resize(count);
  size_t at = 0;
  std::vector<bool> seen(count, false);
  for (const int64_t root : roots) {
    std::vector<int64_t> stack{root};
    while (!stack.empty()) {
      const auto i = static_cast<size_t>(stack.back());
      stack.pop_back();
      if (i >= count || seen[i]) continue;
      seen[i] = true;
      if (mode[i] == 6) {
        while (at < values.size() && !std::isnan(values[at])) f->sets[i].push_back(values[at++]);
        ++at;
      }
      if (false_leaf[i] == 0) stack.push_back(on_false[i]);
      if (true_leaf[i] == 0) stack.push_back(on_true[i]);
    }
  }
  return Ok{};
}

// The older spelling: nodes named by (tree, node), leaves among them, weights listed by the same names.
Status ReadForest1(NodeImport& n, const std::string& prefix, Forest* f) {
  TRY(const std::vector<int64_t> tree_ids, n.Ints("nodes_treeids"));
  TRY(const std::vector<int64_t> node_ids, n.Ints("nodes_nodeids"));
  TRY(const std::vector<int64_t> features, n.Ints("nodes_featureids"));
  TRY(const std::vector<double> splits, Reals(n, "nodes_values"));
  TRY(const std::vector<std::string> modes, n.Strs("nodes_modes"));
  TRY(const std::vector<int64_t> on_true, n.Ints("nodes_truenodeids"));
  TRY(const std::vector<int64_t> on_false, n.Ints("nodes_falsenodeids"));
  TRY(const std::vector<int64_t> missing, n.Ints("nodes_missing_value_tracks_true"));
  TRY(const std::vector<int64_t> weight_trees, n.Ints(prefix + "_treeids"));
  TRY(const std::vector<int64_t> weight_nodes, n.Ints(prefix + "_nodeids"));
  TRY(const std::vector<int64_t> targets, n.Ints(prefix + "_ids"));
  TRY(const std::vector<double> weights, Reals(n, prefix + "_weights"));
  n.Ignore("nodes_hitrates");
  n.Ignore("nodes_hitrates_as_tensor");
  const size_t count = node_ids.size();
  for (const size_t size : {tree_ids.size(), features.size(), splits.size(), modes.size(), on_true.size(),
                            on_false.size(), missing.empty() ? count : missing.size()}) {
    if (size != count) return n.BadValue("nodes_nodeids", "the lists about nodes differ in length");
  }
  for (const size_t size : {weight_nodes.size(), targets.size(), weights.size()}) {
    if (size != weight_trees.size()) return n.BadValue(prefix + "_ids", "the lists about weights differ in length");
  }
  using Key = std::pair<int64_t, int64_t>;
  std::map<Key, std::vector<size_t>> by_leaf;
  for (size_t i = 0; i < targets.size(); ++i) by_leaf[{weight_trees[i], weight_nodes[i]}].push_back(i);
  std::map<Key, Branch> where;
  std::vector<size_t> inner;
  f->leaf_starts.push_back(0);
  for (size_t i = 0; i < count; ++i) {
    const Key key{tree_ids[i], node_ids[i]};
    Branch here{static_cast<int64_t>(inner.size()), false};
    if (modes[i] == "LEAF") {
      here = {static_cast<int64_t>(f->leaf_starts.size()) - 1, true};
      for (const size_t k : by_leaf[key]) {
        f->targets.push_back(targets[k]);
        f->weights.push_back(weights[k]);
      }
      f->leaf_starts.push_back(static_cast<int64_t>(f->targets.size()));
    } else {
      inner.push_back(i);
    }
    if (!where.emplace(key, here).second) return n.BadValue("nodes_nodeids", "two nodes have one name");
    // The first node of a tree is its root.
    if (i == 0 || tree_ids[i] != tree_ids[i - 1]) f->roots.push_back(here);
  }
  for (const size_t i : inner) {
    int64_t mode = -1;
    for (size_t k = 0; k < std::size(kModeNames); ++k)
      mode = modes[i] == kModeNames[k] ? static_cast<int64_t>(k) : mode;
    if (mode < 0) return n.BadValue("nodes_modes", modes[i]);
    const auto yes = where.find({tree_ids[i], on_true[i]});
    const auto no = where.find({tree_ids[i], on_false[i]});
    if (yes == where.end() || no == where.end()) return n.BadValue("nodes_truenodeids", "a branch leads nowhere");
    f->nodes.push_back({features[i], mode, splits[i], !missing.empty() && missing[i] != 0, yes->second, no->second});
  }
  return Ok{};
}

constexpr std::string_view kAggregates[] = {"average", "sum", "min", "max"};
constexpr std::string_view kAggregateNames[] = {"AVERAGE", "SUM", "MIN", "MAX"};

}  // namespace

Status ImportTreeEnsemble(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  Forest forest;
  RETURN_IF_ERROR(ReadForest5(n, &forest));
  TRY(const int64_t n_targets, n.Int("n_targets"));
  TRY(const int64_t aggregate, n.Int("aggregate_function", 1));
  TRY(const int64_t post, n.Int("post_transform", 0));
  if (aggregate < 0 || aggregate > 3) return n.BadValue("aggregate_function", fmt::format("{}", aggregate));
  TRY(Attrs attrs, Flatten(n, forest, n_targets));
  attrs.Set("aggregate", std::string(kAggregates[aggregate]));
  attrs.Set("dtype", n.DtypeOf(x));
  TRY(ValueId y, n.Emit(ops::kTreeEnsemble, {x}, std::move(attrs)));
  constexpr std::string_view kPosts[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  if (post < 0 || post > 4) return n.BadValue("post_transform", fmt::format("{}", post));
  TRY(y, PostTransform(n, y, kPosts[post]));
  n.Out(0, y);
  return Ok{};
}

Status ImportTreeEnsembleRegressor(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  Forest forest;
  RETURN_IF_ERROR(ReadForest1(n, "target", &forest));
  TRY(const int64_t n_targets, n.Int("n_targets", 1));
  TRY(const std::vector<double> base, Reals(n, "base_values"));
  auto aggregate = n.Str("aggregate_function", "SUM");
  auto post = n.Str("post_transform", "NONE");
  if (!aggregate.ok()) return aggregate.TakeDiag();
  if (!post.ok()) return post.TakeDiag();
  TRY(Attrs attrs, Flatten(n, forest, n_targets));
  bool known = false;
  for (size_t i = 0; i < 4; ++i) {
    if (*aggregate != kAggregateNames[i]) continue;
    attrs.Set("aggregate", std::string(kAggregates[i]));
    known = true;
  }
  if (!known) return n.BadValue("aggregate_function", *aggregate);
  Calc c(n);
  const bool wide = n.DtypeOf(x) == DType::kF64;
  attrs.Set("dtype", wide ? DType::kF64 : DType::kF32);
  ValueId y = c.Op(ops::kTreeEnsemble, {kFloats.Has(n.DtypeOf(x)) ? x : c.Cast(x, DType::kF64)}, std::move(attrs));
  if (!base.empty()) {
    std::vector<float> values(base.begin(), base.end());
    y = c.Add(y, c.Cast(n.Constant(Tensor::F32({static_cast<int64_t>(base.size())}, values)), n.DtypeOf(y)));
  }
  RETURN_IF_ERROR(c.status());
  TRY(y, PostTransform(n, y, *post));
  n.Out(0, c.Cast(y, DType::kF32));
  return c.status();
}

Status ImportTreeEnsembleClassifier(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  Forest forest;
  RETURN_IF_ERROR(ReadForest1(n, "class", &forest));
  TRY(const std::vector<double> base, Reals(n, "base_values"));
  TRY(const Tensor labels, ClassLabels(n, "classlabels_int64s", "classlabels_strings"));
  auto post = n.Str("post_transform", "NONE");
  if (!post.ok()) return post.TakeDiag();
  // Two classes and leaves that all speak of number 0: one score, which decides for the second class above a threshold.
  bool single = labels.size() == 2 && !forest.targets.empty();
  bool positive = true;
  for (size_t i = 0; i < forest.targets.size(); ++i) {
    single = single && forest.targets[i] == 0;
    positive = positive && forest.weights[i] >= 0;
  }
  TRY(Attrs attrs, Flatten(n, forest, single ? 1 : labels.size()));
  attrs.Set("dtype", DType::kF32);
  Calc c(n);
  ValueId y = c.Op(ops::kTreeEnsemble, {kFloats.Has(n.DtypeOf(x)) ? x : c.Cast(x, DType::kF64)}, std::move(attrs));
  if (!base.empty() && static_cast<int64_t>(base.size()) != (single ? 1 : labels.size())) {
    return n.Unsupported(fmt::format("{} base values for {} classes", base.size(), labels.size()));
  }
  // What base values mean where leaves weigh both of two classes is stated nowhere, and runtimes differ.
  if (!base.empty() && !single && labels.size() == 2) return n.Unsupported("base values of two classes");
  if (!base.empty()) y = c.Add(y, n.Constant(FloatTensor(base, {static_cast<int64_t>(base.size())})));
  // Of two classes the second is chosen above a threshold: weights that are all positive are read as probabilities,
  // others as a margin around 0.
  const auto second = [&](ValueId score) {
    const ValueId above = c.Op(ops::kLess, {c.Number(score, positive ? 0.5 : 0.0), score});
    const ValueId index = c.Op(ops::kReshape, {c.Cast(above, DType::kI64), n.I64s({-1})});
    return c.Op(ops::kGather, {n.Constant(labels), index}, {{"axis", int64_t{0}}});
  };
  if (!single) {
    n.Out(0, labels.size() == 2 ? second(c.Op(ops::kGather, {y, n.ScalarI64(1)}, {{"axis", int64_t{1}}}))
                                : BestLabel(n, c, y, labels));
    RETURN_IF_ERROR(c.status());
    TRY(y, PostTransform(n, y, *post));
    n.Out(1, y);
    return c.status();
  }
  if (*post != "NONE" && *post != "LOGISTIC") return n.Unsupported("post_transform " + *post + " of a single score");
  const bool probability = positive && *post == "NONE";
  const ValueId other = probability ? c.Sub(c.Number(y, 1), y) : c.Op(ops::kNeg, {y});
  n.Out(0, second(y));
  const ValueId both = c.Op(ops::kConcat, {other, y}, {{"axis", int64_t{1}}});
  RETURN_IF_ERROR(c.status());
  TRY(const ValueId scores, PostTransform(n, both, *post));
  n.Out(1, scores);
  return c.status();
}

}  // namespace godwit::from_onnx
