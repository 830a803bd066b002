#include "passes/absorb_shuffles.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/channel_group.h"
#include "passes/channel_move.h"

namespace godwit {

namespace {

constexpr size_t kMostMoves = 4096;  // of one network
constexpr int64_t kStride = 4;       // what moving one channel costs against one of a run of them

struct Channel {
  ValueId source;
  int64_t at = 0;
  auto operator<=>(const Channel& o) const { return std::pair(source.index, at) <=> std::pair(o.source.index, o.at); }
  bool operator==(const Channel&) const = default;
};
using Channels = std::vector<Channel>;

// Channels [first, first + count) of a source.
struct Run {
  ValueId source;
  int64_t first = 0, count = 0;
  auto operator<=>(const Run& o) const {
    return std::tuple(source.index, first, count) <=> std::tuple(o.source.index, o.first, o.count);
  }
  bool operator==(const Run&) const = default;
};

struct Sink {
  ValueId value;
  Channels wants;    // in the order of the graph as it is
  size_t group = 0;  // of those below
  bool any = false;  // whether its channels may come in any order
  std::vector<Run> runs;
  std::vector<int64_t> order;  // of what it wants, as the runs bring it
};

// Moves of channels that belong together: what one gives, another takes.
class Network {
 public:
  Network(Editor& editor, int64_t axis) : editor_(editor), graph_(editor.graph()), axis_(axis) {}

  bool Collect(ChannelMove first) {
    parent_ = graph_.node(first.nodes.back()).parent;
    Add(std::move(first));
    for (size_t k = 0; k < moves_.size() && moves_.size() <= kMostMoves; ++k) {
      std::vector<ValueId> in = moves_[k].in, out = moves_[k].out;
      for (const ValueId v : in) {
        if (const NodeId def = graph_.value(v).def) Try(def);
      }
      for (const ValueId v : out) {
        if (!v) continue;
        const std::vector<UseSite> uses = editor_.Uses(v);
        for (const UseSite& use : uses) {
          if (use.node) Try(EndOfMove(editor_, use.node));
        }
      }
    }
    return moves_.size() <= kMostMoves;
  }

  [[nodiscard]] const std::unordered_set<uint32_t>& nodes() const { return nodes_; }
  [[nodiscard]] int64_t shuffles() const {
    return std::count_if(moves_.begin(), moves_.end(), [](const ChannelMove& m) { return m.shuffles; });
  }

  // Decides and, where less is moved then, rewrites.
  Result<bool> Absorb(const std::unordered_map<uint32_t, size_t>& places) {
    std::sort(moves_.begin(), moves_.end(), [&](const ChannelMove& a, const ChannelMove& b) {
      return places.at(a.nodes.back().index) < places.at(b.nodes.back().index);
    });
    Trace();
    if (sinks_.empty()) return false;
    FindGroups();
    OrderSources();
    for (Sink& sink : sinks_) Gather(&sink);
    const bool any = std::any_of(sinks_.begin(), sinks_.end(), [](const Sink& s) { return s.any; });
    return any && Pays() ? Rewrite() : Result<bool>(false);
  }

 private:
  void Add(ChannelMove move) {
    for (const NodeId id : move.nodes) nodes_.insert(id.index);
    moves_.push_back(std::move(move));
  }

  void Try(NodeId last) {
    if (nodes_.contains(last.index) || graph_.node(last).parent != parent_) return;
    auto move = AsChannelMove(editor_, last, axis_);
    if (move) Add(*std::move(move));
  }

  // Follows every channel to where it is used.
  void Trace() {
    std::unordered_map<uint32_t, Channels> known;
    const auto of = [&](ValueId v) -> const Channels& {
      auto [it, fresh] = known.try_emplace(v.index);
      if (fresh) {
        const int64_t n = ExtentOf(graph_, v, axis_);
        for (int64_t c = 0; c < n; ++c) it->second.push_back({v, c});
        sources_.push_back(v);
      }
      return it->second;
    };
    for (const ChannelMove& move : moves_) {
      for (size_t r = 0; r < move.out.size(); ++r) {
        Channels channels;
        for (const auto& [operand, c] : move.from[r]) channels.push_back(of(move.in[operand])[static_cast<size_t>(c)]);
        if (!move.out[r]) continue;
        const auto& uses = editor_.Uses(move.out[r]);
        const bool leaves = std::any_of(uses.begin(), uses.end(), [&](const UseSite& use) {
          return !use.node || !nodes_.contains(use.node.index);
        });
        if (leaves) {
          Sink& sink = sinks_.emplace_back();
          sink.value = move.out[r];
          sink.wants = channels;
        }
        known[move.out[r].index] = std::move(channels);
      }
    }
  }

  size_t GroupAt(ValueId v) {
    if (const auto it = group_of_.find(v.index); it != group_of_.end()) return it->second;
    groups_.push_back(GroupOf(editor_, v, axis_, [&](NodeId id) { return nodes_.contains(id.index); }));
    for (const ValueId member : groups_.back().values) group_of_.emplace(member.index, groups_.size() - 1);
    return groups_.size() - 1;
  }

  void FindGroups() {
    for (const ValueId v : sources_) GroupAt(v);
    for (Sink& sink : sinks_) {
      sink.group = GroupAt(sink.value);
      const ChannelGroup& group = groups_[sink.group];
      // A channel that is wanted twice has no place of its own.
      const std::set<Channel> distinct(sink.wants.begin(), sink.wants.end());
      sink.any = group.free && group.given == 1 && !group.moved && distinct.size() == sink.wants.size();
    }
  }

  // Channels that go the same ways stand together.
  void OrderSources() {
    orders_.assign(groups_.size(), {});
    std::vector<bool> fixed(groups_.size(), false);
    std::vector<std::map<int64_t, std::set<size_t>>> ways(groups_.size());
    for (size_t s = 0; s < sinks_.size(); ++s) {
      for (const Channel& c : sinks_[s].wants) {
        const size_t g = group_of_.at(c.source.index);
        fixed[g] = fixed[g] || !sinks_[s].any || !groups_[g].free || groups_[g].given > 0;
        ways[g][c.at].insert(s);
      }
    }
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (fixed[g] || ways[g].empty()) continue;
      std::vector<int64_t> order(static_cast<size_t>(groups_[g].channels));
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return ways[g][a] < ways[g][b]; });
      orders_[g] = std::move(order);
    }
    for (const std::vector<int64_t>& order : orders_) {
      places_.emplace_back(order.size());
      for (size_t k = 0; k < order.size(); ++k) places_.back()[static_cast<size_t>(order[k])] = static_cast<int64_t>(k);
    }
  }

  [[nodiscard]] int64_t PlaceOf(const Channel& c) const {
    const std::vector<int64_t>& places = places_[group_of_.at(c.source.index)];
    return places.empty() ? c.at : places[static_cast<size_t>(c.at)];
  }

  // The runs that bring a sink its channels: the longest first where the order does not matter.
  void Gather(Sink* sink) {
    struct Wanted {
      Channel now;
      int64_t index;
    };
    std::vector<Wanted> wanted;
    for (size_t k = 0; k < sink->wants.size(); ++k) {
      wanted.push_back({{sink->wants[k].source, PlaceOf(sink->wants[k])}, static_cast<int64_t>(k)});
    }
    if (sink->any) {
      std::sort(wanted.begin(), wanted.end(), [](const Wanted& a, const Wanted& b) { return a.now < b.now; });
    }
    std::vector<std::pair<Run, std::vector<int64_t>>> runs;
    for (const Wanted& w : wanted) {
      const bool goes_on = !runs.empty() && runs.back().first.source == w.now.source &&
                           runs.back().first.first + runs.back().first.count == w.now.at;
      if (!goes_on) runs.push_back({{w.now.source, w.now.at, 0}, {}});
      ++runs.back().first.count;
      runs.back().second.push_back(w.index);
    }
    if (sink->any) {
      std::stable_sort(runs.begin(), runs.end(),
                       [](const auto& a, const auto& b) { return a.first.count > b.first.count; });
    }
    for (const auto& [run, indices] : runs) {
      sink->runs.push_back(run);
      sink->order.insert(sink->order.end(), indices.begin(), indices.end());
    }
  }

  [[nodiscard]] bool IsWhole(const Run& run) const { return run.count == ExtentOf(graph_, run.source, axis_); }

  // Channels moved and nodes, before and after.
  bool Pays() {
    int64_t before = 0, after = 0;
    size_t nodes_before = 0, nodes_after = 0;
    for (const ChannelMove& move : moves_) {
      nodes_before += move.nodes.size();
      for (const auto& from : move.from) {
        before += static_cast<int64_t>(from.size()) * (move.shuffles ? kStride : 1);
      }
    }
    for (const Sink& sink : sinks_) {
      for (const Run& run : sink.runs) {
        if (IsWhole(run) || !pieces_.insert(run).second) continue;
        after += run.count;
        ++nodes_after;
      }
      if (sink.runs.size() < 2) continue;
      after += static_cast<int64_t>(sink.wants.size());
      ++nodes_after;
    }
    return after < before && nodes_after <= 2 * nodes_before;
  }

  ValueId List(std::vector<int64_t> values) {
    const auto n = static_cast<int64_t>(values.size());
    return editor_.AddConstant(Tensor::I64({n}, values));
  }

  // Sources that are cut into a few parts of one extent are split.
  Status CutSources() {
    std::map<uint32_t, std::vector<Run>> by_source;
    for (const Run& run : pieces_) by_source[run.source.index].push_back(run);
    for (const auto& [index, runs] : by_source) {
      const ValueId source = runs[0].source;
      int64_t at = 0;
      bool even = runs.size() >= 2 && runs.size() <= 4;
      for (const Run& run : runs) {
        even = even && run.first == at && run.count == runs[0].count;
        at += run.count;
      }
      const OriginId origin = graph_.node(moves_[0].nodes.back()).origin;
      if (even && at == ExtentOf(graph_, source, axis_)) {
        const ValueId sizes = List(std::vector<int64_t>(runs.size(), runs[0].count));
        TRY(const NodeId made,
            editor_.AddNode(parent_, ops::kSplit, {source, sizes}, runs.size(), {{"axis", axis_}}, origin));
        for (size_t k = 0; k < runs.size(); ++k) cut_[runs[k]] = graph_.node(made).out[k];
        continue;
      }
      for (const Run& run : runs) {
        TRY(const NodeId made,
            editor_.AddNode(parent_, ops::kSlice,
                            {source, List({run.first}), List({run.first + run.count}), List({axis_})}, 1, {}, origin));
        cut_[run] = graph_.node(made).out[0];
      }
    }
    return Ok{};
  }

  Status Put(const ChannelGroup& group, const std::vector<int64_t>& order) {
    return std::is_sorted(order.begin(), order.end()) ? Ok{} : Reorder(editor_, group, order);
  }

  Result<bool> Rewrite() {
    for (size_t g = 0; g < groups_.size(); ++g) RETURN_IF_ERROR(Put(groups_[g], orders_[g]));
    RETURN_IF_ERROR(CutSources());
    for (const Sink& sink : sinks_) {
      const OriginId origin = graph_.node(graph_.value(sink.value).def).origin;
      std::vector<ValueId> parts;
      for (const Run& run : sink.runs) parts.push_back(IsWhole(run) ? run.source : cut_.at(run));
      ValueId now = parts[0];
      if (parts.size() > 1) {
        TRY(const NodeId made, editor_.AddNode(parent_, ops::kConcat, std::move(parts), 1, {{"axis", axis_}}, origin));
        now = graph_.node(made).out[0];
      }
      if (sink.any) RETURN_IF_ERROR(Put(groups_[sink.group], sink.order));
      RETURN_IF_ERROR(editor_.ReplaceValue(sink.value, now));
    }
    return true;
  }

  Editor& editor_;
  Graph& graph_;
  const int64_t axis_;
  RegionId parent_;
  std::vector<ChannelMove> moves_;
  std::unordered_set<uint32_t> nodes_;
  std::vector<ValueId> sources_;
  std::vector<Sink> sinks_;
  std::vector<ChannelGroup> groups_;
  std::unordered_map<uint32_t, size_t> group_of_;
  std::vector<std::vector<int64_t>> orders_, places_;  // by group: new to old and back; empty as it is
  std::set<Run> pieces_;
  std::map<Run, ValueId> cut_;
};

}  // namespace

Result<int64_t> AbsorbShuffles(Graph* graph) {
  int64_t gone = 0;
  Editor editor(*graph);
  editor.RemoveDead();
  RETURN_IF_ERROR(editor.Commit());
  std::unordered_set<uint32_t> seen;
  const std::vector<NodeId> nodes = NodesWithin(*graph);
  for (const NodeId id : nodes) {
    if (!editor.Alive(id) || seen.contains(id.index) || graph->node(id).out.empty()) continue;
    const ValueId y = graph->node(id).out[0];
    if (!y || !graph->value(y).type.ranked()) continue;
    for (int64_t axis = 1; axis < graph->value(y).type.rank(); ++axis) {
      auto move = AsChannelMove(editor, id, axis);
      if (!move || !move->shuffles) continue;
      Network network(editor, axis);
      const bool whole = network.Collect(*std::move(move));
      seen.insert(network.nodes().begin(), network.nodes().end());
      if (!whole) break;
      std::unordered_map<uint32_t, size_t> places;
      for (const NodeId n : NodesWithin(*graph)) places.emplace(n.index, places.size());
      TRY(const bool done, network.Absorb(places));
      if (done) {
        gone += network.shuffles();
        editor.RemoveDead();
        RETURN_IF_ERROR(editor.Commit());
      }
      break;
    }
  }
  return gone;
}

}  // namespace godwit
