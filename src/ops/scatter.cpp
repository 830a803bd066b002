// scatter_elements, scatter_nd, tensor_scatter: copies of a tensor with updates written, or combined, at indices.
#include <fmt/format.h>

#include <cstring>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/index_walk.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {
    {"data", kAnyType, OperandDef::kPlain, 'T'}, {"indices", kIndex}, {"updates", kAnyType, OperandDef::kPlain, 'T'}};
constexpr OperandDef kOut[] = {{"y", kAnyType, OperandDef::kPlain, 'T'}};
constexpr AttrDef kReduction = {"reduction", AttrKind::kString, "none",
                                "How an update meets what is there: none (replaces it), add, mul, max or min."};
constexpr AttrDef kElementsAttrs[] = {{"axis", AttrKind::kInt, "0", "The axis that the indices speak of."}, kReduction};
constexpr AttrDef kNdAttrs[] = {kReduction};
constexpr std::string_view kElementsRules[] = {"c1: -rank <= axis < rank, rank > 0", "c2: -dim <= index < dim",
                                               "c3: indices have the rank of data and no larger dims but at the axis",
                                               "c4: updates have the shape of indices", "c5: reduction is known"};
constexpr std::string_view kNdRules[] = {"c1: data and indices have a dim at least", "c2: -dim <= index < dim",
                                         "c3: the last dim of indices is at most the rank of data",
                                         "c4: updates have the shape of the slices", "c5: reduction is known"};

enum class Reduction { kNone, kAdd, kMul, kMax, kMin };

Result<Reduction> ReductionOf(const EvalCtx& ctx, DType dtype) {
  constexpr std::pair<std::string_view, Reduction> kNames[] = {{"none", Reduction::kNone},
                                                               {"add", Reduction::kAdd},
                                                               {"mul", Reduction::kMul},
                                                               {"max", Reduction::kMax},
                                                               {"min", Reduction::kMin}};
  const std::string_view name = ctx.attrs.Str("reduction", "none");
  for (const auto& [known, how] : kNames) {
    if (name != known) continue;
    const bool ordered = how == Reduction::kMax || how == Reduction::kMin;
    if (how != Reduction::kNone && (dtype == DType::kString || (IsComplex(dtype) && ordered))) {
      return ctx.NoKernel(fmt::format("reduction '{}' of {}", name, Name(dtype)));
    }
    return how;
  }
  return ctx.Fail("c5", std::string(name));
}

template <class T>
T Reduced(Reduction how, T a, T b) {
  switch (how) {
    case Reduction::kAdd: return a + b;
    case Reduction::kMul: return a * b;
    case Reduction::kMax: return a < b || b != b ? b : a;
    case Reduction::kMin: return b < a || b != b ? b : a;
    case Reduction::kNone: break;
  }
  return b;
}

int64_t Signed(Reduction how, int64_t a, int64_t b) {
  if (how == Reduction::kMax || how == Reduction::kMin) return Reduced(how, a, b);
  return static_cast<int64_t>(Reduced(how, static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
}

// Combines `n` updates with what is at `dst`, each result rounded to the type.
void Combine(Reduction how, DType dtype, int64_t n, const std::byte* src, std::byte* dst) {
  const size_t step = ByteSize(dtype);
  if (how == Reduction::kNone) {
    std::memcpy(dst, src, static_cast<size_t>(n) * step);
    return;
  }
  for (int64_t i = 0; i < n; ++i, src += step, dst += step) {
    if (IsFloat(dtype)) {
      StoreF64(dtype, Reduced(how, LoadF64(dtype, dst), LoadF64(dtype, src)), dst);
    } else if (IsComplex(dtype)) {
      const std::complex<double> a = LoadComplex(dtype, dst);
      const std::complex<double> b = LoadComplex(dtype, src);
      StoreComplex(dtype, how == Reduction::kAdd ? a + b : a * b, dst);
    } else if (IsSigned(dtype)) {
      StoreI64(dtype, Signed(how, LoadI64(dtype, dst), LoadI64(dtype, src)), dst);
    } else if (dtype == DType::kBool) {
      const bool a = *reinterpret_cast<const uint8_t*>(dst) != 0;
      const bool b = *reinterpret_cast<const uint8_t*>(src) != 0;
      const bool both = how == Reduction::kMul || how == Reduction::kMin;
      *reinterpret_cast<uint8_t*>(dst) = both ? a && b : a || b;
    } else {
      StoreU64(dtype, Reduced(how, LoadU64(dtype, dst), LoadU64(dtype, src)), dst);
    }
  }
}

Result<Tensor*> CopyOfData(EvalCtx& ctx) {
  const Tensor& data = ctx.In(0);
  TRY(Tensor * out, ctx.Make(0, data.dtype(), data.dims()));
  if (data.size() != 0) std::memcpy(out->mutable_raw(), data.raw(), data.bytes());
  return out;
}

Status InferData(InferCtx& ctx) {
  ctx.Out(0, ctx.In(0));
  return Ok{};
}

// The same where elements go along an axis.
template <int kFallback>
Status InferAlong(InferCtx& ctx) {
  if (ctx.Ranked(0)) RETURN_IF_ERROR(ctx.Axis("c1", ctx.attrs.Int("axis", kFallback), ctx.Rank(0)));
  return InferData(ctx);
}

Status EvalElements(EvalCtx& ctx) {
  const Tensor& data = ctx.In(0);
  const Tensor& updates = ctx.In(2);
  TRY(Reduction how, ReductionOf(ctx, data.dtype()));
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), data.rank()));
  if (updates.dims() != ctx.In(1).dims()) {
    return ctx.Fail("c4", fmt::format("{} and {}", ToString(ctx.In(1).dims()), ToString(updates.dims())));
  }
  TRY(ElementIndices at, ElementIndices::Check(ctx, data, ctx.In(1), ctx.Ints(1), axis, "c2", "c3"));
  TRY(Tensor * out, CopyOfData(ctx));
  const size_t step = ByteSize(data.dtype());
  at.ForEach([&](int64_t i, int64_t offset) {
    Combine(how, data.dtype(), 1, updates.raw() + static_cast<size_t>(i) * step,
            out->mutable_raw() + static_cast<size_t>(offset) * step);
  });
  return Ok{};
}

Status EvalNd(EvalCtx& ctx) {
  const Tensor& data = ctx.In(0);
  const Tensor& indices = ctx.In(1);
  const Tensor& updates = ctx.In(2);
  TRY(Reduction how, ReductionOf(ctx, data.dtype()));
  if (data.rank() == 0 || indices.rank() == 0) return ctx.Fail("c1", "a scalar");
  TRY(SliceIndices at, SliceIndices::Check(ctx, data.dims(), indices.dims(), ctx.Ints(1), 0, "c2", "c3"));
  Dims slices(indices.dims().begin(), indices.dims().end() - 1);
  slices.insert(slices.end(), data.dims().begin() + static_cast<int64_t>(at.depth), data.dims().end());
  if (updates.dims() != slices) {
    return ctx.Fail("c4", fmt::format("{}, expected {}", ToString(updates.dims()), ToString(slices)));
  }
  TRY(Tensor * out, CopyOfData(ctx));
  if (updates.size() == 0) return Ok{};
  const size_t step = ByteSize(data.dtype());
  const size_t run = static_cast<size_t>(at.run) * step;
  for (size_t i = 0; i < at.offsets.size(); ++i) {
    Combine(how, data.dtype(), at.run, updates.raw() + i * run,
            out->mutable_raw() + static_cast<size_t>(at.offsets[i]) * step);
  }
  return Ok{};
}

std::span<const Sample> ElementsSamples() {
  static const Sample samples[] = {
      {{"f32[3,3]", "i64[2,3] = 1,0,2,0,2,-2", "f32[2,3]"}, {}},
      {{"f16[1,5]", "i64[1,2] = 1,1", "f16[1,2]"}, {{"axis", int64_t{1}}, {"reduction", std::string("add")}}},
      {{"i32[1,5]", "i32[1,2] = 4,4", "i32[1,2]"}, {{"axis", int64_t{-1}}, {"reduction", std::string("max")}}},
      {{"f32[2,2]", "i64[0,2] = ", "f32[0,2]"}, {}}};
  return samples;
}
std::span<const Sample> NdSamples() {
  static const Sample samples[] = {
      {{"f32[8]", "i64[4,1] = 4,3,1,-1", "f32[4]"}, {}},
      {{"f32[4,4,4]", "i64[2,1] = 0,2", "f32[2,4,4]"}, {{"reduction", std::string("mul")}}},
      {{"u8[2,2]", "i64[2,2] = 0,0,0,0", "u8[2]"}, {{"reduction", std::string("add")}}}};
  return samples;
}

constexpr OperandDef kCacheIn[] = {{"cache", kAnyType, OperandDef::kPlain, 'T'},
                                   {"update", kAnyType, OperandDef::kPlain, 'T'},
                                   {"positions", kIndex, OperandDef::kOptional}};
constexpr AttrDef kCacheAttrs[] = {
    {"axis", AttrKind::kInt, "-2", "The axis along which the cache is filled."},
    {"circular", AttrKind::kInt, "0", "1: positions past the end go on from the start; 0: they are out of range."}};
constexpr std::string_view kCacheRules[] = {"c1: axis is an axis but the first", "c2: positions are within the cache",
                                            "c3: update has the cache's dims but at the axis",
                                            "c4: positions are one for each batch"};

Status EvalCache(EvalCtx& ctx) {
  const Tensor& cache = ctx.In(0);
  const Tensor& update = ctx.In(1);
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis", -2), cache.rank()));
  if (axis == 0) return ctx.Fail("c1", "axis 0 is the batch");
  Dims fit = cache.dims();
  if (update.rank() == cache.rank()) fit[static_cast<size_t>(axis)] = update.dim(axis);
  if (fit != update.dims()) {
    return ctx.Fail("c3", fmt::format("{} into {}", ToString(update.dims()), ToString(cache.dims())));
  }
  std::vector<int64_t> positions = ctx.Ints(2);
  if (!ctx.Has(2)) positions.assign(static_cast<size_t>(cache.dim(0)), 0);
  if (static_cast<int64_t>(positions.size()) != cache.dim(0)) {
    return ctx.Fail("c4", fmt::format("{} positions, {} batches", positions.size(), cache.dim(0)));
  }
  TRY(Tensor * out, CopyOfData(ctx));
  if (update.size() == 0) return Ok{};
  const int64_t room = cache.dim(axis);
  const int64_t rows = update.dim(axis);
  const size_t row = static_cast<size_t>(InnerCount(cache.dims(), axis)) * ByteSize(cache.dtype());
  const int64_t blocks = OuterCount(cache.dims(), axis);
  const bool circular = ctx.attrs.Flag("circular");
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t first = positions[static_cast<size_t>(b / (blocks / cache.dim(0)))];
    if (first < 0 || (!circular && first > room - rows) || first > INT64_MAX - rows) {
      return ctx.Fail("c2", fmt::format("{} rows at {} of {}", rows, first, room));
    }
    for (int64_t i = 0; i < rows; ++i) {
      std::memcpy(out->mutable_raw() + static_cast<size_t>(b * room + (first + i) % room) * row,
                  update.raw() + static_cast<size_t>(b * rows + i) * row, row);
    }
  }
  return Ok{};
}

std::span<const Sample> CacheSamples() {
  static const Sample samples[] = {{{"f32[2,4,3]", "f32[2,2,3]", "i64[2] = 1,2"}, {}},
                                   {{"f16[2,2,4,3]", "f16[2,2,2,3]", "i64[2] = 3,0"}, {{"circular", int64_t{1}}}},
                                   {{"f32[1,4,3]", "f32[1,4,1]"}, {{"axis", int64_t{2}}}}};
  return samples;
}

}  // namespace

extern const OpDef kScatterElements{.name = "scatter_elements",
                                    .doc = "Writes each update to the place that its index names along the axis.",
                                    .operands = kIn,
                                    .results = kOut,
                                    .attrs = kElementsAttrs,
                                    .constraints = kElementsRules,
                                    .infer = InferAlong<0>,
                                    .eval = EvalElements,
                                    .decompose = DecomposeScatterElements,
                                    .samples = ElementsSamples};
extern const OpDef kScatterNd{.name = "scatter_nd",
                              .doc = "Writes slices at index tuples, which are the last dim of indices.",
                              .operands = kIn,
                              .results = kOut,
                              .attrs = kNdAttrs,
                              .constraints = kNdRules,
                              .infer = InferData,
                              .eval = EvalNd,
                              .decompose = DecomposeScatterNd,
                              .samples = NdSamples};
extern const OpDef kTensorScatter{.name = "tensor_scatter",
                                  .doc = "A cache with rows written from a position of each batch on.",
                                  .operands = kCacheIn,
                                  .results = kOut,
                                  .attrs = kCacheAttrs,
                                  .constraints = kCacheRules,
                                  .infer = InferAlong<-2>,
                                  .eval = EvalCache,
                                  .decompose = DecomposeTensorScatter,
                                  .samples = CacheSamples};

}  // namespace godwit::ops
