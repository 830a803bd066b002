// col2im and max_unpool: what windows gave, put back into the picture.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kColIn[] = {{"columns", kNumbers | kComplexes},
                                 {"image_shape", kIndex, OperandDef::kShapeLike},
                                 {"block_shape", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kColOut[] = {{"image", kNumbers | kComplexes}};
constexpr AttrDef kColAttrs[] = {{"strides", AttrKind::kIntList, "none", "Steps between blocks; absent: 1."},
                                 {"dilations", AttrKind::kIntList, "none", "Steps within a block; absent: 1."},
                                 {"pads", AttrKind::kIntList, "none", "Begins, then ends, in the picture; absent: 0."}};
constexpr std::string_view kColRules[] = {
    "c1: columns are [batch, channels * block elements, blocks]",
    "c2: image_shape, block_shape, strides, dilations and pads fit each other and are positive (pads not negative)",
    "c3: there are as many blocks as fit into the picture"};

Status InferCol(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  const auto image = ctx.Contents(1);
  const auto block = ctx.Ints(2);
  if (!ctx.Ranked(0) || !image) return Ok{};
  if (ctx.Rank(0) != 3) return ctx.Fail("c1", fmt::format("rank {}", ctx.Rank(0)));
  Dim channels = ctx.Fresh("channels");
  if (block) {
    int64_t elements = 1;
    for (int64_t b : *block) {
      const auto product = b > 0 ? CheckedMul(elements, b) : std::nullopt;
      if (!product) return ctx.Fail("c2", fmt::format("a block of {}", b));
      elements = *product;
    }
    channels = Dim::FloorDiv(ctx.ShapeOf(0)[1], Dim(elements));
  }
  Shape out = {ctx.ShapeOf(0)[0], channels};
  out.insert(out.end(), image->begin(), image->end());
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

struct Window {
  int64_t image, block, stride, dilation, begin, count;
};

Result<std::vector<Window>> WindowsOf(const EvalCtx& ctx, const std::vector<int64_t>& image,
                                      const std::vector<int64_t>& block) {
  const size_t n = image.size();
  const auto entry = [&](std::string_view name, size_t i, int64_t fallback) {
    const std::vector<int64_t>& list = ctx.attrs.Ints(name);
    return list.empty() ? fallback : i < list.size() ? list[i] : -1;
  };
  constexpr int64_t kLargest = int64_t{1} << 31;
  if (block.size() != n) return ctx.Fail("c2", fmt::format("{} and {} dims", n, block.size()));
  std::vector<Window> windows;
  for (size_t i = 0; i < n; ++i) {
    Window w{image[i], block[i], entry("strides", i, 1), entry("dilations", i, 1), entry("pads", i, 0), 0};
    const int64_t end = entry("pads", n + i, 0);
    for (int64_t v : {w.image, w.block, w.stride, w.dilation, w.begin + 1, end + 1}) {
      if (v < 1 || v > kLargest) return ctx.Fail("c2", fmt::format("{} in dim {}", v, i));
    }
    const int64_t room = w.image + w.begin + end - w.dilation * (w.block - 1) - 1;
    w.count = room < 0 ? 0 : room / w.stride + 1;
    windows.push_back(w);
  }
  return windows;
}

void AddTo(DType dtype, const std::byte* src, std::byte* dst) {
  if (IsFloat(dtype)) return StoreF64(dtype, LoadF64(dtype, dst) + LoadF64(dtype, src), dst);
  if (IsComplex(dtype)) return StoreComplex(dtype, LoadComplex(dtype, dst) + LoadComplex(dtype, src), dst);
  StoreU64(dtype, LoadU64(dtype, dst) + LoadU64(dtype, src), dst);
}

Status EvalCol(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  const std::vector<int64_t> image = ctx.Ints(1);
  TRY(std::vector<Window> windows, WindowsOf(ctx, image, ctx.Ints(2)));
  if (in.rank() != 3) return ctx.Fail("c1", fmt::format("rank {}", in.rank()));
  Dims blocks;
  Dims counts;
  for (const Window& w : windows) {
    blocks.push_back(w.block);
    counts.push_back(w.count);
  }
  const auto elements = CheckedProduct(blocks);
  const auto columns = CheckedProduct(counts);
  if (!elements || in.dim(1) % *elements != 0) return ctx.Fail("c1", fmt::format("{} rows", in.dim(1)));
  if (!columns || *columns != in.dim(2)) return ctx.Fail("c3", fmt::format("{} columns", in.dim(2)));
  Dims dims = {in.dim(0), in.dim(1) / *elements};
  dims.insert(dims.end(), image.begin(), image.end());
  TRY(Tensor * out, ctx.Make(0, in.dtype(), dims));
  if (out->size() == 0) return Ok{};
  std::memset(out->mutable_raw(), 0, out->bytes());
  const size_t step = ByteSize(in.dtype());
  const int64_t plane = InnerCount(dims, 1);
  const std::vector<int64_t> strides = RowMajorStrides(image);
  const std::byte* src = in.raw();
  for (int64_t row = 0; row < in.dim(0) * in.dim(1); ++row) {
    std::byte* picture = out->mutable_raw() + static_cast<size_t>(row / *elements * plane) * step;
    for (int64_t column = 0; column < *columns; ++column, src += step) {
      int64_t place = row % *elements;
      int64_t at = column;
      int64_t offset = 0;
      bool inside = true;
      for (size_t k = windows.size(); k-- > 0;) {
        const Window& w = windows[k];
        const int64_t x = at % w.count * w.stride - w.begin + place % w.block * w.dilation;
        inside = inside && x >= 0 && x < w.image;
        offset += x * strides[k];
        place /= w.block;
        at /= w.count;
      }
      if (inside) AddTo(in.dtype(), src, picture + static_cast<size_t>(offset) * step);
    }
  }
  return Ok{};
}

constexpr OperandDef kUnpoolIn[] = {
    {"x", kNumbers},
    {"indices", TypeSet(DType::kI64)},
    {"output_shape", TypeSet(DType::kI64), OperandDef::kOptional | OperandDef::kShapeLike}};
constexpr OperandDef kUnpoolOut[] = {{"y", kNumbers}};
constexpr AttrDef kUnpoolAttrs[] = {{"kernel", AttrKind::kIntList, "", "Extents of the pooling window."},
                                    {"strides", AttrKind::kIntList, "none", "Steps of the window; absent: 1."},
                                    {"pads", AttrKind::kIntList, "none", "Begins, then ends; absent: 0."}};
constexpr std::string_view kUnpoolRules[] = {
    "c1: kernel, strides and pads fit the spatial dims of x", "c2: indices have the shape of x and lie in the result",
    "c3: output_shape has the rank of x and is no smaller than what the window gives"};

// Extent before pooling: (n - 1) * stride - pads + kernel.
template <class T, class Ctx>
Result<T> Unpooled(const Ctx& ctx, const T& n, size_t k, size_t spatial) {
  const auto entry = [&](std::string_view name, size_t i, int64_t fallback) {
    const std::vector<int64_t>& list = ctx.attrs.Ints(name);
    return list.empty() ? fallback : i < list.size() ? list[i] : INT64_MIN;
  };
  const int64_t kernel = entry("kernel", k, INT64_MIN);
  const int64_t stride = entry("strides", k, 1);
  const int64_t pads = entry("pads", k, 0);
  const int64_t ends = entry("pads", spatial + k, 0);
  constexpr int64_t kLargest = int64_t{1} << 31;
  if (ctx.attrs.Ints("kernel").size() != spatial || kernel < 1 || kernel > kLargest || stride < 1 ||
      stride > kLargest || pads < 0 || pads > kLargest || ends < 0 || ends > kLargest) {
    return ctx.Fail("c1", fmt::format("dim {}", k));
  }
  return (n - T(1)) * T(stride) + T(kernel - pads - ends);
}

Status InferUnpool(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  if (ctx.Rank(0) < 3) return ctx.Fail("c1", fmt::format("rank {}", ctx.Rank(0)));
  Shape out = ctx.ShapeOf(0);
  if (ctx.Has(2)) {
    const auto given = ctx.Contents(2);
    if (given && given->size() != out.size()) return ctx.Fail("c3", fmt::format("{} dims", given->size()));
    if (given) {
      out = *given;
    } else {
      for (Dim& d : out) d = ctx.Fresh("unpool");
    }
  } else {
    for (size_t k = 2; k < out.size(); ++k) {
      TRY(out[k], Unpooled<Dim>(ctx, out[k], k - 2, out.size() - 2));
    }
  }
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status EvalUnpool(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor& indices = ctx.In(1);
  if (x.rank() < 3) return ctx.Fail("c1", fmt::format("rank {}", x.rank()));
  if (indices.dims() != x.dims()) return ctx.Fail("c2", ToString(indices.dims()));
  Dims inferred = x.dims();
  for (size_t k = 2; k < inferred.size(); ++k) {
    if (inferred[k] > (int64_t{1} << 31)) return ctx.Fail("c1", ToString(x.dims()));
    TRY(inferred[k], Unpooled<int64_t>(ctx, inferred[k], k - 2, inferred.size() - 2));
  }
  Dims dims = ctx.Has(2) ? ctx.Ints(2) : inferred;
  if (dims.size() != inferred.size()) return ctx.Fail("c3", ToString(dims));
  RETURN_IF_ERROR(CheckedByteSize(x.dtype(), inferred));
  for (size_t k = 0; k < dims.size(); ++k) {
    if (dims[k] < inferred[k]) return ctx.Fail("c3", fmt::format("{} within {}", ToString(inferred), ToString(dims)));
  }
  TRY(Tensor * out, ctx.Make(0, x.dtype(), dims));
  if (out->size() == 0) return Ok{};
  std::memset(out->mutable_raw(), 0, out->bytes());
  // Indices count in the inferred shape, which lies at the start of the stated one.
  const int64_t room = ElementCount(inferred);
  const std::vector<int64_t> from = RowMajorStrides(inferred);
  const std::vector<int64_t> to = RowMajorStrides(dims);
  const size_t step = ByteSize(x.dtype());
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t index = indices.data<int64_t>()[i];
    if (index < 0 || index >= room) return ctx.Fail("c2", fmt::format("index {} of {}", index, room));
    int64_t offset = 0;
    for (size_t k = 0; k < dims.size(); ++k) offset += index / from[k] % inferred[k] * to[k];
    std::memcpy(out->mutable_raw() + static_cast<size_t>(offset) * step, x.raw() + static_cast<size_t>(i) * step, step);
  }
  return Ok{};
}

std::span<const Sample> ColSamples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {{{"f32[1,5,5]", "i64[2] = 5,5", "i64[2] = 1,5"}, {}},
                                   {{"f32[2,8,9]", "i64[2] = 4,4", "i64[2] = 2,2"}, {}},
                                   {{"f32[1,4,4]", "i64[2] = 5,5", "i64[2] = 2,2"}, {{"dilations", Ints{3, 3}}}},
                                   {{"i32[1,2,5]", "i64[1] = 4", "i64[1] = 2"}, {{"pads", Ints{1, 1}}}}};
  return samples;
}
std::span<const Sample> UnpoolSamples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {
      {{"f32[1,1,2,2]", "i64[1,1,2,2] = 5,7,13,15"}, {{"kernel", Ints{2, 2}}, {"strides", Ints{2, 2}}}},
      {{"f32[1,1,2,2]", "i64[1,1,2,2] = 5,7,13,15", "i64[4] = 1,1,5,5"},
       {{"kernel", Ints{2, 2}}, {"strides", Ints{2, 2}}}}};
  return samples;
}

}  // namespace

extern const OpDef kCol2Im{.name = "col2im",
                           .doc = "Sums the columns of blocks back into the pictures they cover.",
                           .operands = kColIn,
                           .results = kColOut,
                           .attrs = kColAttrs,
                           .constraints = kColRules,
                           .infer = InferCol,
                           .eval = EvalCol,
                           .decompose = DecomposeCol2Im,
                           .samples = ColSamples};
extern const OpDef kMaxUnpool{.name = "max_unpool",
                              .doc = "Puts pooled maxima back where they were, zero elsewhere.",
                              .operands = kUnpoolIn,
                              .results = kUnpoolOut,
                              .attrs = kUnpoolAttrs,
                              .constraints = kUnpoolRules,
                              .infer = InferUnpool,
                              .eval = EvalUnpool,
                              .decompose = DecomposeMaxUnpool,
                              .samples = UnpoolSamples};

}  // namespace godwit::ops
