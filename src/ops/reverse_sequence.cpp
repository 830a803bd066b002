// reverse_sequence and center_crop_pad.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "ir/commute.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kReverseIn[] = {{"x"}, {"lengths", kIndex}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr AttrDef kReverseAttrs[] = {{"batch_axis", AttrKind::kInt, "1", "The axis that lengths speak of."},
                                     {"time_axis", AttrKind::kInt, "0", "The axis that is reversed."}};
constexpr std::string_view kReverseRules[] = {"c1: batch_axis and time_axis are two axes",
                                              "c2: lengths are one for each batch", "c3: 0 <= length <= dim"};

Status InferReverse(InferCtx& ctx) {
  ctx.Out(0, ctx.In(0));
  return Ok{};
}

Status EvalReverse(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(int batch, ctx.Axis("c1", ctx.attrs.Int("batch_axis", 1), in.rank()));
  TRY(int time, ctx.Axis("c1", ctx.attrs.Int("time_axis", 0), in.rank()));
  if (batch == time) return ctx.Fail("c1", fmt::format("both are {}", batch));
  const std::vector<int64_t> lengths = ctx.Ints(1);
  if (static_cast<int64_t>(lengths.size()) != in.dim(batch)) {
    return ctx.Fail("c2", fmt::format("{} lengths, {} batches", lengths.size(), in.dim(batch)));
  }
  TRY(Tensor * out, ctx.Make(0, in.dtype(), in.dims()));
  if (in.size() == 0) return Ok{};
  const std::vector<int64_t> strides = RowMajorStrides(in.dims());
  const size_t step = ByteSize(in.dtype());
  const int64_t time_stride = strides[static_cast<size_t>(time)];
  Dims dims = in.dims();
  dims[static_cast<size_t>(batch)] = 1;
  for (size_t b = 0; b < lengths.size(); ++b) {
    const int64_t n = lengths[b];
    if (n < 0 || n > in.dim(time)) return ctx.Fail("c3", fmt::format("{} of {}", n, in.dim(time)));
    const int64_t base = static_cast<int64_t>(b) * strides[static_cast<size_t>(batch)];
    const auto copy = [&](int64_t count, int64_t from, int64_t to, int64_t direction) {
      StridedBlock block{dims, strides, strides};
      block.dims[static_cast<size_t>(time)] = count;
      block.src[static_cast<size_t>(time)] = direction * time_stride;
      StridedCopy(std::move(block), step, in.raw() + static_cast<size_t>(base + from * time_stride) * step,
                  out->mutable_raw() + static_cast<size_t>(base + to * time_stride) * step);
    };
    if (n > 0) copy(n, n - 1, 0, -1);
    if (n < in.dim(time)) copy(in.dim(time) - n, n, n, 1);
  }
  return Ok{};
}

constexpr OperandDef kCropIn[] = {{"x"}, {"shape", kIndex, OperandDef::kShapeLike}};
constexpr AttrDef kCropAttrs[] = {
    {"axes", AttrKind::kIntList, "none", "The axes that `shape` speaks of; absent: all."}};
constexpr std::string_view kCropRules[] = {"c1: axes are axes", "c2: shape has an entry for each axis, not negative"};

template <class Ctx>
Result<std::vector<int>> CropAxes(const Ctx& ctx, int rank) {
  std::vector<int> axes;
  if (!ctx.attrs.Has("axes")) {
    for (int k = 0; k < rank; ++k) axes.push_back(k);
  }
  for (int64_t a : ctx.attrs.Ints("axes")) {
    TRY(int axis, ctx.Axis("c1", a, rank));
    axes.push_back(axis);
  }
  return axes;
}

Status InferCrop(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(std::vector<int> axes, CropAxes(ctx, ctx.Rank(0)));
  Shape out = ctx.ShapeOf(0);
  const auto shape = ctx.Contents(1);
  if (shape && shape->size() != axes.size()) {
    return ctx.Fail("c2", fmt::format("{} entries for {} axes", shape->size(), axes.size()));
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    out[static_cast<size_t>(axes[i])] = shape ? (*shape)[i] : ctx.Fresh("crop");
  }
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status EvalCrop(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(std::vector<int> axes, CropAxes(ctx, in.rank()));
  const std::vector<int64_t> shape = ctx.Ints(1);
  if (shape.size() != axes.size()) return ctx.Fail("c2", fmt::format("{} for {} axes", shape.size(), axes.size()));
  Dims dims = in.dims();
  for (size_t i = 0; i < axes.size(); ++i) {
    if (shape[i] < 0) return ctx.Fail("c2", fmt::format("a dim of {}", shape[i]));
    dims[static_cast<size_t>(axes[i])] = shape[i];
  }
  TRY(Tensor * out, ctx.Make(0, in.dtype(), dims));
  const size_t step = ByteSize(in.dtype());
  if (in.dtype() == DType::kString) {
    const StringRef empty = Intern("");
    FillElements(out->mutable_raw(), out->size(), reinterpret_cast<const std::byte*>(&empty), step);
  } else if (out->size() != 0) {
    std::memset(out->mutable_raw(), 0, out->bytes());
  }
  if (in.size() == 0 || out->size() == 0) return Ok{};
  StridedBlock block{dims, RowMajorStrides(in.dims()), RowMajorStrides(dims)};
  int64_t src = 0;
  int64_t dst = 0;
  for (size_t k = 0; k < dims.size(); ++k) {
    block.dims[k] = std::min(dims[k], in.dims()[k]);
    src += (in.dims()[k] - block.dims[k]) / 2 * block.src[k];
    dst += (dims[k] - block.dims[k]) / 2 * block.dst[k];
  }
  StridedCopy(std::move(block), step, in.raw() + static_cast<size_t>(src) * step,
              out->mutable_raw() + static_cast<size_t>(dst) * step);
  return Ok{};
}

bool CommuteReverse(CommuteCtx& ctx) {
  return ctx.operand == 0 && ctx.MoveAxis("batch_axis", 1) && ctx.MoveAxis("time_axis", 0);
}

std::span<const Sample> ReverseSamples() {
  static const Sample samples[] = {
      {{"f32[4,4]", "i64[4] = 4,3,2,1"}, {}},
      {{"f32[2,3,2]", "i64[2] = 0,3"}, {{"batch_axis", int64_t{0}}, {"time_axis", int64_t{1}}}}};
  return samples;
}
std::span<const Sample> CropSamples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {{{"f32[20,10,3]", "i64[3] = 10,7,3"}, {}},
                                   {{"f32[10,7,3]", "i64[3] = 20,10,3"}, {}},
                                   {{"u8[3,4]", "i64[1] = 7"}, {{"axes", Ints{-1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kReverseSequence{.name = "reverse_sequence",
                                    .doc = "Reverses the first length[b] steps of each batch.",
                                    .operands = kReverseIn,
                                    .results = kOut,
                                    .attrs = kReverseAttrs,
                                    .constraints = kReverseRules,
                                    .infer = InferReverse,
                                    .eval = EvalReverse,
                                    .commute = CommuteReverse,
                                    .samples = ReverseSamples};
extern const OpDef kCenterCropPad{.name = "center_crop_pad",
                                  .doc = "Crops or zero-pads around the centre to a shape.",
                                  .operands = kCropIn,
                                  .results = kOut,
                                  .attrs = kCropAttrs,
                                  .constraints = kCropRules,
                                  .infer = InferCrop,
                                  .eval = EvalCrop,
                                  .decompose = DecomposeCenterCropPad,
                                  .samples = CropSamples};

}  // namespace godwit::ops
