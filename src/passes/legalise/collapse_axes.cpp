// Fewer axes for what works along some of them: slices, pads, reductions, joins and softmax.
#include <algorithm>

#include "ops/ops.h"
#include "passes/legalise/collapse.h"

namespace godwit::legalise {

// What is before the axis as one, and what is behind it.
Result<Expr> Collapse::AlongAxis() {
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
Result<Expr> Collapse::Reduced() {
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

bool Collapse::Separable() const {
  static constexpr std::string_view kModes[] = {"sum", "mean", "max", "min", "prod"};
  const std::string_view mode = node_.attrs.Str("mode");
  return std::find(std::begin(kModes), std::end(kModes), mode) != std::end(kModes);
}

Result<Collapse::Flat> Collapse::Untouched(const std::vector<bool>& touched) {
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

Expr Collapse::Restored(const Expr& y, const Flat& flat, const std::vector<bool>& touched) {
  Extents dims;
  for (int k = 0; k < in_[0].rank(); ++k) {
    const auto at = static_cast<size_t>(k);
    dims.push_back(touched[at] ? Extent::Of(y, static_cast<int>(flat.place[at])) : Extent::Of(in_[0], k));
  }
  return Reshape(y, dims);
}

Result<Expr> Collapse::Sliced() {
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

Result<Expr> Collapse::Padding() {
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
Result<Expr> Collapse::PadHalves(const Ints& pads) {
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

}  // namespace godwit::legalise
