// What is written, in the forms that CPU runtimes run fastest: the same sums of the same numbers, in another order.
// Most of them run XNNPACK, and where its kernels end is where these begin.
#pragma once

#include <vector>

#include "backends/tflite/written.h"
#include "base/result.h"
#include "targets/tflite.h"

namespace godwit::to_tflite {

Status Tune(const targets::TfliteProfile& profile, WrittenGraph* graph);

/// Depthwise windows of more places than kernels have are sums of smaller ones.
Status SplitWindows(const targets::TfliteProfile& profile, WrittenGraph* graph);
/// A factor and then a term for each channel of an image are one depthwise convolution of a single place.
Status ScaleAndShift(const targets::TfliteProfile& profile, WrittenGraph* graph);

/// Small operands of a concatenation of many are put together first.
void NarrowConcats(const targets::TfliteProfile& profile, WrittenGraph* graph);

/// How many operands and outputs of the subgraph each tensor is.
std::vector<int> CountReaders(const WrittenGraph& graph);
/// Gives the operator the version that the target's table has for it. False where it has none.
bool SettleVersion(const targets::TfliteProfile& profile, const WrittenGraph& graph, WrittenOperator* op);

}  // namespace godwit::to_tflite
