// one_hot and trilu.
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kOneHotIn[] = {
    {"indices", kNumbers}, {"depth", kNumbers, OperandDef::kShapeLike}, {"values", kAnyType}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr AttrDef kOneHotAttrs[] = {{"axis", AttrKind::kInt, "-1", "The new axis, in the result."}};
constexpr std::string_view kOneHotRules[] = {"c1: axis is an axis of the result",
                                             "c2: depth is one number, not negative", "c3: values are two: off and on"};

Status InferOneHot(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(2)));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis", -1), ctx.Rank(0) + 1));
  Dim depth;
  if (const auto known = ctx.Contents(1); known && known->size() == 1) {
    depth = (*known)[0];
    if (depth.is_static() && depth.value() < 0) return ctx.Fail("c2", fmt::format("depth {}", depth.value()));
  } else {
    const Tensor* t = ctx.Const(1);
    const bool number = t != nullptr && t->size() == 1 && IsFloat(t->dtype());
    const double value = number ? LoadF64(t->dtype(), t->raw()) : -1;
    depth = value >= 0 && value < 1e9 ? Dim(static_cast<int64_t>(value)) : ctx.Fresh("depth");
  }
  Shape out = ctx.ShapeOf(0);
  out.insert(out.begin() + axis, depth);
  ctx.Out(0, ctx.DtypeOf(2), std::move(out));
  return Ok{};
}

// The index an element names, truncated as a cast would; nothing for what no index can be.
std::optional<int64_t> IndexOf(const Tensor& t, int64_t i) {
  const std::byte* at = t.raw() + static_cast<size_t>(i) * ByteSize(t.dtype());
  if (IsFloat(t.dtype())) {
    const double v = std::trunc(LoadF64(t.dtype(), at));
    if (!(v > -9e18 && v < 9e18)) return std::nullopt;
    return static_cast<int64_t>(v);
  }
  if (IsSigned(t.dtype())) return LoadI64(t.dtype(), at);
  const uint64_t v = LoadU64(t.dtype(), at);
  return v > INT64_MAX ? std::nullopt : std::optional(static_cast<int64_t>(v));
}

Status EvalOneHot(EvalCtx& ctx) {
  const Tensor& indices = ctx.In(0);
  const Tensor& values = ctx.In(2);
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis", -1), indices.rank() + 1));
  const std::optional<int64_t> depth = ctx.In(1).size() == 1 ? IndexOf(ctx.In(1), 0) : std::nullopt;
  if (!depth || *depth < 0) return ctx.Fail("c2", fmt::format("depth {}", depth.value_or(-1)));
  if (values.size() != 2) return ctx.Fail("c3", fmt::format("{} values", values.size()));
  Dims dims = indices.dims();
  dims.insert(dims.begin() + axis, *depth);
  TRY(Tensor * out, ctx.Make(0, values.dtype(), dims));
  const size_t step = ByteSize(values.dtype());
  FillElements(out->mutable_raw(), out->size(), values.raw(), step);
  if (out->size() == 0) return Ok{};
  const int64_t inner = InnerCount(dims, axis);
  for (int64_t i = 0; i < indices.size(); ++i) {
    std::optional<int64_t> at = IndexOf(indices, i);
    if (!at || *at < -*depth || *at >= *depth) continue;
    if (*at < 0) *at += *depth;
    const int64_t dst = (i / inner * *depth + *at) * inner + i % inner;
    std::memcpy(out->mutable_raw() + static_cast<size_t>(dst) * step, values.raw() + step, step);
  }
  return Ok{};
}

constexpr OperandDef kTriluIn[] = {{"x"}, {"k", kIndex, OperandDef::kOptional}};
constexpr AttrDef kTriluAttrs[] = {{"upper", AttrKind::kInt, "1", "1: keeps the upper triangle; 0: the lower."}};
constexpr std::string_view kTriluRules[] = {"c1: rank is 2 at least", "c2: k is one element"};

Status InferTrilu(InferCtx& ctx) {
  if (ctx.Ranked(0) && ctx.Rank(0) < 2) return ctx.Fail("c1", fmt::format("rank {}", ctx.Rank(0)));
  ctx.Out(0, ctx.In(0));
  return Ok{};
}

Status EvalTrilu(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  if (in.rank() < 2) return ctx.Fail("c1", fmt::format("rank {}", in.rank()));
  const std::vector<int64_t> k = ctx.Ints(1);
  if (ctx.Has(1) && k.size() != 1) return ctx.Fail("c2", fmt::format("{} elements", k.size()));
  const bool upper = ctx.attrs.Flag("upper", true);
  const int64_t rows = in.dim(-2);
  const int64_t cols = in.dim(-1);
  // Far diagonals all mean the same, and near ones cannot overflow below.
  const int64_t diagonal = k.empty() ? 0 : std::clamp<int64_t>(k[0], -rows - 1, cols + 1);
  TRY(Tensor * out, ctx.Make(0, in.dtype(), in.dims()));
  if (in.size() == 0) return Ok{};
  const size_t step = ByteSize(in.dtype());
  std::vector<std::byte> zeros(static_cast<size_t>(cols) * step, std::byte{0});
  if (in.dtype() == DType::kString) {
    const StringRef empty = Intern("");
    FillElements(zeros.data(), cols, reinterpret_cast<const std::byte*>(&empty), step);
  }
  const int64_t planes = in.size() / (rows * cols);
  for (int64_t r = 0; r < planes * rows; ++r) {
    // Columns before `edge` are below the diagonal.
    const int64_t edge = std::clamp<int64_t>(r % rows + diagonal + (upper ? 0 : 1), 0, cols);
    const std::byte* src = in.raw() + static_cast<size_t>(r * cols) * step;
    std::byte* dst = out->mutable_raw() + static_cast<size_t>(r * cols) * step;
    const size_t left = static_cast<size_t>(edge) * step;
    const size_t right = static_cast<size_t>(cols - edge) * step;
    std::memcpy(dst, upper ? zeros.data() : src, left);
    std::memcpy(dst + left, upper ? src + left : zeros.data(), right);
  }
  return Ok{};
}

std::span<const Sample> OneHotSamples() {
  static const Sample samples[] = {{{"i64[3] = 0,2,-1", "i64[] = 4", "f32[2] = 0,1"}, {}},
                                   {{"f32[2,2] = 1,9,3,-5", "f32[1] = 4", "i32[2] = 5,2"}, {{"axis", int64_t{1}}}},
                                   {{"u8[2] = 0,1", "i32[] = 2", "bool[2] = 0,1"}, {{"axis", int64_t{0}}}}};
  return samples;
}
std::span<const Sample> TriluSamples() {
  static const Sample samples[] = {{{"f32[2,3,4,3]"}, {}},
                                   {{"f32[4,5]"}, {}},
                                   {{"i64[2,3,3]", "i64[] = -1"}, {{"upper", int64_t{0}}}},
                                   {{"f16[3,2]", "i64[] = 7"}, {}},
                                   {{"bool[4,0]", "i64[] = 1"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kOneHot{.name = "one_hot",
                           .doc = "A new axis that is `on` at each index and `off` elsewhere.",
                           .operands = kOneHotIn,
                           .results = kOut,
                           .attrs = kOneHotAttrs,
                           .constraints = kOneHotRules,
                           .infer = InferOneHot,
                           .eval = EvalOneHot,
                           .commute = CommuteOneHot,
                           .decompose = DecomposeOneHot,
                           .samples = OneHotSamples};
extern const OpDef kTrilu{.name = "trilu",
                          .doc = "The upper or lower triangle of each matrix, zero elsewhere.",
                          .operands = kTriluIn,
                          .results = kOut,
                          .attrs = kTriluAttrs,
                          .constraints = kTriluRules,
                          .infer = InferTrilu,
                          .eval = EvalTrilu,
                          .commute = CommuteStack,
                          .decompose = DecomposeTrilu,
                          .samples = TriluSamples};

}  // namespace godwit::ops
