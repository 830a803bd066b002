#include "tools/catalog.h"

#include <algorithm>
#include <map>

#include "backends/onnx/export.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/text.h"
#include "frontends/onnx/rule.h"
#include "frontends/tflite/rule.h"
#include "ops/ops.h"
#include "passes/simplify.h"
#include "tools/catalog_exports.h"
#include "tools/catalog_targets.h"
#include "tools/table.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

std::string ExitText(Exit exit) { return std::to_string(static_cast<int>(exit)); }

// --- operators

std::string OpsText() {
  Table table({"operator", "what it does"});
  for (const OpDef* op : ops::All()) table.Add({std::string(op->name), std::string(op->doc)});
  return table.Text();
}
std::string OpsJson() {
  JsonRows rows;
  const auto operands = [](std::span<const OperandDef> list) {
    std::string out = "[";
    for (const OperandDef& o : list) {
      out += Concat(out.size() > 1 ? "," : "", "{\"name\":", JsonQuote(o.name),
                    ",\"types\":", JsonQuote(TypesText(o.types)),
                    ",\"optional\":", (o.flags & OperandDef::kOptional) != 0 ? "true" : "false",
                    ",\"variadic\":", (o.flags & OperandDef::kVariadic) != 0 ? "true}" : "false}");
    }
    return out + "]";
  };
  for (const OpDef* op : ops::All()) {
    std::string attrs = "[", constraints = "[";
    for (const AttrDef& a : op->attrs) {
      attrs += Concat(
          attrs.size() > 1 ? "," : "", "{\"name\":", JsonQuote(a.name), ",\"kind\":", JsonQuote(KindText(a.kind)),
          ",\"default\":", a.fallback.empty() ? "null" : JsonQuote(a.fallback), ",\"doc\":", JsonQuote(a.doc), "}");
    }
    for (const std::string_view c : op->constraints) {
      constraints += Concat(constraints.size() > 1 ? "," : "", JsonQuote(c));
    }
    rows.Row().Field("name", op->name).Field("doc", op->doc).Raw("operands", operands(op->operands));
    rows.Raw("results", operands(op->results)).Raw("attributes", attrs + "]").Raw("constraints", constraints + "]");
  }
  return rows.Take();
}
std::string OpsMarkdown() {
  std::string out;
  for (const OpDef* op : ops::All()) out += Concat(out.empty() ? "" : ", ", "[", op->name, "](#", op->name, ")");
  out += "\n";
  for (const OpDef* op : ops::All()) out += OperatorText(*op, true);
  return out;
}

// --- limits

Table LimitTable() {
  Table table({"limit", ">default", "what it bounds"});
  for (const LimitDef& l : AllLimits()) {
    table.Add({std::string(l.name), std::to_string(l.fallback), std::string(l.doc)});
  }
  return table;
}
std::string LimitsText() { return LimitTable().Text(); }
std::string LimitsMarkdown() { return LimitTable().Markdown(); }
std::string LimitsJson() {
  JsonRows rows;
  for (const LimitDef& l : AllLimits()) {
    rows.Row().Field("name", l.name).Raw("default", std::to_string(l.fallback)).Field("doc", l.doc);
  }
  return rows.Take();
}

// --- imports: what is read of ONNX

struct Coverage {
  std::string read, refused;
};

std::map<std::string, Coverage> OnnxCoverage() {
  std::map<std::string, std::vector<const from_onnx::Rule*>> by_name;
  for (const from_onnx::RuleSet* set : from_onnx::AllRuleSets()) {
    for (const from_onnx::Rule& rule : set->rules) {
      by_name[Concat(set->domain, set->domain.empty() ? "" : ".", rule.op)].push_back(&rule);
    }
  }
  std::map<std::string, Coverage> out;
  for (auto& [name, rules] : by_name) {
    std::stable_sort(rules.begin(), rules.end(), [](const auto* a, const auto* b) { return a->since < b->since; });
    Coverage& c = out[name];
    for (const from_onnx::Rule* rule : rules) {
      const std::string since = std::to_string(rule->since);
      if (rule->import != nullptr) {
        c.read += Concat(c.read.empty() ? "" : ", ", since);
      } else {
        c.refused += Concat(c.refused.empty() ? "" : "; ", since, ": ", rule->reason);
      }
    }
  }
  return out;
}
Table ImportTable(bool markdown) {
  Table table({"ONNX operator", "read, by the version that brought the form", "refused"});
  for (const auto& [name, c] : OnnxCoverage()) {
    table.Add({markdown ? Concat("`", name, "`") : name, c.read, c.refused});
  }
  return table;
}

// --- and of TFLite

struct TfliteRow {
  std::string_view op;
  std::string_view state;
  std::string_view reason;
};
std::vector<TfliteRow> TfliteRows() {
  std::vector<TfliteRow> out;
  for (const from_tflite::RuleSet* set : from_tflite::AllRuleSets()) {
    for (const from_tflite::Rule& r : set->rules) {
      out.push_back({tflite::OperatorName(r.op), r.import != nullptr ? "yes" : "", r.reason});
    }
    for (const from_tflite::CustomRule& r : set->custom) out.push_back({r.name, "yes, custom", ""});
  }
  std::sort(out.begin(), out.end(), [](const TfliteRow& a, const TfliteRow& b) { return a.op < b.op; });
  return out;
}
Table TfliteTable(bool markdown) {
  Table table({"TFLite operator", "read", "refused"});
  for (const TfliteRow& r : TfliteRows()) {
    table.Add({markdown ? Concat("`", r.op, "`") : std::string(r.op), std::string(r.state), std::string(r.reason)});
  }
  return table;
}

std::string ImportsText() { return Concat(ImportTable(false).Text(), "\n", TfliteTable(false).Text()); }
std::string ImportsMarkdown() {
  return Concat(ImportTable(true).Markdown(),
                "\n## TFLite\n\nCustom operators that are not listed are kept as they are.\n\n",
                TfliteTable(true).Markdown());
}
std::string ImportsJson() {
  JsonRows rows;
  for (const auto& [name, c] : OnnxCoverage()) {
    rows.Row()
        .Field("format", "onnx")
        .Field("operator", name)
        .Raw("read", Concat("[", c.read, "]"))
        .Field("refused", c.refused);
  }
  for (const TfliteRow& r : TfliteRows()) {
    rows.Row()
        .Field("format", "tflite")
        .Field("operator", r.op)
        .Raw("read", r.state.empty() ? "[]" : "[1]")
        .Field("refused", r.reason);
  }
  return rows.Take();
}

// --- rules: what simplification may do

struct RewriteRow {
  std::string_view name, stage, doc;
  Numerics numerics;
};
std::vector<RewriteRow> RewriteRows() {
  std::vector<RewriteRow> out;
  for (const Stage& stage : SimplifyPipeline()) {
    const auto add = [&](std::string_view name, std::string_view doc, Numerics numerics) {
      // A table may run in several stages: the first is shown.
      const bool known = std::any_of(out.begin(), out.end(), [&](const RewriteRow& r) { return r.name == name; });
      if (!known) out.push_back({name, stage.name, doc, numerics});
    };
    if (stage.pass != nullptr) add(stage.pass->name, stage.pass->doc, stage.pass->numerics);
    for (const RuleTable& table : stage.tables) {
      for (const Rule& rule : table) add(rule.name, rule.doc, rule.numerics);
    }
  }
  return out;
}
Table RewriteTable(bool markdown) {
  Table table({"rule", "stage", "numerics", "what it does"});
  for (const RewriteRow& r : RewriteRows()) {
    table.Add({markdown ? Concat("`", r.name, "`") : std::string(r.name), std::string(r.stage),
               std::string(Name(r.numerics)), std::string(r.doc)});
  }
  return table;
}
std::string RulesText() { return RewriteTable(false).Text(); }
std::string RulesMarkdown() { return RewriteTable(true).Markdown(); }
std::string RulesJson() {
  JsonRows rows;
  for (const RewriteRow& r : RewriteRows()) {
    rows.Row().Field("name", r.name).Field("stage", r.stage).Field("numerics", Name(r.numerics)).Field("doc", r.doc);
  }
  return rows.Take();
}

// --- diagnostics

std::string DiagsText() {
  Table table({"diagnostic", ">exit", "what it is"});
  for (const DiagDef& d : AllDiags()) table.Add({std::string(d.id), ExitText(d.exit), std::string(d.title)});
  return table.Text();
}
std::string DiagsMarkdown() {
  Table table({"diagnostic", ">exit", "what it is", "what it means and what to do"});
  for (const DiagDef& d : AllDiags()) {
    table.Add({Concat("`", d.id, "`"), ExitText(d.exit), std::string(d.title), std::string(d.page)});
  }
  return table.Markdown() +
         "\nBesides these, a constraint of an operator that does not hold is a diagnostic of its own, such as "
         "`gather.c1`: the operators' page lists them.\n";
}
std::string DiagsJson() {
  JsonRows rows;
  for (const DiagDef& d : AllDiags()) {
    rows.Row().Field("id", d.id).Raw("exit", ExitText(d.exit)).Field("title", d.title).Field("page", d.page);
  }
  return rows.Take();
}

// --- commands

std::string CommandsText() {
  Table table({"verb", "what it does"});
  for (const Verb* v : AllVerbs()) table.Add({std::string(v->name), std::string(v->summary)});
  return table.Text();
}
std::string CommandsMarkdown() {
  std::string out;
  for (const Verb* v : AllVerbs()) out += Concat("\n## godwit ", v->name, "\n\n```\n", HelpText(*v), "```\n");
  return out;
}
std::string CommandsJson() {
  JsonRows rows;
  for (const Verb* v : AllVerbs()) {
    std::string options = "[";
    for (const Option* o : OptionsOf(*v)) {
      options += Concat(options.size() > 1 ? "," : "", "{\"name\":", JsonQuote(o->name),
                        ",\"value\":", JsonQuote(o->value), ",\"help\":", JsonQuote(o->help), "}");
    }
    rows.Row().Field("name", v->name).Field("use", v->use).Field("summary", v->summary).Field("example", v->example);
    rows.Raw("options", options + "]");
  }
  return rows.Take();
}

constexpr Catalog kCatalogs[] = {
    {"targets", "Targets", "Where a model can be made to run.", TargetsText, TargetsJson, TargetsMarkdown},
    {"ops", "Operators", "The core operators: what every format is translated to, and what the interpreter runs.",
     OpsText, OpsJson, OpsMarkdown},
    {"limits", "Safety limits", "Files are read under these; `--limit NAME=VALUE` sets one.", LimitsText, LimitsJson,
     LimitsMarkdown},
    {"rules", "Rewriting rules",
     "What simplification may do, stage by stage: `--rule NAME=off` switches one off, `-O1` runs the exact ones alone.",
     RulesText, RulesJson, RulesMarkdown},
    {"imports", "What is read", "Each operator of ONNX at each version, and each of TFLite, or why it is refused.",
     ImportsText, ImportsJson, ImportsMarkdown},
    {"exports", "ONNX rows",
     "What is written as ONNX: how each core operator is said, best way first, by operator set. What has no row that "
     "fits is said in simpler operators, cast or moved, or refused.",
     ExportsText, ExportsJson, ExportsMarkdown},
    {"kernels", "TFLite kernels",
     "What the runtimes of TFLite run: a row for each form of an operator, the first runtime that takes it, and what a "
     "delegate takes over. `--target` chooses among them; the last column names the sources of TensorFlow that say so.",
     KernelsText, KernelsJson, KernelsMarkdown},
    {"diagnostics", "Diagnostics", "Every problem that can be reported, and the exit status it leads to.", DiagsText,
     DiagsJson, DiagsMarkdown},
    {"commands", "Commands", "The verbs of the program and their options.", CommandsText, CommandsJson,
     CommandsMarkdown},
};

}  // namespace

std::span<const Catalog> AllCatalogs() { return kCatalogs; }

std::string RuleText(std::string_view name) {
  for (const RewriteRow& r : RewriteRows()) {
    if (r.name != name) continue;
    return Concat(r.name, ": a rule of simplification (stage ", r.stage, ", ", Name(r.numerics), ")\n  ", r.doc,
                  "\n  --rule ", r.name, "=off switches it off\n");
  }
  return {};
}

std::string OnnxOperatorText(std::string_view name) {
  const auto all = OnnxCoverage();
  const auto it =
      all.find(std::string(name.starts_with("ai.onnx.") && !all.contains(std::string(name)) ? name.substr(8) : name));
  if (it == all.end()) return {};
  std::string out = Concat(it->first, ": an operator of ONNX\n");
  if (!it->second.read.empty()) out += Concat("  read in the forms of version ", it->second.read, "\n");
  if (!it->second.refused.empty()) out += Concat("  refused from version ", it->second.refused, "\n");
  return out;
}

std::string TfliteOperatorText(std::string_view name) {
  for (const TfliteRow& r : TfliteRows()) {
    if (r.op != name) continue;
    return Concat(r.op, ": an operator of TFLite\n  ", r.reason.empty() ? "read" : Concat("refused: ", r.reason), "\n",
                  KernelsOf(r.op));
  }
  return {};
}

}  // namespace godwit::tools
