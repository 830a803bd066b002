// Bits of integers as numbers along a new axis, for targets without operators on bits.
#include <algorithm>

#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

constexpr int64_t kLowest = INT64_MIN;
/// Runtimes may add integers up in doubles, which hold sums of this many bits.
constexpr int64_t kSummed = 32;

enum class Logic { kAnd, kOr, kXor };

// 0 or 1 for each bit, along a last axis.
Expr BitsOf(const Expr& x, const Expr& powers) {
  return Mod(Unsqueeze(x, {-1}) / powers, ScalarOf(x.ctx(), DType::kI64, 2));
}

Expr Joined(const Expr& a, const Expr& b, Logic logic) {
  if (logic == Logic::kAnd) return a * b;
  return logic == Logic::kOr ? Max(a, b) : Abs(a - b);
}

Status Bitwise(DecomposeCtx& ctx, Logic logic) {
  const DType dtype = ctx.TypeOfIn(0).dtype();
  if (!kInts.Has(dtype)) return ctx.Cannot("the element type is not known");
  const int64_t width = Info(dtype).bits;
  const bool whole = width == 64;
  const Expr zero = ScalarOf(ctx, DType::kI64, 0);
  // Negative numbers are those past half of all: of 64 bits the highest goes its own way.
  const Expr past = IntegerOf(ctx, DType::kI64, whole ? kLowest : int64_t{1} << width);
  Expr x[2], negative[2];
  for (size_t i = 0; i < 2; ++i) {
    x[i] = Cast(Operand(ctx, i), DType::kI64);
    if (!whole && IsUnsigned(dtype)) continue;
    negative[i] = Less(x[i], zero);
    x[i] = Where(negative[i], x[i] + past, x[i]);
  }
  Expr y;
  const int64_t count = whole ? 63 : width;
  for (int64_t first = 0; first < count; first += kSummed) {
    std::vector<int64_t> values;
    for (int64_t i = first; i < std::min(count, first + kSummed); ++i) values.push_back(int64_t{1} << i);
    const Expr powers = I64s(ctx, values);
    const Expr bits = Joined(BitsOf(x[0], powers), BitsOf(x[1], powers), logic);
    const Expr sum = Reduce(bits * powers, "sum", {-1}, false);
    y = first == 0 ? sum : y + sum;
  }
  if (whole) {
    const Expr sign = logic == Logic::kAnd  ? And(negative[0], negative[1])
                      : logic == Logic::kOr ? Or(negative[0], negative[1])
                                            : Apply(ctx, kLogicalXor, {negative[0], negative[1]});
    y = Where(sign, y + past, y);
  } else if (IsSigned(dtype)) {
    y = Where(Less(y, IntegerOf(ctx, DType::kI64, int64_t{1} << (width - 1))), y, y - past);
  }
  Result0(ctx, y, dtype);
  return Ok{};
}

}  // namespace

Status DecomposeBitwiseAnd(DecomposeCtx& ctx) { return Bitwise(ctx, Logic::kAnd); }
Status DecomposeBitwiseOr(DecomposeCtx& ctx) { return Bitwise(ctx, Logic::kOr); }
Status DecomposeBitwiseXor(DecomposeCtx& ctx) { return Bitwise(ctx, Logic::kXor); }

// Integers of one width: those past half of all are the negative ones.
Status DecomposeBitCast(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  const DType from = x.dtype(), to = ctx.attrs.Dtype("to");
  const int64_t width = Info(from).bits;
  if (from == to || (from == DType::kBool && to == DType::kU8)) {
    Result0(ctx, x, to);
    return Ok{};
  }
  if (!kInts.Has(from) || !kInts.Has(to) || width != Info(to).bits || width > 32) {
    return ctx.Cannot("only integers of 32 bits and fewer are taken for others by arithmetic");
  }
  const Expr wide = Cast(x, DType::kI64);
  const Expr all = IntegerOf(ctx, DType::kI64, int64_t{1} << width);
  const Expr half = IntegerOf(ctx, DType::kI64, int64_t{1} << (width - 1));
  const Expr y = IsUnsigned(to) ? Where(Less(wide, ScalarOf(ctx, DType::kI64, 0)), wide + all, wide)
                                : Where(Less(wide, half), wide, wide - all);
  Result0(ctx, y, to);
  return Ok{};
}

Status DecomposeBitwiseNot(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  if (!kInts.Has(x.dtype())) return ctx.Cannot("the element type is not one to compute with");
  // The number of all bits set less x.
  Tensor all(x.dtype(), {});
  std::fill_n(all.mutable_raw(), all.bytes(), std::byte{0xFF});
  ctx.Out(0, (Const(ctx, std::move(all)) - x).id());
  return Ok{};
}

}  // namespace godwit::ops
