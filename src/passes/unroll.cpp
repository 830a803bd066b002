#include "passes/unroll.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/pass.h"
#include "rewrite/editor.h"

namespace godwit {

namespace {

/// Nodes that all turns together may have.
constexpr int64_t kMostNodes = 20000;

int64_t Entry(const Attrs& attrs, std::string_view name, size_t i) {
  const std::vector<int64_t>& list = attrs.Ints(name);
  return i < list.size() ? list[i] : 0;
}

class Unrolling {
 public:
  Unrolling(Editor* editor, NodeId id)
      : editor_(*editor), graph_(editor->graph()), facts_(editor->inference()), node_(graph_.node(id)) {}

  // The number of turns, where it is known and every turn is like the others.
  std::optional<int64_t> Turns() {
    const Region& body = graph_.region(node_.regions[0]);
    for (const NodeId id : body.nodes) {
      if (!graph_.node(id).regions.empty() || graph_.node(id).op->effect != Effect::kPure) return std::nullopt;
    }
    for (const ValueId v : body.results) {
      if (!graph_.value(v).type.is_tensor()) return std::nullopt;
    }
    return node_.op == &ops::kScan ? TurnsOfScan() : TurnsOfLoop();
  }

  // Nodes that one turn becomes.
  [[nodiscard]] int64_t Size() const {
    const size_t states = States(), lead = node_.op == &ops::kScan ? 0 : 1;
    const size_t sliced = node_.op == &ops::kScan ? node_.in.size() - states : 0;
    const Region& body = graph_.region(node_.regions[0]);
    return static_cast<int64_t>(body.nodes.size() + 2 * sliced + (body.results.size() - lead - states));
  }

  // The turns one after the other in the place of the node; false, with nothing changed, where they do not fit.
  Result<bool> Put(int64_t turns) {
    const size_t states = States();
    for (size_t i = states; turns < 1 && i < node_.out.size(); ++i) {
      if (editor_.Used(node_.out[i])) return false;  // stacks of nothing
    }
    TRY(const std::vector<ValueId> made, Make(turns));
    for (size_t i = 0; i < made.size(); ++i) {
      if (editor_.Used(node_.out[i]) && !Meet(TypeOf(node_.out[i]), TypeOf(made[i]))) return false;
    }
    for (size_t i = 0; i < made.size(); ++i) {
      if (editor_.Used(node_.out[i])) RETURN_IF_ERROR(editor_.ReplaceValue(node_.out[i], made[i]));
    }
    return true;
  }

 private:
  std::optional<int64_t> TurnsOfScan() {
    for (size_t i = States(); i < node_.in.size(); ++i) {
      const Type& type = TypeOf(node_.in[i]);
      if (!type.ranked()) return std::nullopt;
      if (const auto n = type.shape()[Axis(i)].known()) return n;
    }
    return std::nullopt;
  }

  std::optional<int64_t> TurnsOfLoop() {
    const Region& body = graph_.region(node_.regions[0]);
    if (node_.in.size() < 2) return std::nullopt;
    const auto known = [&](ValueId v) -> std::optional<int64_t> {
      const Tensor* t = v ? facts_.Const(v) : nullptr;
      return t != nullptr && t->size() == 1 ? std::optional(ToI64(*t)[0]) : std::nullopt;
    };
    const auto trips = known(node_.in[0]);
    const auto begins = node_.in[1] ? known(node_.in[1]) : std::optional<int64_t>(1);
    if ((trips && *trips < 1) || begins == 0) return 0;
    if (!trips || !begins || body.results.empty()) return std::nullopt;
    const ValueId goes_on = body.results[0];
    if (goes_on != body.params[1] && known(goes_on).value_or(0) == 0) return std::nullopt;
    return trips;
  }

  // What each result of the node becomes.
  Result<std::vector<ValueId>> Make(int64_t turns) {
    const bool scan = node_.op == &ops::kScan;
    const size_t first = scan ? 0 : 2, states = States(), lead = scan ? 0 : 1;
    const Region body = graph_.region(node_.regions[0]);
    std::vector<ValueId> state(node_.in.begin() + static_cast<int64_t>(first),
                               node_.in.begin() + static_cast<int64_t>(first + states));
    std::vector<std::vector<ValueId>> stacks(node_.out.size() - std::min(node_.out.size(), states));
    for (int64_t t = 0; t < turns; ++t) {
      std::map<ValueId, ValueId> now;
      if (!scan) {
        now[body.params[0]] = editor_.AddConstant(Tensor::ScalarI64(t));
        Tensor yes(DType::kBool, {});
        yes.mutable_data<uint8_t>()[0] = 1;
        now[body.params[1]] = editor_.AddConstant(std::move(yes));
      }
      for (size_t i = 0; i < states; ++i) now[body.params[first + i]] = state[i];
      for (size_t i = states; scan && i < node_.in.size(); ++i) {
        TRY(now[body.params[i]], SliceOf(i, t, turns));
      }
      RETURN_IF_ERROR(Turn(body, &now));
      const auto current = [&](ValueId v) {
        const auto it = now.find(v);
        return it == now.end() ? v : it->second;
      };
      for (size_t i = 0; i < states; ++i) state[i] = current(body.results[lead + i]);
      for (size_t i = 0; i < stacks.size(); ++i) {
        if (!editor_.Used(node_.out[states + i])) continue;
        const ValueId part = current(body.results[lead + states + i]);
        const int64_t axis = scan ? Entry(node_.attrs, "out_axes", i) : 0;
        if (!TypeOf(part).ranked()) return Diag(diag::kDefect, "the rank of a stacked value is not known");
        const int64_t rank = TypeOf(part).rank();
        TRY(const ValueId row, Emit(ops::kUnsqueeze, {part, I64(axis < 0 ? axis + rank + 1 : axis)}));
        stacks[i].push_back(row);
      }
    }
    std::vector<ValueId> out = state;
    out.resize(std::min(out.size(), node_.out.size()));
    for (size_t i = 0; i < stacks.size(); ++i) {
      std::vector<ValueId>& rows = stacks[i];
      if (scan && Entry(node_.attrs, "out_reversed", i) != 0) std::reverse(rows.begin(), rows.end());
      const int64_t given = scan ? Entry(node_.attrs, "out_axes", i) : 0;
      out.emplace_back();
      if (!rows.empty()) {
        TRY(out.back(), Emit(ops::kConcat, rows, {{"axis", given}}));
      }
    }
    return out;
  }

  // The body's nodes once, with what its values are now.
  Status Turn(const Region& body, std::map<ValueId, ValueId>* now) {
    for (const NodeId id : body.nodes) {
      const Node inner = graph_.node(id);
      std::vector<ValueId> in = inner.in;
      for (ValueId& v : in) {
        if (const auto it = now->find(v); v && it != now->end()) v = it->second;
      }
      TRY(const NodeId copy,
          editor_.AddNode(node_.parent, *inner.op, std::move(in), inner.out.size(), inner.attrs, inner.origin));
      const std::vector<ValueId>& out = graph_.node(copy).out;
      for (size_t i = 0; i < out.size(); ++i) {
        if (inner.out[i]) (*now)[inner.out[i]] = out[i];
      }
    }
    return Ok{};
  }

  [[nodiscard]] size_t States() const {
    if (node_.op == &ops::kLoop) return node_.in.size() - 2;
    return node_.in.size() - static_cast<size_t>(node_.attrs.Int("sliced"));
  }
  [[nodiscard]] size_t Axis(size_t i) const {
    const int64_t axis = Entry(node_.attrs, "in_axes", i - States());
    const int rank = TypeOf(node_.in[i]).rank();
    return static_cast<size_t>(axis < 0 ? axis + rank : axis);
  }
  Result<ValueId> SliceOf(size_t i, int64_t turn, int64_t turns) {
    const auto axis = static_cast<int64_t>(Axis(i));
    const int64_t at = Entry(node_.attrs, "in_reversed", i - States()) != 0 ? turns - 1 - turn : turn;
    TRY(const ValueId part, Emit(ops::kSlice, {node_.in[i], I64(at), I64(at + 1), I64(axis)}));
    return Emit(ops::kSqueeze, {part, I64(axis)});
  }
  [[nodiscard]] const Type& TypeOf(ValueId v) const { return graph_.value(v).type; }
  ValueId I64(int64_t value) { return editor_.AddConstant(Tensor::I64({1}, {value})); }
  Result<ValueId> Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs = {}) {
    TRY(const NodeId made, editor_.AddNode(node_.parent, op, std::move(in), 1, std::move(attrs), node_.origin));
    return graph_.node(made).out[0];
  }

  Editor& editor_;
  Graph& graph_;
  Inference& facts_;
  const Node node_;
};

/// One loop that `wanted` holds for, given its turns and the nodes of one, in the place of whose results there are
/// others now; invalid where there is none. What did not fit is in `tried`.
using Wanted = std::function<bool(NodeId, int64_t turns, int64_t nodes)>;
Result<NodeId> UnrollOne(Editor* editor, const Wanted& wanted, std::set<NodeId>* tried) {
  const Graph& graph = editor->graph();
  for (const NodeId id : NodesWithin(graph)) {
    const OpDef* op = graph.node(id).op;
    if ((op != &ops::kLoop && op != &ops::kScan) || graph.node(id).regions.size() != 1 || tried->contains(id)) continue;
    Unrolling unrolling(editor, id);
    const auto turns = unrolling.Turns();
    if (!turns || !wanted(id, *turns, unrolling.Size())) continue;
    tried->insert(id);
    const auto put = unrolling.Put(*turns);
    editor->RemoveDead();
    RETURN_IF_ERROR(editor->Commit());
    if (put.ok() && *put) return id;
  }
  return NodeId();
}

}  // namespace

Result<int64_t> UnrollLoops(Graph* graph, int64_t most, const std::function<bool(NodeId)>& leave) {
  Editor editor(*graph);
  std::set<NodeId> tried;
  const Wanted wanted = [&](NodeId id, int64_t turns, int64_t nodes) {
    return turns <= most && turns * nodes <= kMostNodes && (leave == nullptr || !leave(id));
  };
  for (int64_t done = 0;; ++done) {
    TRY(const NodeId id, UnrollOne(&editor, wanted, &tried));
    if (!id) return done;
  }
}

namespace {

// What a file may grow by for a loop: a handful of turns, and not many nodes.
constexpr int64_t kFewTurns = 16;
constexpr int64_t kFewNodes = 64;

Status UnrollShort(Editor& editor, Ledger& ledger) {
  std::set<NodeId> tried;
  const Wanted wanted = [](NodeId, int64_t turns, int64_t nodes) {
    return turns <= kFewTurns && turns * nodes <= kFewNodes;
  };
  while (ledger.Open()) {
    TRY(const NodeId id, UnrollOne(&editor, wanted, &tried));
    if (!id) break;
    ledger.Count(kUnrollLoopsPass.name, id);
  }
  return editor.Commit();
}

}  // namespace

const Pass kUnrollLoopsPass{"unroll-loops",
                            "A loop or scan of at most 16 turns, 64 nodes in all, is its turns one after the other.",
                            Numerics::kExact, UnrollShort};

}  // namespace godwit
