// Layouts under test: targets, random graphs, and a check that a graph computes afterwards what it did before.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "ir/graph.h"
#include "passes/layout/channel_order.h"

namespace godwit::test {

/// Channels in one place; softmax over the last axis alone where that is the last place.
class StrictTarget final : public ChannelOrder {
 public:
  explicit StrictTarget(Place place) : ChannelOrder(place), last_(place == Place::kLast) {}
  [[nodiscard]] std::optional<int64_t> Runs(const LayoutForm& form) const override;
  [[nodiscard]] std::vector<Perm> Wanted(const Graph& graph, NodeId node, size_t operand) const override;
  [[nodiscard]] std::string_view WeightLayout(const LayoutForm& form) const override;

 private:
  bool last_;
};

/// Runs everything in any order.
class FreeTarget final : public ChannelOrder {
 public:
  FreeTarget() : ChannelOrder(Place::kLast) {}
  [[nodiscard]] std::optional<int64_t> Runs(const LayoutForm&) const override { return 0; }
};

#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kSlowBuild = true;
#else
inline constexpr bool kSlowBuild = false;
#endif

/// A valid graph of about `nodes` nodes around images: convolutions, elementwise operators, transposes, reshapes,
/// concatenations, reductions and more, of static shapes.
Graph RandomGraph(std::mt19937_64& random, int nodes);

/// Lays out a copy, verifies it, and runs both on the same values (inputs and outputs turned where the report says so).
struct LaidOut {
  Graph graph;
  LayoutReport report;
};
LaidOut CheckLayout(const Graph& source, const LayoutTarget& target, const LayoutOptions& options,
                    const std::string& where);

}  // namespace godwit::test
