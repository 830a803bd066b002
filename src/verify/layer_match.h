// Which inner tensors of two models are the same one: by tensor name, by the source node, by their values.
#pragma once

#include <vector>

#include "verify/layers.h"
#include "verify/taps.h"

namespace godwit {

struct Twins {
  Tap reference;
  ValueId other;
  MatchedBy by = MatchedBy::kName;
};

/// In the reference's order. `unmatched` is how many of the reference's have no twin.
Result<std::vector<Twins>> FindTwins(const Graph& reference, const std::vector<RtValue>& inputs, const Graph& other,
                                     const std::vector<RtValue>& other_inputs, const SessionOptions& options,
                                     size_t* unmatched);

/// Bytes of inner tensors that are held at once; more are taken in several runs.
inline constexpr double kHeldBytes = 5e8;
double HeldBytesOf(const Type& type);

}  // namespace godwit
