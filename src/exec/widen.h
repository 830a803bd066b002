// Running a graph in f64: every f32, f16 and bf16 tensor, constant and attribute becomes f64. The noise of a model's
// own arithmetic is the difference between its ordinary run and this one.
#pragma once

#include <unordered_map>

#include "ir/graph.h"

namespace godwit {

class Widening {
 public:
  Widening() = default;
  explicit Widening(bool enabled) : enabled_(enabled) {}

  [[nodiscard]] bool enabled() const { return enabled_; }
  [[nodiscard]] DType Map(DType dtype) const;
  [[nodiscard]] Type Map(Type type) const;
  /// The tensor itself where nothing changes.
  [[nodiscard]] Result<Tensor> Map(Tensor tensor) const;
  [[nodiscard]] Result<RtValue> Map(RtValue value) const;
  /// The node's attributes with element types widened; valid as long as the object.
  const Attrs& AttrsOf(const Graph& graph, NodeId id);

 private:
  bool enabled_ = false;
  std::unordered_map<uint32_t, Attrs> changed_;
};

}  // namespace godwit
