// Runs a model for a proof. One whose weights are small is planned whole; one whose weights are large runs in segments,
// each planned, run and forgotten, so that packed weights never take more memory than one segment's.
#pragma once

#include <memory>
#include <vector>

#include "exec/session.h"
#include "ir/graph.h"

namespace godwit {

class ModelRunner {
 public:
  /// Bytes of weights from which on a model runs in segments, and of those that one segment takes; a node whose own
  /// weights are larger is a segment of its own.
  struct Sizes {
    uint64_t whole = uint64_t{1} << 30;
    uint64_t segment = uint64_t{48} << 20;
  };

  /// The graph must outlive the runner.
  ModelRunner(const Graph& graph, const SessionOptions& options) : ModelRunner(graph, options, Sizes()) {}
  ModelRunner(const Graph& graph, const SessionOptions& options, const Sizes& sizes);

  /// As Session::Run.
  Result<std::vector<RtValue>> Run(std::vector<RtValue> inputs);
  [[nodiscard]] bool segmented() const { return session_ == nullptr; }

 private:
  Result<std::vector<RtValue>> RunSegments(std::vector<RtValue> inputs);

  const Graph& graph_;
  SessionOptions options_;
  Sizes sizes_;
  std::unique_ptr<Session> session_;
};

/// Bytes of the constants that the graph's nodes use.
uint64_t WeightBytes(const Graph& graph);

}  // namespace godwit
