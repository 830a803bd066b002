// size_of: the number of elements.
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"data"}};
constexpr OperandDef kOut[] = {{"count", TypeSet(DType::kI64)}};

Status Infer(InferCtx& ctx) {
  ctx.Out(0, DType::kI64, {});
  if (ctx.Ranked(0)) ctx.OutContents(0, {ElementCount(ctx.ShapeOf(0))});
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  ctx.Set(0, Tensor::ScalarI64(ctx.In(0).size()));
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3,4]"}, {}}, {{"u8[]"}, {}}, {{"string[0,3]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kSizeOf{.name = "size_of",
                           .doc = "The number of elements of its operand.",
                           .operands = kIn,
                           .results = kOut,
                           .infer = Infer,
                           .eval = Eval,
                           .samples = Samples};

}  // namespace godwit::ops
