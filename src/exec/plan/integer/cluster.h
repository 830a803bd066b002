// Operators that the source computes on stored integers stand in the graph as dequantize -> operator -> quantize (see
// ops/arithmetic.h). A cluster is such a group, to be done by one integer kernel of the stated arithmetic.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"

namespace godwit::plan {

class Lowering;

/// A stored operand or result, and what it stands for.
struct Stored {
  ValueId value;
  DType dtype = DType::kNone;
  std::vector<float> scales;
  std::vector<int32_t> zeros;  ///< as many
  int axis = 0;                ///< of several scales

  [[nodiscard]] bool single() const { return scales.size() == 1; }
  [[nodiscard]] float scale() const { return scales[0]; }
  [[nodiscard]] int32_t zero() const { return zeros[0]; }
  [[nodiscard]] bool symmetric() const;
};

/// What the source fuses into the operator before it is stored: a range of real numbers.
struct RealRange {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};
/// The range in stored integers, within what the type holds.
struct StoredRange {
  int32_t low = 0, high = 0;
};
StoredRange RangeOf(const Stored& y, const RealRange& range = {});
StoredRange RangeOf(DType dtype);

struct Cluster {
  enum class Kind : uint8_t { kOperator, kLstm, kSvdf };
  Kind kind = Kind::kOperator;
  NodeId last;  ///< the quantize
  Stored y;
  std::vector<NodeId> body;    ///< the operators on reals between, in order, without a fused activation
  NodeId activation;           ///< of the source's operator, if any
  RealRange range;             ///< that the activation leaves
  std::vector<NodeId> others;  ///< further quantize nodes, of other results
  std::vector<NodeId> roots;   ///< where matching began, if not at `last`
  std::vector<ValueId> reals;  ///< what dequantize nodes give to the body, once for each use
  [[nodiscard]] NodeId core() const { return body.empty() ? NodeId() : body.back(); }
};

/// Clusters by their last node.
using Clusters = std::unordered_map<uint32_t, Cluster>;

/// The stored operand behind a dequantize that states the arithmetic; nothing for any other value.
std::optional<Stored> StoredOf(Lowering& l, ValueId real, std::string_view arithmetic);
/// The same for the usual arithmetic.
std::optional<Stored> StoredOf(Lowering& l, ValueId real);
/// What a quantize that states the usual arithmetic stores.
std::optional<Stored> StoredBy(Lowering& l, NodeId quantize);
/// The one element of an f32 that is known before the run.
std::optional<float> RealScalar(Lowering& l, ValueId v);

Clusters FindClusters(Lowering& l, const std::vector<NodeId>& order);
/// Emits the integer kernel; false, having changed nothing, where there is none.
Result<bool> LowerCluster(Lowering& l, const Cluster& cluster);

}  // namespace godwit::plan
