// ai.onnx.ml: dictionaries, decision trees, maps.
#include <fmt/format.h>

#include <limits>

#include "backends/onnx/emit.h"
#include "ir/convert.h"

namespace godwit::to_onnx {

namespace {

using Ints = std::vector<int64_t>;

std::vector<std::string> Texts(const Tensor& t) {
  std::vector<std::string> out;
  for (const StringRef s : t.span<StringRef>()) out.push_back(*s);
  return out;
}

// The suffix of a list attribute that holds such elements; empty where only a tensor does.
std::string_view ListSuffix(DType dtype) {
  switch (dtype) {
    case DType::kString: return "strings";
    case DType::kI64: return "int64s";
    case DType::kF32: return "floats";
    default: return {};
  }
}

OnnxAttrs::Value AsList(const Tensor& t) {
  if (t.dtype() == DType::kString) return Texts(t);
  if (t.dtype() == DType::kI64) return ToI64(t);
  return ToF64(t);
}

Status EmitLabelEncoder(NodeExport& n) {
  const Tensor* keys = n.attrs().TensorOf("keys");
  const Tensor* values = n.attrs().TensorOf("values");
  const Tensor* fallback = n.attrs().TensorOf("fallback");
  if (keys == nullptr || values == nullptr || fallback == nullptr) return n.LacksForm("LabelEncoder has a dictionary");
  const std::string_view key_list = ListSuffix(keys->dtype());
  const std::string_view value_list = ListSuffix(values->dtype());
  const bool lists = !key_list.empty() && !value_list.empty();
  if (!lists && n.row().since < 4) return n.LacksForm("LabelEncoder has these types from opset 20 on");
  const std::string key_name = fmt::format("keys_{}", lists ? key_list : "tensor");
  const std::string value_name = fmt::format("values_{}", lists ? value_list : "tensor");
  OnnxAttrs attrs;
  attrs.Set(key_name, lists ? AsList(*keys) : OnnxAttrs::Value(*keys));
  attrs.Set(value_name, lists ? AsList(*values) : OnnxAttrs::Value(*values));
  if (!lists) {
    attrs.Set("default_tensor", *fallback);
  } else if (fallback->dtype() == DType::kString) {
    attrs.Set("default_string", Texts(*fallback)[0]);
  } else if (fallback->dtype() == DType::kI64) {
    attrs.Set("default_int64", ToI64(*fallback)[0]);
  } else {
    attrs.Set("default_float", ToF64(*fallback)[0]);
  }
  n.set_domain(n.row().domain);
  n.Emit("LabelEncoder", n.Ins(), attrs);
  return Ok{};
}

Status EmitZipMap(NodeExport& n) {
  const Tensor* keys = n.attrs().TensorOf("keys");
  if (keys == nullptr) return n.LacksForm("ZipMap has keys");
  const bool text = keys->dtype() == DType::kString;
  OnnxAttrs attrs;
  attrs.Set(text ? "classlabels_strings" : "classlabels_int64s", AsList(*keys));
  n.set_domain(n.row().domain);
  n.Emit("ZipMap", n.Ins(), attrs);
  return Ok{};
}

constexpr std::string_view kAggregates[] = {"average", "sum", "min", "max"};
constexpr std::string_view kAggregateNames[] = {"AVERAGE", "SUM", "MIN", "MAX"};
size_t AggregateOf(const NodeExport& n) {
  for (size_t i = 0; i < 4; ++i) {
    if (kAggregates[i] == n.attrs().Str("aggregate", "sum")) return i;
  }
  return 1;
}

Tensor Reals(DType dtype, const std::vector<double>& values) {
  Tensor t(dtype, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i) StoreF64(dtype, values[i], t.mutable_raw() + i * ByteSize(dtype));
  return t;
}

// Version 5: every leaf says one thing about one target. A tree that is one leaf is a node with it on both sides.
Status EmitTreeEnsemble(NodeExport& n) {
  const Attrs& a = n.attrs();
  const DType dtype = n.DtypeOf(0);
  if (a.Dtype("dtype") != dtype) return n.LacksForm("TreeEnsemble gives the type of its operand");
  const Ints& starts = a.Ints("leaf_starts");
  for (size_t i = 1; i < starts.size(); ++i) {
    if (starts[i] != starts[i - 1] + 1) return n.LacksForm("a leaf of TreeEnsemble says one thing");
  }
  Ints features = a.Ints("features"), modes = a.Ints("modes"), missing = a.Ints("missing_is_true");
  std::vector<double> splits = a.Floats("splits");
  Ints next[2] = {a.Ints("on_true"), a.Ints("on_false")}, leaf[2];
  missing.resize(features.size(), 0);
  Ints roots;
  for (int64_t root : a.Ints("roots")) {
    if (root < 0) {
      const int64_t only = root;
      root = static_cast<int64_t>(features.size());
      for (Ints* list : {&features, &modes, &missing}) list->push_back(0);
      splits.push_back(0);
      for (Ints& list : next) list.push_back(only);
    }
    roots.push_back(root);
  }
  // Sets follow each other in the order of a walk that takes true branches first.
  const Ints& set_starts = a.Ints("set_starts");
  const std::vector<double>& members = a.Floats("members");
  std::vector<double> sets;
  for (const int64_t root : roots) {
    Ints stack{root};
    while (!stack.empty()) {
      const auto i = static_cast<size_t>(stack.back());
      stack.pop_back();
      if (modes[i] == 6 && i + 1 < set_starts.size()) {
        sets.insert(sets.end(), members.begin() + set_starts[i], members.begin() + set_starts[i + 1]);
        sets.push_back(std::numeric_limits<double>::quiet_NaN());
      }
      for (size_t side : {1, 0}) {
        if (next[side][i] >= 0) stack.push_back(next[side][i]);
      }
    }
  }
  for (size_t side : {0, 1}) {
    for (int64_t& to : next[side]) {
      leaf[side].push_back(to < 0 ? 1 : 0);
      if (to < 0) to = -1 - to;
    }
  }
  Tensor mode_bytes(DType::kU8, {static_cast<int64_t>(modes.size())});
  for (size_t i = 0; i < modes.size(); ++i) mode_bytes.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(modes[i]);
  OnnxAttrs attrs{{"n_targets", a.Int("n_targets")},
                  {"nodes_featureids", std::move(features)},
                  {"nodes_modes", std::move(mode_bytes)},
                  {"nodes_splits", Reals(dtype, splits)},
                  {"nodes_truenodeids", std::move(next[0])},
                  {"nodes_trueleafs", std::move(leaf[0])},
                  {"nodes_falsenodeids", std::move(next[1])},
                  {"nodes_falseleafs", std::move(leaf[1])},
                  {"nodes_missing_value_tracks_true", std::move(missing)},
                  {"tree_roots", std::move(roots)},
                  {"leaf_targetids", a.Ints("targets")},
                  {"leaf_weights", Reals(dtype, a.Floats("weights"))}};
  if (!sets.empty()) attrs.Set("membership_values", Reals(dtype, sets));
  attrs.SetInt("aggregate_function", static_cast<int64_t>(AggregateOf(n)), 1);
  n.set_domain(n.row().domain);
  n.Emit("TreeEnsemble", n.Ins(), attrs);
  return Ok{};
}

bool FitF32(const std::vector<double>& values) {
  for (const double v : values) {
    if (static_cast<double>(static_cast<float>(v)) != v && v == v) return false;
  }
  return true;
}

// Nodes of the older spelling: the core's numbers name inner nodes, leaves come after those.
struct NamedForest {
  Ints trees, nodes, features, on_true, on_false, missing;
  std::vector<double> splits;
  std::vector<std::string> modes;
  Ints weight_trees, weight_nodes, targets;
  std::vector<double> weights;
};

void AddTree(const Attrs& a, int64_t tree, int64_t root, NamedForest* f) {
  static constexpr std::string_view kModes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                                "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
  const auto inner = static_cast<int64_t>(a.Ints("features").size());
  const auto named = [inner](int64_t to) { return to < 0 ? inner + (-1 - to) : to; };
  const Ints& missing = a.Ints("missing_is_true");
  Ints stack{root};
  while (!stack.empty()) {
    const int64_t at = stack.back();
    stack.pop_back();
    f->trees.push_back(tree);
    f->nodes.push_back(named(at));
    if (at < 0) {
      const auto k = static_cast<size_t>(-1 - at);
      for (Ints* list : {&f->features, &f->on_true, &f->on_false, &f->missing}) list->push_back(0);
      f->splits.push_back(0);
      f->modes.emplace_back("LEAF");
      for (int64_t w = a.Ints("leaf_starts")[k]; w < a.Ints("leaf_starts")[k + 1]; ++w) {
        f->weight_trees.push_back(tree);
        f->weight_nodes.push_back(named(at));
        f->targets.push_back(a.Ints("targets")[static_cast<size_t>(w)]);
        f->weights.push_back(a.Floats("weights")[static_cast<size_t>(w)]);
      }
      continue;
    }
    const auto i = static_cast<size_t>(at);
    f->features.push_back(a.Ints("features")[i]);
    f->splits.push_back(a.Floats("splits")[i]);
    f->modes.emplace_back(kModes[a.Ints("modes")[i]]);
    f->on_true.push_back(named(a.Ints("on_true")[i]));
    f->on_false.push_back(named(a.Ints("on_false")[i]));
    f->missing.push_back(i < missing.size() ? missing[i] : 0);
    stack.push_back(a.Ints("on_false")[i]);
    stack.push_back(a.Ints("on_true")[i]);
  }
}

Status EmitTreeEnsembleRegressor(NodeExport& n) {
  const Attrs& a = n.attrs();
  if (a.Dtype("dtype") != DType::kF32) return n.LacksForm("TreeEnsembleRegressor gives f32");
  for (const int64_t mode : a.Ints("modes")) {
    if (mode < 0 || mode > 5) return n.LacksForm("sets are of opset 21 and later");
  }
  if (!FitF32(a.Floats("splits")) || !FitF32(a.Floats("weights"))) {
    return n.LacksForm("the numbers of TreeEnsembleRegressor are f32");
  }
  NamedForest f;
  const Ints& roots = a.Ints("roots");
  for (size_t t = 0; t < roots.size(); ++t) AddTree(a, static_cast<int64_t>(t), roots[t], &f);
  OnnxAttrs attrs{{"n_targets", a.Int("n_targets")},
                  {"nodes_treeids", std::move(f.trees)},
                  {"nodes_nodeids", std::move(f.nodes)},
                  {"nodes_featureids", std::move(f.features)},
                  {"nodes_values", std::move(f.splits)},
                  {"nodes_modes", std::move(f.modes)},
                  {"nodes_truenodeids", std::move(f.on_true)},
                  {"nodes_falsenodeids", std::move(f.on_false)},
                  {"nodes_missing_value_tracks_true", std::move(f.missing)},
                  {"target_treeids", std::move(f.weight_trees)},
                  {"target_nodeids", std::move(f.weight_nodes)},
                  {"target_ids", std::move(f.targets)},
                  {"target_weights", std::move(f.weights)}};
  if (const size_t how = AggregateOf(n); how != 1) attrs.Set("aggregate_function", std::string(kAggregateNames[how]));
  n.set_domain(n.row().domain);
  n.Emit("TreeEnsembleRegressor", n.Ins(), attrs);
  return Ok{};
}

constexpr std::string_view kMl = "ai.onnx.ml";
constexpr Row kRows[] = {
    {&ops::kLabelEncode, "LabelEncoder", 4, EmitLabelEncoder, 99, kMl},
    {&ops::kLabelEncode, "LabelEncoder", 2, EmitLabelEncoder, 99, kMl},
    {&ops::kTreeEnsemble, "TreeEnsemble", 5, EmitTreeEnsemble, 99, kMl},
    {&ops::kTreeEnsemble, "TreeEnsembleRegressor", 1, EmitTreeEnsembleRegressor, 99, kMl},
    {&ops::kZipMap, "ZipMap", 1, EmitZipMap, 99, kMl},
};

}  // namespace

extern const RowSet kMlRows{kRows};

}  // namespace godwit::to_onnx
