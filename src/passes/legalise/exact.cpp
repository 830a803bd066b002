#include "passes/legalise/exact.h"

#include <algorithm>
#include <iterator>

#include "ops/ops.h"

namespace godwit {

bool ExactInFloat(const OpDef& op) {
  static constexpr const OpDef* kInexact[] = {
      &ops::kDiv,        &ops::kMod,      &ops::kPow,        &ops::kMatMul,    &ops::kGemm,
      &ops::kCum,        &ops::kReduce,   &ops::kMul,        &ops::kAdd,       &ops::kSub,
      &ops::kEinsum,     &ops::kBitShift, &ops::kBitwiseAnd, &ops::kBitwiseOr, &ops::kBitwiseXor,
      &ops::kBitwiseNot, &ops::kBitCast,  &ops::kRange,      &ops::kQuantize,  &ops::kDequantize};
  return std::find(std::begin(kInexact), std::end(kInexact), &op) == std::end(kInexact);
}

}  // namespace godwit
