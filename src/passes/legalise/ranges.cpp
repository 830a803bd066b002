#include "passes/legalise/ranges.h"

#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit {

namespace {

using Range = std::optional<IntegerRange>;

/// How far back makers are asked.
constexpr int kDepth = 24;
/// No size of a tensor that a target holds is larger.
constexpr IntegerRange kPlaces = {0, std::numeric_limits<int32_t>::max()};

Range OfType(DType dtype) {
  if (dtype == DType::kBool) return IntegerRange{0, 1};
  if (!IsInteger(dtype) || Info(dtype).bits > 32) return std::nullopt;
  if (IsUnsigned(dtype)) return IntegerRange{0, (int64_t{1} << Info(dtype).bits) - 1};
  return IntegerRange{-(int64_t{1} << (Info(dtype).bits - 1)), (int64_t{1} << (Info(dtype).bits - 1)) - 1};
}

Range OfContents(const Tensor& t) {
  if ((!IsInteger(t.dtype()) && t.dtype() != DType::kBool) || t.size() == 0) return std::nullopt;
  const std::vector<int64_t> values = ToI64(t);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return IntegerRange{*low, *high};
}

Range Union(Range a, Range b) {
  if (!a || !b) return std::nullopt;
  return IntegerRange{std::min(a->low, b->low), std::max(a->high, b->high)};
}

// The least and the greatest of what the corners give.
template <class Fn>
Range Corners(Range a, Range b, Fn fn) {
  if (!a || !b) return std::nullopt;
  Range out;
  for (const int64_t x : {a->low, a->high}) {
    for (const int64_t y : {b->low, b->high}) {
      const std::optional<int64_t> v = fn(x, y);
      if (!v) return std::nullopt;
      out = out ? IntegerRange{std::min(out->low, *v), std::max(out->high, *v)} : IntegerRange{*v, *v};
    }
  }
  return out;
}

// At least the least lower bound and at most the greatest upper one, even of what is not known.
Range Clipped(Range x, Range low, Range high) {
  IntegerRange out = x.value_or(IntegerRange{std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()});
  if (low) out = {std::max(out.low, low->low), std::max(out.high, low->high)};
  if (high) out = {std::min(out.low, high->low), std::min(out.high, high->high)};
  return out;
}

std::optional<int64_t> Minus(int64_t a, int64_t b) {
  int64_t out = 0;
  if (__builtin_sub_overflow(a, b, &out)) return std::nullopt;
  return out;
}

class Finder {
 public:
  Finder(Scope& scope, int depth) : scope_(scope), depth_(depth) {}
  Range Of(ValueId id);

 private:
  Range Made(const Node& node, ValueId id);
  Range In(const Node& node, size_t i) {
    return i < node.in.size() && node.in[i] ? Finder(scope_, depth_ + 1).Of(node.in[i]) : std::nullopt;
  }
  Range All(const Node& node, size_t first) {
    Range out = In(node, first);
    for (size_t i = first + 1; i < node.in.size(); ++i) out = Union(out, In(node, i));
    return out;
  }

  Scope& scope_;
  int depth_;
};

Range Finder::Of(ValueId id) {
  if (!id || depth_ > kDepth) return std::nullopt;
  if (const ValueId outer = scope_.Bound(id)) return Finder(*scope_.outer(), depth_ + 1).Of(outer);
  const Type& type = scope_.TypeOf(id);
  if (!type.is_tensor()) return std::nullopt;
  if (const Tensor* known = scope_.Known(id)) return OfContents(*known);
  const Range stored = OfType(type.dtype());
  const Value& value = scope_.graph().value(id);
  if (!value.def || (!IsInteger(type.dtype()) && type.dtype() != DType::kBool)) return stored;
  const Range made = Made(scope_.graph().node(value.def), id);
  if (!made || !stored) return made ? made : stored;
  // What does not fit wraps.
  return made->low < stored->low || made->high > stored->high ? stored : made;
}

Range Finder::Made(const Node& node, ValueId id) {
  const OpDef* op = node.op;
  const auto is = [op](std::initializer_list<const OpDef*> list) {
    return std::find(list.begin(), list.end(), op) != list.end();
  };
  if (is({&ops::kShapeOf, &ops::kSizeOf, &ops::kArgReduce, &ops::kNonZero, &ops::kNms})) return kPlaces;
  if (op == &ops::kTopK) return id == node.out[0] ? In(node, 0) : Range(kPlaces);
  if (is({&ops::kCast, &ops::kReshape, &ops::kUnsqueeze, &ops::kSqueeze, &ops::kFlatten, &ops::kTranspose, &ops::kSlice,
          &ops::kGather, &ops::kGatherNd, &ops::kGatherElements, &ops::kExpand, &ops::kTile, &ops::kSplit,
          &ops::kIdentity, &ops::kCompress, &ops::kReverseSequence})) {
    return In(node, 0);
  }
  if (op == &ops::kConcat) return All(node, 0);
  if (op == &ops::kWhere) return Union(In(node, 1), In(node, 2));
  if (op == &ops::kScatterNd && node.attrs.Str("reduction", "none") == "none") return Union(In(node, 0), In(node, 2));
  if (op == &ops::kReduce && (node.attrs.Str("mode") == "max" || node.attrs.Str("mode") == "min")) return In(node, 0);
  if (op == &ops::kRange) return Union(In(node, 0), In(node, 1));
  if (op == &ops::kClip) return Clipped(In(node, 0), In(node, 1), In(node, 2));
  if (op == &ops::kSign) return IntegerRange{-1, 1};
  if (op == &ops::kBitwiseAnd) {
    // The bits of a number that is not negative are the most that stay.
    Range out;
    for (const Range& part : {In(node, 0), In(node, 1)}) {
      if (part && part->low >= 0) out = IntegerRange{0, out ? std::min(out->high, part->high) : part->high};
    }
    return out;
  }
  if (op == &ops::kNeg) {
    return Corners(In(node, 0), IntegerRange{0, 0}, [](int64_t a, int64_t) { return Minus(0, a); });
  }
  if (op == &ops::kAbs) {
    const Range a = In(node, 0);
    if (!a || a->low == std::numeric_limits<int64_t>::min()) return std::nullopt;
    const int64_t low = a->low > 0 ? a->low : a->high < 0 ? -a->high : 0;
    return IntegerRange{low, std::max(std::abs(a->low), std::abs(a->high))};
  }
  const auto both = [&](auto fn) { return Corners(In(node, 0), In(node, 1), fn); };
  if (op == &ops::kAdd) return both([](int64_t a, int64_t b) { return CheckedAdd(a, b); });
  if (op == &ops::kSub) return both([](int64_t a, int64_t b) { return Minus(a, b); });
  if (op == &ops::kMul) return both([](int64_t a, int64_t b) { return CheckedMul(a, b); });
  if (op == &ops::kMin) return both([](int64_t a, int64_t b) { return std::optional<int64_t>(std::min(a, b)); });
  if (op == &ops::kMax) return both([](int64_t a, int64_t b) { return std::optional<int64_t>(std::max(a, b)); });
  if (op == &ops::kDiv) {
    const Range a = In(node, 0), b = In(node, 1);
    if (!a || !b || b->low < 1) return std::nullopt;
    return Corners(a, b, [](int64_t x, int64_t y) { return std::optional<int64_t>(x / y); });
  }
  if (op == &ops::kMod && !node.attrs.Flag("fmod")) {
    const Range b = In(node, 1);
    if (!b || b->low < 1) return std::nullopt;
    return IntegerRange{0, b->high - 1};
  }
  return std::nullopt;
}

}  // namespace

std::optional<IntegerRange> RangeOf(Scope& scope, ValueId id) { return Finder(scope, 0).Of(id); }

bool FitsI32(Scope& scope, ValueId id) {
  const Range range = RangeOf(scope, id);
  return range && range->low >= std::numeric_limits<int32_t>::min() &&
         range->high <= std::numeric_limits<int32_t>::max();
}

}  // namespace godwit
