// godwit explain: the page of one diagnostic, operator, constraint, limit or verb.
#include <cstdio>

#include "base/diag.h"
#include "base/limits.h"
#include "base/text.h"
#include "frontends/onnx/rule.h"
#include "frontends/tflite/rule.h"
#include "ops/ops.h"
#include "passes/simplify.h"
#include "tools/catalog.h"
#include "tools/catalog_targets.h"
#include "tools/problems.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

std::string ConstraintText(std::string_view id) {
  const size_t dot = id.find('.');
  if (dot == std::string_view::npos) return {};
  const OpDef* op = ops::Find(id.substr(0, dot));
  if (op == nullptr) return {};
  for (const std::string_view c : op->constraints) {
    if (c.substr(0, c.find(':')) != id.substr(dot + 1)) continue;
    return Concat(id, ": a constraint of the operator ", op->name, "\n  it must hold that",
                  c.find(':') == std::string_view::npos ? "" : c.substr(c.find(':') + 1),
                  "\n  the operator: `godwit explain ", op->name, "`\n");
  }
  return {};
}

std::string Explain(std::string_view id) {
  std::string out;
  if (const DiagDef* d = FindDiag(id)) {
    out += Concat(d->id, ": ", d->title, "\n  exit status ", std::to_string(static_cast<int>(d->exit)), "\n  ", d->page,
                  "\n");
  }
  if (const OpDef* op = ops::Find(id)) out += OperatorText(*op, false);
  out += ConstraintText(id);
  if (const LimitDef* l = FindLimit(id)) {
    out += Concat(l->name, ": ", l->doc, "\n  default ", std::to_string(l->fallback), "; --limit ", l->name,
                  "=VALUE sets it\n");
  }
  out += RuleText(id);
  out += OnnxOperatorText(id);
  out += TfliteOperatorText(id);
  out += TargetText(id);
  if (out.empty()) {
    if (const Verb* verb = FindVerb(id)) out = HelpText(*verb);
  }
  return out;
}

std::string_view NearestId(std::string_view id) {
  std::vector<std::string_view> ids;
  for (const DiagDef& d : AllDiags()) ids.push_back(d.id);
  for (const OpDef* op : ops::All()) ids.push_back(op->name);
  for (const LimitDef& l : AllLimits()) ids.push_back(l.name);
  for (const Rule* rule : AllRules()) ids.push_back(rule->name);
  for (const from_onnx::RuleSet* set : from_onnx::AllRuleSets()) {
    for (const from_onnx::Rule& rule : set->rules) ids.push_back(rule.op);
  }
  for (const from_tflite::RuleSet* set : from_tflite::AllRuleSets()) {
    for (const from_tflite::Rule& rule : set->rules) ids.push_back(tflite::OperatorName(rule.op));
  }
  return Nearest(id, ids);
}

int Run(const Args& args) {
  int status = 0;
  for (const std::string& id : args.words()) {
    const std::string text = Explain(id);
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (!text.empty()) continue;
    const std::string_view near = NearestId(id);
    status = Complain(
        Diag(diag::kUsage, Concat("nothing is known under '", Printable(id, 100), "'"))
            .Hint(near.empty() ? "`godwit list diagnostics`, `list ops`, `list limits` and `list rules` show what is"
                               : Concat("did you mean ", near, "?")),
        false);
  }
  return status;
}

}  // namespace

extern const Verb kExplainVerb = {
    "explain",
    "Explains a diagnostic, an operator (ours, ONNX's or TFLite's), a numbered constraint, a limit, a rule or a "
    "target.",
    "ID...",
    "godwit explain gather.c2",
    {},
    false,
    1,
    SIZE_MAX,
    "the ID of a diagnostic, operator, constraint, limit, rule or target",
    Run,
};

}  // namespace godwit::tools
