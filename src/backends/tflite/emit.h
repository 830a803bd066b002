// What the rows of many operators share.
#pragma once

#include <optional>
#include <vector>

#include "backends/tflite/node_export.h"
#include "backends/tflite/row.h"

namespace godwit::to_tflite {

/// The row's builtin operator with all operands as they are and no options.
Status EmitSame(NodeExport& n);

/// Whether the node works on channels in the last axis, where TFLite has them; the misfit, which transpositions repair,
/// otherwise. Known ranks only.
Status ChannelsLast(NodeExport& n);

/// An axis from the front.
inline int64_t FromFront(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

/// A permutation that puts `axis` last, the others in their order.
std::vector<int64_t> AxisLast(int64_t axis, int64_t rank);
std::vector<int64_t> Inverse(const std::vector<int64_t>& perm);
/// Dims in another order.
Shape Permuted(const Shape& shape, const std::vector<int64_t>& perm);

/// PAD of `x` by `before` and `after` (one for each axis) with zeros, or with `value` by PADV2.
Ref Padded(NodeExport& n, Ref x, const std::vector<int64_t>& before, const std::vector<int64_t>& after,
           std::optional<double> value = std::nullopt);

/// `padding` of the options.
inline constexpr int kSame = 0;
inline constexpr int kValid = 1;

inline int Code(Activation activation) { return static_cast<int>(activation); }

}  // namespace godwit::to_tflite
