// One view of the operators that multiply by a constant weight: conv, conv_transpose, gemm and matmul.
#pragma once

#include <optional>

#include "passes/channel_map.h"

namespace godwit {

struct LinearNode {
  NodeId id;
  const OpDef* op = nullptr;
  ValueId x, y, w, bias;
  size_t w_operand = 1;
  int w_out = 0;  ///< axis of w that holds the output channels, conv_transpose: those of one group
  int w_in = 1;   ///< axis of w that holds the input channels, conv: those of one group
  int64_t group = 1;
  int64_t inputs = 0, outputs = 0;  ///< channels
  int64_t x_axis = 1, y_axis = 1;
  bool padded = false;  ///< zeros beyond the edges of x take part
};

/// nullopt where the weight is not a floating-point constant, or the bias is there and not one.
std::optional<LinearNode> AsLinear(const RewriteCtx& ctx, const Node& node);

/// The node with its results scaled and shifted: another weight and bias. The channels lie along y_axis.
std::optional<ValueId> ScaleResult(RewriteCtx& ctx, const LinearNode& linear, const Channels& channels);
/// The node over `x` where x scaled and shifted was: the channels lie along x_axis.
std::optional<ValueId> ScaleOperand(RewriteCtx& ctx, const LinearNode& linear, const Channels& channels, ValueId x);

}  // namespace godwit
