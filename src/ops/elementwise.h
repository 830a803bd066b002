// What elementwise operators beyond the plain ones share: arithmetic with parameters, comparisons that give bools, and
// integer contents carried through operators of two operands.
#pragma once

#include <functional>
#include <optional>

#include "ir/op_def.h"
#include "ops/wide.h"

namespace godwit::ops {

/// y = fn(x) for a float operand 0, computed in f64 and rounded once.
Status EvalFloat(EvalCtx& ctx, const std::function<double(double)>& fn);
/// y = fn(x) as a bool tensor, for a float operand 0.
Status EvalFloatTest(EvalCtx& ctx, const std::function<bool(double)>& fn);
/// Elements stay apart from each other: a transposition of operand 0 is one of the result.
bool CommuteElementwise(CommuteCtx& ctx);
/// Result 0 is a bool tensor of operand 0's shape.
Status InferTest(InferCtx& ctx);

/// What an operator does to one pair of elements of its operands' integer contents; nullopt where it cannot be said.
using DimFn = std::optional<Dim> (*)(const Dim&, const Dim&);
/// Result 0 is the broadcast of operands 0 and 1 with element type `dtype`; integer contents go through `fn`.
Status InferBinaryContents(InferCtx& ctx, DType dtype, DimFn fn);

/// Whether two dims are equal, where that can be said whatever their symbols are.
std::optional<bool> DimsEqual(const Dim& a, const Dim& b);
/// Whether a < b, where that can be said.
std::optional<bool> DimLess(const Dim& a, const Dim& b);

struct CompareKernels {
  bool (*f64)(double, double);
  bool (*i64)(int64_t, int64_t);
  bool (*u64)(uint64_t, uint64_t);
};
/// The bool tensor of comparing operands 0 and 1, which have one dtype ("c1" fails where shapes do not broadcast).
Status EvalCompare(EvalCtx& ctx, const CompareKernels& kernels);

/// Operand tables that many elementwise operators have in common.
inline constexpr OperandDef kFloatOperand[] = {{"x", kFloats, OperandDef::kPlain, 'T'}};
inline constexpr OperandDef kFloatResult[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
inline constexpr OperandDef kNumberOperand[] = {{"x", kNumbers, OperandDef::kPlain, 'T'}};
inline constexpr OperandDef kNumberResult[] = {{"y", kNumbers, OperandDef::kPlain, 'T'}};
inline constexpr OperandDef kBoolResult[] = {{"y", kBools}};
inline constexpr std::string_view kBroadcastConstraint[] = {"c1: the operands' shapes broadcast"};

/// Shapes and types that suit any operator of one float operand.
std::span<const Sample> FloatUnarySamples();

/// An operator of one float operand and no attributes.
constexpr OpDef FloatUnary(std::string_view name, std::string_view doc, Status (*eval)(EvalCtx&),
                           Status (*decompose)(DecomposeCtx&) = nullptr) {
  return {.name = name,
          .doc = doc,
          .operands = kFloatOperand,
          .results = kFloatResult,
          .infer = InferSame,
          .eval = eval,
          .commute = CommuteElementwise,
          .decompose = decompose,
          .samples = FloatUnarySamples};
}

}  // namespace godwit::ops
