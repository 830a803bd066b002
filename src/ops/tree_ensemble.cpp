// tree_ensemble: decision trees whose leaves add weights to targets. The trees are flat lists, checked before use:
// a child always has a higher index than its parent, so that no file can make a walk endless.
#include <fmt/format.h>

#include <limits>

#include "ir/op_def.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats}};
constexpr OperandDef kOut[] = {{"y", TypeSet(DType::kF32) | DType::kF64 | DType::kF16}};
constexpr AttrDef kAttrs[] = {
    {"features", AttrKind::kIntList, "", "Per node: the column of x that it looks at."},
    {"modes", AttrKind::kIntList, "", "Per node: 0 <=, 1 <, 2 >=, 3 >, 4 ==, 5 !=, 6 member of a set."},
    {"splits", AttrKind::kFloatList, "", "Per node: what is compared with."},
    {"on_true", AttrKind::kIntList, "", "Per node: the next node, or -1 - leaf."},
    {"on_false", AttrKind::kIntList, "", "Per node: the next node, or -1 - leaf."},
    {"missing_is_true", AttrKind::kIntList, "none", "Per node: 1 where NaN takes the true branch."},
    {"set_starts", AttrKind::kIntList, "none", "Per node and one more: where its set begins in `members`."},
    {"members", AttrKind::kFloatList, "none", "The sets, one after the other."},
    {"roots", AttrKind::kIntList, "", "Per tree: its first node, or -1 - leaf."},
    {"leaf_starts", AttrKind::kIntList, "", "Per leaf and one more: where its targets begin."},
    {"targets", AttrKind::kIntList, "", "Which column of the result a weight goes to."},
    {"weights", AttrKind::kFloatList, "", "The weights, beside `targets`."},
    {"n_targets", AttrKind::kInt, "", "Columns of the result."},
    {"aggregate", AttrKind::kString, "sum", "sum, average (over trees), min or max."},
    {"dtype", AttrKind::kDType, "", "Element type of the result."}};
constexpr std::string_view kRules[] = {"c1: x has rank 2, and a column for every feature",
                                       "c2: the lists agree in length, and indices point forward and within them",
                                       "c3: aggregate is sum, average, min or max"};

struct Trees {
  const std::vector<int64_t>&features, &modes, &on_true, &on_false, &missing, &set_starts, &roots, &leaf_starts,
      &targets;
  const std::vector<double>&splits, &members, &weights;
  int64_t n_targets;

  explicit Trees(const Attrs& a)
      : features(a.Ints("features")),
        modes(a.Ints("modes")),
        on_true(a.Ints("on_true")),
        on_false(a.Ints("on_false")),
        missing(a.Ints("missing_is_true")),
        set_starts(a.Ints("set_starts")),
        roots(a.Ints("roots")),
        leaf_starts(a.Ints("leaf_starts")),
        targets(a.Ints("targets")),
        splits(a.Floats("splits")),
        members(a.Floats("members")),
        weights(a.Floats("weights")),
        n_targets(a.Int("n_targets")) {}

  [[nodiscard]] bool Rising(const std::vector<int64_t>& starts, size_t count, size_t end) const {
    if (starts.size() != count + 1) return false;
    for (size_t i = 0; i < starts.size(); ++i) {
      if (starts[i] < (i == 0 ? 0 : starts[i - 1]) || starts[i] > static_cast<int64_t>(end)) return false;
    }
    return true;
  }

  [[nodiscard]] bool Sound() const {
    const size_t n = features.size();
    const auto nodes = static_cast<int64_t>(n);
    const auto leaves = static_cast<int64_t>(leaf_starts.size()) - 1;
    if (modes.size() != n || splits.size() != n || on_true.size() != n || on_false.size() != n || leaves < 0)
      return false;
    if (!missing.empty() && missing.size() != n) return false;
    if (!set_starts.empty() && !Rising(set_starts, n, members.size())) return false;
    if (!Rising(leaf_starts, static_cast<size_t>(leaves), targets.size()) || weights.size() != targets.size())
      return false;
    for (size_t i = 0; i < n; ++i) {
      if (modes[i] < 0 || modes[i] > 6 || features[i] < 0 || (modes[i] == 6 && set_starts.empty())) return false;
      for (const int64_t next : {on_true[i], on_false[i]}) {
        if (next < 0 ? next < -leaves : next <= static_cast<int64_t>(i) || next >= nodes) return false;
      }
    }
    for (const int64_t r : roots) {
      if (r < 0 ? r < -leaves : r >= nodes) return false;
    }
    for (const int64_t t : targets) {
      if (t < 0 || t >= n_targets) return false;
    }
    return true;
  }

  [[nodiscard]] bool Test(size_t i, double x) const {
    if (x != x && !missing.empty() && missing[i] != 0) return true;
    switch (modes[i]) {
      case 0: return x <= splits[i];
      case 1: return x < splits[i];
      case 2: return x >= splits[i];
      case 3: return x > splits[i];
      case 4: return x == splits[i];
      case 5: return x != splits[i];
      default: break;
    }
    for (int64_t k = set_starts[i]; k < set_starts[i + 1]; ++k) {
      if (members[static_cast<size_t>(k)] == x) return true;
    }
    return false;
  }

  /// Index of the leaf that a row ends in.
  [[nodiscard]] size_t Walk(int64_t at, const double* row) const {
    while (at >= 0) {
      const auto i = static_cast<size_t>(at);
      at = Test(i, row[features[i]]) ? on_true[i] : on_false[i];
    }
    return static_cast<size_t>(-1 - at);
  }
};

bool KnownAggregate(std::string_view how) { return how == "sum" || how == "average" || how == "min" || how == "max"; }

Status Infer(InferCtx& ctx) {
  if (ctx.Ranked(0) && ctx.Rank(0) != 2) return ctx.Fail("c1", fmt::format("rank {}", ctx.Rank(0)));
  if (!KnownAggregate(ctx.attrs.Str("aggregate", "sum")))
    return ctx.Fail("c3", std::string(ctx.attrs.Str("aggregate")));
  if (ctx.attrs.Int("n_targets") < 0) return ctx.Fail("c2", fmt::format("{} targets", ctx.attrs.Int("n_targets")));
  const Dim rows = ctx.Ranked(0) ? ctx.ShapeOf(0)[0] : ctx.Fresh("rows");
  ctx.Out(0, ctx.attrs.Dtype("dtype"), {rows, Dim(ctx.attrs.Int("n_targets"))});
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Trees trees(ctx.attrs);
  const std::string_view how = ctx.attrs.Str("aggregate", "sum");
  if (!trees.Sound())
    return ctx.Fail("c2", fmt::format("{} nodes, {} trees", trees.features.size(), trees.roots.size()));
  if (!KnownAggregate(how)) return ctx.Fail("c3", std::string(how));
  if (x.rank() != 2) return ctx.Fail("c1", ToString(x.dims()));
  for (const int64_t f : trees.features) {
    if (f >= x.dim(1)) return ctx.Fail("c1", fmt::format("feature {} of {}", f, x.dim(1)));
  }
  const DType dtype = ctx.attrs.Dtype("dtype");
  TRY(Tensor * out, ctx.Make(0, dtype, {x.dim(0), trees.n_targets}));
  const auto values = ToF64(x);
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const bool adds = how == "sum" || how == "average";
  const double share = how == "average" ? 1.0 / static_cast<double>(trees.roots.size()) : 1.0;
  std::vector<double> sums(static_cast<size_t>(trees.n_targets));
  std::byte* dst = out->mutable_raw();
  for (int64_t r = 0; r < x.dim(0); ++r) {
    std::fill(sums.begin(), sums.end(), adds ? 0.0 : kNone);
    for (const int64_t root : trees.roots) {
      const size_t leaf = trees.Walk(root, values.data() + r * x.dim(1));
      for (auto k = static_cast<size_t>(trees.leaf_starts[leaf]); k < static_cast<size_t>(trees.leaf_starts[leaf + 1]);
           ++k) {
        double& sum = sums[static_cast<size_t>(trees.targets[k])];
        const double w = trees.weights[k];
        if (adds) {
          sum += w * share;
        } else if (sum != sum || (how == "min" ? w < sum : w > sum)) {
          sum = w;
        }
      }
    }
    // A target that no leaf speaks of is 0.
    for (const double sum : sums) {
      StoreF64(dtype, sum != sum && !adds ? 0.0 : sum, dst);
      dst += ByteSize(dtype);
    }
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  using Ints = std::vector<int64_t>;
  using Floats = std::vector<double>;
  static const Sample samples[] = {{{"f32[3,2]"},
                                    {{"features", Ints{0, 1}},
                                     {"modes", Ints{0, 3}},
                                     {"splits", Floats{0.1, -0.2}},
                                     {"on_true", Ints{1, -1}},
                                     {"on_false", Ints{-3, -2}},
                                     {"roots", Ints{0}},
                                     {"leaf_starts", Ints{0, 1, 2, 3}},
                                     {"targets", Ints{0, 1, 1}},
                                     {"weights", Floats{1, 2, 3}},
                                     {"n_targets", int64_t{2}},
                                     {"dtype", DType::kF32}}}};
  return samples;
}

}  // namespace

extern const OpDef kTreeEnsemble{.name = "tree_ensemble",
                                 .doc = "For each row, what the leaves that it ends in say about each target.",
                                 .operands = kIn,
                                 .results = kOut,
                                 .attrs = kAttrs,
                                 .constraints = kRules,
                                 .infer = Infer,
                                 .eval = Eval,
                                 .samples = Samples};

}  // namespace godwit::ops
