// Indices that may count from the end, as those that count from the start.
#pragma once

#include "backends/tflite/node_export.h"

namespace godwit::to_tflite {

/// Operand `i` as indices into axis `axis` of operand 0.
Result<Ref> FromStart(NodeExport& n, size_t i, int64_t axis);
/// The same where there are `length` elements; `known` is that number, or -1.
Result<Ref> FromStartOf(NodeExport& n, size_t i, Ref length, int64_t known);
/// Operand `i` as index tuples, last axis, into the first axes of operand 0.
Result<Ref> TuplesFromStart(NodeExport& n, size_t i);

/// CAST in between.
Ref CastTo(NodeExport& n, Ref x, DType to);

}  // namespace godwit::to_tflite
