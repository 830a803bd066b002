#include "tools/target_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "backends/onnx/export.h"
#include "backends/tflite/export.h"
#include "backends/tflite/prepare.h"
#include "base/text.h"
#include "passes/fusion_policy.h"
#include "passes/simplify.h"
#include "tools/table.h"

namespace godwit::tools {

namespace {

Status CheckTflite(const Graph& source, const TargetCheck& check, DiagSink* sink, TargetVerdict* out) {
  Graph graph = source.Clone();
  SimplifyOptions rewriting;
  rewriting.rewrite.off = FusionsToLeave({.tflite = true});
  RETURN_IF_ERROR(Simplify(graph, rewriting, nullptr));
  to_tflite::PrepareOptions preparing;
  preparing.profile = check.profile;
  to_tflite::PrepareReport prepared;
  RETURN_IF_ERROR(to_tflite::Prepare(&graph, preparing, &prepared));
  out->layout = std::move(prepared.layout);
  TRY(const to_tflite::Exported exported, to_tflite::ExportModel(graph, {check.profile}, sink));
  out->operators = exported.operators;
  if (!sink->has_errors()) {
    using targets::TfliteDelegate;
    if (check.profile.xnnpack) {
      out->delegates.emplace_back("xnnpack", to_tflite::PartitionFor(exported.model, TfliteDelegate::kXnnpack));
    }
    if (check.profile.gpu) {
      out->delegates.emplace_back("gpu", to_tflite::PartitionFor(exported.model, TfliteDelegate::kGpu));
    }
    out->runs_in = fmt::format("TFLite {}.{} and later", exported.runtime / 100, exported.runtime % 100);
  }
  return Ok{};
}

Status CheckOnnx(const Graph& graph, const TargetCheck& check, DiagSink* sink, TargetVerdict* out) {
  to_onnx::ExportOptions options;
  options.opset = check.target.opset;
  options.domains = check.domains;
  TRY(const to_onnx::Exported exported, to_onnx::ExportModel(graph, options, sink));
  out->operators = exported.nodes;
  return Ok{};
}

// Nodes of the source by their operators.
std::map<std::string, size_t> SourceOperators(const Graph& graph) {
  std::map<std::string, size_t> out;
  for (uint32_t i = 0; i < graph.origin_count(); ++i) {
    const std::string& op = graph.origin(OriginId{i}).op_type;
    if (op != "Constant") ++out[op];
  }
  return out;
}

// How many nodes of each operator do not fit; "" for what speaks of the whole.
std::map<std::string, size_t> Misfits(const TargetVerdict& verdict) {
  std::map<std::string, std::set<std::string>> nodes;
  std::map<std::string, size_t> out;
  for (const Diag& d : verdict.problems) {
    if (d.severity != Severity::kError) continue;
    if (d.node.empty() || nodes[d.op_type].insert(d.node).second) ++out[d.op_type];
  }
  return out;
}

}  // namespace

namespace {

// What a delegate takes over, then what falls off, each operator with its reason once.
std::string DelegateText(const std::string& name, const to_tflite::Partition& partition) {
  std::string out = fmt::format("    {} takes {} of {} operators in {} {}", name, partition.delegated,
                                partition.operators, partition.parts, partition.parts == 1 ? "part" : "parts");
  out += partition.parts > 1 ? fmt::format(", {} in the largest\n", partition.largest) : "\n";
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> left;
  for (const to_tflite::LeftToKernels& l : partition.left) left[{l.op, l.why}].push_back(l.tensor);
  for (const auto& [what, tensors] : left) {
    out += fmt::format("      {} {} not ({}): '{}'{}\n", tensors.size(), what.first, what.second,
                       Printable(tensors.front(), 60), tensors.size() > 1 ? " and more" : "");
  }
  return out;
}

}  // namespace

bool TargetVerdict::runs() const {
  return std::none_of(problems.begin(), problems.end(), [](const Diag& d) { return d.severity == Severity::kError; });
}

Result<TargetCheck> ParseTargetCheck(const std::string& name, const TargetLimits& limits,
                                     const std::vector<std::string>& domains) {
  TargetCheck out;
  out.name = name;
  out.domains = domains;
  TRY(out.target, ParseTarget(name));
  if (out.target.format == Format::kNone) {
    return Diag(diag::kUsage, "--target names nothing").Hint("--target onnx@17,tflite@2.14");
  }
  if (out.target.format == Format::kTflite) {
    TRY(out.profile, ReadProfile(out.target.profile, limits));
  }
  return out;
}

Result<TargetVerdict> CheckTarget(const Graph& graph, const TargetCheck& check) {
  TargetVerdict out;
  out.name = check.name;
  DiagSink sink;
  const bool tflite = check.target.format == Format::kTflite;
  RETURN_IF_ERROR(tflite ? CheckTflite(graph, check, &sink, &out) : CheckOnnx(graph, check, &sink, &out));
  out.problems = sink.all();
  return out;
}

std::string TargetMatrix(const Graph& graph, const std::vector<TargetVerdict>& verdicts, bool all) {
  std::vector<std::string> head = {"operator", ">nodes"};
  std::vector<std::map<std::string, size_t>> misfits;
  for (const TargetVerdict& v : verdicts) {
    head.push_back(v.name);
    misfits.push_back(Misfits(v));
  }
  std::map<std::string, size_t> operators = SourceOperators(graph);
  for (const auto& column : misfits) {
    for (const auto& [op, count] : column) operators.try_emplace(op, count);
  }
  Table table(head);
  for (const auto& [op, count] : operators) {
    std::vector<std::string> row = {op.empty() ? "(the model)" : Printable(op, 60), std::to_string(count)};
    bool shown = all;
    for (const auto& column : misfits) {
      const auto at = column.find(op);
      row.push_back(at == column.end() ? "yes" : fmt::format("no: {}", at->second));
      shown = shown || at != column.end();
    }
    if (shown) table.Add(std::move(row));
  }
  std::string out = table.empty() ? "" : table.Text() + "\n";
  for (const TargetVerdict& v : verdicts) {
    out += fmt::format("  {}: {}", v.name, v.runs() ? fmt::format("yes, in {} operators", v.operators) : "no");
    if (!v.runs_in.empty()) out += fmt::format(", {}", v.runs_in);
    const LayoutTotals& moved = v.layout.after;
    if (v.runs() && moved.transposes > 0) {
      out += fmt::format("; {} transposes stay ({})", moved.transposes,
                         HumanBytes(static_cast<uint64_t>(std::max<int64_t>(moved.bytes, 0))));
    }
    out += "\n";
    for (const auto& [name, partition] : v.delegates) out += DelegateText(name, partition);
  }
  return out;
}

std::string TargetJson(const TargetVerdict& v) {
  std::string operators;
  for (const auto& [op, count] : Misfits(v)) {
    operators += fmt::format("{}{}:{}", operators.empty() ? "" : ",", JsonQuote(op), count);
  }
  std::string delegates;
  for (const auto& [name, partition] : v.delegates) {
    delegates += fmt::format("{}{}:{{\"operators\":{},\"parts\":{},\"largest\":{}}}", delegates.empty() ? "" : ",",
                             JsonQuote(name), partition.delegated, partition.parts, partition.largest);
  }
  return fmt::format(
      "{{\"target\":{},\"runs\":{},\"nodes\":{},\"problems\":{},\"misfits\":{{{}}},\"runs_in\":{},\"transposes\":{},"
      "\"delegates\":{{{}}}}}",
      JsonQuote(v.name), v.runs(), v.operators, v.problems.size(), operators, JsonQuote(v.runs_in),
      v.layout.after.transposes, delegates);
}

}  // namespace godwit::tools
