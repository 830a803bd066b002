// non_zero and compress: what is kept depends on contents.
#include <fmt/format.h>

#include <cstring>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kNonZeroIn[] = {{"x"}};
constexpr OperandDef kNonZeroOut[] = {{"indices", TypeSet(DType::kI64)}};
constexpr OperandDef kCompressIn[] = {{"data"}, {"condition", kBools}};
constexpr OperandDef kCompressOut[] = {{"y"}};
constexpr AttrDef kCompressAttrs[] = {
    {"axis", AttrKind::kInt, "none", "The axis of the condition; absent: the operand taken as one dim."}};
constexpr std::string_view kCompressRules[] = {"c1: -rank <= axis < rank", "c2: condition is rank 1",
                                               "c3: condition is no longer than the axis where it is true"};

Status InferNonZero(InferCtx& ctx) {
  const Dim rank = ctx.Ranked(0) ? Dim(ctx.Rank(0)) : ctx.Fresh("rank");
  ctx.Out(0, DType::kI64, {rank, ctx.Fresh("nonzero")});
  return Ok{};
}

bool IsZero(DType dtype, const std::byte* at) {
  if (dtype == DType::kString) return (*reinterpret_cast<const StringRef*>(at))->empty();
  if (IsFloat(dtype)) return LoadF64(dtype, at) == 0;
  if (IsComplex(dtype)) return LoadComplex(dtype, at) == std::complex<double>(0);
  for (size_t i = 0; i < ByteSize(dtype); ++i) {
    if (at[i] != std::byte{0}) return false;
  }
  return true;
}

Status EvalNonZero(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  std::vector<int64_t> found;
  const std::byte* at = in.raw();
  for (int64_t i = 0; i < in.size(); ++i, at += ByteSize(in.dtype())) {
    if (!IsZero(in.dtype(), at)) found.push_back(i);
  }
  const int64_t n = static_cast<int64_t>(found.size());
  TRY(Tensor * out, ctx.Make(0, DType::kI64, {in.rank(), n}));
  int64_t* dst = out->mutable_data<int64_t>();
  const std::vector<int64_t> strides = RowMajorStrides(in.dims());
  for (size_t k = 0; k < strides.size(); ++k) {
    for (size_t i = 0; i < found.size(); ++i) *dst++ = found[i] / strides[k] % in.dims()[k];
  }
  return Ok{};
}

Status InferCompress(InferCtx& ctx) {
  if (ctx.Ranked(1) && ctx.Rank(1) != 1) return ctx.Fail("c2", fmt::format("rank {}", ctx.Rank(1)));
  Dim kept = ctx.Fresh("compress");
  if (const auto condition = ctx.Ints(1)) {
    int64_t n = 0;
    for (int64_t c : *condition) n += c != 0;
    kept = Dim(n);
  }
  if (!ctx.attrs.Has("axis")) {
    ctx.Out(0, ctx.DtypeOf(0), {kept});
    return Ok{};
  }
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), ctx.Rank(0)));
  Shape out = ctx.ShapeOf(0);
  out[static_cast<size_t>(axis)] = kept;
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status EvalCompress(EvalCtx& ctx) {
  const bool flat = !ctx.attrs.Has("axis");
  const Tensor data = flat ? ctx.In(0).Reshaped({ctx.In(0).size()}) : ctx.In(0);
  if (ctx.In(1).rank() != 1) return ctx.Fail("c2", fmt::format("rank {}", ctx.In(1).rank()));
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), data.rank()));
  const int64_t n = data.dim(axis);
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < ctx.In(1).size(); ++i) {
    if (!ctx.In(1).data<uint8_t>()[i]) continue;
    if (i >= n) return ctx.Fail("c3", fmt::format("true at {}, the dim is {}", i, n));
    rows.push_back(i);
  }
  Dims dims = data.dims();
  dims[static_cast<size_t>(axis)] = static_cast<int64_t>(rows.size());
  TRY(Tensor * out, ctx.Make(0, data.dtype(), dims));
  const size_t row = static_cast<size_t>(InnerCount(data.dims(), axis)) * ByteSize(data.dtype());
  TakeRows(data.raw(), out->mutable_raw(), OuterCount(data.dims(), axis), n, row, rows);
  return Ok{};
}

std::span<const Sample> NonZeroSamples() {
  static const Sample samples[] = {
      {{"bool[3,4]"}, {}}, {{"f32[2,2,2]"}, {}}, {{"i64[4] = 0,1,0,-1"}, {}}, {{"f32[]"}, {}}};
  return samples;
}
std::span<const Sample> CompressSamples() {
  static const Sample samples[] = {{{"f32[3,2]", "bool[3] = 0,1,1"}, {{"axis", int64_t{0}}}},
                                   {{"f32[3,2]", "bool[5] = 0,1,0,0,1"}, {}},
                                   {{"u8[3,2]", "bool[1] = 1"}, {{"axis", int64_t{-1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kNonZero{.name = "non_zero",
                            .doc = "Indices of the elements that are not zero, one column each.",
                            .operands = kNonZeroIn,
                            .results = kNonZeroOut,
                            .infer = InferNonZero,
                            .eval = EvalNonZero,
                            .samples = NonZeroSamples};
extern const OpDef kCompress{.name = "compress",
                             .doc = "Slices along an axis where a condition holds.",
                             .operands = kCompressIn,
                             .results = kCompressOut,
                             .attrs = kCompressAttrs,
                             .constraints = kCompressRules,
                             .infer = InferCompress,
                             .eval = EvalCompress,
                             .decompose = DecomposeCompress,
                             .samples = CompressSamples};

}  // namespace godwit::ops
