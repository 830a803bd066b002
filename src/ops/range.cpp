// range and eye: tensors made from a few numbers.
#include <fmt/format.h>

#include <cmath>

#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kRangeIn[] = {{"start", kNumbers, OperandDef::kShapeLike, 'T'},
                                   {"limit", kNumbers, OperandDef::kShapeLike, 'T'},
                                   {"delta", kNumbers, OperandDef::kShapeLike, 'T'}};
constexpr OperandDef kRangeOut[] = {{"y", kNumbers, OperandDef::kPlain, 'T'}};
constexpr std::string_view kRangeRules[] = {"c1: start, limit and delta are single numbers",
                                            "c2: delta is not 0 and none of them is NaN"};

// Results this long are data, not shapes.
constexpr int64_t kMaxContents = 4096;

// ceil((limit - start) / delta), at least 0.
template <class T>
Result<int64_t> Steps(const EvalCtx& ctx, T start, T limit, T delta) {
  if (delta == 0 || start != start || limit != limit || delta != delta) {
    return ctx.Fail("c2", fmt::format("start {}, limit {}, delta {}", start, limit, delta));
  }
  if (delta > 0 ? start >= limit : start <= limit) return 0;
  if constexpr (std::is_same_v<T, double>) {
    const double n = std::ceil((limit - start) / delta);
    return n < 0x1p62 ? static_cast<int64_t>(n) : INT64_MAX;
  } else {
    const uint64_t span = delta > 0 ? static_cast<uint64_t>(limit) - static_cast<uint64_t>(start)
                                    : static_cast<uint64_t>(start) - static_cast<uint64_t>(limit);
    const uint64_t step = delta > 0 ? static_cast<uint64_t>(delta) : 0 - static_cast<uint64_t>(delta);
    const uint64_t n = span / step + (span % step != 0 ? 1 : 0);
    return n > INT64_MAX ? INT64_MAX : static_cast<int64_t>(n);
  }
}

Status InferRange(InferCtx& ctx) {
  const auto start = ctx.Contents(0);
  const auto limit = ctx.Contents(1);
  const auto delta = ctx.Ints(2);
  const bool known = start && limit && delta && start->size() == 1 && limit->size() == 1 && delta->size() == 1;
  const DType dtype = ctx.DtypeOf(0);
  if (known && (*delta)[0] == 0) return ctx.Fail("c2", "delta is 0");
  if (known) {
    const int64_t step = (*delta)[0];
    const Dim span = step > 0 ? (*limit)[0] - (*start)[0] : (*start)[0] - (*limit)[0];
    const Dim width = step > 0 ? Dim(step) : Dim(step == INT64_MIN ? INT64_MAX : -step);
    Dim n = Dim::CeilDiv(span, width);
    if (n.is_static() ? n.value() < 0 : !n.symbol()) n = Dim::Max(n, Dim(0));
    if (n.is_static() && n.value() <= kMaxContents && (*start)[0].is_static()) {
      std::vector<Dim> out;
      for (int64_t i = 0; i < n.value(); ++i) out.push_back((*start)[0] + Dim(i) * Dim(step));
      ctx.OutContents(0, std::move(out));
    }
    ctx.Out(0, dtype, {std::move(n)});
    return Ok{};
  }
  // Constants of other types: their count is a number all the same.
  const Tensor* parts[] = {ctx.Const(0), ctx.Const(1), ctx.Const(2)};
  if (parts[0] && parts[1] && parts[2] && parts[0]->size() == 1 && parts[1]->size() == 1 && parts[2]->size() == 1) {
    double v[3];
    for (size_t i = 0; i < 3; ++i) v[i] = LoadF64(parts[i]->dtype(), parts[i]->raw());
    if (v[2] == 0) return ctx.Fail("c2", "delta is 0");
    const double n = std::ceil((v[1] - v[0]) / v[2]);
    if (n < 0x1p53) {
      ctx.Out(0, dtype, {Dim(n > 0 ? static_cast<int64_t>(n) : 0)});
      return Ok{};
    }
  }
  ctx.Out(0, dtype, {ctx.Fresh("range")});
  return Ok{};
}

Status EvalRange(EvalCtx& ctx) {
  const DType dtype = ctx.In(0).dtype();
  for (size_t i = 0; i < 3; ++i) {
    if (ctx.In(i).size() != 1) return ctx.Fail("c1", "an operand of shape " + ToString(ctx.In(i).dims()));
  }
  const std::byte* p[] = {ctx.In(0).raw(), ctx.In(1).raw(), ctx.In(2).raw()};
  const size_t step = ByteSize(dtype);
  if (IsFloat(dtype)) {
    const double start = LoadF64(dtype, p[0]);
    const double delta = LoadF64(dtype, p[2]);
    TRY(const int64_t n, Steps(ctx, start, LoadF64(dtype, p[1]), delta));
    TRY(Tensor * out, ctx.Make(0, dtype, {n}));
    for (int64_t i = 0; i < n; ++i) {
      StoreF64(dtype, start + static_cast<double>(i) * delta, out->mutable_raw() + static_cast<size_t>(i) * step);
    }
    return Ok{};
  }
  const uint64_t start = LoadU64(dtype, p[0]);
  const uint64_t delta = LoadU64(dtype, p[2]);
  int64_t n = 0;
  if (IsUnsigned(dtype)) {
    TRY(n, Steps<uint64_t>(ctx, start, LoadU64(dtype, p[1]), delta));
  } else {
    TRY(n, Steps<int64_t>(ctx, LoadI64(dtype, p[0]), LoadI64(dtype, p[1]), LoadI64(dtype, p[2])));
  }
  TRY(Tensor * out, ctx.Make(0, dtype, {n}));
  for (int64_t i = 0; i < n; ++i) {
    StoreU64(dtype, start + static_cast<uint64_t>(i) * delta, out->mutable_raw() + static_cast<size_t>(i) * step);
  }
  return Ok{};
}

std::span<const Sample> RangeSamples() {
  static const Sample samples[] = {{{"i64[] = 1", "i64[] = 10", "i64[] = 3"}, {}},
                                   {{"i32[] = 5", "i32[] = -5", "i32[] = -2"}, {}},
                                   {{"f32[] = 0", "f32[] = 1", "f32[] = 0.25"}, {}},
                                   {{"i64[] = 3", "i64[] = 3", "i64[] = 1"}, {}}};
  return samples;
}

constexpr TypeSet kEyeTypes = kNumbers | kBools | kSmallFloats;
constexpr OperandDef kEyeIn[] = {{"shape", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kEyeOut[] = {{"y", kEyeTypes}};
constexpr AttrDef kEyeAttrs[] = {
    {"dtype", AttrKind::kDType, "", "Element type of the result."},
    {"k", AttrKind::kInt, "0", "Which diagonal: 0 the main one, positive above it, negative below."}};
constexpr std::string_view kEyeRules[] = {"c1: shape has two elements, neither negative"};

Status InferEye(InferCtx& ctx) {
  const DType dtype = ctx.attrs.Dtype("dtype");
  if (const auto dims = ctx.Contents(0)) {
    if (dims->size() != 2) return ctx.Fail("c1", fmt::format("{} elements", dims->size()));
    ctx.Out(0, dtype, *dims);
  } else {
    ctx.Out(0, dtype, {ctx.Fresh("eye"), ctx.Fresh("eye")});
  }
  return Ok{};
}

Status EvalEye(EvalCtx& ctx) {
  const DType dtype = ctx.attrs.Dtype("dtype");
  const auto dims = ctx.Ints(0);
  if (dims.size() != 2 || dims[0] < 0 || dims[1] < 0) return ctx.Fail("c1", ToString(dims));
  TRY(Tensor * out, ctx.Make(0, dtype, dims));
  const size_t step = ByteSize(dtype);
  std::byte* dst = out->mutable_raw();
  for (int64_t r = 0; r < dims[0]; ++r) {
    for (int64_t c = 0; c < dims[1]; ++c, dst += step) StoreF64(dtype, c - r == ctx.attrs.Int("k") ? 1 : 0, dst);
  }
  return Ok{};
}

std::span<const Sample> EyeSamples() {
  static const Sample samples[] = {{{"i64[2] = 3,4"}, {{"dtype", DType::kF32}}},
                                   {{"i64[2] = 3,3"}, {{"dtype", DType::kI32}, {"k", int64_t{-1}}}},
                                   {{"i64[2] = 0,3"}, {{"dtype", DType::kF64}}}};
  return samples;
}

}  // namespace

extern const OpDef kRange{.name = "range",
                          .doc = "start, start + delta, ... up to but without limit.",
                          .operands = kRangeIn,
                          .results = kRangeOut,
                          .constraints = kRangeRules,
                          .infer = InferRange,
                          .eval = EvalRange,
                          .samples = RangeSamples};
extern const OpDef kEye{.name = "eye",
                        .doc = "A matrix of zeros with ones on one diagonal.",
                        .operands = kEyeIn,
                        .results = kEyeOut,
                        .attrs = kEyeAttrs,
                        .constraints = kEyeRules,
                        .infer = InferEye,
                        .eval = EvalEye,
                        .decompose = DecomposeEye,
                        .samples = EyeSamples};

}  // namespace godwit::ops
