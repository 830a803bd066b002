// Running a graph in a wider arithmetic than it is stored in: tensors, constants and attributes of the narrower
// floating types become the wider one. Two uses. Half types run in f32, on the kernels that are there for f32, and are
// rounded where results leave the graph. And a run in f64 measures the noise of a model's own arithmetic.
#pragma once

#include <unordered_map>

#include "ir/graph.h"

namespace godwit {

enum class Precision : uint8_t {
  kSingle,  ///< f16 and bf16 compute in f32; the others in their own type
  kStored,  ///< every operator rounds to the type that the model states
  kDouble,  ///< f32, f16 and bf16 compute in f64, and results stay f64
};

class Widening {
 public:
  Widening() = default;
  explicit Widening(Precision precision) : precision_(precision) {}

  [[nodiscard]] bool enabled() const { return precision_ != Precision::kStored; }
  [[nodiscard]] DType Map(DType dtype) const;
  [[nodiscard]] Type Map(Type type) const;
  /// The tensor itself where nothing changes.
  [[nodiscard]] Result<Tensor> Map(Tensor tensor) const;
  [[nodiscard]] Result<RtValue> Map(RtValue value) const;
  /// The node's attributes with element types widened; valid as long as the object.
  const Attrs& AttrsOf(const Graph& graph, NodeId id);

  /// A result of the graph as the model states its type. In f64 it stays as it is: the digits are what was asked for.
  [[nodiscard]] Result<RtValue> Leave(RtValue value, const Type& stated) const;
  /// Operators whose meaning lies in the stored bits get their operands in the stated types and their own attributes;
  /// the results are widened again.
  [[nodiscard]] bool NeedsStoredBits(const OpDef& op) const;
  [[nodiscard]] Result<std::vector<RtValue>> Stored(const Graph& graph, NodeId id, std::vector<RtValue> operands) const;

 private:
  Precision precision_ = Precision::kStored;
  std::unordered_map<uint32_t, Attrs> changed_;
};

/// What of `wanted` makes a difference to the graph. kSingle needs half types in the graph, and results whose types
/// are known, since they are rounded to them.
Precision EffectivePrecision(const Graph& graph, Precision wanted);

}  // namespace godwit
