// cast: conversion between element types.
#include "ops/ops.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x"}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr AttrDef kAttrs[] = {
    {"to", AttrKind::kDType, "", "Element type of the result."},
    {"saturate", AttrKind::kInt, "1",
     "For 8-bit floats: out-of-range values become the largest finite one, else NaN or infinity."},
    {"round_mode", AttrKind::kString, "up", "For f8e8m0: up, down or nearest."}};

Status Infer(InferCtx& ctx) {
  Type type = ctx.In(0);
  if (type.is_tensor()) type.tensor().dtype = ctx.attrs.Dtype("to");
  ctx.Out(0, std::move(type));
  const DType to = ctx.attrs.Dtype("to");
  if (to == DType::kI64 || to == DType::kI32) {
    if (auto contents = ctx.Contents(0)) ctx.OutContents(0, *std::move(contents));
  }
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  ConvertOptions options;
  options.saturate = ctx.attrs.Flag("saturate", true);
  const std::string_view mode = ctx.attrs.Str("round_mode", "up");
  options.e8m0 = mode == "down"      ? ConvertOptions::Round::kDown
                 : mode == "nearest" ? ConvertOptions::Round::kNearest
                                     : ConvertOptions::Round::kUp;
  TRY(Tensor out, ConvertTensor(ctx.In(0), ctx.attrs.Dtype("to"), options));
  ctx.Set(0, std::move(out));
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3]"}, {{"to", DType::kI32}}},
                                   {{"i32[4]"}, {{"to", DType::kF16}}},
                                   {{"f32[3]"}, {{"to", DType::kF8E4M3FN}}},
                                   {{"bool[2]"}, {{"to", DType::kF32}}}};
  return samples;
}

}  // namespace

extern const OpDef kCast{.name = "cast",
                         .doc = "Converts the elements to another type.",
                         .operands = kIn,
                         .results = kOut,
                         .attrs = kAttrs,
                         .infer = Infer,
                         .eval = Eval,
                         .samples = Samples};

}  // namespace godwit::ops
