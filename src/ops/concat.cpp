// concat: joins tensors along an axis.
#include <fmt/format.h>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"parts", kAnyType, OperandDef::kVariadic, 'T'}};
constexpr OperandDef kOut[] = {{"y", kAnyType, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {{"axis", AttrKind::kInt, "", "The axis along which the parts follow one another."}};
constexpr std::string_view kRules[] = {"c1: -rank <= axis < rank", "c2: the parts have one rank",
                                       "c3: the parts agree in all dims but the axis"};

void InferContents(InferCtx& ctx) {
  std::vector<Dim> all;
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    auto part = ctx.Contents(i);
    if (!part) return;
    all.insert(all.end(), part->begin(), part->end());
  }
  ctx.OutContents(0, std::move(all));
}

Status Infer(InferCtx& ctx) {
  // A part of known rank gives the result's rank; parts of unknown rank leave the axis' extent open.
  size_t first = 0;
  while (first < ctx.n_in() && !ctx.Ranked(first)) ++first;
  if (first == ctx.n_in()) {
    ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
    return Ok{};
  }
  Shape out = ctx.ShapeOf(first);
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), static_cast<int>(out.size())));
  bool open = false;
  Dim total(0);
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    if (!ctx.Ranked(i)) {
      open = true;
      continue;
    }
    const Shape& part = ctx.ShapeOf(i);
    if (part.size() != out.size()) return ctx.Fail("c2", fmt::format("ranks {} and {}", out.size(), part.size()));
    for (size_t k = 0; k < out.size(); ++k) {
      if (static_cast<int>(k) == axis) {
        total = total + part[k];
      } else if (part[k].is_static() && out[k].is_static()) {
        if (!(part[k] == out[k])) {
          return ctx.Fail("c3", fmt::format("{} against {}", ToString(part), ToString(out)));
        }
      } else if (part[k].is_static()) {
        out[k] = part[k];
      }
    }
  }
  out[static_cast<size_t>(axis)] = open ? ctx.Fresh("concat") : total;
  if (out.size() == 1) InferContents(ctx);
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  Dims dims = ctx.In(0).dims();
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), ctx.In(0).rank()));
  const size_t at = static_cast<size_t>(axis);
  for (size_t i = 1; i < ctx.n_in(); ++i) {
    const Dims& part = ctx.In(i).dims();
    if (part.size() != dims.size()) return ctx.Fail("c2", fmt::format("ranks {} and {}", dims.size(), part.size()));
    for (size_t k = 0; k < dims.size(); ++k) {
      if (k != at && part[k] != dims[k]) {
        return ctx.Fail("c3", fmt::format("{} against {}", ToString(part), ToString(dims)));
      }
    }
    dims[at] += part[at];
  }
  const DType dtype = ctx.In(0).dtype();
  TRY(Tensor * out, ctx.Make(0, dtype, dims));
  const int64_t outer = OuterCount(dims, axis);
  const int64_t inner = InnerCount(dims, axis);
  const int64_t row = dims[at] * inner;
  std::byte* dst = out->mutable_raw();
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    const Tensor& part = ctx.In(i);
    const int64_t run = part.dims()[at] * inner;
    StridedCopy({{outer, run}, {run, 1}, {row, 1}}, ByteSize(dtype), part.raw(), dst);
    dst += static_cast<size_t>(run) * ByteSize(dtype);
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3]", "f32[2,4]"}, {{"axis", int64_t{1}}}},
                                   {{"f32[2,3]", "f32[1,3]", "f32[3,3]"}, {{"axis", int64_t{0}}}},
                                   {{"i64[2,3,4]", "i64[2,0,4]"}, {{"axis", int64_t{-2}}}},
                                   {{"bool[3]"}, {{"axis", int64_t{0}}}},
                                   {{"f32[2,1,2,2,1,2,2]", "f32[2,1,3,2,1,2,2]"}, {{"axis", int64_t{2}}}}};
  return samples;
}

}  // namespace

extern const OpDef kConcat{.name = "concat",
                           .doc = "Joins tensors along an axis.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kAttrs,
                           .constraints = kRules,
                           .infer = Infer,
                           .eval = Eval,
                           .commute = CommuteConcat,
                           .samples = Samples};

}  // namespace godwit::ops
