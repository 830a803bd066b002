// if: one of two regions, chosen by a condition.
#include <fmt/format.h>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/region_types.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"condition", kBools}};
constexpr OperandDef kOut[] = {
    {"results", kAnyType, OperandDef::kVariadic | OperandDef::kOptional | OperandDef::kNotTensor}};
constexpr std::string_view kRules[] = {"c1: the condition is one element",
                                       "c2: both regions have as many results as the node"};

Status Infer(InferCtx& ctx) {
  TRY(std::vector<Type> then_types, ctx.InferRegion(0, {}));
  TRY(std::vector<Type> else_types, ctx.InferRegion(1, {}));
  if (then_types.size() < ctx.n_out() || else_types.size() < ctx.n_out()) {
    return ctx.Fail("c2", fmt::format("{} and {} for {}", then_types.size(), else_types.size(), ctx.n_out()));
  }
  for (size_t i = 0; i < ctx.n_out(); ++i) ctx.Out(i, JoinTypes(ctx, then_types[i], else_types[i], "if"));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  if (ctx.In(0).size() != 1) return ctx.Fail("c1", fmt::format("{} elements", ctx.In(0).size()));
  const bool chosen = ctx.In(0).data<uint8_t>()[0] != 0;
  TRY(std::vector<RtValue> results, ctx.RunRegion(chosen ? 0 : 1, {}));
  if (results.size() < ctx.n_out()) return ctx.Fail("c2", fmt::format("{} for {}", results.size(), ctx.n_out()));
  for (size_t i = 0; i < ctx.n_out(); ++i) ctx.Set(i, std::move(results[i]));
  return Ok{};
}

}  // namespace

extern const OpDef kIf{.name = "if",
                       .doc = "The results of the first region where the condition holds, else of the second.",
                       .operands = kIn,
                       .results = kOut,
                       .constraints = kRules,
                       .regions = 2,
                       .infer = Infer,
                       .eval = Eval};

}  // namespace godwit::ops
