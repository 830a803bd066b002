// Adds nodes to a graph with their types inferred at once.
#pragma once

#include <vector>

#include "ir/graph.h"
#include "ir/inference.h"

namespace godwit {

class Builder {
 public:
  Builder(Graph& graph, Inference& inference, RegionId region = Graph::main())
      : graph_(graph), inference_(inference), region_(region) {}

  /// A node with one result.
  Result<ValueId> Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs = {});
  Result<std::vector<ValueId>> EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs = {});

  ValueId Constant(Tensor tensor) { return graph_.AddConstant(std::move(tensor)); }
  ValueId I64s(const std::vector<int64_t>& values);
  ValueId ScalarI64(int64_t value) { return Constant(Tensor::ScalarI64(value)); }
  /// A rank-0 constant of any numeric type, correctly rounded.
  ValueId Scalar(DType dtype, double value);

  [[nodiscard]] const Type& TypeOf(ValueId id) const { return graph_.value(id).type; }
  Graph& graph() { return graph_; }
  Inference& inference() { return inference_; }
  [[nodiscard]] RegionId region() const { return region_; }
  void set_region(RegionId region) { region_ = region; }
  [[nodiscard]] OriginId origin() const { return origin_; }
  void set_origin(OriginId origin) { origin_ = origin; }

 private:
  Graph& graph_;
  Inference& inference_;
  RegionId region_;
  OriginId origin_;
};

}  // namespace godwit
