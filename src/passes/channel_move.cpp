#include "passes/channel_move.h"

#include <algorithm>

#include "ops/ops.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

constexpr int64_t kMostChannels = int64_t{1} << 16;

bool IsView(const OpDef* op) {
  return op == &ops::kReshape || op == &ops::kFlatten || op == &ops::kSqueeze || op == &ops::kUnsqueeze;
}

std::optional<std::vector<int64_t>> Ints(Editor& editor, const Node& node, size_t i) {
  if (i >= node.in.size() || !node.in[i]) return std::nullopt;
  const auto dims = editor.inference().Contents(node.in[i]);
  if (!dims) return std::nullopt;
  std::vector<int64_t> out;
  for (const Dim& d : *dims) {
    if (!d.is_static()) return std::nullopt;
    out.push_back(d.value());
  }
  return out;
}

// The node that makes operand 0, when nobody else uses that.
NodeId OnlyMaker(const Editor& editor, NodeId id) {
  const ValueId x = editor.graph().node(id).in[0];
  const NodeId def = editor.graph().value(x).def;
  if (!def || editor.Uses(x).size() != 1 || editor.graph().node(def).parent != editor.graph().node(id).parent)
    return {};
  return def;
}

Shape WithoutOnes(const Shape& shape, size_t first, size_t last) {
  Shape out;
  for (size_t k = first; k < last; ++k) {
    if (shape[k] != Dim(1)) out.push_back(shape[k]);
  }
  return out;
}

// Axes of extent other than 1 that come from `factors` within one axis, in another order; `perm` speaks of them alone.
std::vector<int64_t> Shuffled(const std::vector<int64_t>& factors, const std::vector<size_t>& order) {
  std::vector<int64_t> steps(factors.size(), 1);
  for (size_t k = factors.size() - 1; k-- > 0;) steps[k] = steps[k + 1] * factors[k + 1];
  std::vector<int64_t> from = {0};
  for (const size_t f : order) {
    std::vector<int64_t> next;
    for (const int64_t at : from) {
      for (int64_t j = 0; j < factors[f]; ++j) next.push_back(at + j * steps[f]);
    }
    from = std::move(next);
  }
  return from;
}

std::optional<ChannelMove> AsShuffle(Editor& editor, NodeId last, int64_t axis) {
  const Graph& graph = editor.graph();
  if (!IsView(graph.node(last).op)) return std::nullopt;
  const NodeId turn = OnlyMaker(editor, last);
  if (!turn || graph.node(turn).op != &ops::kTranspose) return std::nullopt;
  const NodeId cut = OnlyMaker(editor, turn);
  if (!cut || !IsView(graph.node(cut).op)) return std::nullopt;
  const ValueId x = graph.node(cut).in[0], y = graph.node(last).out[0];
  const Type &from = graph.value(x).type, &to = graph.value(y).type, &parts = graph.value(graph.node(cut).out[0]).type;
  if (!SameShape(from, to) || !parts.ranked() || axis >= from.rank()) return std::nullopt;
  const auto at = static_cast<size_t>(axis);
  const Shape before = WithoutOnes(from.shape(), 0, at), after = WithoutOnes(from.shape(), at + 1, from.shape().size());
  const Shape all = WithoutOnes(parts.shape(), 0, parts.shape().size());
  if (all.size() < before.size() + after.size() + 2) return std::nullopt;
  if (!std::equal(before.begin(), before.end(), all.begin()) ||
      !std::equal(after.rbegin(), after.rend(), all.rbegin())) {
    return std::nullopt;
  }
  std::vector<int64_t> factors;
  int64_t product = 1;
  for (size_t k = before.size(); k + after.size() < all.size(); ++k) {
    if (!all[k].is_static()) return std::nullopt;
    factors.push_back(all[k].value());
    product *= factors.back();
  }
  if (product != ExtentOf(graph, x, axis) || product > kMostChannels) return std::nullopt;
  const auto perm = PermOf(graph.node(turn), parts.rank());
  if (!perm) return std::nullopt;
  // The places of axes among those that are not 1.
  std::vector<size_t> place(parts.shape().size()), order;
  for (size_t k = 0, next = 0; k < place.size(); ++k) place[k] = parts.shape()[k] == Dim(1) ? 0 : next++;
  size_t seen = 0;
  for (const int64_t p : *perm) {
    if (parts.shape()[static_cast<size_t>(p)] == Dim(1)) continue;
    const size_t is = place[static_cast<size_t>(p)];
    const bool within = seen >= before.size() && seen + after.size() < all.size();
    if (!within && is != seen) return std::nullopt;
    if (within) {
      if (is < before.size() || is + after.size() >= all.size()) return std::nullopt;
      order.push_back(is - before.size());
    }
    ++seen;
  }
  ChannelMove move{{cut, turn, last}, {x}, {y}, true, {{}}};
  for (const int64_t c : Shuffled(factors, order)) move.from[0].emplace_back(0, c);
  return move;
}

bool Along(const Node& node, const Graph& graph, int64_t axis, int64_t fallback = 0) {
  const Type& x = graph.value(node.in[0]).type;
  return x.ranked() && AxisOf(node.attrs.Int("axis", fallback), x.rank()) == axis;
}

// [begin, end) of the one axis that a slice cuts, by steps of 1.
std::optional<std::pair<int64_t, int64_t>> CutOf(Editor& editor, const Node& node, int64_t axis, int64_t extent) {
  const auto starts = Ints(editor, node, 1), ends = Ints(editor, node, 2);
  const bool has_axes = node.in.size() > 3 && node.in[3], has_steps = node.in.size() > 4 && node.in[4];
  const auto axes = has_axes ? Ints(editor, node, 3) : std::optional(std::vector<int64_t>{0});
  const auto steps = has_steps ? Ints(editor, node, 4) : std::optional(std::vector<int64_t>{1});
  if (!starts || !ends || !axes || !steps || starts->size() != 1 || axes->size() != 1 || (*steps)[0] != 1) {
    return std::nullopt;
  }
  if (AxisOf((*axes)[0], editor.graph().value(node.in[0]).type.rank()) != axis) return std::nullopt;
  const auto place = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + extent : v, 0, extent); };
  return std::pair(place((*starts)[0]), std::max(place((*starts)[0]), place((*ends)[0])));
}

}  // namespace

int64_t ExtentOf(const Graph& graph, ValueId value, int64_t axis) {
  const Type& type = graph.value(value).type;
  if (!type.is_tensor() || !type.ranked() || axis >= type.rank()) return -1;
  const Dim& d = type.shape()[static_cast<size_t>(axis)];
  return d.is_static() ? d.value() : -1;
}

std::optional<ChannelMove> AsChannelMove(Editor& editor, NodeId last, int64_t axis) {
  const Graph& graph = editor.graph();
  const Node& node = graph.node(last);
  if (node.in.empty() || !node.in[0] || !graph.value(node.in[0]).type.is_tensor()) return std::nullopt;
  if (IsView(node.op)) return AsShuffle(editor, last, axis);
  ChannelMove move;
  move.nodes = {last};
  move.in = {node.in[0]};
  move.out = node.out;
  const int64_t extent = ExtentOf(graph, node.in[0], axis);
  if (extent < 0 || extent > kMostChannels) return std::nullopt;
  if (node.op == &ops::kConcat && Along(node, graph, axis)) {
    move.in = node.in;
    move.from.emplace_back();
    for (size_t i = 0; i < node.in.size(); ++i) {
      const int64_t n = ExtentOf(graph, node.in[i], axis);
      if (n < 0 || n > kMostChannels) return std::nullopt;
      for (int64_t c = 0; c < n; ++c) move.from[0].emplace_back(i, c);
    }
  } else if (node.op == &ops::kSplit && Along(node, graph, axis)) {
    int64_t at = 0;
    for (const ValueId v : node.out) {
      const int64_t n = v ? ExtentOf(graph, v, axis) : -1;
      if (n < 0 || at + n > extent) return std::nullopt;
      move.from.emplace_back();
      for (int64_t c = 0; c < n; ++c) move.from.back().emplace_back(0, at++);
    }
  } else if (node.op == &ops::kSlice) {
    const auto cut = CutOf(editor, node, axis, extent);
    if (!cut) return std::nullopt;
    move.from.emplace_back();
    for (int64_t c = cut->first; c < cut->second; ++c) move.from[0].emplace_back(0, c);
  } else if (node.op == &ops::kGather && Along(node, graph, axis)) {
    const auto indices = Ints(editor, node, 1);
    if (!indices || graph.value(node.in[1]).type.rank() != 1) return std::nullopt;
    move.shuffles = true;
    move.from.emplace_back();
    for (const int64_t i : *indices) {
      if (i < -extent || i >= extent) return std::nullopt;
      move.from[0].emplace_back(0, i < 0 ? i + extent : i);
    }
  } else {
    return std::nullopt;
  }
  return move;
}

NodeId EndOfMove(const Editor& editor, NodeId first) {
  const Graph& graph = editor.graph();
  if (!IsView(graph.node(first).op)) return first;
  NodeId id = first;
  for (const bool turn : {true, false}) {
    const auto& uses = editor.Uses(graph.node(id).out[0]);
    if (uses.size() != 1 || !uses[0].node) return first;
    const OpDef* op = graph.node(uses[0].node).op;
    if (turn ? op != &ops::kTranspose : !IsView(op)) return first;
    id = uses[0].node;
  }
  return id;
}

}  // namespace godwit
