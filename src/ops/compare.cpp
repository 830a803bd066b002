// equal, less, less_equal: two operands to a bool tensor. "Greater" is `less` with its operands swapped.
#include "ops/broadcast.h"
#include "ops/commute_rules.h"
#include "ops/elementwise.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kEqualIn[] = {{"a", kAnyType, OperandDef::kPlain, 'T'}, {"b", kAnyType, OperandDef::kPlain, 'T'}};
constexpr TypeSet kOrdered = kNumbers | kSmallFloats | kSmallInts | kBools;
constexpr OperandDef kOrderedIn[] = {{"a", kOrdered, OperandDef::kPlain, 'T'},
                                     {"b", kOrdered, OperandDef::kPlain, 'T'}};

std::optional<Dim> AsDim(std::optional<bool> b) { return b ? std::optional(Dim(*b ? 1 : 0)) : std::nullopt; }

Status InferEqual(InferCtx& ctx) {
  return InferBinaryContents(ctx, DType::kBool, [](const Dim& a, const Dim& b) { return AsDim(DimsEqual(a, b)); });
}
Status InferLess(InferCtx& ctx) {
  return InferBinaryContents(ctx, DType::kBool, [](const Dim& a, const Dim& b) { return AsDim(DimLess(a, b)); });
}
Status InferLessEqual(InferCtx& ctx) {
  return InferBinaryContents(ctx, DType::kBool, [](const Dim& a, const Dim& b) -> std::optional<Dim> {
    if (a == b) return Dim(1);
    const std::optional<bool> more = DimLess(b, a);
    return more ? std::optional(Dim(*more ? 0 : 1)) : std::nullopt;
  });
}

// Bools, strings (interned, so equal text is one pointer) and complex numbers.
template <class T>
Status EvalEqualAs(EvalCtx& ctx) {
  const Tensor& a = ctx.In(0);
  const Tensor& b = ctx.In(1);
  const Dims* shapes[] = {&a.dims(), &b.dims()};
  TRY(Dims dims, BroadcastDims(ctx, shapes, "c1"));
  TRY(Tensor * out, ctx.Make(0, DType::kBool, std::move(dims)));
  BroadcastWalk walk(out->dims(), shapes);
  auto* dst = out->mutable_data<uint8_t>();
  for (int64_t i = 0; i < walk.count(); ++i, walk.Next()) {
    dst[i] = a.data<T>()[walk.offset(0)] == b.data<T>()[walk.offset(1)] ? 1 : 0;
  }
  return Ok{};
}

Status EvalEqual(EvalCtx& ctx) {
  switch (ctx.In(0).dtype()) {
    case DType::kBool: return EvalEqualAs<bool>(ctx);
    case DType::kString: return EvalEqualAs<StringRef>(ctx);
    case DType::kC64: return EvalEqualAs<std::complex<float>>(ctx);
    case DType::kC128: return EvalEqualAs<std::complex<double>>(ctx);
    default: break;
  }
  return EvalCompare(ctx, {[](double a, double b) { return a == b; }, [](int64_t a, int64_t b) { return a == b; },
                           [](uint64_t a, uint64_t b) { return a == b; }});
}
Status EvalLess(EvalCtx& ctx) {
  return EvalCompare(ctx, {[](double a, double b) { return a < b; }, [](int64_t a, int64_t b) { return a < b; },
                           [](uint64_t a, uint64_t b) { return a < b; }});
}
Status EvalLessEqual(EvalCtx& ctx) {
  return EvalCompare(ctx, {[](double a, double b) { return a <= b; }, [](int64_t a, int64_t b) { return a <= b; },
                           [](uint64_t a, uint64_t b) { return a <= b; }});
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3,4]", "f32[3,1]"}, {}},
                                   {{"i64[4] = 1,2,3,4", "i64[4] = 1,3,2,4"}, {}},
                                   {{"u8[3]", "u8[]"}, {}},
                                   {{"f16[2,0]", "f16[1,1]"}, {}}};
  return samples;
}
std::span<const Sample> EqualSamples() {
  static const Sample samples[] = {{{"f32[2,3,4]", "f32[3,1]"}, {}},
                                   {{"i64[4] = 1,2,3,4", "i64[4] = 1,3,2,4"}, {}},
                                   {{"bool[3]", "bool[]"}, {}},
                                   {{"c64[2]", "c64[2]"}, {}},
                                   {{"string[2]", "string[2]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kEqual{.name = "equal",
                          .doc = "True where a equals b; NaN equals nothing.",
                          .operands = kEqualIn,
                          .results = kBoolResult,
                          .constraints = kBroadcastConstraint,
                          .infer = InferEqual,
                          .eval = EvalEqual,
                          .commute = CommuteBroadcast,
                          .samples = EqualSamples};
extern const OpDef kLess{.name = "less",
                         .doc = "True where a < b.",
                         .operands = kOrderedIn,
                         .results = kBoolResult,
                         .constraints = kBroadcastConstraint,
                         .infer = InferLess,
                         .eval = EvalLess,
                         .commute = CommuteBroadcast,
                         .samples = Samples};
extern const OpDef kLessEqual{.name = "less_equal",
                              .doc = "True where a <= b.",
                              .operands = kOrderedIn,
                              .results = kBoolResult,
                              .constraints = kBroadcastConstraint,
                              .infer = InferLessEqual,
                              .eval = EvalLessEqual,
                              .commute = CommuteBroadcast,
                              .samples = Samples};

}  // namespace godwit::ops
