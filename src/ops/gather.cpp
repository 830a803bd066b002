// gather: slices of a tensor along an axis, picked by index.
#include <fmt/format.h>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"data"}, {"indices", kIndex}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr AttrDef kAttrs[] = {
    {"axis", AttrKind::kInt, "0", "The axis that the indices pick from."},
    {"from_start", AttrKind::kInt, "0", "1: the source lets no index count from the end; negative ones are refused."}};
constexpr std::string_view kRules[] = {"c1: -rank <= axis < rank, rank > 0",
                                       "c2: -dim <= index < dim; from_start: 0 <= index"};

// Elements of shape contents that constant indices pick.
Status InferContents(InferCtx& ctx) {
  const auto contents = ctx.Contents(0);
  const auto picks = ctx.Ints(1);
  if (!contents || !picks || ctx.Rank(0) != 1 || !ctx.Ranked(1) || ctx.Rank(1) > 1) return Ok{};
  const int64_t n = static_cast<int64_t>(contents->size());
  std::vector<Dim> out;
  const int64_t lowest = ctx.attrs.Flag("from_start") ? 0 : -n;
  for (int64_t p : *picks) {
    if (p < lowest || p >= n) return ctx.Fail("c2", fmt::format("index {} of {}", p, n));
    out.push_back((*contents)[static_cast<size_t>(p < 0 ? p + n : p)]);
  }
  ctx.OutContents(0, std::move(out));
  return Ok{};
}

Status Infer(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), ctx.Rank(0)));
  if (!ctx.Ranked(1)) return Ok{};
  const Shape& data = ctx.ShapeOf(0);
  Shape out(data.begin(), data.begin() + axis);
  out.insert(out.end(), ctx.ShapeOf(1).begin(), ctx.ShapeOf(1).end());
  out.insert(out.end(), data.begin() + axis + 1, data.end());
  RETURN_IF_ERROR(InferContents(ctx));
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& data = ctx.In(0);
  const Tensor& indices = ctx.In(1);
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), data.rank()));
  const int64_t n = data.dim(axis);
  const int64_t lowest = ctx.attrs.Flag("from_start") ? 0 : -n;
  std::vector<int64_t> map = ctx.Ints(1);
  for (int64_t& i : map) {
    if (i < lowest || i >= n) return ctx.Fail("c2", fmt::format("index {} of {}", i, n));
    if (i < 0) i += n;
  }
  Dims dims(data.dims().begin(), data.dims().begin() + axis);
  dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
  dims.insert(dims.end(), data.dims().begin() + axis + 1, data.dims().end());
  TRY(Tensor * out, ctx.Make(0, data.dtype(), std::move(dims)));
  const size_t row = static_cast<size_t>(InnerCount(data.dims(), axis)) * ByteSize(data.dtype());
  TakeRows(data.raw(), out->mutable_raw(), OuterCount(data.dims(), axis), n, row, map);
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {
      {{"f32[5,3]", "i64[2,2] = 0,4,-1,2"}, {}},
      {{"f32[2,5,3]", "i32[3] = 1,2,4"}, {{"axis", int64_t{1}}, {"from_start", int64_t{1}}}},
      {{"f64[2,3]", "i64[] = -1"}, {{"axis", int64_t{-1}}}},
      {{"string[3]", "i64[0] = "}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kGather{.name = "gather",
                           .doc = "Slices along an axis picked by indices; negative ones count from the end.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kAttrs,
                           .constraints = kRules,
                           .infer = Infer,
                           .eval = Eval,
                           .commute = CommuteGather,
                           .samples = Samples};

}  // namespace godwit::ops
