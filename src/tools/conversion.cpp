#include "tools/conversion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "api/precision.h"
#include "api/tolerance.h"
#include "base/text.h"
#include "ir/text.h"
#include "tools/model_run.h"
#include "tools/table.h"

namespace godwit::tools {

namespace {

std::vector<std::string> Names(const std::vector<std::string>& lists) {
  std::vector<std::string> out;
  for (const std::string& list : lists) {
    for (const std::string_view name : Split(list, ',')) out.emplace_back(Trim(name));
  }
  return out;
}

Status ReadRenames(const Args& args, Edges* edges) {
  for (const std::string& text : args.All("--rename")) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return Diag(diag::kUsage, Concat("--rename: '", Printable(text, 200), "' is not OLD=NEW"));
    }
    edges->renamed.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return Ok{};
}

Status ReadRules(const Args& args, RewriteOptions* rewrite) {
  for (const std::string& text : args.All("--rule")) {
    const size_t equals = text.rfind('=');
    const std::string_view word = equals == std::string::npos ? "" : std::string_view(text).substr(equals + 1);
    if (word == "off") {
      rewrite->off.insert(text.substr(0, equals));
    } else if (word == "on") {
      rewrite->only.insert(text.substr(0, equals));
    } else {
      return Diag(diag::kUsage, Concat("--rule: '", Printable(text, 200), "' is not NAME=on or NAME=off"))
          .Hint("`godwit list rules` shows them");
    }
  }
  return Ok{};
}

std::string HalfText(const HalfReport& report) {
  std::string out =
      fmt::format("half precision: {} nodes, {} stay, {} casts", report.nodes_half, report.nodes_float, report.casts);
  if (report.error >= 0) out += fmt::format("; error {:.1e} of the peak on samples", report.error);
  if (report.weights > 0 && report.subnormal + report.lost > 0) {
    out +=
        fmt::format("; of {} weights {} have few digits, {} became 0", report.weights, report.subnormal, report.lost);
  }
  out += "\n";
  for (const HalfReport::Overflow& o : report.overflows) {
    out += fmt::format("  {} '{}' reaches {:.3g}\n", o.weight ? "weight" : "tensor", Printable(o.name, 80), o.peak);
  }
  for (const HalfReport::Kept& kept : report.kept) {
    out += fmt::format("  {} '{}' stays in f32: {}\n", kept.op, Printable(kept.node, 80), kept.reason);
  }
  return out;
}

std::string HalfJson(const HalfReport& report) {
  std::string out = fmt::format(
      "{{\"nodes_half\":{},\"nodes_float\":{},\"casts\":{},\"weights\":{},\"subnormal\":{},\"lost\":{},\"error\":{}",
      report.nodes_half, report.nodes_float, report.casts, report.weights, report.subnormal, report.lost,
      JsonNumber(report.error));
  const char* comma = "";
  out += ",\"overflows\":[";
  for (const HalfReport::Overflow& o : report.overflows) {
    out += fmt::format("{}{{\"name\":{},\"peak\":{},\"weight\":{}}}", comma, JsonQuote(o.name), JsonNumber(o.peak),
                       o.weight);
    comma = ",";
  }
  comma = "";
  out += "],\"kept\":[";
  for (const HalfReport::Kept& kept : report.kept) {
    out += fmt::format("{}{{\"node\":{},\"op\":{},\"reason\":{}}}", comma, JsonQuote(kept.node), JsonQuote(kept.op),
                       JsonQuote(kept.reason));
    comma = ",";
  }
  return out + "]}";
}

void PrintStages(const std::vector<std::string>& wanted, SimplifyOptions* options) {
  if (wanted.empty()) return;
  options->after_stage = [wanted](std::string_view stage, int round, const Graph& graph) {
    const bool all = std::find(wanted.begin(), wanted.end(), "all") != wanted.end();
    if (!all && std::find(wanted.begin(), wanted.end(), stage) == wanted.end()) return;
    const auto text = PrintGraph(graph);
    fmt::print("// after {}, round {}\n{}\n", stage, round, text.ok() ? *text : text.diag().what);
  };
}

Status CheckStages(const std::vector<std::string>& wanted) {
  for (const std::string& name : wanted) {
    std::vector<std::string_view> known = {"all"};
    for (const Stage& stage : SimplifyPipeline()) known.push_back(stage.name);
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string list;
    for (const std::string_view k : known) list += Concat(list.empty() ? "" : ", ", k);
    return Diag(diag::kUsage, Concat("--print-ir-after: '", Printable(name, 100), "' is no stage"))
        .Hint(Concat("the stages are ", list));
  }
  return Ok{};
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} bytes", bytes);
  if (bytes < 10'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) * 1e-3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) * 1e-6);
}

std::string OpTable(const ConvertReport& report) {
  Table table({"operator", ">before", ">after", ">change"});
  std::vector<std::pair<std::string, OpChange>> rows(report.ops.begin(), report.ops.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    const auto weight = [](const OpChange& c) { return std::max(c.before, c.after); };
    return weight(a.second) > weight(b.second);
  });
  for (const auto& [op, change] : rows) {
    if (change.before == change.after) continue;
    table.Add({Printable(op, 60), std::to_string(change.before), std::to_string(change.after),
               fmt::format("{:+d}", change.after - change.before)});
  }
  return table.empty() ? std::string() : table.Text() + "\n";
}

std::string RuleTable(const SimplifyReport& report) {
  Table table({"rule", ">rewrites"});
  for (const auto& [rule, count] : report.rewrites) table.Add({rule, std::to_string(count)});
  return table.empty() ? std::string() : table.Text() + "\n";
}

// "opset 17 (from 13)", "TFLite (from ONNX opset 17), runs in LiteRT 2.5 and later".
std::string Versions(const ConvertReport& report) {
  const auto spell = [&](Format format, const std::string& version) {
    if (report.format_before == report.format_after && !version.empty()) return version;
    return version.empty() ? std::string(Name(format)) : Concat(Name(format), " ", version);
  };
  const std::string before = spell(report.format_before, report.version_before);
  std::string out = spell(report.format_after, report.version_after);
  if (before != out) out += Concat(" (from ", before, ")");
  if (!report.runs_in.empty()) out += Concat(", runs in ", report.runs_in);
  return out;
}

// Why each transpose stays, the heaviest first; a few where not all are asked for.
std::string MovesText(const ConvertReport& report, bool all) {
  if (report.moves.empty()) return {};
  std::vector<ConvertReport::Move> moves = report.moves;
  std::stable_sort(moves.begin(), moves.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  const auto open = [](const ConvertReport::Move& move) { return !move.bytes; };
  uint64_t bytes = 0;
  for (const auto& move : moves) bytes += move.bytes.value_or(0);
  const std::string sum = std::any_of(moves.begin(), moves.end(), open) ? "of open size" : Bytes(bytes);
  std::string out =
      fmt::format("{} transpose{} stay{}, {}{}:\n", moves.size(), moves.size() == 1 ? "" : "s",
                  moves.size() == 1 ? "s" : "", sum, report.moves_optimal ? "; none could move fewer bytes" : "");
  const size_t shown = all ? moves.size() : std::min<size_t>(moves.size(), 3);
  for (size_t i = 0; i < shown; ++i) {
    out += fmt::format("  '{}'{}{}: {}\n", Printable(moves[i].tensor, 80), open(moves[i]) ? "" : ", ",
                       open(moves[i]) ? "" : Bytes(*moves[i].bytes), Printable(moves[i].why, 300));
  }
  const auto at_input = std::count_if(moves.begin(), moves.end(), [](const auto& move) { return move.at_input; });
  if (at_input > 0) out += fmt::format("  --io-layout auto would save {}\n", at_input);
  if (shown < moves.size()) out += fmt::format("  and {} more; -v shows them\n", moves.size() - shown);
  return out;
}

}  // namespace

TargetLimits TargetLimitsOf(const Args& args) {
  return {args.All("--require"), Names(args.All("--forbid")), Names(args.All("--allow-custom")),
          Names(args.All("--prefer"))};
}

Result<ConvertOptions> ConvertOptionsOf(const Args& args, const Problems& problems) {
  ConvertOptions out;
  out.load = problems.load();
  for (const std::string& shape : args.All("--shape")) RETURN_IF_ERROR(AddShape(shape, &out.load));
  out.edges.inputs = Names(args.All("--cut-in"));
  out.edges.outputs = Names(args.All("--cut-out"));
  out.bind = args.All("--bind");
  RETURN_IF_ERROR(ReadRenames(args, &out.edges));
  out.rewriting.rewrite.level = static_cast<int>(args.Int("--level", 2));
  out.rewriting.rewrite.limit = args.Int("--rewrite-limit", -1);
  RETURN_IF_ERROR(ReadRules(args, &out.rewriting.rewrite));
  RETURN_IF_ERROR(CheckStages(args.All("--print-ir-after")));
  PrintStages(args.All("--print-ir-after"), &out.rewriting);
  out.onnx.opset = static_cast<int>(args.Int("--opset", 0));
  out.onnx.domains = args.All("--domain");
  RETURN_IF_ERROR(SetPrecision(args.Text("--precision", "f32"), args.Text("--io-type", "keep"), &out.half));
  out.half.keep = args.All("--keep-float");
  TRY(out.target, ParseTarget(args.Text("--target")));
  out.limits = TargetLimitsOf(args);
  if (out.onnx.opset == 0) out.onnx.opset = out.target.opset;
  for (const std::string& text : args.All("--io-layout")) {
    if (text == "auto") {
      out.layout_auto = true;
    } else {
      RETURN_IF_ERROR(AddLayoutWish(text, &out.layouts));
    }
  }
  for (const std::string& text : args.All("--append")) {
    TRY(Append wish, ParseAppend(text));
    out.append.push_back(std::move(wish));
  }
  for (const std::string& text : args.All("--preprocess")) {
    TRY(Preprocess wish, ParsePreprocess(text));
    out.preprocess.push_back(std::move(wish));
  }
  if (args.Has("--external-data")) out.weights = to_onnx::FileOptions::Weights::kBeside;
  const std::string verify = args.Text("--verify", "auto");
  out.verify = verify == "off"       ? Verify::kOff
               : verify == "own"     ? Verify::kOwn
               : verify == "runtime" ? Verify::kRuntime
                                     : Verify::kAuto;
  out.runtime_library = args.Text("--runtime-lib");
  out.proof.samples = static_cast<int>(args.Int("--verify-samples", 0));
  out.proof.threads = static_cast<int>(args.Int("--threads", 0));
  out.proof.seed = static_cast<uint64_t>(args.Int("--seed", 0));
  for (const std::string& text : args.All("--tolerance")) {
    RETURN_IF_ERROR(AddTolerance(text, &out.proof.tolerances));
  }
  // What is asked of all outputs is what half precision must leave of them.
  if (const auto all = out.proof.tolerances.find(""); all != out.proof.tolerances.end() && all->second.relative > 0) {
    out.half.bound = all->second.relative;
  }
  out.samples = args.All("--sample");
  TRY(out.data, DataOptionsOf(args, problems, out.proof.samples > 0 ? out.proof.samples : kProofSamples));
  TRY(out.dims, DimRangesOf(args));
  AddFilesRead(args, &out.inputs_read);
  out.layers = args.Has("--report");
  if (out.layers) RETURN_IF_ERROR(CheckReportName(args.Text("--report")));
  out.keep = args.Has("--keep");
  out.dry_run = args.Has("--dry-run");
  return out;
}

std::string ConversionText(const std::string& output, const ConvertReport& report, bool verbose) {
  std::string out = OpTable(report);
  if (verbose) out += RuleTable(report.simplify);
  if (report.half.nodes_half + report.half.casts > 0) out += HalfText(report.half);
  const auto ratio = [](double after, double before) { return before > 0 ? after / before : 1.0; };
  out += fmt::format("{} {}: {} ({:.2f} x), {} -> {} nodes ({:.2f} x), {}, {:.2f} s\n",
                     report.in_place ? "wrote" : "would write", Printable(output), Bytes(report.bytes_after),
                     ratio(static_cast<double>(report.bytes_after), static_cast<double>(report.bytes_before)),
                     report.nodes_before, report.nodes_after,
                     ratio(static_cast<double>(report.nodes_after), static_cast<double>(report.nodes_before)),
                     Versions(report), report.seconds);
  out += MovesText(report, verbose);
  if (!report.dynamic_dims.empty()) {
    std::string names;
    for (const std::string& name : report.dynamic_dims) names += Concat(names.empty() ? "" : ", ", Printable(name, 40));
    out += fmt::format("dynamic: {}\n", names);
  }
  if (report.simplify.limit_reached) {
    out += fmt::format("stopped after {} rewrites, as --rewrite-limit asks\n", report.simplify.total_rewrites);
  }
  if (report.proved) out += ProofText(report.proof, verbose);
  return out;
}

std::string ConversionJson(const std::string& input, const std::string& output, const ConvertReport& report) {
  std::string out = fmt::format(
      "{{\"input\":{},\"output\":{},\"written\":{},\"bytes_before\":{},\"bytes_after\":{},\"nodes_before\":{},"
      "\"nodes_after\":{},\"opset_before\":{},\"opset_after\":{},\"seconds\":{},\"rewrites\":{},\"format_before\":{},"
      "\"format_after\":{},\"runs_in\":{}",
      JsonQuote(input), JsonQuote(output), report.in_place, report.bytes_before, report.bytes_after,
      report.nodes_before, report.nodes_after, report.opset_before, report.opset_after, JsonNumber(report.seconds),
      report.simplify.total_rewrites, JsonQuote(Name(report.format_before)), JsonQuote(Name(report.format_after)),
      JsonQuote(report.runs_in));
  const char* comma = "";
  out += ",\"transposes\":[";
  for (const ConvertReport::Move& move : report.moves) {
    out += fmt::format("{}{{\"tensor\":{},\"bytes\":{},\"why\":{}}}", comma, JsonQuote(move.tensor),
                       move.bytes ? std::to_string(*move.bytes) : "null", JsonQuote(move.why));
    comma = ",";
  }
  comma = "";
  out += "],\"operators\":{";
  for (const auto& [op, change] : report.ops) {
    out += fmt::format("{}{}:[{},{}]", comma, JsonQuote(op), change.before, change.after);
    comma = ",";
  }
  comma = "";
  out += "},\"rules\":{";
  for (const auto& [rule, count] : report.simplify.rewrites) {
    out += fmt::format("{}{}:{}", comma, JsonQuote(rule), count);
    comma = ",";
  }
  comma = "";
  out += "},\"dynamic\":[";
  for (const std::string& name : report.dynamic_dims) {
    out += comma + JsonQuote(name);
    comma = ",";
  }
  out += "]";
  if (report.half.nodes_half + report.half.casts > 0) out += Concat(",\"half\":", HalfJson(report.half));
  if (report.proved) out += Concat(",\"proof\":", ProofJson(report.proof));
  return out + "}\n";
}

}  // namespace godwit::tools
