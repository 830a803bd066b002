// A resize of two neighbouring axes by nearest or linear interpolation, worked out for kernels that do nothing else.
#pragma once

#include <optional>

#include "ir/eval.h"
#include "ops/resize_axis.h"

namespace godwit::ops {

struct PlaneResize {
  bool linear = false;
  int64_t out_height = 0, out_width = 0;
  ResizeTaps rows, columns;  ///< one tap for each element (nearest) or two (linear)
};

/// nullopt for any other resize. The context needs operand 0's dims only, and the others' contents.
Result<std::optional<PlaneResize>> AsPlaneResize(const EvalCtx& ctx, int height_axis);

/// What a resize asks for, in numbers. The context needs operand 0's dims only, and the others' contents.
struct ResizePlan {
  std::vector<int> axes;
  std::vector<ResizeAxis> sizes;  ///< of `axes`
  Interpolation mode = Interpolation::kNearest;
  Nearest nearest = Nearest::kHalfDown;
  bool antialias = false;
  /// Whether axis `axes[i]` stays as it is.
  [[nodiscard]] bool Keeps(size_t i) const;
};
Result<ResizePlan> PlanResize(const EvalCtx& ctx);

}  // namespace godwit::ops
