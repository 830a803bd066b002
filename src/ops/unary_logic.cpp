// logical_not, bitwise_not, is_nan, is_inf.
#include <cmath>

#include "ops/decompose.h"
#include "ops/elementwise.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kBoolIn[] = {{"x", kBools}};
constexpr TypeSet kBits = kInts | kSmallInts;
constexpr OperandDef kBitsIn[] = {{"x", kBits, OperandDef::kPlain, 'T'}};
constexpr OperandDef kBitsOut[] = {{"y", kBits, OperandDef::kPlain, 'T'}};
constexpr OperandDef kAnyFloatIn[] = {{"x", kFloats | kSmallFloats}};
constexpr AttrDef kInfAttrs[] = {{"positive", AttrKind::kInt, "1", "1: +infinity counts."},
                                 {"negative", AttrKind::kInt, "1", "1: -infinity counts."}};

Status InferNot(InferCtx& ctx) {
  RETURN_IF_ERROR(InferSame(ctx));
  const auto bits = ctx.Ints(0);
  if (!bits) return Ok{};
  std::vector<Dim> out;
  for (int64_t b : *bits) out.emplace_back(b == 0 ? 1 : 0);
  ctx.OutContents(0, std::move(out));
  return Ok{};
}

Status EvalNot(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(Tensor * out, ctx.Make(0, DType::kBool, in.dims()));
  for (int64_t i = 0; i < in.size(); ++i) out->mutable_data<uint8_t>()[i] = in.data<uint8_t>()[i] == 0 ? 1 : 0;
  return Ok{};
}

Status EvalBitwiseNot(EvalCtx& ctx) {
  return EvalUnary(ctx, {nullptr, [](int64_t x) { return ~x; }, [](uint64_t x) { return ~x; }});
}

Status EvalIsNan(EvalCtx& ctx) {
  return EvalFloatTest(ctx, [](double x) { return std::isnan(x); });
}

Status EvalIsInf(EvalCtx& ctx) {
  const bool positive = ctx.attrs.Flag("positive", true);
  const bool negative = ctx.attrs.Flag("negative", true);
  return EvalFloatTest(ctx, [=](double x) { return std::isinf(x) && (x > 0 ? positive : negative); });
}

std::span<const Sample> NotSamples() {
  static const Sample samples[] = {{{"bool[2,3]"}, {}}, {{"bool[]"}, {}}, {{"bool[0]"}, {}}};
  return samples;
}
std::span<const Sample> BitSamples() {
  static const Sample samples[] = {{{"u8[2,3]"}, {}}, {{"i32[4]"}, {}}, {{"i64[]"}, {}}, {{"u16[0]"}, {}}};
  return samples;
}
std::span<const Sample> TestSamples() {
  static const Sample samples[] = {{{"f32[2,3]"}, {}}, {{"f16[4]"}, {}}, {{"f8e5m2[5]"}, {}}, {{"f64[]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kLogicalNot{.name = "logical_not",
                               .doc = "True where x is false.",
                               .operands = kBoolIn,
                               .results = kBoolResult,
                               .infer = InferNot,
                               .eval = EvalNot,
                               .commute = CommuteElementwise,
                               .samples = NotSamples};
extern const OpDef kBitwiseNot{.name = "bitwise_not",
                               .doc = "All bits flipped.",
                               .operands = kBitsIn,
                               .results = kBitsOut,
                               .infer = InferSame,
                               .eval = EvalBitwiseNot,
                               .commute = CommuteElementwise,
                               .decompose = DecomposeBitwiseNot,
                               .samples = BitSamples};
extern const OpDef kIsNan{.name = "is_nan",
                          .doc = "True where x is not a number.",
                          .operands = kAnyFloatIn,
                          .results = kBoolResult,
                          .infer = InferTest,
                          .eval = EvalIsNan,
                          .commute = CommuteElementwise,
                          .decompose = DecomposeIsNan,
                          .samples = TestSamples};
extern const OpDef kIsInf{.name = "is_inf",
                          .doc = "True where x is infinite.",
                          .operands = kAnyFloatIn,
                          .results = kBoolResult,
                          .attrs = kInfAttrs,
                          .infer = InferTest,
                          .eval = EvalIsInf,
                          .commute = CommuteElementwise,
                          .decompose = DecomposeIsInf,
                          .samples = TestSamples};

}  // namespace godwit::ops
