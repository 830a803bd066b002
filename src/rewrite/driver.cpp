#include "rewrite/driver.h"

#include <deque>
#include <unordered_map>

#include "ir/walk.h"
#include "rewrite/context.h"

namespace godwit {

namespace {

class Driver {
 public:
  Driver(Editor& editor, std::span<const RuleTable> tables, Ledger& ledger) : editor_(editor), ledger_(ledger) {
    for (const RuleTable& table : tables) {
      for (const Rule& rule : table) {
        if (!ledger.Allows(rule.name, rule.numerics)) continue;
        if (rule.anchors.empty()) general_.push_back(&rule);
        for (const OpDef* op : rule.anchors) by_op_[op].push_back(&rule);
      }
    }
  }

  Result<DriverResult> Run() {
    editor_.RemoveDead();
    RETURN_IF_ERROR(editor_.Commit());
    editor_.TakeTouched();
    for (NodeId id : NodesWithin(editor_.graph())) Push(id);
    const int64_t bound = kRewritesPerNode * (static_cast<int64_t>(queue_.size()) + 32);
    while (!queue_.empty() && ledger_.Open()) {
      const NodeId id = queue_.front();
      queue_.pop_front();
      queued_[id.index] = false;
      if (!editor_.Alive(id)) continue;
      if (revisit_[id.index] && editor_.graph().node(id).regions.empty()) {
        editor_.Refine(id);
        Collect();
      }
      if (Visit(id)) {
        Collect();
      } else {
        editor_.TakeTouched();  // what attempts made and took back is no change
      }
      if (result_.rewrites > bound) {
        result_.diverged = true;
        break;
      }
    }
    editor_.RemoveDead();
    RETURN_IF_ERROR(editor_.Commit());
    return result_;
  }

 private:
  void Push(NodeId id) {
    if (id.index >= queued_.size()) {
      queued_.resize(id.index + 1);
      revisit_.resize(id.index + 1);
    }
    if (queued_[id.index]) return;
    queued_[id.index] = true;
    queue_.push_back(id);
  }

  void Collect() {
    editor_.RemoveDead();
    for (NodeId id : editor_.TakeTouched()) {
      Push(id);
      revisit_[id.index] = true;
    }
  }

  bool Visit(NodeId id) {
    const auto it = by_op_.find(editor_.graph().node(id).op);
    return (it != by_op_.end() && TryAll(it->second, id)) || TryAll(general_, id);
  }

  bool TryAll(const std::vector<const Rule*>& rules, NodeId id) {
    for (const Rule* rule : rules) {
      RewriteCtx ctx(editor_, id);
      const Result<bool> applied = rule->apply(ctx);
      if (applied.ok() && *applied) {
        ++result_.rewrites;
        ledger_.Count(rule->name, id);
        return true;
      }
      ctx.Undo();
    }
    return false;
  }

  Editor& editor_;
  Ledger& ledger_;
  std::unordered_map<const OpDef*, std::vector<const Rule*>> by_op_;
  std::vector<const Rule*> general_;
  std::deque<NodeId> queue_;
  std::vector<bool> queued_;   // by node
  std::vector<bool> revisit_;  // by node: operands may have changed since it was inferred
  DriverResult result_;
};

}  // namespace

Result<DriverResult> RunRules(Editor& editor, std::span<const RuleTable> tables, Ledger& ledger) {
  return Driver(editor, tables, ledger).Run();
}

}  // namespace godwit
