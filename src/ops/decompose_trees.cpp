#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/expr.h"
#include "ops/ops.h"
#include "ops/trees.h"

namespace godwit::ops {

namespace {

constexpr int64_t kMostElements = 1 << 24;  ///< of a matrix
constexpr size_t kMostSteps = 1 << 20;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A leaf of one tree, and the tests that lead to it: places among the tree's tests, and how each must end.
struct End {
  size_t leaf = 0;
  std::vector<std::pair<int64_t, bool>> way;
};
struct Tree {
  std::vector<size_t> nodes;
  std::vector<End> ends;
};

// False where there are more steps than trees have.
bool Spread(const Trees& trees, int64_t root, size_t* steps, Tree* out) {
  std::vector<int64_t> place(trees.features.size(), -1);
  std::vector<std::pair<int64_t, End>> open{{root, {}}};
  while (!open.empty()) {
    auto [at, end] = std::move(open.back());
    open.pop_back();
    if ((*steps += end.way.size() + 1) > kMostSteps) return false;
    if (at < 0) {
      end.leaf = static_cast<size_t>(-1 - at);
      out->ends.push_back(std::move(end));
      continue;
    }
    const auto node = static_cast<size_t>(at);
    if (place[node] < 0) {
      place[node] = static_cast<int64_t>(out->nodes.size());
      out->nodes.push_back(node);
    }
    End other = end;
    end.way.emplace_back(place[node], true);
    other.way.emplace_back(place[node], false);
    open.emplace_back(trees.on_false[node], std::move(other));
    open.emplace_back(trees.on_true[node], std::move(end));
  }
  return true;
}

// A bound that f32 elements are held to as to the wide one: rounded to the side that lets none of them change sides.
float Bound(double split, int64_t mode) {
  const auto near = static_cast<float>(split);
  const bool up = mode == 1 || mode == 2;
  if (up && static_cast<double>(near) < split) return std::nextafter(near, kInfinity);
  if (!up && static_cast<double>(near) > split) return std::nextafter(near, -kInfinity);
  return near;
}

// How the tests of all trees end, a column for each.
class Tests {
 public:
  Tests(DecomposeCtx& ctx, const Trees& trees, std::vector<size_t> nodes)
      : ctx_(ctx), trees_(trees), nodes_(std::move(nodes)) {}

  Expr Of(const Expr& x) {
    std::vector<int64_t> columns;
    for (const size_t i : nodes_) columns.push_back(trees_.features[i]);
    const Expr v = Gather(x, I64s(ctx_, columns), 1);
    Expr y;
    for (int64_t mode = 0; mode <= 6; ++mode) {
      const auto is = [&](size_t i) { return trees_.modes[i] == mode; };
      if (std::none_of(nodes_.begin(), nodes_.end(), is)) continue;
      const Expr test = mode == 6 ? Member(x) : Compared(v, mode);
      if (!test.valid()) return {};
      const bool all = std::all_of(nodes_.begin(), nodes_.end(), is);
      const Expr counts = all ? test : And(test, Mask(is));
      y = y.valid() ? Or(y, counts) : counts;
    }
    const auto missing = [&](size_t i) { return !trees_.missing.empty() && trees_.missing[i] != 0; };
    if (std::any_of(nodes_.begin(), nodes_.end(), missing)) y = Or(y, And(Not(Equal(v, v)), Mask(missing)));
    return y;
  }

 private:
  template <class F>
  Expr Mask(F f) {
    std::vector<uint8_t> bits;
    for (const size_t i : nodes_) bits.push_back(f(i) ? 1 : 0);
    return Const(ctx_, Tensor::Of<uint8_t>(DType::kBool, {static_cast<int64_t>(bits.size())}, bits));
  }

  Expr Compared(const Expr& v, int64_t mode) {
    const auto count = static_cast<int64_t>(nodes_.size());
    Expr splits;
    if (v.dtype() == DType::kF64) {
      std::vector<double> values;
      for (const size_t i : nodes_) values.push_back(trees_.splits[i]);
      splits = Const(ctx_, Tensor::Of<double>(DType::kF64, {count}, values));
    } else {
      std::vector<float> values;
      for (const size_t i : nodes_) {
        // What no element can equal is not a number.
        const double s = trees_.splits[i];
        const bool never = mode >= 4 && static_cast<double>(static_cast<float>(s)) != s;
        values.push_back(never ? std::numeric_limits<float>::quiet_NaN() : Bound(s, mode));
      }
      splits = Const(ctx_, Tensor::F32({count}, values));
    }
    switch (mode) {
      case 0: return LessEqual(v, splits);
      case 1: return Less(v, splits);
      case 2: return LessEqual(splits, v);
      case 3: return Less(splits, v);
      case 4: return Equal(v, splits);
      default: return Not(Equal(v, splits));
    }
  }

  // Every member of every set is compared, and counted for its test.
  Expr Member(const Expr& x) {
    std::vector<int64_t> columns;
    std::vector<float> members;
    std::vector<size_t> of;
    for (size_t n = 0; n < nodes_.size(); ++n) {
      const size_t i = nodes_[n];
      if (trees_.modes[i] != 6) continue;
      for (int64_t k = trees_.set_starts[i]; k < trees_.set_starts[i + 1]; ++k) {
        const double m = trees_.members[static_cast<size_t>(k)];
        if (static_cast<double>(static_cast<float>(m)) != m && x.dtype() != DType::kF64) continue;
        columns.push_back(trees_.features[i]);
        members.push_back(static_cast<float>(m));
        of.push_back(n);
        if (x.dtype() == DType::kF64 && static_cast<double>(members.back()) != m) return {};
      }
    }
    const auto count = static_cast<int64_t>(members.size()), tests = static_cast<int64_t>(nodes_.size());
    if (count == 0) return Mask([](size_t) { return false; });
    if (count > kMostElements / tests) return {};
    std::vector<float> counted(static_cast<size_t>(count * tests), 0);
    for (size_t k = 0; k < of.size(); ++k) counted[k * static_cast<size_t>(tests) + of[k]] = 1;
    const Expr same =
        Equal(Gather(x, I64s(ctx_, columns), 1), Cast(Const(ctx_, Tensor::F32({count}, members)), x.dtype()));
    const Expr hits = MatMul(Cast(same, DType::kF32), Const(ctx_, Tensor::F32({count, tests}, counted)));
    return Less(ScalarOf(ctx_, DType::kF32, 0), hits);
  }

  DecomposeCtx& ctx_;
  const Trees& trees_;
  std::vector<size_t> nodes_;
};

// What each leaf says of each target; `none` where it says nothing.
std::vector<float> Said(const Trees& trees, const std::vector<size_t>& leaves, std::string_view how, float none) {
  std::vector<double> out(leaves.size() * static_cast<size_t>(trees.n_targets), static_cast<double>(none));
  const bool adds = how == "sum" || how == "average";
  const double share = how == "average" ? 1.0 / static_cast<double>(trees.roots.size()) : 1.0;
  for (size_t l = 0; l < leaves.size(); ++l) {
    if (leaves[l] == SIZE_MAX) continue;
    for (int64_t k = trees.leaf_starts[leaves[l]]; k < trees.leaf_starts[leaves[l] + 1]; ++k) {
      const auto entry = static_cast<size_t>(k);
      double& at = out[l * static_cast<size_t>(trees.n_targets) + static_cast<size_t>(trees.targets[entry])];
      const double w = trees.weights[entry];
      at = adds ? at + w * share : how == "min" ? std::min(at, w) : std::max(at, w);
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace

// A leaf is reached where as many of its tests that must hold do as there are, and none of those that must not: each
// tree's tests times 1 and -1 are counted, exactly.
Status DecomposeTrees(DecomposeCtx& ctx) {
  const Trees trees(ctx.attrs);
  const std::string_view how = ctx.attrs.Str("aggregate", "sum");
  Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  if (x.rank() != 2 || !trees.Sound() || trees.roots.empty() || trees.n_targets < 1) {
    return ctx.Cannot("its lists do not fit together");
  }
  if (x.dtype() != DType::kF64) x = Cast(x, DType::kF32);
  std::vector<Tree> all;
  size_t steps = 0, tests = 1, ends = 1;
  for (const int64_t root : trees.roots) {
    all.emplace_back();
    if (!Spread(trees, root, &steps, &all.back())) return ctx.Cannot("there are too many ways through its trees");
    tests = std::max(tests, all.back().nodes.size());
    ends = std::max(ends, all.back().ends.size());
  }
  const auto count = static_cast<int64_t>(all.size()), n = static_cast<int64_t>(tests), m = static_cast<int64_t>(ends);
  if (count > kMostElements / n / m || count * m > kMostElements / trees.n_targets) {
    return ctx.Cannot("its trees are too large");
  }
  // Shorter trees are filled up with tests that count for no leaf, and leaves that are never reached.
  std::vector<size_t> nodes, leaves;
  std::vector<float> ways(static_cast<size_t>(count * n * m), 0), needed;
  bool any = false;
  for (size_t t = 0; t < all.size(); ++t) {
    const Tree& tree = all[t];
    any = any || !tree.nodes.empty();
    nodes.insert(nodes.end(), tree.nodes.begin(), tree.nodes.end());
    nodes.insert(nodes.end(), tests - tree.nodes.size(), 0);
    for (size_t e = 0; e < ends; ++e) {
      const bool real = e < tree.ends.size();
      leaves.push_back(real ? tree.ends[e].leaf : SIZE_MAX);
      float holds = real ? 0 : -0.5F;
      for (const auto& [place, must] : real ? tree.ends[e].way : End().way) {
        ways[(t * tests + static_cast<size_t>(place)) * ends + e] = must ? 1.0F : -1.0F;
        holds += must ? 1.0F : 0.0F;
      }
      needed.push_back(holds);
    }
  }
  if (!any) return ctx.Cannot("it has no test");
  const Expr ended = Tests(ctx, trees, std::move(nodes)).Of(x);
  if (!ended.valid()) return ctx.Cannot("its sets are too large");
  // [rows, trees, tests] -> [trees, rows, tests] x [trees, tests, leaves]
  const Extent rows = Extent::Of(x, 0);
  const Expr apart = Transpose(Reshape(Cast(ended, DType::kF32), {rows, count, n}), {1, 0, 2});
  const Expr held = MatMul(apart, Const(ctx, Tensor::F32({count, n, m}, ways)));
  Expr reached = Equal(held, Const(ctx, Tensor::F32({count, 1, m}, needed)));
  if (how == "sum" || how == "average") {
    const Expr hit = Reshape(Transpose(Cast(reached, DType::kF32), {1, 0, 2}), {rows, count * m});
    const Expr said = Const(ctx, Tensor::F32({count * m, trees.n_targets}, Said(trees, leaves, how, 0)));
    Result0(ctx, MatMul(hit, said), ctx.attrs.Dtype("dtype"));
    return Ok{};
  }
  const float none = how == "min" ? kInfinity : -kInfinity;
  reached = Reshape(Transpose(reached, {1, 0, 2}), {rows, count * m, 1});
  const Expr said = Const(ctx, Tensor::F32({count * m, trees.n_targets}, Said(trees, leaves, how, none)));
  const Expr nothing = ScalarOf(ctx, DType::kF32, static_cast<double>(none));
  const Expr most = Reduce(Where(reached, said, nothing), how, {1}, false);
  Result0(ctx, Where(Equal(most, nothing), ScalarOf(ctx, DType::kF32, 0), most), ctx.attrs.Dtype("dtype"));
  return Ok{};
}

}  // namespace godwit::ops
