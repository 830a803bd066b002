#include "passes/half.h"

#include <set>

#include "ir/inference.h"
#include "ir/walk.h"
#include "ops/ops.h"
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

bool IsHalf(DType dtype) { return dtype == DType::kF16 || dtype == DType::kBF16; }

// What uses the input is given its cast.
Status WidenInput(Graph* graph, ValueId input, Inference* inference) {
  const DType dtype = graph->value(input).type.dtype();
  std::vector<Use> uses;
  ForEachUse(*graph, [&](const Use& use) {
    if (use.value == input) uses.push_back(use);
  });
  graph->value(input).type.tensor().dtype = DType::kF32;
  const NodeId cast = graph->AddNode(Graph::main(), ops::kCast, {input}, 1, {{"to", dtype}});
  RETURN_IF_ERROR(inference->InferNode(cast));
  for (const Use& use : uses) {
    (use.node ? graph->node(use.node).in : graph->region(use.region).results)[use.index] = graph->node(cast).out[0];
  }
  return Ok{};
}

}  // namespace

Status WidenEdges(Graph* graph, const Graph& like) {
  std::set<std::string> wide_inputs, wide_outputs;
  for (ValueId v : like.region(Graph::main()).params) {
    if (half::IsF32(like, v)) wide_inputs.insert(like.value(v).name);
  }
  const std::vector<ValueId>& stated = like.region(Graph::main()).results;
  for (size_t i = 0; i < stated.size() && i < like.output_names.size(); ++i) {
    if (half::IsF32(like, stated[i])) wide_outputs.insert(like.output_names[i]);
  }
  Inference inference(*graph);
  const std::vector<ValueId> inputs = graph->region(Graph::main()).params;
  for (ValueId v : inputs) {
    if (!IsHalf(graph->value(v).type.dtype()) || !wide_inputs.contains(graph->value(v).name)) continue;
    RETURN_IF_ERROR(WidenInput(graph, v, &inference));
  }
  const size_t n_results = graph->region(Graph::main()).results.size();
  for (size_t i = 0; i < n_results && i < graph->output_names.size(); ++i) {
    const ValueId v = graph->region(Graph::main()).results[i];
    if (!IsHalf(graph->value(v).type.dtype()) || !wide_outputs.contains(graph->output_names[i])) continue;
    const NodeId cast = graph->AddNode(Graph::main(), ops::kCast, {v}, 1, {{"to", DType::kF32}});
    RETURN_IF_ERROR(inference.InferNode(cast));
    graph->region(Graph::main()).results[i] = graph->node(cast).out[0];
  }
  return TopologicalSort(graph, Graph::main());
}

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
