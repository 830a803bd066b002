#include "passes/layout/view.h"

#include <algorithm>
#include <utility>

namespace godwit::layout {

namespace {

// Whether the left side is the one to grow.
bool Divides(const Dim& a, const Dim& b) {
  if (a.is_static() && b.is_static()) return a.value() < b.value();
  if (a.is_static() != b.is_static()) return a.is_static();
  return Dim::FloorDiv(b, a) * a == b;
}

// Where pieces end, counted in elements from the inside: products of the dims from each axis on.
std::optional<std::vector<int64_t>> Ends(const Shape& shape, const std::vector<int64_t>& axes) {
  std::vector<int64_t> out(axes.size());
  int64_t product = 1;
  for (size_t k = axes.size(); k-- > 0;) {
    const Dim& d = shape[static_cast<size_t>(axes[k])];
    if (!d.is_static() || d.value() <= 0 || d.value() > (int64_t{1} << 40) / product) return std::nullopt;
    out[k] = product *= d.value();
  }
  return out;
}

}  // namespace

View::View(const Shape& from, const Shape& to) : unit_of_(from.size(), -1) {
  std::vector<int64_t> a, b;
  bool known = true;
  for (size_t k = 0; k < from.size(); ++k) {
    known = known && from[k] != Dim(0);
    if (from[k] != Dim(1)) a.push_back(static_cast<int64_t>(k));
  }
  for (size_t k = 0; k < to.size(); ++k) {
    known = known && to[k] != Dim(0);
    if (to[k] != Dim(1)) {
      b.push_back(static_cast<int64_t>(k));
    } else {
      ones_.push_back(static_cast<int64_t>(k));
    }
  }
  size_t i = 0, j = 0;
  while (known && i < a.size() && j < b.size()) {
    const size_t i0 = i, j0 = j;
    Dim left = from[static_cast<size_t>(a[i++])], right = to[static_cast<size_t>(b[j++])];
    while (left != right) {
      if (j == b.size() || (i < a.size() && Divides(left, right))) {
        if (i == a.size()) break;
        left = left * from[static_cast<size_t>(a[i++])];
      } else {
        right = right * to[static_cast<size_t>(b[j++])];
      }
    }
    if (left != right) {
      i = i0;
      j = j0;
      break;
    }
    Group(from, to, {a.begin() + static_cast<std::ptrdiff_t>(i0), a.begin() + static_cast<std::ptrdiff_t>(i)},
          {b.begin() + static_cast<std::ptrdiff_t>(j0), b.begin() + static_cast<std::ptrdiff_t>(j)});
  }
  // What cannot be told apart moves as one.
  if (i < a.size() || j < b.size()) {
    const int piece = pieces_++;
    from_.push_back({{a.begin() + static_cast<std::ptrdiff_t>(i), a.end()}, {piece}});
    to_.push_back({{b.begin() + static_cast<std::ptrdiff_t>(j), b.end()}, {piece}});
  }
  for (size_t u = 0; u < from_.size(); ++u) {
    for (const int64_t axis : from_[u].axes) unit_of_[static_cast<size_t>(axis)] = static_cast<int>(u);
  }
  opening_.assign(static_cast<size_t>(pieces_), -1);
  for (size_t u = 0; u < to_.size(); ++u) opening_[static_cast<size_t>(to_[u].pieces[0])] = static_cast<int>(u);
}

void View::Group(const Shape& from, const Shape& to, std::vector<int64_t> a, std::vector<int64_t> b) {
  if (a.size() == 1 || b.size() == 1) {
    const bool joins = b.size() == 1;
    std::vector<int64_t>& many = joins ? a : b;
    Unit whole{std::move(joins ? b : a), {}};
    for (const int64_t axis : many) {
      (joins ? from_ : to_).push_back({{axis}, {pieces_}});
      whole.pieces.push_back(pieces_++);
    }
    (joins ? to_ : from_).push_back(std::move(whole));
    return;
  }
  const auto ends_a = Ends(from, a), ends_b = Ends(to, b);
  std::vector<int64_t> ends;
  if (ends_a && ends_b) {
    ends = *ends_a;
    ends.insert(ends.end(), ends_b->begin(), ends_b->end());
    std::sort(ends.rbegin(), ends.rend());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    for (size_t k = 0; k + 1 < ends.size() && !ends.empty(); ++k) {
      if (ends[k] % ends[k + 1] != 0) ends.clear();
    }
  }
  if (ends.empty()) {
    from_.push_back({std::move(a), {pieces_}});
    to_.push_back({std::move(b), {pieces_++}});
    return;
  }
  const auto cut = [&](const std::vector<int64_t>& axes, const std::vector<int64_t>& at, std::vector<Unit>* into) {
    for (size_t k = 0; k < axes.size(); ++k) {
      Unit unit{{axes[k]}, {}};
      const int64_t below = k + 1 < at.size() ? at[k + 1] : 1;
      for (size_t e = 0; e < ends.size(); ++e) {
        if (ends[e] <= at[k] && ends[e] > below) unit.pieces.push_back(pieces_ + static_cast<int>(e));
      }
      into->push_back(std::move(unit));
    }
  };
  cut(a, *ends_a, &from_);
  cut(b, *ends_b, &to_);
  pieces_ += static_cast<int>(ends.size());
}

std::optional<Perm> View::Through(const Perm& order) const {
  Perm axes;
  for (const int64_t k : order) {
    if (unit_of_[static_cast<size_t>(k)] >= 0) axes.push_back(k);
  }
  std::vector<int> pieces;
  for (size_t at = 0; at < axes.size();) {
    const Unit& unit = from_[static_cast<size_t>(unit_of_[static_cast<size_t>(axes[at])])];
    for (const int64_t axis : unit.axes) {
      if (at == axes.size() || axes[at++] != axis) return std::nullopt;
    }
    pieces.insert(pieces.end(), unit.pieces.begin(), unit.pieces.end());
  }
  Perm out;
  for (size_t at = 0; at < pieces.size();) {
    const int opened = opening_[static_cast<size_t>(pieces[at])];
    if (opened < 0) return std::nullopt;
    const Unit& unit = to_[static_cast<size_t>(opened)];
    for (const int piece : unit.pieces) {
      if (at == pieces.size() || pieces[at++] != piece) return std::nullopt;
    }
    out.insert(out.end(), unit.axes.begin(), unit.axes.end());
  }
  for (const int64_t one : ones_) {
    const auto before = std::find(out.begin(), out.end(), one - 1);
    out.insert(before == out.end() ? out.begin() : before + 1, one);
  }
  return out;
}

std::optional<std::vector<int64_t>> ShapeNumbers(const Shape& from, const Shape& to) {
  std::vector<int64_t> out;
  size_t open = 0;
  bool zero = false;
  for (const Dim& d : to) {
    open += d.is_static() ? 0U : 1U;
    zero = zero || d == Dim(0);
  }
  for (const Dim& d : from) zero = zero || d == Dim(0);
  if (zero && open > 0) return std::nullopt;
  bool hole = false;
  for (size_t k = 0; k < to.size(); ++k) {
    if (to[k].is_static()) {
      out.push_back(to[k].value());
    } else if (open > 1 && k < from.size() && from[k] == to[k]) {
      out.push_back(0);
      --open;
    } else if (!hole) {
      out.push_back(-1);
      hole = true;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace godwit::layout
