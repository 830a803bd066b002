#include "passes/layout/layout.h"

#include <algorithm>

#include "base/text.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/layout/apply.h"
#include "passes/layout/compose_moves.h"
#include "passes/layout/explain.h"
#include "passes/layout/split_tokens.h"
#include "rewrite/editor.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

std::string Line(std::string_view what, const LayoutTotals& t) {
  return Concat(what, std::to_string(t.transposes), " transposes, ", std::to_string(t.elements), " elements, ",
                std::to_string(t.bytes), " bytes\n");
}

std::string PermText(const Perm& perm) {
  std::string out = "[";
  for (const int64_t k : perm) out += Concat(out.size() > 1 ? "," : "", std::to_string(k));
  return out + "]";
}

}  // namespace

LayoutTotals CountTransposes(const Graph& graph) {
  LayoutTotals out;
  for (const NodeId id : NodesWithin(graph)) {
    const Node& node = graph.node(id);
    if (node.op != &ops::kTranspose) continue;
    const Type& type = graph.value(node.in[0]).type;
    const auto perm = type.ranked() ? PermOf(node, type.rank()) : std::nullopt;
    if (perm && MovesNothing(*perm, type.shape())) continue;
    ++out.transposes;
    if (!type.ranked() || !type.tensor().is_static()) continue;
    out.elements += static_cast<int64_t>(layout::ElementsOf(type));
    out.bytes += static_cast<int64_t>(layout::BytesOf(type));
  }
  return out;
}

Status Relayout(Graph* graph, const LayoutTarget& target, const LayoutOptions& options, LayoutReport* report) {
  LayoutReport unread;
  if (report == nullptr) report = &unread;
  *report = {};
  {
    Editor editor(*graph);
    editor.RemoveDead();
    RETURN_IF_ERROR(editor.Commit());
    report->before = CountTransposes(*graph);
    RETURN_IF_ERROR(layout::SplitTokens(editor));
    RETURN_IF_ERROR(layout::ComposeMoves(editor));
    layout::Problem problem(*graph, editor.inference(), target, options);
    report->variables = static_cast<int64_t>(problem.pbqp().size());
    report->labels = static_cast<int64_t>(problem.label_count());
    problem.TakePlain();
    report->alone = layout::CountMoves(*graph, problem);
    problem.Solve(options.effort);
    const layout::Answer& answer = problem.answer();
    report->optimal = answer.optimal();
    if (!answer.optimal()) {
      report->gap = static_cast<double>(answer.cost - answer.bound) / static_cast<double>(answer.cost);
    }
    report->left = layout::ExplainMoves(*graph, problem);
    std::vector<layout::Inserted> inserted;
    RETURN_IF_ERROR(layout::Apply(graph, problem, &inserted, &report->layouts));
  }
  Editor editor(*graph);
  editor.RemoveDead();
  RETURN_IF_ERROR(editor.Commit());
  report->after = CountTransposes(*graph);
  return Ok{};
}

std::string ToText(const LayoutReport& report) {
  std::string out = Line("source: ", report.before);
  out += Line("each operator alone: ", report.alone);
  out += Line("layout: ", report.after);
  if (report.optimal) {
    out += "nothing less is possible\n";
  } else {
    const auto tenths = static_cast<int64_t>(report.gap * 1000 + 0.999);
    out += Concat("at most ", std::to_string(tenths / 10), ".", std::to_string(tenths % 10), " % less is possible\n");
  }
  for (const TransposeLeft& t : report.left) {
    out += Concat("  ", t.value, " ", t.type.ToString(), " ", PermText(t.perm), t.reshape ? " (reshape)" : "", ": ",
                  t.producer, " -> ", t.consumers, "\n    ", t.why, "\n");
  }
  return out;
}

}  // namespace godwit
