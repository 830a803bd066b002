// tree_ensemble: decision trees whose leaves add weights to targets. The trees are flat lists, checked before use:
// a child always has a higher index than its parent, so that no file can make a walk endless.
#include <fmt/format.h>

#include <limits>

#include "ir/op_def.h"
#include "ops/samples.h"
#include "ops/trees.h"
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
  // Three trees with every kind of test, one a single leaf.
  static const Attrs many = {{"features", Ints{0, 1, 2, 0, 1, 2, 0}},
                             {"modes", Ints{0, 1, 2, 3, 4, 5, 6}},
                             {"splits", Floats{0.1, -0.3, 0.2, -0.7, 0.5, 0.25, 0}},
                             {"on_true", Ints{1, -1, -3, 4, 6, -1, -4}},
                             {"on_false", Ints{2, -2, -4, 5, -5, -3, -2}},
                             {"missing_is_true", Ints{1, 0, 0, 1, 0, 0, 1}},
                             {"set_starts", Ints{0, 0, 0, 0, 0, 0, 0, 2}},
                             {"members", Floats{0.5, -0.25}},
                             {"roots", Ints{0, 3, -1}},
                             {"leaf_starts", Ints{0, 1, 3, 4, 4, 6}},
                             {"targets", Ints{0, 1, 0, 1, 0, 1}},
                             {"weights", Floats{1, 0.1, -3, 4, 0.5, 6}},
                             {"n_targets", int64_t{3}},
                             {"dtype", DType::kF32}};
  const auto by = [](std::string_view how) {
    Attrs attrs = many;
    attrs.Set("aggregate", std::string(how));
    return attrs;
  };
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
                                     {"dtype", DType::kF32}}},
                                   {{"f32[4,3]"}, many},
                                   {{"f64[4,3]"}, by("max")},
                                   {{"f16[4,3]"}, by("min")},
                                   {{"f32[4,3]"}, by("average")}};
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
                                 .decompose = DecomposeTrees,
                                 .samples = Samples};

}  // namespace godwit::ops
