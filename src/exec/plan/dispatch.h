// Steps are templates over the element type; plans are made for f32 and f64.
#pragma once

#include <memory>
#include <utility>

#include "exec/plan/step.h"

namespace godwit::plan {

inline bool IsPlanFloat(DType dtype) { return dtype == DType::kF32 || dtype == DType::kF64; }

/// StepOf<float> or StepOf<double>, constructed with the arguments.
template <template <class> class StepOf, class... Args>
std::unique_ptr<Step> MakeStep(DType dtype, Args&&... args) {
  if (dtype == DType::kF64) return std::make_unique<StepOf<double>>(std::forward<Args>(args)...);
  return std::make_unique<StepOf<float>>(std::forward<Args>(args)...);
}

}  // namespace godwit::plan
