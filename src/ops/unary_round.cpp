// floor, ceil, round, sign: numbers to whole numbers.
#include <cmath>

#include "ops/decompose.h"
#include "ops/elementwise.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

// In the default rounding mode, which nobody changes, rint rounds halves to even.
Status EvalRound(EvalCtx& ctx) {
  return EvalUnary(ctx, {[](double x) { return std::rint(x); }});
}
Status EvalFloor(EvalCtx& ctx) {
  return EvalUnary(ctx, {[](double x) { return std::floor(x); }});
}
Status EvalCeil(EvalCtx& ctx) {
  return EvalUnary(ctx, {[](double x) { return std::ceil(x); }});
}
Status EvalSign(EvalCtx& ctx) {
  return EvalUnary(ctx, {[](double x) { return x > 0   ? 1.0
                                               : x < 0 ? -1.0
                                                       : x; },
                         [](int64_t x) { return static_cast<int64_t>(x > 0) - static_cast<int64_t>(x < 0); },
                         [](uint64_t x) { return static_cast<uint64_t>(x != 0); }});
}

std::span<const Sample> SignSamples() {
  static const Sample samples[] = {{{"f32[2,3]"}, {}}, {{"i8[7]"}, {}}, {{"u16[3]"}, {}}, {{"i64[]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kFloor = FloatUnary("floor", "The largest whole number not above x.", EvalFloor);
extern const OpDef kCeil = FloatUnary("ceil", "The smallest whole number not below x.", EvalCeil);
extern const OpDef kRound = FloatUnary("round", "The nearest whole number, halves to even.", EvalRound);
extern const OpDef kSign{.name = "sign",
                         .doc = "-1, 0 or 1; NaN stays NaN.",
                         .operands = kNumberOperand,
                         .results = kNumberResult,
                         .infer = InferSame,
                         .eval = EvalSign,
                         .commute = CommuteElementwise,
                         .decompose = DecomposeSign,
                         .samples = SignSamples};

}  // namespace godwit::ops
