#include "ops/decompose_divide.h"

#include <algorithm>
#include <bit>

#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

// What an odd number times gives 1, cut to 64 bits: each step doubles the bits that are right.
uint64_t Inverse(uint64_t odd) {
  uint64_t inverse = odd;  // three bits
  for (int step = 0; step < 5; ++step) inverse *= 2 - odd * inverse;
  return inverse;
}

}  // namespace

// What is left of x without its remainder is a multiple of the divisor: of the divisor's odd part a product undoes it,
// cut to 64 bits, of its power of two a shift.
Status DecomposeDiv(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0), divisor = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const auto known = ctx.Ints(1);
  if (x.dtype() != DType::kI64 || !known || known->size() != 1 || divisor.rank() > x.rank() || (*known)[0] == 0 ||
      (*known)[0] == INT64_MIN) {
    return ctx.Cannot("only integers of 64 bits are divided so, by one number that is known");
  }
  const int64_t by = (*known)[0], size = by < 0 ? -by : by;
  const auto bits = static_cast<uint64_t>(size);
  const int shift = std::countr_zero(bits);
  const Expr zero = IntegerOf(ctx, DType::kI64, 0), amount = IntegerOf(ctx, DType::kI64, size);
  const Expr negative = Less(x, zero);
  const Expr rest = Mod(x, amount), below = x - rest;
  const Expr multiple = Where(And(negative, Less(zero, rest)), below + amount, below);
  Expr y = Where(negative, zero - multiple, multiple);
  if (const auto inverse = static_cast<int64_t>(Inverse(bits >> shift)); inverse != 1) {
    y = y * IntegerOf(ctx, DType::kI64, inverse);
  }
  if (shift > 0) {
    const Expr plain = Apply(ctx, kBitCast, {y}, {{"to", DType::kU64}});
    const Expr moved =
        Apply(ctx, kBitShift, {plain, IntegerOf(ctx, DType::kU64, shift)}, {{"direction", std::string("right")}});
    y = Apply(ctx, kBitCast, {moved}, {{"to", DType::kI64}});
  }
  const Expr turned = zero - y;
  ctx.Out(0, (by < 0 ? Where(negative, y, turned) : Where(negative, turned, y)).id());
  return Ok{};
}

}  // namespace godwit::ops
