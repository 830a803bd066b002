// Bits of integers as numbers along a new axis, for targets without operators on bits.
#include <algorithm>

#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

constexpr int64_t kMost = INT64_MIN;

// All bits but the highest of an i64 as 0 or 1 along a last axis of `count`, and whether the highest is set.
struct Bits {
  Expr low, sign;
};
Bits Split(const Expr& x, const Expr& powers) {
  DecomposeCtx& ctx = x.ctx();
  const Expr sign = Less(x, ScalarOf(ctx, DType::kI64, 0));
  // Adding the smallest number takes the highest bit away.
  const Expr rest = Where(sign, x + IntegerOf(ctx, DType::kI64, kMost), x);
  return {Mod(Unsqueeze(rest, {-1}) / powers, ScalarOf(ctx, DType::kI64, 2)), sign};
}

enum class Logic { kAnd, kOr, kXor };

Status Bitwise(DecomposeCtx& ctx, Logic logic) {
  const Expr a = Operand(ctx, 0);
  const DType dtype = a.dtype();
  if (!kInts.Has(dtype)) return ctx.Cannot("the element type is not known");
  // Signed numbers keep their sign's copies: all bits of an i64 but the highest are at stake.
  const int64_t count = IsUnsigned(dtype) ? std::min<int64_t>(63, Info(dtype).bits) : 63;
  std::vector<int64_t> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(int64_t{1} << i);
  const Expr powers = I64s(ctx, values);
  const Bits x = Split(Cast(a, DType::kI64), powers);
  const Bits y = Split(Cast(Operand(ctx, 1), DType::kI64), powers);
  Expr low, sign;
  switch (logic) {
    case Logic::kAnd:
      low = x.low * y.low;
      sign = And(x.sign, y.sign);
      break;
    case Logic::kOr:
      low = Max(x.low, y.low);
      sign = Or(x.sign, y.sign);
      break;
    case Logic::kXor:
      low = Abs(x.low - y.low);
      sign = Apply(ctx, kLogicalXor, {x.sign, y.sign});
      break;
  }
  const Expr sum = Reduce(low * powers, "sum", {-1}, false);
  Result0(ctx, Where(sign, sum + IntegerOf(ctx, DType::kI64, kMost), sum), dtype);
  return Ok{};
}

}  // namespace

Status DecomposeBitwiseAnd(DecomposeCtx& ctx) { return Bitwise(ctx, Logic::kAnd); }
Status DecomposeBitwiseOr(DecomposeCtx& ctx) { return Bitwise(ctx, Logic::kOr); }
Status DecomposeBitwiseXor(DecomposeCtx& ctx) { return Bitwise(ctx, Logic::kXor); }

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
