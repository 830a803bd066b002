// dynamic_quantize: 8-bit numbers with a scale and a zero point chosen from the range of the operand itself.
#include <algorithm>
#include <cmath>

#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", DType::kF32}};
constexpr OperandDef kOut[] = {{"y", DType::kU8}, {"scale", DType::kF32}, {"zero_point", DType::kU8}};

Status Infer(InferCtx& ctx) {
  Type type = ctx.In(0);
  if (type.is_tensor()) type.tensor().dtype = DType::kU8;
  ctx.Out(0, std::move(type));
  ctx.Out(1, DType::kF32, {});
  ctx.Out(2, DType::kU8, {});
  return Ok{};
}

// In f32 step by step, as the operator's definition has it: the scale and ties depend on it.
Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  float low = 0;
  float high = 0;
  for (const float v : x.span<float>()) {
    low = v < low ? v : low;
    high = v > high ? v : high;
  }
  const float scale = (high == low ? 1.0F : high - low) / 255.0F;
  const float zero = std::rint(std::clamp(0.0F - low / scale, 0.0F, 255.0F));
  TRY(Tensor * y, ctx.Make(0, DType::kU8, x.dims()));
  for (int64_t i = 0; i < x.size(); ++i) {
    const float q = std::rint(x.data<float>()[i] / scale) + zero;
    y->mutable_data<uint8_t>()[i] = q >= 0 ? static_cast<uint8_t>(std::min(q, 255.0F)) : uint8_t{0};
  }
  Tensor zero_point(DType::kU8, {});
  zero_point.mutable_data<uint8_t>()[0] = zero >= 0 ? static_cast<uint8_t>(zero) : uint8_t{0};
  ctx.Set(1, Tensor::F32({}, {scale}));
  ctx.Set(2, std::move(zero_point));
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3]"}, {}, 3}, {{"f32[3] = 0,0,0"}, {}, 3}, {{"f32[0]"}, {}, 3}};
  return samples;
}

}  // namespace

extern const OpDef kDynamicQuantize{.name = "dynamic_quantize",
                                    .doc = "x as u8 with the scale and zero point that its own range asks for.",
                                    .operands = kIn,
                                    .results = kOut,
                                    .infer = Infer,
                                    .eval = Eval,
                                    .decompose = DecomposeDynamicQuantize,
                                    .samples = Samples};

}  // namespace godwit::ops
