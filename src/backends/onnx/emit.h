// What the rows of many operators share.
#pragma once

#include "backends/onnx/node_export.h"
#include "backends/onnx/row.h"

namespace godwit::to_onnx {

/// The row's operator with all operands as they are and no attributes.
Status EmitSame(NodeExport& n);

/// An axis as an attribute of operand `i`: before version 11 of ai.onnx it may not be negative.
Result<int64_t> Axis(NodeExport& n, size_t i, int64_t axis);
/// The same for a list.
Result<std::vector<int64_t>> Axes(NodeExport& n, size_t i, std::vector<int64_t> axes);

/// Operand `i` as i64, which it may be already.
Name InI64(NodeExport& n, size_t i);
/// The same with rank 1, for what has to be a list of one.
Name InI64List(NodeExport& n, size_t i);

/// Whether the node works on channels in the second axis, where ONNX has them; the misfit otherwise.
Status ChannelsSecond(NodeExport& n, size_t operand = 0);

/// Attributes of a Conv, or of what takes a convolution in.
OnnxAttrs ConvAttrs(const NodeExport& n, const Node& conv);
/// A zero point: one number where all of them are the same, since kernels have little for more.
Name OneZero(NodeExport& n, ValueId zero);
/// Those of a Gemm.
OnnxAttrs GemmAttrs(const Node& gemm);

/// All operands of a chain of nodes of one operator that the source had as one node: Sum, Max.
Names Chain(NodeExport& n);

}  // namespace godwit::to_onnx
