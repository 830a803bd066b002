// pow: the one arithmetic operator whose operands may differ in type.
#include "base/mathfn.h"
#include "ops/broadcast.h"
#include "ops/commute_rules.h"
#include "ops/elementwise.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"a", kNumbers, OperandDef::kPlain, 'T'}, {"b", kNumbers}};
constexpr OperandDef kOut[] = {{"y", kNumbers, OperandDef::kPlain, 'T'}};

// Exact, wrapping as the integer type does; a negative exponent leaves what the true quotient truncates to.
uint64_t WholePower(uint64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if (base == ~uint64_t{0}) return (exponent & 1) ? base : 1;
    return 0;
  }
  uint64_t result = 1;
  for (auto e = static_cast<uint64_t>(exponent); e != 0; e >>= 1) {
    if (e & 1) result *= base;
    base *= base;
  }
  return result;
}

double Power(double a, double b) {
  // Squares are what most models ask for: exact to the last bit without any logarithm.
  if (b == 2) return a * a;
  return mathfn::Pow(a, b);
}

Status Eval(EvalCtx& ctx) {
  const Tensor& a = ctx.In(0);
  const Tensor& b = ctx.In(1);
  const Dims* shapes[] = {&a.dims(), &b.dims()};
  TRY(Dims dims, BroadcastDims(ctx, shapes, "c1"));
  TRY(Tensor * out, ctx.Make(0, a.dtype(), std::move(dims)));
  const size_t a_step = ByteSize(a.dtype());
  const size_t b_step = ByteSize(b.dtype());
  const bool whole = IsInteger(a.dtype()) && IsInteger(b.dtype());
  BroadcastWalk walk(out->dims(), shapes);
  std::byte* dst = out->mutable_raw();
  for (int64_t i = 0; i < walk.count(); ++i, walk.Next(), dst += a_step) {
    const std::byte* x = a.raw() + static_cast<size_t>(walk.offset(0)) * a_step;
    const std::byte* y = b.raw() + static_cast<size_t>(walk.offset(1)) * b_step;
    if (whole) {
      StoreU64(a.dtype(), WholePower(LoadU64(a.dtype(), x), LoadI64(b.dtype(), y)), dst);
    } else {
      StoreF64(a.dtype(), Power(LoadF64(a.dtype(), x), LoadF64(b.dtype(), y)), dst);
    }
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3,4]", "f32[3,1]"}, {}},
                                   {{"i32[4] = -3,-1,0,5", "i32[4] = 3,-1,0,2"}, {}},
                                   {{"f32[3]", "i64[3] = 2,-1,0"}, {}},
                                   {{"i64[3] = 1,2,3", "f32[] = 2"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kPow{.name = "pow",
                        .doc = "a to the power of b, in the type of a.",
                        .operands = kIn,
                        .results = kOut,
                        .constraints = kBroadcastConstraint,
                        .infer = InferBinary,
                        .eval = Eval,
                        .commute = CommuteBroadcast,
                        .samples = Samples};

}  // namespace godwit::ops
