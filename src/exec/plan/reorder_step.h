// Layouts of blocks of channels, and the steps that move a value between one and the plain layout.
#pragma once

#include <memory>

#include "exec/plan/step.h"

namespace godwit::plan {

/// A tensor as images of channels of places: a layout of blocks sees no more of it.
struct Image {
  int64_t batch = 1, channels = 1, spatial = 1;
};
Image ImageOf(const Dims& dims, Layout layout);
/// Elements of such a tensor in blocks, or as it is.
int64_t ElementsIn(const Dims& dims, Layout layout);
/// Blocks as the axes of a plain tensor: [image, block, place, 16].
Dims BlockDims(const Dims& dims, Layout layout);

/// Either slot is in the plain layout.
std::unique_ptr<Step> MakeReorder(const Slot& from_slot, SlotId from, SlotId to, Layout to_layout);
/// y's axis i is x's axis perm[i].
std::unique_ptr<Step> MakeTranspose(Dims dims, std::vector<int> perm, DType dtype);

}  // namespace godwit::plan
