#include "ops/decompose_text.h"

#include <algorithm>
#include <map>

#include "ir/convert.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

/// All windows are compared with all n-grams, but not more elements than these.
constexpr int64_t kMostCompared = 1 << 22;

// The n-grams of one length: their elements, one after the other, and the column of each.
struct Grams {
  int64_t length = 0;
  std::vector<int64_t> at;  ///< places in the pool
  std::vector<int64_t> columns;
};

// Elements that are equal have equal numbers: strings are interned.
std::vector<int64_t> NumbersOf(const Tensor& t) {
  if (t.dtype() != DType::kString) return ToI64(t);
  std::vector<int64_t> out;
  for (const StringRef s : t.span<StringRef>()) out.push_back(static_cast<int64_t>(reinterpret_cast<intptr_t>(s)));
  return out;
}

// Those that are counted; of equal ones the last. False where the attributes do not fit together.
bool GramsOf(const Attrs& attrs, const Tensor& pool, std::vector<Grams>* out) {
  const std::vector<int64_t>&starts = attrs.Ints("starts"), &columns = attrs.Ints("columns");
  const std::vector<int64_t> numbers = NumbersOf(pool);
  const auto total = static_cast<int64_t>(numbers.size());
  size_t gram = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    Grams grams{static_cast<int64_t>(i) + 1, {}, {}};
    const int64_t end = i + 1 < starts.size() ? starts[i + 1] : total;
    if (starts[i] < 0 || end < starts[i] || end > total) return false;
    std::map<std::vector<int64_t>, std::pair<int64_t, int64_t>> last;
    for (int64_t at = starts[i]; at + grams.length <= end; at += grams.length, ++gram) {
      if (gram >= columns.size()) return false;
      last[{numbers.begin() + at, numbers.begin() + at + grams.length}] = {at, columns[gram]};
    }
    if (grams.length < attrs.Int("shortest") || grams.length > attrs.Int("longest")) continue;
    for (const auto& [elements, place] : last) {
      for (int64_t k = 0; k < grams.length; ++k) grams.at.push_back(place.first + k);
      grams.columns.push_back(place.second);
    }
    if (!grams.columns.empty()) out->push_back(std::move(grams));
  }
  return true;
}

// How often each occurs in windows of elements that are `distance` apart; empty where there are no such windows.
Expr Counted(const Expr& x, const Tensor& pool, const Grams& grams, int64_t length, int64_t distance) {
  DecomposeCtx& ctx = x.ctx();
  const int64_t n = grams.length, windows = length - (n - 1) * distance;
  if (windows < 1) return {};
  std::vector<int64_t> places;
  for (int64_t w = 0; w < windows; ++w) {
    for (int64_t k = 0; k < n; ++k) places.push_back(w + k * distance);
  }
  const auto count = static_cast<int64_t>(grams.columns.size());
  const int axis = x.rank() - 1;
  const Expr wanted =
      Reshape(Gather(Cast(Const(ctx, pool.Reshaped({pool.size()})), x.dtype()), I64s(ctx, grams.at), 0), {count, n});
  const Expr seen = Unsqueeze(Gather(x, Const(ctx, Tensor::I64({windows, n}, places)), axis), {axis + 1});
  const Expr same = Reduce(Equal(seen, wanted), "min", {axis + 2}, false);
  return Reduce(Cast(same, DType::kF32), "sum", {axis}, false);
}

}  // namespace

// Without stop words and another case there is nothing to do, but for an empty list.
Status DecomposeStringNormalize(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  if (ctx.attrs.Str("case", "none") != "none" || !ctx.attrs.Strs("stop_words").empty() || x.rank() == 0 ||
      x.dim(-1).known().value_or(0) < 1) {
    return ctx.Cannot("texts are neither changed nor joined there");
  }
  ctx.Out(0, x.id());
  return Ok{};
}

Status DecomposeTfIdf(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0);
  const Tensor* pool = ctx.attrs.TensorOf("pool");
  if (ctx.failed()) return Ok{};
  const auto length = x.rank() == 0 ? std::nullopt : x.dim(-1).known();
  std::vector<Grams> all;
  const int64_t skips = ctx.attrs.Int("skips");
  if (pool == nullptr || !length || skips < 0 || (x.rank() != 1 && x.rank() != 2) || ctx.attrs.Int("shortest") < 1 ||
      (pool->dtype() == DType::kString) != (x.dtype() == DType::kString) || !GramsOf(ctx.attrs, *pool, &all)) {
    return ctx.Cannot("the n-grams or the elements are not known");
  }
  if (x.dtype() == DType::kI32 && pool->dtype() == DType::kI64) {
    const std::vector<int64_t> numbers = ToI64(*pool);
    const auto fits = [](int64_t v) { return v >= INT32_MIN && v <= INT32_MAX; };
    if (!std::all_of(numbers.begin(), numbers.end(), fits)) return ctx.Cannot("the pool has larger numbers than x");
  }
  int64_t columns = 0, compared = 0;
  for (const int64_t c : ctx.attrs.Ints("columns")) {
    if (c < 0 || c >= kMostCompared) return ctx.Cannot("a column is no number of one");
    columns = std::max(columns, c + 1);
  }
  const int64_t distances = std::min(skips, *length) + 1;
  std::vector<Expr> counts;
  std::vector<int64_t> from(static_cast<size_t>(columns), -1);
  int64_t made = 0;
  for (const Grams& grams : all) {
    Expr sum;
    // Single elements are no farther apart for being skipped.
    for (int64_t d = 1; d <= (grams.length == 1 ? 1 : distances); ++d) {
      compared += *length * static_cast<int64_t>(grams.at.size());
      if (compared > kMostCompared) return ctx.Cannot("there are too many windows and n-grams to compare");
      const Expr count = Counted(x, *pool, grams, *length, d);
      if (count.valid()) sum = sum.valid() ? sum + count : count;
    }
    if (!sum.valid()) continue;
    for (const int64_t c : grams.columns) {
      if (from[static_cast<size_t>(c)] >= 0) return ctx.Cannot("n-grams share a column");
      from[static_cast<size_t>(c)] = made++;
    }
    counts.push_back(sum);
  }
  const int axis = x.rank() - 1;
  Extents dims;
  if (axis == 1) dims.push_back(Extent::Of(x, 0));
  dims.push_back(1);
  // Behind the counts stands one of nothing, for columns without an n-gram that could occur.
  for (int64_t& f : from) f = f < 0 ? made : f;
  counts.push_back(Full(ctx, DType::kF32, 0, dims));
  Expr y = Gather(Join(counts, axis), I64s(ctx, from), axis);
  const std::string_view mode = ctx.attrs.Str("mode");
  if (mode == "idf") y = Cast(Less(ScalarOf(ctx, DType::kF32, 0), y), DType::kF32);
  const std::vector<double>& weights = ctx.attrs.Floats("weights");
  if (mode != "tf" && !weights.empty()) {
    if (static_cast<int64_t>(weights.size()) < columns) return ctx.Cannot("there are fewer weights than columns");
    y = y * Const(ctx, Tensor::F32({columns}, {weights.begin(), weights.begin() + columns}));
  }
  ctx.Out(0, y.id());
  return Ok{};
}

}  // namespace godwit::ops
