// A target that has one place for channels: what most runtimes are, as far as layout goes. Operators with a
// `channel_axis` run with it there alone; all others run in any order unless a subclass says no.
#pragma once

#include "passes/layout/layout.h"

namespace godwit {

class ChannelOrder : public LayoutTarget {
 public:
  enum class Place : uint8_t { kFirst, kLast };  ///< right after the batch, or the last axis
  explicit ChannelOrder(Place place) : place_(place) {}

  [[nodiscard]] std::optional<int64_t> Runs(const LayoutForm& form) const override;
  [[nodiscard]] std::vector<Perm> Wanted(const Graph& graph, NodeId node, size_t operand) const override;
  [[nodiscard]] Perm ImageOrder(int rank) const override;

  /// The order of an image of that rank with channels at `channel` that has them in the target's place.
  [[nodiscard]] Perm Moved(int rank, int64_t channel) const;
  [[nodiscard]] int64_t PlaceOf(int rank) const { return place_ == Place::kFirst ? 1 : rank - 1; }

 private:
  Place place_;
};

/// Whether the operator has channels at a place of their own: conv, pools, norms of images.
bool HasChannelAxis(const OpDef& op);

}  // namespace godwit
