#include "passes/unroll.h"

#include <algorithm>
#include <map>

#include "ir/builder.h"
#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/ops.h"
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
  Unrolling(Graph* graph, Editor* editor, NodeId id)
      : graph_(*graph), facts_(editor->inference()), node_(graph->node(id)), build_(*graph, facts_, node_.parent) {
    build_.set_origin(node_.origin);
  }

  // The number of turns, where it is known and every turn is like the others.
  std::optional<int64_t> Turns() {
    const Region& body = graph_.region(node_.regions[0]);
    for (const NodeId id : body.nodes) {
      if (!graph_.node(id).regions.empty() || graph_.node(id).op->effect != Effect::kPure) return std::nullopt;
    }
    for (const ValueId v : body.results) {
      if (!graph_.value(v).type.is_tensor()) return std::nullopt;
    }
    if (node_.op == &ops::kScan) {
      for (size_t i = States(); i < node_.in.size(); ++i) {
        const Type& type = graph_.value(node_.in[i]).type;
        if (!type.ranked()) return std::nullopt;
        const auto n = type.shape()[Axis(i)].known();
        if (n) return n;
      }
      return std::nullopt;
    }
    if (node_.in.size() < 2 || !node_.in[0]) return std::nullopt;
    const Tensor* trips = facts_.Const(node_.in[0]);
    if (trips == nullptr || trips->size() != 1) return std::nullopt;
    const auto holds = [&](ValueId v) {
      const Tensor* known = v ? facts_.Const(v) : nullptr;
      return known != nullptr && known->size() == 1 && ToI64(*known)[0] != 0;
    };
    if (node_.in[1] && !holds(node_.in[1])) return std::nullopt;
    if (body.results.empty() || (body.results[0] != body.params[1] && !holds(body.results[0]))) return std::nullopt;
    return ToI64(*trips)[0];
  }

  [[nodiscard]] int64_t Size() const { return static_cast<int64_t>(graph_.region(node_.regions[0]).nodes.size()); }

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
        now[body.params[0]] = build_.ScalarI64(t);
        Tensor yes(DType::kBool, {});
        yes.mutable_data<uint8_t>()[0] = 1;
        now[body.params[1]] = build_.Constant(std::move(yes));
      }
      for (size_t i = 0; i < states; ++i) now[body.params[first + i]] = state[i];
      for (size_t i = states; scan && i < node_.in.size(); ++i) {
        TRY(now[body.params[i]], SliceOf(i, t, turns));
      }
      const auto current = [&](ValueId v) {
        const auto it = now.find(v);
        return it == now.end() ? v : it->second;
      };
      for (const NodeId id : body.nodes) {
        const Node inner = graph_.node(id);
        std::vector<ValueId> in;
        for (const ValueId v : inner.in) in.push_back(v ? current(v) : v);
        build_.set_origin(inner.origin);
        TRY(const std::vector<ValueId> out, build_.EmitN(*inner.op, std::move(in), inner.out.size(), inner.attrs));
        for (size_t i = 0; i < out.size(); ++i) {
          if (inner.out[i]) now[inner.out[i]] = out[i];
        }
      }
      build_.set_origin(node_.origin);
      for (size_t i = 0; i < states; ++i) state[i] = current(body.results[lead + i]);
      for (size_t i = 0; i < stacks.size(); ++i) {
        const ValueId part = current(body.results[lead + states + i]);
        const int64_t axis = scan ? Entry(node_.attrs, "out_axes", i) : 0;
        if (!build_.TypeOf(part).ranked()) return Diag(diag::kDefect, "the rank of a stacked value is not known");
        const int64_t rank = build_.TypeOf(part).rank();
        TRY(const ValueId row, build_.Emit(ops::kUnsqueeze, {part, build_.I64s({axis < 0 ? axis + rank + 1 : axis})}));
        stacks[i].push_back(row);
      }
    }
    std::vector<ValueId> out = state;
    out.resize(std::min(out.size(), node_.out.size()));
    for (size_t i = 0; i < stacks.size(); ++i) {
      std::vector<ValueId>& rows = stacks[i];
      if (scan && Entry(node_.attrs, "out_reversed", i) != 0) std::reverse(rows.begin(), rows.end());
      const int64_t given = scan ? Entry(node_.attrs, "out_axes", i) : 0;
      TRY(const ValueId all, build_.Emit(ops::kConcat, rows, {{"axis", given}}));
      out.push_back(all);
    }
    return out;
  }

 private:
  [[nodiscard]] size_t States() const {
    if (node_.op == &ops::kLoop) return node_.in.size() - 2;
    return node_.in.size() - static_cast<size_t>(node_.attrs.Int("sliced"));
  }
  [[nodiscard]] size_t Axis(size_t i) const {
    const int64_t axis = Entry(node_.attrs, "in_axes", i - States());
    const int rank = graph_.value(node_.in[i]).type.rank();
    return static_cast<size_t>(axis < 0 ? axis + rank : axis);
  }
  Result<ValueId> SliceOf(size_t i, int64_t turn, int64_t turns) {
    const auto axis = static_cast<int64_t>(Axis(i));
    const int64_t at = Entry(node_.attrs, "in_reversed", i - States()) != 0 ? turns - 1 - turn : turn;
    TRY(const ValueId part,
        build_.Emit(ops::kSlice, {node_.in[i], build_.I64s({at}), build_.I64s({at + 1}), build_.I64s({axis})}));
    return build_.Emit(ops::kSqueeze, {part, build_.I64s({axis})});
  }

  Graph& graph_;
  Inference& facts_;
  const Node node_;
  Builder build_;
};

// One loop in the place of whose results there are others now.
Result<bool> UnrollOne(Graph* graph, int64_t most, const std::function<bool(NodeId)>& leave) {
  for (const NodeId id : NodesWithin(*graph)) {
    const OpDef* op = graph->node(id).op;
    if ((op != &ops::kLoop && op != &ops::kScan) || graph->node(id).regions.size() != 1) continue;
    if (leave && leave(id)) continue;
    std::vector<ValueId> made;
    {
      Editor editor(*graph);
      Unrolling unrolling(graph, &editor, id);
      const auto turns = unrolling.Turns();
      if (!turns || *turns < 1 || *turns > most || *turns * unrolling.Size() > kMostNodes) continue;
      auto results = unrolling.Make(*turns);
      if (!results.ok()) continue;
      made = *std::move(results);
    }
    const std::vector<ValueId> old = graph->node(id).out;
    const auto renamed = [&](std::vector<ValueId>* list) {
      for (ValueId& v : *list) {
        const auto it = v ? std::find(old.begin(), old.end(), v) : old.end();
        if (it != old.end()) v = made[static_cast<size_t>(it - old.begin())];
      }
    };
    for (const RegionId region : RegionsWithin(*graph)) {
      for (const NodeId user : graph->region(region).nodes) renamed(&graph->node(user).in);
      renamed(&graph->region(region).results);
    }
    for (size_t i = 0; i < old.size(); ++i) {
      if (!old[i] || !graph->value(made[i]).def || !graph->value(made[i]).name.empty()) continue;
      graph->value(made[i]).name = graph->value(old[i]).name;
    }
    for (const RegionId region : RegionsWithin(*graph)) RETURN_IF_ERROR(TopologicalSort(graph, region));
    Editor editor(*graph, Editor::Types::kStated);
    editor.RemoveDead();
    RETURN_IF_ERROR(editor.Commit());
    return true;
  }
  return false;
}

}  // namespace

Result<int64_t> UnrollLoops(Graph* graph, int64_t most, const std::function<bool(NodeId)>& leave) {
  for (int64_t done = 0;; ++done) {
    TRY(const bool more, UnrollOne(graph, most, leave));
    if (!more) return done;
  }
}

}  // namespace godwit
