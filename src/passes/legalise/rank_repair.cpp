#include "passes/legalise/rank_repair.h"

#include <algorithm>
#include <numeric>

#include "ir/decompose.h"
#include "ops/commute_rules.h"
#include "ops/expr.h"
#include "ops/ops.h"
#include "passes/legalise/draft.h"

namespace godwit {

namespace {

using ops::Expr;
using ops::Extent;
using ops::Extents;
using Ints = std::vector<int64_t>;

/// Axes of the result that become one, in order; each is of one kind.
struct Runs {
  std::vector<std::vector<int>> axes;
  Ints kind;

  void Add(int axis, int64_t k, bool neutral) {
    if (!axes.empty() && (neutral || kind.back() == k || neutral_)) {
      axes.back().push_back(axis);
      if (neutral_ && !neutral) kind.back() = k;
    } else {
      axes.push_back({axis});
      kind.push_back(k);
      neutral_ = true;
    }
    neutral_ = neutral_ && neutral;
  }

 private:
  bool neutral_ = false;  // the last run has axes of extent 1 only
};

Extent Joined(const Expr& x, const std::vector<int>& axes) {
  Extent product = 1;
  for (const int axis : axes) product = product * Extent::Of(x, axis);
  return product;
}

class Collapse {
 public:
  Collapse(Draft* d, const Node& node, std::vector<Type> results)
      : node_(node),
        results_(std::move(results)),
        ctx_(*d->build, *node.op, node.attrs, d->in, std::vector<bool>(node.out.size(), true)) {
    for (size_t i = 0; i < d->in.size(); ++i) in_.emplace_back(ctx_, d->in[i]);
  }

  Result<ValueId> Run() {
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

 private:
  [[nodiscard]] bool Elementwise() const {
    static constexpr const OpDef* kMore[] = {&ops::kWhere, &ops::kPow,       &ops::kPRelu,    &ops::kEqual,
                                             &ops::kLess,  &ops::kLessEqual, &ops::kBitShift, &ops::kClip};
    return node_.op->commute == ops::CommuteBroadcast ||
           std::find(std::begin(kMore), std::end(kMore), node_.op) != std::end(kMore);
  }

  [[nodiscard]] const Shape& result() const { return results_[0].shape(); }

  // Axes that the same operands have, merged. The last `tail` axes stay what they are.
  Result<Expr> Broadcasting(int tail) {
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
  Extent ResultDim(int axis) {
    const int rank = static_cast<int>(result().size());
    for (const Expr& x : in_) {
      const int own = x.valid() ? axis - rank + x.rank() : -1;
      if (own >= 0 && x.dim(own) == result()[static_cast<size_t>(axis)]) return Extent::Of(x, own);
    }
    return Extent(1);
  }

  // What is before the axis as one, and what is behind it.
  Result<Expr> AlongAxis() {
    const int rank = in_[0].rank();
    const int64_t given = node_.attrs.Int("axis", -1);
    const auto axis = static_cast<int>(given < 0 ? given + rank : given);
    if (rank <= 3 || axis < 0 || axis >= rank) return NotThis();
    std::vector<int> before, after;
    for (int k = 0; k < rank; ++k) {
      if (k < axis) before.push_back(k);
      if (k > axis) after.push_back(k);
    }
    std::vector<Expr> flat;
    for (const Expr& x : in_) {
      if (!x.valid() || x.rank() != rank) return NotThis();
      flat.push_back(Reshape(x, {Joined(x, before), Extent::Of(x, axis), Joined(x, after)}));
    }
    Attrs attrs = node_.attrs;
    attrs.Set("axis", int64_t{1});
    const Expr y = ops::Apply(ctx_, *node_.op, flat, std::move(attrs));
    Extents full;
    for (int k = 0; k < rank; ++k) full.push_back(k == axis ? Extent::Of(y, 1) : Extent::Of(in_[0], k));
    return Reshape(y, full);
  }

  // Neighbours that go, or that stay, go or stay together. Where they alternate, one goes before the others.
  Result<Expr> Reduced() {
    const Expr& x = in_[0];
    const int rank = x.rank();
    const auto axes = ctx_.Ints(1);
    if (ctx_.Has(1) && !axes) return NotThis("the axes are not known");
    const bool none = node_.attrs.Flag("empty_axes_is_none") && (!axes || axes->empty());
    std::vector<bool> goes(static_cast<size_t>(rank), !none && (!axes || axes->empty()));
    for (const int64_t a : axes.value_or(Ints())) {
      if (a < -rank || a >= rank) return NotThis();
      goes[static_cast<size_t>(a < 0 ? a + rank : a)] = true;
    }
    Runs runs;
    for (int k = 0; k < rank; ++k) runs.Add(k, goes[static_cast<size_t>(k)] ? 1 : 0, x.dim(k) == Dim(1));
    const auto fewer = static_cast<int>(runs.axes.size()) < rank;
    if (!fewer && !Separable()) return NotThis("no axes go together");
    Attrs attrs = node_.attrs;
    attrs.Set("keep_dims", int64_t{1});
    Expr y = x;
    if (fewer) {
      Extents dims;
      Ints gone;
      for (size_t r = 0; r < runs.axes.size(); ++r) {
        dims.push_back(Joined(x, runs.axes[r]));
        if (runs.kind[r] != 0) gone.push_back(static_cast<int64_t>(r));
      }
      y = ops::Apply(ctx_, *node_.op, {Reshape(x, dims), ops::I64s(ctx_, gone)}, attrs);
    } else {
      const auto first = static_cast<int>(std::find(goes.begin(), goes.end(), true) - goes.begin());
      if (std::count(goes.begin(), goes.end(), true) < 2) return NotThis("no axes go together");
      Ints rest;
      for (int k = first + 1; k < rank; ++k) {
        if (goes[static_cast<size_t>(k)]) rest.push_back(k);
      }
      y = ops::Apply(ctx_, *node_.op, {x, ops::I64s(ctx_, {first})}, attrs);
      y = ops::Apply(ctx_, *node_.op, {y, ops::I64s(ctx_, rest)}, attrs);
    }
    Extents full;
    const bool keeps = node_.attrs.Flag("keep_dims", true);
    for (int k = 0; k < rank; ++k) {
      if (!goes[static_cast<size_t>(k)]) full.push_back(Extent::Of(x, k));
      if (goes[static_cast<size_t>(k)] && keeps) full.push_back(Extent(1));
    }
    return Reshape(y, full);
  }
  [[nodiscard]] bool Separable() const {
    static constexpr std::string_view kModes[] = {"sum", "mean", "max", "min", "prod"};
    const std::string_view mode = node_.attrs.Str("mode");
    return std::find(std::begin(kModes), std::end(kModes), mode) != std::end(kModes);
  }

  Result<Expr> Transposition() {
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
    if (rank <= 4) return NotThis();
    return ByMoves(x, perm, full);
  }

  // One axis after the other goes before those that come later.
  Result<Expr> ByMoves(const Expr& x, const Ints& perm, const Extents& full) {
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

  // Operand 0 with axes that nothing happens to joined: the joined value, where each axis went, and the result's dims.
  struct Flat {
    Expr x;
    Ints place;
    std::vector<std::vector<int>> runs;
  };
  Result<Flat> Untouched(const std::vector<bool>& touched) {
    const Expr& x = in_[0];
    Runs runs;
    for (int k = 0; k < x.rank(); ++k) {
      const bool alone = touched[static_cast<size_t>(k)];
      runs.Add(k, alone ? k + 1 : 0, !alone && x.dim(k) == Dim(1));
    }
    if (static_cast<int>(runs.axes.size()) >= x.rank()) return NotThis("no axes go together");
    Flat flat;
    Extents dims;
    flat.place.resize(touched.size());
    for (size_t r = 0; r < runs.axes.size(); ++r) {
      dims.push_back(Joined(x, runs.axes[r]));
      for (const int axis : runs.axes[r]) flat.place[static_cast<size_t>(axis)] = static_cast<int64_t>(r);
    }
    // A touched axis that dims of 1 went to is still the only one with elements.
    flat.x = Reshape(x, dims);
    flat.runs = runs.axes;
    return flat;
  }
  Expr Restored(const Expr& y, const Flat& flat, const std::vector<bool>& touched) {
    Extents dims;
    for (int k = 0; k < in_[0].rank(); ++k) {
      const auto at = static_cast<size_t>(k);
      dims.push_back(touched[at] ? Extent::Of(y, static_cast<int>(flat.place[at])) : Extent::Of(in_[0], k));
    }
    return Reshape(y, dims);
  }

  Result<Expr> Sliced() {
    const auto axes = ctx_.Ints(3);
    if (ctx_.Has(3) && !axes) return NotThis("the axes are not known");
    const int rank = in_[0].rank();
    Ints named;
    if (axes) {
      for (const int64_t a : *axes) named.push_back(a < 0 ? a + rank : a);
    } else {
      const auto n = in_[1].dim(0).known();
      for (int64_t k = 0; k < n.value_or(0); ++k) named.push_back(k);
    }
    std::vector<bool> touched(static_cast<size_t>(rank), false);
    for (const int64_t a : named) {
      if (a < 0 || a >= rank) return NotThis();
      touched[static_cast<size_t>(a)] = true;
    }
    TRY(const Flat flat, Untouched(touched));
    for (int64_t& a : named) a = flat.place[static_cast<size_t>(a)];
    const Expr steps = in_.size() > 4 ? in_[4] : Expr();
    return Restored(ops::Apply(ctx_, ops::kSlice, {flat.x, in_[1], in_[2], ops::I64s(ctx_, named), steps}), flat,
                    touched);
  }

  Result<Expr> Padding() {
    const auto pads = ctx_.Ints(1);
    const auto rank = static_cast<size_t>(in_[0].rank());
    if (!pads || ctx_.Has(3) || pads->size() != 2 * rank) return NotThis("the pads are not known");
    std::vector<bool> touched;
    for (size_t k = 0; k < rank; ++k) touched.push_back((*pads)[k] != 0 || (*pads)[rank + k] != 0);
    if (std::all_of(touched.begin(), touched.end(), [](bool t) { return t; })) return PadHalves(*pads);
    TRY(const Flat flat, Untouched(touched));
    Ints fewer(2 * flat.runs.size(), 0);
    for (size_t k = 0; k < rank; ++k) {
      if (!touched[k]) continue;
      const auto at = static_cast<size_t>(flat.place[k]);
      fewer[at] = (*pads)[k];
      fewer[flat.runs.size() + at] = (*pads)[rank + k];
    }
    const Expr value = in_.size() > 2 ? in_[2] : Expr();
    return Restored(ops::Apply(ctx_, ops::kPad, {flat.x, ops::I64s(ctx_, fewer), value}, node_.attrs), flat, touched);
  }

  // No axis is left alone: some are padded before the others.
  Result<Expr> PadHalves(const Ints& pads) {
    const size_t rank = pads.size() / 2;
    if (rank < 2) return NotThis();
    const Expr value = in_.size() > 2 ? in_[2] : Expr();
    Expr y = in_[0];
    for (const bool second : {false, true}) {
      Ints part = pads;
      for (size_t k = 0; k < rank; ++k) {
        if ((k >= rank / 2) != second) part[k] = part[rank + k] = 0;
      }
      y = ops::Apply(ctx_, ops::kPad, {y, ops::I64s(ctx_, part), value}, node_.attrs);
    }
    return y;
  }

  const Node& node_;
  std::vector<Type> results_;
  DecomposeCtx ctx_;
  std::vector<Expr> in_;
};

}  // namespace

Result<std::unique_ptr<Scope>> CollapseRepair(Scope& scope, NodeId id) {
  const Node& node = scope.graph().node(id);
  if (!node.regions.empty() || node.out.size() != 1) return NotThis();
  Draft d = Begin(scope, id);
  TRY(const ValueId y, Collapse(&d, node, {scope.TypeOf(node.out[0])}).Run());
  return Finish(std::move(d), scope, id, {y});
}

}  // namespace godwit
