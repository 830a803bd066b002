// add, sub, mul, div: elementwise arithmetic of two operands with numpy broadcasting.
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/decompose_divide.h"
#include "ops/elementwise.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"a", kNumbers | kComplexes, OperandDef::kPlain, 'T'},
                              {"b", kNumbers | kComplexes, OperandDef::kPlain, 'T'}};
constexpr OperandDef kOut[] = {{"y", kNumbers | kComplexes, OperandDef::kPlain, 'T'}};
constexpr std::string_view kBroadcastRule[] = {"c1: the operands' shapes broadcast"};

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3,4]", "f32[2,3,4]"}, {}},
                                   {{"f32[2,3,4]", "f32[3,1]"}, {}},
                                   {{"f64[1]", "f64[2,2]"}, {}},
                                   {{"i32[4]", "i32[]"}, {}},
                                   {{"f32[2,0]", "f32[1,1]"}, {}}};
  return samples;
}

// Sums of small integer contents keep shape arithmetic exact under symbolic dims.
Status InferArithmetic(InferCtx& ctx, DimFn fn) {
  return IsInteger(ctx.DtypeOf(0)) ? InferBinaryContents(ctx, ctx.DtypeOf(0), fn) : InferBinary(ctx);
}

Status InferAdd(InferCtx& ctx) {
  return InferArithmetic(ctx, [](const Dim& a, const Dim& b) { return std::optional(a + b); });
}
Status InferSub(InferCtx& ctx) {
  return InferArithmetic(ctx, [](const Dim& a, const Dim& b) { return std::optional(a - b); });
}
Status InferMul(InferCtx& ctx) {
  return InferArithmetic(ctx, [](const Dim& a, const Dim& b) { return std::optional(a * b); });
}
Status InferDiv(InferCtx& ctx) {
  // Integer division truncates; it is the floor only where the sign is known, which for sizes means positive numbers.
  return InferArithmetic(ctx, [](const Dim& a, const Dim& b) -> std::optional<Dim> {
    if (b.is_static() && b.value() > 0 && (!a.is_static() || a.value() >= 0)) return Dim::FloorDiv(a, b);
    return std::nullopt;
  });
}

template <class T>
int64_t Wrap(T value) {
  return static_cast<int64_t>(value);
}

Status EvalAdd(EvalCtx& ctx) {
  return EvalBinary(ctx,
                    {[](double a, double b) { return a + b; },
                     [](int64_t a, int64_t b) { return Wrap(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); },
                     [](uint64_t a, uint64_t b) { return a + b; },
                     [](std::complex<double> a, std::complex<double> b) { return a + b; }});
}
Status EvalSub(EvalCtx& ctx) {
  return EvalBinary(ctx,
                    {[](double a, double b) { return a - b; },
                     [](int64_t a, int64_t b) { return Wrap(static_cast<uint64_t>(a) - static_cast<uint64_t>(b)); },
                     [](uint64_t a, uint64_t b) { return a - b; },
                     [](std::complex<double> a, std::complex<double> b) { return a - b; }});
}
Status EvalMul(EvalCtx& ctx) {
  return EvalBinary(ctx,
                    {[](double a, double b) { return a * b; },
                     [](int64_t a, int64_t b) { return Wrap(static_cast<uint64_t>(a) * static_cast<uint64_t>(b)); },
                     [](uint64_t a, uint64_t b) { return a * b; },
                     [](std::complex<double> a, std::complex<double> b) { return a * b; }});
}
Status EvalDiv(EvalCtx& ctx) {
  // Integer division truncates toward zero; by zero gives 0 and MIN / -1 wraps, so that no file can trap the process.
  return EvalBinary(ctx, {[](double a, double b) { return a / b; },
                          [](int64_t a, int64_t b) {
                            if (b == 0) return int64_t{0};
                            return b == -1 ? Wrap(0 - static_cast<uint64_t>(a)) : a / b;
                          },
                          [](uint64_t a, uint64_t b) { return b == 0 ? uint64_t{0} : a / b; },
                          [](std::complex<double> a, std::complex<double> b) { return a / b; }});
}

std::span<const Sample> DivSamples() {
  static const std::vector<Sample> samples = [] {
    std::vector<Sample> all(Samples().begin(), Samples().end());
    for (const char* by : {"i64[] = 1", "i64[] = 2", "i64[1] = -24", "i64[1,1] = 7", "i64[] = -1099511627776"}) {
      all.push_back({{"i64[2,4] = -7,7,0,123456789012345,-123456789012345,24,-48,23", by}, {}});
    }
    return all;
  }();
  return samples;
}

}  // namespace

extern const OpDef kAdd{.name = "add",
                        .doc = "a + b; integers wrap.",
                        .operands = kIn,
                        .results = kOut,
                        .constraints = kBroadcastRule,
                        .infer = InferAdd,
                        .eval = EvalAdd,
                        .commute = CommuteBroadcast,
                        .samples = Samples};
extern const OpDef kSub{.name = "sub",
                        .doc = "a - b; integers wrap.",
                        .operands = kIn,
                        .results = kOut,
                        .constraints = kBroadcastRule,
                        .infer = InferSub,
                        .eval = EvalSub,
                        .commute = CommuteBroadcast,
                        .samples = Samples};
extern const OpDef kMul{.name = "mul",
                        .doc = "a * b; integers wrap.",
                        .operands = kIn,
                        .results = kOut,
                        .constraints = kBroadcastRule,
                        .infer = InferMul,
                        .eval = EvalMul,
                        .commute = CommuteBroadcast,
                        .samples = Samples};
extern const OpDef kDiv{.name = "div",
                        .doc = "a / b; integers truncate toward zero, x / 0 is 0 for integers.",
                        .operands = kIn,
                        .results = kOut,
                        .constraints = kBroadcastRule,
                        .infer = InferDiv,
                        .eval = EvalDiv,
                        .commute = CommuteBroadcast,
                        .decompose = DecomposeDiv,
                        .samples = DivSamples};

}  // namespace godwit::ops
