#include <algorithm>

#include "base/text.h"
#include "ir/walk.h"
#include "passes/rule_tables.h"
#include "passes/simplify.h"
#include "rewrite/driver.h"

namespace godwit {

namespace {

// Rounds settle after two or three; this bounds what rules that undo each other could cost.
constexpr int kMaxRounds = 24;

struct TableRow {
  std::string_view stage;
  RuleTable (*table)();
};
constexpr TableRow kTables[] = {
#define GODWIT_RULES(stage, Name) {#stage, Name##Rules},
#include "passes/rule_tables.def"
#undef GODWIT_RULES
};

constexpr const Pass* kPasses[] = {
#define GODWIT_PASS(Name) &k##Name##Pass,
#include "passes/pass_list.def"
#undef GODWIT_PASS
};

Stage Rules(std::string_view name) {
  Stage stage{name, {}};
  for (const TableRow& row : kTables) {
    if (row.stage == name) stage.tables.push_back(row.table());
  }
  return stage;
}
Stage Whole(const Pass& pass) { return {pass.name, {}, &pass}; }

Status CheckNames(const std::set<std::string>& names) {
  for (const std::string& name : names) {
    const auto rules = AllRules();
    const auto passes = AllPasses();
    if (std::any_of(rules.begin(), rules.end(), [&](const Rule* r) { return r->name == name; })) continue;
    if (std::any_of(passes.begin(), passes.end(), [&](const Pass* p) { return p->name == name; })) continue;
    return Diag(diag::kRewriteRule, Concat("there is no rule '", Printable(name), "'"));
  }
  return Ok{};
}

Status RunStage(const Stage& stage, Editor& editor, Ledger& ledger, SimplifyReport* report) {
  if (stage.pass != nullptr) {
    if (ledger.Allows(stage.pass->name, stage.pass->numerics)) RETURN_IF_ERROR(stage.pass->run(editor, ledger));
    return Ok{};
  }
  TRY(DriverResult result, RunRules(editor, stage.tables, ledger));
  report->diverged = report->diverged || result.diverged;
  return Ok{};
}

}  // namespace

const std::vector<Stage>& SimplifyPipeline() {
  static const std::vector<Stage> stages = {
      Whole(kFoldConstantsPass),
      Whole(kMergeConstantsPass),
      Rules("clean"),
      Whole(kMergeNodesPass),
      Whole(kHoistBranchesPass),
      Whole(kFuseRecurrentLoopPass),
      Whole(kFuseRecurrentStepsPass),
      Whole(kFuseRecurrentCellPass),
      Rules("fuse"),
      Rules("fold"),
      Whole(kFlattenTokensPass),
      Whole(kKeepPartsAxisPass),
      Whole(kGatherMovesPass),
      // Loops that stand for something else as a whole have been recognised by then.
      {kUnrollLoopsPass.name, {}, &kUnrollLoopsPass, true},
  };
  return stages;
}

std::vector<const Rule*> AllRules() {
  std::vector<const Rule*> rules;
  for (const TableRow& row : kTables) {
    for (const Rule& rule : row.table()) rules.push_back(&rule);
  }
  return rules;
}

std::vector<const Pass*> AllPasses() { return {std::begin(kPasses), std::end(kPasses)}; }

namespace {

Status Settle(Graph& graph, const SimplifyOptions& options, Ledger& ledger, SimplifyReport* report) {
  Editor editor(graph);
  int64_t before = -1;
  while (report->rounds < kMaxRounds && before != ledger.total() && ledger.Open()) {
    before = ledger.total();
    ++report->rounds;
    for (const Stage& stage : SimplifyPipeline()) {
      const int64_t count = ledger.total();
      if (stage.settled && count != before) continue;
      RETURN_IF_ERROR(RunStage(stage, editor, ledger, report));
      if (options.after_stage && ledger.total() != count) options.after_stage(stage.name, report->rounds, graph);
    }
  }
  editor.RemoveDead();
  return editor.Commit();
}

}  // namespace

Status Simplify(Graph& graph, const SimplifyOptions& options, SimplifyReport* report) {
  SimplifyReport unread;
  if (report == nullptr) report = &unread;
  RETURN_IF_ERROR(CheckNames(options.rewrite.off));
  RETURN_IF_ERROR(CheckNames(options.rewrite.only));
  for (NodeId id : NodesWithin(graph)) {
    ++report->nodes_before;
    ++report->ops[std::string(graph.node(id).op->name)].before;
  }
  Ledger ledger(options.rewrite);
  if (options.rewrite.level > 0) {
    // What an editor knows about sizes depends on what it has seen change. It is done when one that looks at the graph
    // anew finds nothing to do: then simplifying once more changes nothing.
    int64_t settled = -1;
    while (report->rounds < kMaxRounds && settled != ledger.total() && ledger.Open()) {
      settled = ledger.total();
      RETURN_IF_ERROR(Settle(graph, options, ledger, report));
    }
    report->diverged = report->diverged || report->rounds == kMaxRounds;
  }
  for (NodeId id : NodesWithin(graph)) {
    ++report->nodes_after;
    ++report->ops[std::string(graph.node(id).op->name)].after;
  }
  report->rewrites = ledger.by_rule();
  report->total_rewrites = ledger.total();
  report->limit_reached = !ledger.Open();
  return Ok{};
}

}  // namespace godwit
