// The tables of lowering rules, one for each kind of work.
#pragma once

#include <span>

#include "exec/plan/lowering.h"

namespace godwit::plan {

/// Operators that only rename memory: reshape and its kin.
std::span<const LowerRule> ViewRules();
/// Elementwise functions of one and two operands.
std::span<const LowerRule> ElementwiseRules();
std::span<const LowerRule> ConvRules();
std::span<const LowerRule> MatMulRules();
std::span<const LowerRule> PoolRules();
/// Reductions, softmax, normalisation.
std::span<const LowerRule> ReduceRules();
/// Places of extremes.
std::span<const LowerRule> ArgReduceRules();
/// Transposes and concatenation.
std::span<const LowerRule> MoveRules();
std::span<const LowerRule> ResizeRules();
std::span<const LowerRule> RecurrentRules();
/// Quantize, dequantize, casts.
std::span<const LowerRule> QuantizeRules();
/// Products of real data by stored weights, in the arithmetic that the weights' dequantize states.
std::span<const LowerRule> HybridRules();
/// Products of 8-bit integers.
std::span<const LowerRule> IntegerRules();

}  // namespace godwit::plan
