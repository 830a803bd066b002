// Parts of tensors by position.
#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"
#include "frontends/tflite/movement_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

// Positions are cut to the axis anyhow.
int64_t Sum(int64_t a, int64_t b) { return CheckedAdd(a, b).value_or(b > 0 ? kToEnd : INT64_MIN); }

// A size of -1 reaches to the end.
void ImportSlice(OpImport& n) {
  const ValueId x = n.Stored(0), begin = n.Cast(n.Stored(1), DType::kI64), size = n.Cast(n.Stored(2), DType::kI64);
  const auto begins = n.KnownInts(begin), sizes = n.KnownInts(size);
  if (!n.ok()) return;
  ValueId ends;
  if (sizes && std::all_of(sizes->begin(), sizes->end(), [](int64_t s) { return s == -1; })) {
    ends = n.I64s(std::vector<int64_t>(sizes->size(), kToEnd));
  } else if (begins && sizes && begins->size() == sizes->size()) {
    std::vector<int64_t> last;
    for (size_t k = 0; k < sizes->size(); ++k)
      last.push_back((*sizes)[k] == -1 ? kToEnd : Sum((*begins)[k], (*sizes)[k]));
    ends = n.I64s(last);
  } else {
    ends = n.Add(begin, size);
    const bool may_be_open = !sizes || std::find(sizes->begin(), sizes->end(), -1) != sizes->end();
    if (may_be_open) {
      const ValueId open = n.Emit(ops::kLess, {size, n.Number(size, 0)});
      ends = n.Emit(ops::kWhere, {open, n.builder().ScalarI64(kToEnd), ends});
    }
  }
  n.Out(0, n.Emit(ops::kSlice, {x, begin, ends}));
}

// One entry of begin, end and strides as it speaks of a dim of the operand.
struct Entry {
  size_t at = 0;  ///< in begin, end and strides
  int64_t axis = 0;
  bool whole = false, shrink = false;
};

class Strided {
 public:
  explicit Strided(OpImport& n) : n_(n), begin_(n.Stored(1)), end_(n.Stored(2)) {
    begins_ = n.KnownInts(begin_);
    ends_ = n.KnownInts(end_);
    strides_ = n.ConstInts(3);
  }

  void Run() {
    ValueId x = n_.Stored(0);
    const int rank = n_.Rank(x);
    if (!n_.ok() || !Spread(rank)) return;
    std::vector<ValueId> starts, ends;
    std::vector<int64_t> axes, steps, gone;
    for (const Entry& e : entries_) {
      const int64_t stride = e.shrink ? 1 : strides_[e.at];
      const bool no_begin = !e.shrink && Bit("begin_mask", e.at), no_end = !e.shrink && Bit("end_mask", e.at);
      if (e.shrink) gone.push_back(e.axis);
      if (e.whole || (no_begin && no_end && stride == 1)) continue;
      axes.push_back(e.axis);
      steps.push_back(stride);
      starts.push_back(no_begin ? n_.I64s({stride > 0 ? 0 : kToEnd}) : Element(begin_, begins_, e.at));
      ends.push_back(EndOf(e, no_end, stride, starts.back()));
    }
    if (!axes.empty()) {
      x = n_.Emit(ops::kSlice, {x, Joined(starts), Joined(ends), n_.I64s(axes), n_.I64s(steps)});
    }
    if (!gone.empty()) x = n_.Squeeze(x, std::move(gone));
    if (!added_.empty()) x = n_.Unsqueeze(x, added_);
    n_.Out(0, x);
  }

 private:
  [[nodiscard]] bool Bit(std::string_view mask, size_t i) const { return i < 31 && (n_.Int(mask) >> i & 1) != 0; }

  // Which dim each entry speaks of. An ellipsis stands for as many whole dims as are left.
  bool Spread(int rank) {
    const size_t count = strides_.size();
    int64_t named = 0;
    bool has_ellipsis = false;
    for (size_t i = 0; i < count; ++i) {
      const bool ellipsis = Bit("ellipsis_mask", i);
      if (!ellipsis && !Bit("new_axis_mask", i)) ++named;
      if (ellipsis && has_ellipsis) {
        n_.BadOption("ellipsis_mask", "more than one ellipsis");
        return false;
      }
      has_ellipsis = has_ellipsis || ellipsis;
    }
    if (count > 31 || named > rank) {
      n_.BadOption("strides", fmt::format("{} entries for rank {}", count, rank));
      return false;
    }
    int64_t axis = 0, out = 0;
    for (size_t i = 0; i < count; ++i) {
      if (Bit("ellipsis_mask", i)) {
        axis += rank - named;
        out += rank - named;
        continue;
      }
      if (Bit("new_axis_mask", i)) {
        added_.push_back(out++);
        continue;
      }
      if (strides_[i] == 0) {
        n_.BadOption("strides", "a step of 0");
        return false;
      }
      const bool shrink = Bit("shrink_axis_mask", i);
      entries_.push_back({i, axis++, false, shrink});
      if (!shrink) ++out;
    }
    return true;
  }

  ValueId Element(ValueId list, const std::optional<std::vector<int64_t>>& known, size_t at) {
    if (known && at < known->size()) return n_.I64s({(*known)[at]});
    const auto i = static_cast<int64_t>(at);
    return n_.Cast(n_.Slice(list, 0, i, i + 1), DType::kI64);
  }

  ValueId EndOf(const Entry& e, bool no_end, int64_t stride, ValueId start) {
    if (e.shrink) {
      // The element itself; behind the last one is the end.
      if (begins_ && e.at < begins_->size()) {
        const int64_t b = (*begins_)[e.at];
        return n_.I64s({b == -1 ? kToEnd : Sum(b, 1)});
      }
      const ValueId last = n_.Emit(ops::kEqual, {start, n_.Number(start, -1)});
      return n_.Emit(ops::kWhere, {last, n_.builder().ScalarI64(kToEnd), n_.Add(start, n_.Number(start, 1))});
    }
    if (no_end) return n_.I64s({stride > 0 ? kToEnd : INT64_MIN});
    const ValueId end = Element(end_, ends_, e.at);
    if (!n_.Flag("offset")) return end;
    if (begins_ && ends_ && e.at < begins_->size() && e.at < ends_->size())
      return n_.I64s({Sum((*begins_)[e.at], (*ends_)[e.at])});
    return n_.Add(Element(begin_, begins_, e.at), end);
  }

  ValueId Joined(const std::vector<ValueId>& parts) {
    std::vector<int64_t> all;
    for (const ValueId p : parts) {
      const auto known = n_.KnownInts(p);
      if (known) all.insert(all.end(), known->begin(), known->end());
    }
    if (all.size() == parts.size()) return n_.I64s(all);
    return parts.size() == 1 ? parts[0] : n_.Emit(ops::kConcat, parts, {{"axis", int64_t{0}}});
  }

  OpImport& n_;
  ValueId begin_, end_;
  std::optional<std::vector<int64_t>> begins_, ends_;
  std::vector<int64_t> strides_;
  std::vector<Entry> entries_;
  std::vector<int64_t> added_;
};

void ImportStridedSlice(OpImport& n) { Strided(n).Run(); }

void ImportDynamicUpdateSlice(OpImport& n) {
  const ValueId x = n.Stored(0), update = n.Stored(1), starts = n.Cast(n.Stored(2), DType::kI64);
  n.Out(0, UpdatedSlice(n, x, update, starts));
}

constexpr Rule kRules[] = {
    {B::kDynamicUpdateSlice, Numbers::kStored, ImportDynamicUpdateSlice},
    {B::kSlice, Numbers::kStored, ImportSlice},
    {B::kStridedSlice, Numbers::kStored, ImportStridedSlice},
};

}  // namespace

extern const RuleSet kSliceRules{kRules};

}  // namespace godwit::from_tflite
