#include "passes/layout/explain.h"

#include <set>

#include "base/text.h"
#include "ops/ops.h"
#include "passes/layout/channel_order.h"

namespace godwit::layout {

namespace {

constexpr size_t kMaxWalk = 4096;

std::string NameOf(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  std::string name = node.origin ? graph.origin(node.origin).node : "";
  for (const ValueId v : node.out) {
    if (name.empty() && v) name = graph.value(v).name;
  }
  return name.empty() ? std::string(node.op->name) : name;
}

std::string InWords(const Perm& perm) {
  std::string out = "[";
  for (const int64_t k : perm) out += Concat(out.size() > 1 ? "," : "", std::to_string(k));
  return out + "]";
}

class Explainer {
 public:
  Explainer(const Graph& graph, Problem& problem) : graph_(graph), problem_(problem), orders_(problem.orders()) {}

  TransposeLeft Explain(ValueId root, Label from, Label to, const std::vector<Site>& users) {
    TransposeLeft out;
    const Value& value = graph_.value(root);
    out.value = value.name;
    out.producer = value.def ? NameOf(graph_, value.def) : Concat("input ", value.name);
    if (out.value.empty()) out.value = out.producer;
    std::set<std::string> seen;
    for (const Site& site : users) {
      const std::string name = SiteName(site);
      if (!seen.insert(name).second) continue;
      out.consumers += (out.consumers.empty() ? "" : ", ") + name;
    }
    out.type = value.type;
    if (out.type.is_tensor()) out.type.tensor().shape = Stored(value.type.shape(), orders_[from]);
    out.perm = orders_[orders_.Compose(orders_.Inverse(from), to)];
    if (value.type.tensor().is_static()) {
      out.elements = static_cast<int64_t>(ElementsOf(value.type));
      out.bytes = static_cast<int64_t>(BytesOf(value.type));
    } else {
      out.elements = out.bytes = -1;
    }
    out.reshape = !problem_.Moves(root, from, to);
    visited_.clear();
    const std::string giver = value.def ? Holder({value.def}, root) : Pin(root);
    visited_.clear();
    std::vector<NodeId> starts;
    std::string taker;
    for (const Site& site : users) {
      if (site.node) {
        starts.push_back(site.node);
      } else if (taker.empty()) {
        taker = Concat(SiteName(site), " keeps its order");
      }
    }
    if (taker.empty()) taker = Holder(starts, root);
    out.why = Concat(giver.empty() ? "the cheapest place" : giver, "; ", taker.empty() ? "the cheapest place" : taker);
    return out;
  }

 private:
  std::string SiteName(const Site& site) const {
    if (site.node) return NameOf(graph_, site.node);
    if (site.region != Graph::main()) return "result of a body";
    return Concat("output ", site.place < graph_.output_names.size() ? graph_.output_names[site.place] : "");
  }
  std::string Pin(ValueId param) const { return Concat("input ", graph_.value(param).name, " keeps its order"); }

  // What a node that has one form has it for.
  std::string Held(NodeId id) const {
    const Node& node = graph_.node(id);
    const Form& form = problem_.FormOf(id);
    const std::string who = Concat(NameOf(graph_, id), " (", node.op->name, ")");
    for (size_t i = 0; i < form.operands.size(); ++i) {
      const Label l = form.operands[i];
      if (l == kAny) continue;
      if (HasChannelAxis(*node.op)) {
        return Concat(who, " runs with channels in the target's place alone: ", InWords(orders_[l]));
      }
      if (orders_.IsIdentity(l)) return Concat(who, " works on its axes in the source's order");
      return Concat(who, " runs in the order ", InWords(orders_[l]), " alone");
    }
    return Concat(who, " gives its result in the source's order");
  }

  // The nearest node, over links without a move, that has no choice. `border` is not crossed.
  std::string Holder(std::vector<NodeId> work, ValueId border) {
    std::string edge;
    for (size_t next = 0; next < work.size() && next < kMaxWalk; ++next) {
      const NodeId id = work[next];
      if (!visited_.insert(id.index).second) continue;
      if (problem_.FormCount(id) == 1) return Held(id);
      const Node& node = graph_.node(id);
      const auto across = [&](ValueId v) {
        if (!problem_.forms().Ordered(v) || graph_.IsConstant(v)) return;
        const ValueId root = problem_.RootOf(v);
        if (root == border || graph_.IsConstant(root)) return;
        const Label made = problem_.MadeIn(root);
        bool linked = false;
        for (const Site& site : problem_.SitesOf(root)) {
          const bool moved = problem_.Moves(root, made, problem_.NeededBy(site));
          if (site.node == id) linked = linked || !moved;
        }
        linked = linked || graph_.value(root).def == id;
        if (!linked) return;
        if (graph_.value(root).def) {
          work.push_back(graph_.value(root).def);
        } else if (edge.empty()) {
          edge = Pin(root);
        }
        for (const Site& site : problem_.SitesOf(root)) {
          if (problem_.Moves(root, made, problem_.NeededBy(site))) continue;
          if (site.node) {
            work.push_back(site.node);
          } else if (edge.empty()) {
            edge = Concat(SiteName(site), " keeps its order");
          }
        }
      };
      for (const ValueId v : node.in) across(v);
      for (const ValueId v : node.out) across(v);
      if (!edge.empty()) return edge;
    }
    return edge;
  }

  const Graph& graph_;
  Problem& problem_;
  Orders& orders_;
  std::set<uint32_t> visited_;
};

}  // namespace

namespace {

// Each order of each value that is not the one that it is made in, and who needs it.
template <class Visit>
void ForEachMove(const Graph& graph, Problem& problem, const Visit& visit) {
  for (uint32_t i = 0; i < graph.value_count(); ++i) {
    const ValueId root{i};
    if (!problem.forms().Ordered(root) || graph.IsConstant(root) || problem.SitesOf(root).empty()) continue;
    const Label made = problem.MadeIn(root);
    std::vector<std::pair<Label, std::vector<Site>>> others;
    for (const Site& site : problem.SitesOf(root)) {
      const Label needed = problem.NeededBy(site);
      if (!problem.Moves(root, made, needed)) continue;
      auto it = std::find_if(others.begin(), others.end(),
                             [&](const auto& o) { return !problem.Moves(root, o.first, needed); });
      if (it == others.end()) it = others.insert(others.end(), {needed, {}});
      it->second.push_back(site);
    }
    for (const auto& [needed, users] : others) visit(root, made, needed, users);
  }
}

}  // namespace

std::vector<TransposeLeft> ExplainMoves(const Graph& graph, Problem& problem) {
  std::vector<TransposeLeft> out;
  Explainer explainer(graph, problem);
  ForEachMove(graph, problem, [&](ValueId root, Label from, Label to, const std::vector<Site>& users) {
    out.push_back(explainer.Explain(root, from, to, users));
  });
  return out;
}

LayoutTotals CountMoves(const Graph& graph, Problem& problem) {
  LayoutTotals out;
  ForEachMove(graph, problem, [&](ValueId root, Label, Label, const std::vector<Site>&) {
    const Type& type = graph.value(root).type;
    ++out.transposes;
    if (!type.tensor().is_static()) return;
    out.elements += static_cast<int64_t>(ElementsOf(type));
    out.bytes += static_cast<int64_t>(BytesOf(type));
  });
  return out;
}

}  // namespace godwit::layout
