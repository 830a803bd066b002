// What ONNX says about layout: channels are the second axis, weights oihw, and a product has no flags that swap axes.
#pragma once

#include "passes/layout/channel_order.h"

namespace godwit::to_onnx {

class OnnxLayout final : public ChannelOrder {
 public:
  OnnxLayout() : ChannelOrder(Place::kFirst) {}
  [[nodiscard]] std::optional<int64_t> Runs(const LayoutForm& form) const override;
  [[nodiscard]] std::vector<Perm> Wanted(const Graph& graph, NodeId node, size_t operand) const override;
  [[nodiscard]] std::string_view WeightLayout(const LayoutForm& form) const override;
};

/// Whether a graph is in another layout anywhere, so that laying it out is worth while.
bool NeedsOnnxLayout(const Graph& graph);

}  // namespace godwit::to_onnx
