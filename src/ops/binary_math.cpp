// min, max, mod: two numbers of one type to one number.
#include <cmath>

#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/elementwise.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"a", kNumbers, OperandDef::kPlain, 'T'}, {"b", kNumbers, OperandDef::kPlain, 'T'}};
constexpr OperandDef kOut[] = {{"y", kNumbers, OperandDef::kPlain, 'T'}};
constexpr AttrDef kModAttrs[] = {
    {"fmod", AttrKind::kInt, "0", "0: the result has the sign of b (Python); 1: that of a (C)."}};

DType Carried(const InferCtx& ctx) { return ctx.DtypeOf(0); }

Status InferMin(InferCtx& ctx) {
  return InferBinaryContents(ctx, Carried(ctx),
                             [](const Dim& a, const Dim& b) { return std::optional(Dim::Min(a, b)); });
}
Status InferMax(InferCtx& ctx) {
  return InferBinaryContents(ctx, Carried(ctx),
                             [](const Dim& a, const Dim& b) { return std::optional(Dim::Max(a, b)); });
}
Status InferMod(InferCtx& ctx) {
  return InferBinaryContents(ctx, Carried(ctx), [](const Dim& a, const Dim& b) -> std::optional<Dim> {
    // Both kinds agree where neither number is negative.
    if (b.is_static() && b.value() > 0 && (a.symbol() || (a.is_static() && a.value() >= 0))) return Dim::Mod(a, b);
    return std::nullopt;
  });
}

// A NaN on either side gives NaN; of two zeros, min takes the negative one.
Status EvalMin(EvalCtx& ctx) {
  return EvalBinary(
      ctx, {[](double a, double b) {
              if (a != a || b != b) return a + b;
              if (a == b) return std::signbit(a) ? a : b;
              return a < b ? a : b;
            },
            [](int64_t a, int64_t b) { return a < b ? a : b; }, [](uint64_t a, uint64_t b) { return a < b ? a : b; }});
}
Status EvalMax(EvalCtx& ctx) {
  return EvalBinary(
      ctx, {[](double a, double b) {
              if (a != a || b != b) return a + b;
              if (a == b) return std::signbit(a) ? b : a;
              return a > b ? a : b;
            },
            [](int64_t a, int64_t b) { return a > b ? a : b; }, [](uint64_t a, uint64_t b) { return a > b ? a : b; }});
}

// Integers modulo 0 give 0, and modulo -1 are not asked of the processor: MIN % -1 traps.
int64_t CMod(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
int64_t FloorMod(int64_t a, int64_t b) {
  const int64_t r = CMod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
uint64_t UMod(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }
double FloatFloorMod(double a, double b) {
  const double r = std::fmod(a, b);
  if (r == 0) return std::copysign(0.0, b);
  return (r < 0) != (b < 0) ? r + b : r;
}
Status EvalMod(EvalCtx& ctx) {
  if (ctx.attrs.Flag("fmod")) return EvalBinary(ctx, {[](double a, double b) { return std::fmod(a, b); }, CMod, UMod});
  return EvalBinary(ctx, {FloatFloorMod, FloorMod, UMod});
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3,4]", "f32[3,1]"}, {}},
                                   {{"i8[5] = -7,-1,0,3,7", "i8[] = 3"}, {}},
                                   {{"u16[4]", "u16[4]"}, {}},
                                   {{"f16[2,0]", "f16[1,1]"}, {}}};
  return samples;
}
std::span<const Sample> ModSamples() {
  static const Sample samples[] = {{{"i32[4] = -7,7,-8,8", "i32[4] = 3,-3,4,-5"}, {}},
                                   {{"i64[4] = -7,7,-8,8", "i64[] = 3"}, {{"fmod", int64_t{1}}}},
                                   {{"f32[2,3]", "f32[3]"}, {{"fmod", int64_t{1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kMin{.name = "min",
                        .doc = "The smaller of a and b; NaN where either is NaN.",
                        .operands = kIn,
                        .results = kOut,
                        .constraints = kBroadcastConstraint,
                        .infer = InferMin,
                        .eval = EvalMin,
                        .commute = CommuteBroadcast,
                        .samples = Samples};
extern const OpDef kMax{.name = "max",
                        .doc = "The larger of a and b; NaN where either is NaN.",
                        .operands = kIn,
                        .results = kOut,
                        .constraints = kBroadcastConstraint,
                        .infer = InferMax,
                        .eval = EvalMax,
                        .commute = CommuteBroadcast,
                        .samples = Samples};
extern const OpDef kMod{.name = "mod",
                        .doc = "The remainder of a / b; x mod 0 is 0 for integers.",
                        .operands = kIn,
                        .results = kOut,
                        .attrs = kModAttrs,
                        .constraints = kBroadcastConstraint,
                        .infer = InferMod,
                        .eval = EvalMod,
                        .commute = CommuteBroadcast,
                        .decompose = DecomposeMod,
                        .samples = ModSamples};

}  // namespace godwit::ops
