// where, clip, prelu: elementwise operators that choose between values.
#include "ops/broadcast.h"
#include "ops/commute_rules.h"
#include "ops/elementwise.h"
#include "ops/samples.h"

#include <cstring>

namespace godwit::ops {

namespace {

constexpr OperandDef kWhereIn[] = {
    {"condition", kBools}, {"a", kAnyType, OperandDef::kPlain, 'T'}, {"b", kAnyType, OperandDef::kPlain, 'T'}};
constexpr OperandDef kWhereOut[] = {{"y", kAnyType, OperandDef::kPlain, 'T'}};
constexpr OperandDef kClipIn[] = {{"x", kNumbers, OperandDef::kPlain, 'T'},
                                  {"min", kNumbers, OperandDef::kOptional, 'T'},
                                  {"max", kNumbers, OperandDef::kOptional, 'T'}};
constexpr OperandDef kPReluIn[] = {{"x", kNumbers, OperandDef::kPlain, 'T'},
                                   {"slope", kNumbers, OperandDef::kPlain, 'T'}};
constexpr std::string_view kClipRules[] = {"c1: min and max are single numbers"};
constexpr std::string_view kPReluRules[] = {"c1: slope broadcasts to the shape of x"};

Status InferWhere(InferCtx& ctx) {
  const DType dtype = ctx.DtypeOf(1) != DType::kNone ? ctx.DtypeOf(1) : ctx.DtypeOf(2);
  TRY(Type type, InferBroadcast(ctx, dtype, 0, 3, "c1"));
  ctx.Out(0, std::move(type));
  const auto c = ctx.Ints(0);
  const auto a = ctx.Contents(1);
  const auto b = ctx.Contents(2);
  if (!c || !a || !b) return Ok{};
  size_t n = 1;
  for (const size_t size : {c->size(), a->size(), b->size()}) n = size == 1 ? n : size;
  std::vector<Dim> out;
  for (size_t i = 0; i < n; ++i) {
    const auto at = [i](const auto& v) { return v[v.size() == 1 ? 0 : i]; };
    for (const size_t size : {c->size(), a->size(), b->size()}) {
      if (size != 1 && size != n) return Ok{};
    }
    out.push_back(at(*c) != 0 ? at(*a) : at(*b));
  }
  ctx.OutContents(0, std::move(out));
  return Ok{};
}

Status EvalWhere(EvalCtx& ctx) {
  const Tensor& c = ctx.In(0);
  const Tensor& a = ctx.In(1);
  const Tensor& b = ctx.In(2);
  const Dims* shapes[] = {&c.dims(), &a.dims(), &b.dims()};
  TRY(Dims dims, BroadcastDims(ctx, shapes, "c1"));
  TRY(Tensor * out, ctx.Make(0, a.dtype(), std::move(dims)));
  const size_t step = ByteSize(a.dtype());
  BroadcastWalk walk(out->dims(), shapes);
  std::byte* dst = out->mutable_raw();
  for (int64_t i = 0; i < walk.count(); ++i, walk.Next(), dst += step) {
    const bool first = c.data<uint8_t>()[walk.offset(0)] != 0;
    const Tensor& from = first ? a : b;
    std::memcpy(dst, from.raw() + static_cast<size_t>(walk.offset(first ? 1 : 2)) * step, step);
  }
  return Ok{};
}

Status InferClip(InferCtx& ctx) {
  for (size_t i = 1; i < 3; ++i) {
    if (!ctx.Ranked(i)) continue;
    for (const Dim& d : ctx.ShapeOf(i)) {
      if (d.is_static() && d.value() != 1) return ctx.Fail("c1", "a bound of shape " + ToString(ctx.ShapeOf(i)));
    }
  }
  return InferSame(ctx);
}

// min first, then max, so that max wins where they cross. NaN stays, and a NaN bound makes everything NaN.
template <class T, class Load, class Store>
void Clip(const EvalCtx& ctx, Tensor* out, Load load, Store store) {
  const Tensor& in = ctx.In(0);
  const DType dtype = in.dtype();
  const size_t step = ByteSize(dtype);
  const bool low = ctx.Has(1);
  const bool high = ctx.Has(2);
  const T lo = low ? load(dtype, ctx.In(1).raw()) : T{};
  const T hi = high ? load(dtype, ctx.In(2).raw()) : T{};
  for (int64_t i = 0; i < in.size(); ++i) {
    T v = load(dtype, in.raw() + static_cast<size_t>(i) * step);
    if (low && (v < lo || lo != lo)) v = lo;
    if (high && (v > hi || hi != hi)) v = hi;
    store(dtype, v, out->mutable_raw() + static_cast<size_t>(i) * step);
  }
}

Status EvalClip(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  for (size_t i = 1; i < 3; ++i) {
    if (ctx.Has(i) && ctx.In(i).size() != 1) return ctx.Fail("c1", "a bound of shape " + ToString(ctx.In(i).dims()));
  }
  TRY(Tensor * out, ctx.Make(0, in.dtype(), in.dims()));
  if (IsFloat(in.dtype())) {
    Clip<double>(ctx, out, LoadF64, [](DType d, double v, std::byte* p) { StoreF64(d, v, p); });
  } else if (IsSigned(in.dtype())) {
    Clip<int64_t>(ctx, out, LoadI64, [](DType d, int64_t v, std::byte* p) { StoreI64(d, v, p); });
  } else {
    Clip<uint64_t>(ctx, out, LoadU64, [](DType d, uint64_t v, std::byte* p) { StoreU64(d, v, p); });
  }
  return Ok{};
}

Status InferPRelu(InferCtx& ctx) {
  if (ctx.Ranked(0) && ctx.Ranked(1)) {
    const Shape& x = ctx.ShapeOf(0);
    const Shape& slope = ctx.ShapeOf(1);
    bool fits = slope.size() <= x.size();
    for (size_t k = 0; fits && k < slope.size(); ++k) {
      const Dim& s = slope[k];
      const Dim& d = x[x.size() - slope.size() + k];
      fits = s == Dim(1) || !s.is_static() || !d.is_static() || s == d;
    }
    if (!fits) return ctx.Fail("c1", "slope " + ToString(slope) + " for x " + ToString(x));
  }
  return InferSame(ctx);
}

Status EvalPRelu(EvalCtx& ctx) {
  const Dims* shapes[] = {&ctx.In(0).dims(), &ctx.In(1).dims()};
  TRY(Dims dims, BroadcastDims(ctx, shapes, "c1"));
  if (dims != ctx.In(0).dims()) return ctx.Fail("c1", "slope " + ToString(ctx.In(1).dims()));
  return EvalBinary(ctx, {[](double x, double s) { return x < 0 ? x * s : x; },
                          [](int64_t x, int64_t s) {
                            const uint64_t y = static_cast<uint64_t>(x) * static_cast<uint64_t>(s);
                            return x < 0 ? static_cast<int64_t>(y) : x;
                          },
                          [](uint64_t x, uint64_t) { return x; }});
}

std::span<const Sample> WhereSamples() {
  static const Sample samples[] = {{{"bool[2,1]", "f32[2,3]", "f32[]"}, {}},
                                   {{"bool[3] = 1,0,1", "i64[3] = 1,2,3", "i64[1] = 9"}, {}},
                                   {{"bool[]", "c64[2]", "c64[2]"}, {}},
                                   {{"bool[2]", "string[2]", "string[2]"}, {}}};
  return samples;
}
std::span<const Sample> ClipSamples() {
  static const Sample samples[] = {{{"f32[2,3]", "f32[] = 0", "f32[] = 0.5"}, {}},
                                   {{"f32[2,3]", "", "f32[] = 0.5"}, {}},
                                   {{"i8[5]", "i8[] = -3"}, {}},
                                   {{"u8[5]"}, {}}};
  return samples;
}
std::span<const Sample> PReluSamples() {
  static const Sample samples[] = {
      {{"f32[2,3,4]", "f32[3,1]"}, {}}, {{"f16[2,3]", "f16[1]"}, {}}, {{"i32[4]", "i32[4]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kWhere{.name = "where",
                          .doc = "a where the condition holds, else b.",
                          .operands = kWhereIn,
                          .results = kWhereOut,
                          .constraints = kBroadcastConstraint,
                          .infer = InferWhere,
                          .eval = EvalWhere,
                          .commute = CommuteBroadcast,
                          .samples = WhereSamples};
extern const OpDef kClip{.name = "clip",
                         .doc = "x cut to [min, max]; either may be absent.",
                         .operands = kClipIn,
                         .results = kNumberResult,
                         .constraints = kClipRules,
                         .infer = InferClip,
                         .eval = EvalClip,
                         .commute = CommuteElementwise,
                         .samples = ClipSamples};
extern const OpDef kPRelu{.name = "prelu",
                          .doc = "x, times slope where negative.",
                          .operands = kPReluIn,
                          .results = kNumberResult,
                          .constraints = kPReluRules,
                          .infer = InferPRelu,
                          .eval = EvalPRelu,
                          .commute = CommuteBroadcast,
                          .samples = PReluSamples};

}  // namespace godwit::ops
