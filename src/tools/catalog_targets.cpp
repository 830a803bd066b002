#include "tools/catalog_targets.h"

#include <algorithm>
#include <set>
#include <vector>

#include "api/target.h"
#include "backends/onnx/export.h"
#include "base/text.h"
#include "targets/tflite.h"
#include "tools/table.h"

namespace godwit::tools {

namespace {

using targets::TfliteDelegate;
using targets::TfliteDelegateRow;
using targets::TfliteRow;

// --- targets

struct TargetRow {
  std::string name, doc;
};

size_t OperatorsOf(int runtime) {
  std::set<std::string_view> ops;
  for (const TfliteRow& row : targets::AllTfliteRows()) {
    if (row.since <= runtime) ops.insert(row.op);
  }
  return ops.size();
}

std::vector<TargetRow> TargetRows() {
  std::vector<TargetRow> out = {
      {"own", "godwit's own interpreter: every operator of `godwit list ops`, all element types"},
      {Concat("onnx@", std::to_string(to_onnx::kOldestOpset), "..", std::to_string(to_onnx::kNewestOpset)),
       "an ONNX file of this operator set, standard operators alone: --opset N"},
      {"ort", "ONNX, leaving out rewrites that ONNX Runtime runs slower"},
  };
  for (const std::string& name : targets::TfliteProfileNames()) {
    const Result<targets::TfliteProfile> profile = targets::ParseTfliteProfile(name);
    if (!profile.ok()) continue;
    out.push_back({name, Concat(std::to_string(OperatorsOf(profile->runtime)), " operators, as TensorFlow ",
                                targets::TfliteRuntimeName(profile->runtime), " numbers runtimes")});
  }
  const auto count = [](TfliteDelegate delegate) {
    std::set<std::string_view> ops;
    for (const TfliteDelegateRow& row : targets::AllTfliteDelegateRows()) {
      if (row.delegate == delegate) ops.insert(row.row.op);
    }
    return std::to_string(ops.size());
  };
  out.push_back({"...+xnnpack", Concat("any of TFLite's with the CPU delegate, which takes over ",
                                       count(TfliteDelegate::kXnnpack), " operators")});
  out.push_back({"...+gpu", Concat("any of TFLite's with the GPU delegate, which takes over ",
                                   count(TfliteDelegate::kGpu), " operators")});
  out.push_back({"FILE.toml",
                 "a target of your own: runtime = \"litert@2.1+xnnpack\", require = [\"rank<=4\"], "
                 "forbid = [\"GATHER_ND\"], allow_custom = [...], prefer = [...]"});
  return out;
}

Table TargetTable(bool markdown) {
  Table table({"target", "what it is"});
  for (const TargetRow& r : TargetRows()) table.Add({markdown ? Concat("`", r.name, "`") : r.name, r.doc});
  return table;
}

// --- kernels

std::string_view Name(TfliteDelegate delegate) { return delegate == TfliteDelegate::kGpu ? "gpu" : "xnnpack"; }

Table KernelTable(bool markdown) {
  Table table({"TFLite operator", ">version", "from", "element types", "limits", "evidence"});
  for (const TfliteRow& r : targets::AllTfliteRows()) {
    table.Add({markdown ? Concat("`", r.op, "`") : std::string(r.op), std::to_string(r.version),
               targets::TfliteRuntimeName(r.since), std::string(r.types), std::string(r.limits),
               std::string(r.evidence)});
  }
  return table;
}
Table DelegateTable(bool markdown) {
  Table table({"delegate", "TFLite operator", "element types", "limits"});
  for (const TfliteDelegateRow& r : targets::AllTfliteDelegateRows()) {
    table.Add({std::string(Name(r.delegate)), markdown ? Concat("`", r.row.op, "`") : std::string(r.row.op),
               std::string(r.row.types), std::string(r.row.limits)});
  }
  return table;
}

}  // namespace

std::string TargetsText() { return TargetTable(false).Text(); }
std::string TargetsMarkdown() { return TargetTable(true).Markdown(); }
std::string TargetsJson() {
  JsonRows rows;
  for (const TargetRow& r : TargetRows()) rows.Row().Field("name", r.name).Field("doc", r.doc);
  return rows.Take();
}

std::string TargetText(std::string_view name) {
  if (name.empty() || name.ends_with(".toml")) return {};
  const Result<Target> target = ParseTarget(std::string(name));
  if (!target.ok()) return {};
  std::string out = Concat(name, ": a target, written as ", Name(target->format), "\n");
  if (target->format == Format::kOnnx) {
    if (target->opset != 0) out += Concat("  operator set ", std::to_string(target->opset), "\n");
    if (target->runtime == "ort") out += "  rewrites that ONNX Runtime runs slower are left out\n";
    return out + "  the operators: `godwit list exports`\n";
  }
  const Result<targets::TfliteProfile> profile = targets::ParseTfliteProfile(target->profile);
  if (!profile.ok()) return {};
  out += Concat("  ", std::to_string(OperatorsOf(profile->runtime)), " operators, as TensorFlow ",
                targets::TfliteRuntimeName(profile->runtime), " numbers runtimes: `godwit list kernels`\n");
  if (profile->xnnpack) out += "  `check` says what the xnnpack delegate leaves over, and in how many parts it runs\n";
  if (profile->gpu) out += "  `check` says what the gpu delegate leaves over, and in how many parts it runs\n";
  return out;
}

std::string KernelsText() { return Concat(KernelTable(false).Text(), "\n", DelegateTable(false).Text()); }
std::string KernelsMarkdown() {
  return Concat(
      "Types: operands > results; `?` may be absent, `*` one or more, a capital letter the same type throughout. "
      "Limits "
      "that all must hold: `rank` of every tensor, `rankK` of operand K, `rankout` of the results, `bcast` the rank "
      "where the first two differ in shape, `constK` whether operand K is a constant, `n_in` how many operands, "
      "`dimK.I` a size, `scalesK` how many scales, `samescale`, `scaleout`, `zeroout`; other names are options.\n\n",
      KernelTable(true).Markdown(),
      "\n## Delegates\n\nAn operator that fits none of its rows is left to the kernels above.\n\n",
      DelegateTable(true).Markdown());
}
std::string KernelsJson() {
  JsonRows rows;
  for (const TfliteRow& r : targets::AllTfliteRows()) {
    rows.Row()
        .Field("operator", r.op)
        .Raw("version", std::to_string(r.version))
        .Field("from", targets::TfliteRuntimeName(r.since))
        .Field("types", r.types)
        .Field("limits", r.limits)
        .Field("evidence", r.evidence);
  }
  for (const TfliteDelegateRow& r : targets::AllTfliteDelegateRows()) {
    rows.Row()
        .Field("operator", r.row.op)
        .Field("delegate", Name(r.delegate))
        .Field("types", r.row.types)
        .Field("limits", r.row.limits);
  }
  return rows.Take();
}

std::string KernelsOf(std::string_view op) {
  std::string out;
  Table kernels({"  version", "from", "element types", "limits"});
  for (const TfliteRow& r : targets::AllTfliteRows()) {
    if (r.op != op) continue;
    kernels.Add({Concat("  ", std::to_string(r.version)), targets::TfliteRuntimeName(r.since), std::string(r.types),
                 std::string(r.limits)});
  }
  out += kernels.empty() ? "  never written\n" : Concat("  written, lowest version that fits:\n", kernels.Text());
  for (const TfliteDelegateRow& r : targets::AllTfliteDelegateRows()) {
    if (r.row.op != op) continue;
    out += Concat("  ", Name(r.delegate), " takes over ", r.row.types, r.row.limits.empty() ? "" : ", where ",
                  r.row.limits, "\n");
  }
  return out;
}

}  // namespace godwit::tools
