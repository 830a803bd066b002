#include "passes/half.h"

#include <algorithm>

#include "ir/walk.h"
#include "passes/half_apply.h"
#include "passes/half_choice.h"
#include "passes/half_probe.h"
#include "passes/simplify.h"

namespace godwit {

namespace {

void Describe(const Graph& graph, const half::Choice& choice, HalfReport* report) {
  for (const auto& [index, reason] : choice.reasons) {
    const Node& node = graph.node(NodeId{index});
    const Origin& origin = graph.origin(node.origin);
    report->kept.push_back(
        {origin.node.empty() ? std::string(node.op->name) : origin.node, std::string(node.op->name), reason});
  }
  for (NodeId id : NodesWithin(graph)) ++(choice.Half(id) ? report->nodes_half : report->nodes_float);
}

// Casts that cancel, and those of one value that are the same.
Status CleanUp(Graph* graph) {
  SimplifyOptions options;
  options.rewrite.only = {"drop-cast", "merge-casts", "merge-nodes", "drop-identity"};
  return Simplify(*graph, options, nullptr);
}

}  // namespace

Status ToHalf(Graph* graph, const HalfOptions& options, HalfReport* report) {
  HalfReport unread;
  if (report == nullptr) report = &unread;
  if (options.kind == HalfKind::kNone) return Ok{};
  if (options.kind == HalfKind::kWeights) return half::StoreWeights(graph, options, report);
  TRY(half::Choice choice, half::Choose(*graph, options, report));
  if (!options.samples.empty()) {
    TRY(const std::vector<double> peaks, half::Peaks(*graph, options));
    half::KeepWide(*graph, options, peaks, &choice, report);
    half::Smooth(*graph, options.keep_io, &choice);
    TRY(report->error, half::KeepSensitive(*graph, options, peaks, &choice));
  }
  half::Smooth(*graph, options.keep_io, &choice);
  RETURN_IF_ERROR(half::Apply(graph, options, &choice, report));
  Describe(*graph, choice, report);
  return CleanUp(graph);
}

}  // namespace godwit
