// Gathers within batches, and scatters that add, multiply or compare: each place of the result looks at every update
// and takes those that name it.
#include <limits>

#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

struct Reduction {
  std::string_view mode;  ///< of `reduce`
  const OpDef* op;        ///< what joins two numbers
  double neutral;         ///< of floats; for max and min of integers see below
};

Result<Reduction> ReductionOf(DecomposeCtx& ctx, DType dtype) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::string_view name = ctx.attrs.Str("reduction", "none");
  if (!kNumbers.Has(dtype)) return ctx.Cannot("only numbers are reduced");
  if (name == "add") return Reduction{"sum", &kAdd, 0};
  if (name == "mul") return Reduction{"prod", &kMul, 1};
  if (name == "max") return Reduction{"max", &kMax, -kInf};
  if (name == "min") return Reduction{"min", &kMin, kInf};
  return ctx.Cannot("it is a simple one");
}

Expr Neutral(DecomposeCtx& ctx, const Reduction& how, DType dtype) {
  if (!IsInteger(dtype)) return ScalarOf(ctx, dtype, how.neutral);
  if (how.mode == "max") return IntegerOf(ctx, dtype, IntMin(dtype));
  if (how.mode == "min") return IntegerOf(ctx, dtype, IntMax(dtype));
  return ScalarOf(ctx, dtype, how.neutral);
}

// Negative indices count from the end.
Expr Wrapped(const Expr& index, const Expr& extent) {
  return Where(Less(index, ScalarOf(index.ctx(), DType::kI64, 0)), index + extent, index);
}

std::vector<int64_t> Ones(int64_t from, int64_t count) {
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < count; ++i) axes.push_back(from + i);
  return axes;
}

}  // namespace

Status DecomposeScatterElements(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  const Expr indices = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  if (ctx.attrs.Str("reduction", "none") == "none") return DecomposePlainScatterElements(ctx);
  TRY(const Reduction how, ReductionOf(ctx, given.dtype()));
  const int rank = given.rank();
  if (indices.rank() != rank) return ctx.Cannot("the indices are of another rank");
  int64_t axis = ctx.attrs.Int("axis");
  if (axis < 0) axis += rank;
  const Expr data = Widen(given);
  const Expr neutral = Neutral(ctx, how, data.dtype());
  const Extent length = Extent::Of(data, static_cast<int>(axis));
  const Expr at = Wrapped(Cast(indices, DType::kI64), length.Get(ctx));
  const Expr places = Unsqueeze(Range(ctx, length), Ones(1, rank - 1 - axis));
  const Expr named = Equal(Unsqueeze(at, {axis + 1}), places);
  const Expr updates = Unsqueeze(Cast(Operand(ctx, 2), data.dtype()), {axis + 1});
  Expr y = Reduce(Where(named, updates, neutral), how.mode, {axis}, false);
  // Along the other axes there may be fewer updates than data.
  Extents pads(static_cast<size_t>(rank), Extent(0));
  bool shorter = false;
  for (int i = 0; i < rank; ++i) {
    const bool same = i == axis || indices.dim(i) == data.dim(i);
    shorter = shorter || !same;
    pads.push_back(same ? Extent(0) : Extent::Of(data, i) - Extent::Of(indices, i));
  }
  if (shorter) y = Apply(ctx, kPad, {y, DimsOf(ctx, pads), neutral});
  Result0(ctx, Apply(ctx, *how.op, {data, y}), given.dtype());
  return Ok{};
}

Status DecomposeScatterNd(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  const Expr indices = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  TRY(const Reduction how, ReductionOf(ctx, given.dtype()));
  const auto depth = indices.dim(-1).known();
  if (!depth || *depth > given.rank()) return ctx.Cannot("how many axes the indices name is not known");
  const Expr data = Widen(given);
  // Slices become rows; a row's number is the index tuple in mixed radix.
  Extents shape;
  for (int i = 0; i < data.rank(); ++i) shape.push_back(Extent::Of(data, i));
  Extent rows = 1, row = 1;
  Expr number = ScalarOf(ctx, DType::kI64, 0);
  const Expr wide = Cast(indices, DType::kI64);
  const int64_t last = indices.rank() - 1;
  for (int64_t k = 0; k < *depth; ++k) {
    const Expr extent = shape[static_cast<size_t>(k)].Get(ctx);
    const Expr index = Wrapped(Squeeze(Slice(wide, last, k, k + 1), {last}), extent);
    number = k == 0 ? index : number * extent + index;
    rows = rows * shape[static_cast<size_t>(k)];
  }
  for (size_t k = static_cast<size_t>(*depth); k < shape.size(); ++k) row = row * shape[k];
  Extent tuples = 1;
  for (int i = 0; i < last; ++i) tuples = tuples * Extent::Of(indices, i);
  const Expr named = *depth == 0 ? Expr() : Equal(Reshape(number, {tuples, 1, 1}), Unsqueeze(Range(ctx, rows), {1}));
  Expr updates = Reshape(Cast(Operand(ctx, 2), data.dtype()), {tuples, 1, row});
  if (named.valid()) updates = Where(named, updates, Neutral(ctx, how, data.dtype()));
  const Expr y = Reduce(updates, how.mode, {0}, false);
  const Expr joined = Apply(ctx, *how.op, {Reshape(data, {rows, row}), y});
  Result0(ctx, Reshape(joined, shape), given.dtype());
  return Ok{};
}

// Batch indices become the first numbers of each tuple.
Status DecomposeGatherNd(DecomposeCtx& ctx) {
  const int64_t batch = ctx.attrs.Int("batch_dims");
  if (batch < 1) return ctx.Cannot("it is a simple one");
  const Expr data = Operand(ctx, 0);
  const Expr given = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const Expr indices = Cast(given, DType::kI64);
  const int64_t last = indices.rank() - 1;
  Extents dims;
  for (int i = 0; i < last; ++i) dims.push_back(Extent::Of(indices, i));
  dims.emplace_back(1);
  std::vector<Expr> parts;
  for (int64_t k = 0; k < batch; ++k) {
    const Expr number = Unsqueeze(Range(ctx, dims[static_cast<size_t>(k)]), Ones(1, last - k));
    parts.push_back(Expand(number, dims));
  }
  parts.push_back(indices);
  ctx.Out(0, Apply(ctx, kGatherNd, {data, Join(parts, last)}).id());
  return Ok{};
}

Status DecomposeTensorScatter(DecomposeCtx& ctx) {
  const Expr cache = RankedOperand(ctx, 0);
  const Expr update = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  if (update.rank() != cache.rank()) return ctx.Cannot("the update is of another rank");
  int64_t axis = ctx.attrs.Int("axis", -2);
  if (axis < 0) axis += cache.rank();
  Expr row = Unsqueeze(Range(ctx, Extent::Of(update, static_cast<int>(axis))), Ones(1, cache.rank() - 1 - axis));
  if (ctx.Has(2)) {
    const Expr first = Reshape(Cast(Operand(ctx, 2), DType::kI64), {-1});
    row = row + Unsqueeze(first, Ones(1, cache.rank() - 1));
  }
  if (ctx.attrs.Flag("circular")) row = Mod(row, Extent::Of(cache, static_cast<int>(axis)).Get(ctx));
  Extents dims;
  for (int i = 0; i < update.rank(); ++i) dims.push_back(Extent::Of(update, i));
  ctx.Out(0, Apply(ctx, kScatterElements, {cache, Expand(row, dims), update}, {{"axis", axis}}).id());
  return Ok{};
}

}  // namespace godwit::ops
