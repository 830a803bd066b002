// What both branches of an if compute is computed before it: then results that both hand back alike are not chosen by
// the condition, and an if whose branches do the same goes away.
#include <algorithm>
#include <unordered_map>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/node_key.h"
#include "passes/pass.h"

namespace godwit {

namespace {

class Hoister {
 public:
  Hoister(Editor& editor, Ledger& ledger) : editor_(editor), graph_(editor.graph()), ledger_(ledger) {}

  Status Run() {
    for (const NodeId id : NodesWithin(graph_)) {
      const Node& node = graph_.node(id);
      if (node.op == &ops::kIf && node.regions.size() == 2) RETURN_IF_ERROR(Visit(id));
    }
    editor_.RemoveDead();
    return editor_.Commit();
  }

 private:
  using Table = std::unordered_map<std::string, NodeId>;

  // Nodes in their order, so that what stands on what was moved out can follow it. One of the two would have run in any
  // case, so nothing is computed, and nothing can fail, that was not before.
  Status Visit(NodeId id) {
    const RegionId around = graph_.node(id).parent;
    const std::vector<RegionId> branches = graph_.node(id).regions;
    const std::vector<NodeId> first = graph_.region(branches[0]).nodes, second = graph_.region(branches[1]).nodes;
    Table twins;
    for (const NodeId b : second) Offer(b, around, &twins);
    if (twins.empty()) return Ok{};
    for (const NodeId a : first) {
      if (!ledger_.Open()) return Ok{};
      const std::string key = KeyOutside(a, around);
      const auto twin = key.empty() ? twins.end() : twins.find(key);
      if (twin == twins.end()) continue;
      const NodeId b = twin->second;
      twins.erase(twin);
      TRY(const NodeId moved, MoveOut(a, b, around));
      if (!moved) continue;
      ledger_.Count(kHoistBranchesPass.name, moved);
      for (const ValueId v : graph_.node(moved).out) {
        if (!v) continue;
        for (const UseSite& use : editor_.Uses(v)) {
          if (use.node && graph_.node(use.node).parent == branches[1]) Offer(use.node, around, &twins);
        }
      }
    }
    return Ok{};
  }

  void Offer(NodeId id, RegionId around, Table* twins) {
    std::string key = KeyOutside(id, around);
    if (!key.empty()) twins->emplace(std::move(key), id);
  }

  // The key of a node that stands on nothing of its own branch.
  std::string KeyOutside(NodeId id, RegionId around) const {
    if (!editor_.Alive(id)) return {};
    const std::vector<ValueId>& in = graph_.node(id).in;
    const bool outside = std::all_of(in.begin(), in.end(), [&](ValueId v) {
      return !v || graph_.IsConstant(v) || editor_.Encloses(editor_.HomeOf(v), around);
    });
    return outside ? NodeKey(graph_, id) : std::string();
  }

  // One node around the branches in the place of two in them; invalid where their types do not agree.
  Result<NodeId> MoveOut(NodeId a, NodeId b, RegionId around) {
    const Node from = graph_.node(a), other = graph_.node(b);
    for (size_t i = 0; i < from.out.size(); ++i) {
      if (from.out[i] && !Meet(graph_.value(from.out[i]).type, graph_.value(other.out[i]).type)) return NodeId();
    }
    const auto made = editor_.AddNode(around, *from.op, from.in, from.out.size(), from.attrs, from.origin);
    if (!made.ok()) return NodeId();
    const std::vector<ValueId> out = graph_.node(*made).out;
    for (size_t i = 0; i < out.size(); ++i) {
      if (!from.out[i]) continue;
      RETURN_IF_ERROR(editor_.ReplaceValue(from.out[i], out[i]));
      RETURN_IF_ERROR(editor_.ReplaceValue(other.out[i], out[i]));
    }
    return *made;
  }

  Editor& editor_;
  Graph& graph_;
  Ledger& ledger_;
};

Status Hoist(Editor& editor, Ledger& ledger) { return Hoister(editor, ledger).Run(); }

}  // namespace

const Pass kHoistBranchesPass{"hoist-branches", "What both branches of an if compute is computed before it.",
                              Numerics::kExact, Hoist};

}  // namespace godwit
