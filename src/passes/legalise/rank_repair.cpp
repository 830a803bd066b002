#include "passes/legalise/rank_repair.h"

#include <algorithm>
#include <numeric>

#include "ops/commute_rules.h"
#include "ops/ops.h"
#include "passes/layout/split_move.h"
#include "passes/legalise/collapse.h"

namespace godwit {

namespace legalise {

namespace {
constexpr int kFewAxes = 4;  // what most limits are
}

Extent Joined(const Expr& x, const std::vector<int>& axes) {
  Extent product = 1;
  for (const int axis : axes) product = product * Extent::Of(x, axis);
  return product;
}

Collapse::Collapse(Draft* d, const Node& node, std::vector<Type> results)
    : node_(node),
      results_(std::move(results)),
      ctx_(*d->build, *node.op, node.attrs, d->in, std::vector<bool>(node.out.size(), true)) {
  for (size_t i = 0; i < d->in.size(); ++i) in_.emplace_back(ctx_, d->in[i]);
}

Result<ValueId> Collapse::Run() {
  if (results_.empty() || !results_[0].ranked()) return NotThis("the rank is not known");
  for (const Expr& e : in_) {
    if (e.valid() && !e.ranked()) return NotThis("the rank is not known");
  }
  Expr y;
  if (node_.op == &ops::kTranspose) {
    TRY(y, Transposition());
  } else if (node_.op == &ops::kSlice) {
    TRY(y, Sliced());
  } else if (node_.op == &ops::kPad) {
    TRY(y, Padding());
  } else if (node_.op == &ops::kMatMul) {
    TRY(y, Broadcasting(2));
  } else if (node_.op == &ops::kSoftmax || node_.op == &ops::kConcat) {
    TRY(y, AlongAxis());
  } else if (node_.op == &ops::kReduce) {
    TRY(y, Reduced());
  } else if (Elementwise()) {
    TRY(y, Broadcasting(0));
  } else {
    return NotThis();
  }
  RETURN_IF_ERROR(ctx_.TakeStatus());
  return y.id();
}

bool Collapse::Elementwise() const {
  static constexpr const OpDef* kMore[] = {&ops::kWhere, &ops::kPow,       &ops::kPRelu,    &ops::kEqual,
                                           &ops::kLess,  &ops::kLessEqual, &ops::kBitShift, &ops::kClip};
  return node_.op->commute == ops::CommuteBroadcast ||
         std::find(std::begin(kMore), std::end(kMore), node_.op) != std::end(kMore);
}

// Axes that the same operands have, merged. The last `tail` axes stay what they are.
Result<Expr> Collapse::Broadcasting(int tail) {
  const int rank = static_cast<int>(result().size());
  Runs runs;
  for (int axis = 0; axis < rank - tail; ++axis) {
    const Dim& d = result()[static_cast<size_t>(axis)];
    int64_t has = 0;
    for (size_t i = 0; i < in_.size(); ++i) {
      if (!in_[i].valid()) continue;
      const int own = axis - rank + in_[i].rank();
      if (own < 0 || in_[i].dim(own) == Dim(1)) continue;
      if (!(in_[i].dim(own) == d)) return NotThis("which dims broadcast is not known");
      has |= int64_t{1} << i;
    }
    runs.Add(axis, has, d == Dim(1));
  }
  const auto fewer = static_cast<int>(runs.axes.size()) + tail < rank;
  std::vector<Expr> operands;
  for (size_t i = 0; i < in_.size(); ++i) {
    const Expr& x = in_[i];
    if (!x.valid() || (tail > 0 && x.rank() < tail)) {
      if (x.valid()) return NotThis();
      operands.push_back(x);
      continue;
    }
    Extents dims;
    if (!fewer) {
      for (int axis = 0; axis < rank - tail; ++axis) dims.push_back(ResultDim(axis));
      for (int k = x.rank() - tail; k < x.rank(); ++k) dims.push_back(Extent::Of(x, k));
      operands.push_back(Expand(x, dims));
      continue;
    }
    for (size_t r = 0; r < runs.axes.size(); ++r) {
      std::vector<int> own;
      for (const int axis : runs.axes[r]) {
        if (axis - rank + x.rank() >= 0) own.push_back(axis - rank + x.rank());
      }
      dims.push_back(((runs.kind[r] >> i) & 1) != 0 ? Joined(x, own) : Extent(1));
    }
    for (int k = x.rank() - tail; k < x.rank(); ++k) dims.push_back(Extent::Of(x, k));
    operands.push_back(Reshape(x, dims));
  }
  if (!fewer) {
    bool same = true;
    for (size_t i = 0; i < in_.size(); ++i) same = same && operands[i].id() == in_[i].id();
    if (same || tail > 0) return NotThis();
  }
  const Expr y = Apply(ctx_, *node_.op, operands, node_.attrs);
  if (!fewer) return y;
  Extents dims;
  for (int axis = 0; axis < rank - tail; ++axis) dims.push_back(ResultDim(axis));
  for (int k = y.rank() - tail; k < y.rank(); ++k) dims.push_back(Extent::Of(y, k));
  return Reshape(y, dims);
}

// The extent of a result's axis, of an operand that has it.
Extent Collapse::ResultDim(int axis) {
  const int rank = static_cast<int>(result().size());
  for (const Expr& x : in_) {
    const int own = x.valid() ? axis - rank + x.rank() : -1;
    if (own >= 0 && x.dim(own) == result()[static_cast<size_t>(axis)]) return Extent::Of(x, own);
  }
  return Extent(1);
}

Result<Expr> Collapse::Transposition() {
  const Expr& x = in_[0];
  const int rank = x.rank();
  Ints perm = node_.attrs.Ints("perm");
  if (perm.empty()) {
    for (int k = rank; k-- > 0;) perm.push_back(k);
  }
  if (static_cast<int>(perm.size()) != rank) return NotThis();
  // Neighbours that stay neighbours go together, and dims of 1 go with anybody.
  std::vector<std::vector<int>> runs;
  for (const int64_t p : perm) {
    const int axis = static_cast<int>(p);
    if (x.dim(axis) == Dim(1)) continue;
    const auto follows = [&] {
      int next = runs.back().back() + 1;
      while (next < axis && x.dim(next) == Dim(1)) ++next;
      return next == axis;
    };
    if (!runs.empty() && follows()) {
      runs.back().push_back(axis);
    } else {
      runs.push_back({axis});
    }
  }
  std::vector<size_t> order(runs.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return runs[a][0] < runs[b][0]; });
  Extents flat, full;
  Ints turned(runs.size());
  for (size_t k = 0; k < order.size(); ++k) {
    flat.push_back(Joined(x, runs[order[k]]));
    turned[order[k]] = static_cast<int64_t>(k);
  }
  for (const int64_t p : perm) full.push_back(Extent::Of(x, static_cast<int>(p)));
  if (static_cast<int>(runs.size()) < rank) return Reshape(Transpose(Reshape(x, flat), turned), full);
  if (rank <= kFewAxes) return NotThis();
  if (const auto two = layout::SplitMove(x.type().shape(), perm, kFewAxes)) {
    Expr y = x;
    for (const layout::PartOfMove& part : *two) {
      Extents dims;
      for (const auto& run : part.runs) dims.push_back(Joined(x, {run.begin(), run.end()}));
      y = Transpose(Reshape(y, dims), part.perm);
    }
    return Reshape(y, full);
  }
  return ByMoves(x, perm, full);
}

// Where two moves do not do it, one axis after the other goes before those that come later.
Result<Expr> Collapse::ByMoves(const Expr& x, const Ints& perm, const Extents& full) {
  Ints now(perm.size());
  std::iota(now.begin(), now.end(), 0);
  Expr y = x;
  for (size_t t = 0; t < perm.size(); ++t) {
    const auto at = static_cast<size_t>(std::find(now.begin(), now.end(), perm[t]) - now.begin());
    if (at == t) continue;
    const auto part = [&](size_t from, size_t to) {
      Extent product = 1;
      for (size_t k = from; k < to; ++k) product = product * Extent::Of(x, static_cast<int>(now[k]));
      return product;
    };
    y = Transpose(Reshape(y, {part(0, t), part(t, at), part(at, at + 1), part(at + 1, now.size())}), {0, 2, 1, 3});
    now.erase(now.begin() + static_cast<int64_t>(at));
    now.insert(now.begin() + static_cast<int64_t>(t), perm[t]);
  }
  return Reshape(y, full);
}

}  // namespace legalise

Result<std::unique_ptr<Scope>> CollapseRepair(Scope& scope, NodeId id) {
  const Node& node = scope.graph().node(id);
  if (!node.regions.empty() || node.out.size() != 1) return NotThis();
  Draft d = Begin(scope, id);
  TRY(const ValueId y, legalise::Collapse(&d, node, {scope.TypeOf(node.out[0])}).Run());
  return Finish(std::move(d), scope, id, {y});
}

}  // namespace godwit
