// Which nodes can run in half precision, and which of them should not.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "passes/half.h"

namespace godwit::half {

enum class Place : uint8_t {
  kFloat,  ///< stays: no half kernel, no float operands
  kKept,   ///< could, but stays: the reason is in `reasons`
  kHalf,
};

struct Choice {
  std::vector<Place> places;                ///< by node
  std::map<uint32_t, std::string> reasons;  ///< by node, of those kept

  [[nodiscard]] bool Half(NodeId id) const { return id.index < places.size() && places[id.index] == Place::kHalf; }
  void Keep(NodeId id, std::string reason);
};

/// What a constant is after rounding.
struct Rounded {
  double peak = 0;    ///< of the finite elements
  double lowest = 0;  ///< the most negative finite element
  int64_t count = 0;
  int64_t overflow = 0;  ///< finite elements that become infinite
  int64_t subnormal = 0;
  int64_t lost = 0;
};
Rounded Round(const Tensor& f32, DType dtype);
double Largest(DType dtype);

/// By operators, the expressions to keep, and constants that the type cannot hold.
Result<Choice> Choose(const Graph& graph, const HalfOptions& options, HalfReport* report);

/// All but heavy operators give up half precision where that saves casts.
void Smooth(const Graph& graph, bool keep_io, Choice* choice);

/// Whether operand `i` takes part in what the operator computes with: sizes and scales do not.
bool Converts(const Graph& graph, const Node& node, size_t i);
bool IsF32(const Graph& graph, ValueId v);
/// Whether constants beyond the range may be cut to it there: bounds, and what is added to exclude.
bool MayCut(const Node& node, size_t operand, const Rounded& rounded, DType dtype);

}  // namespace godwit::half
