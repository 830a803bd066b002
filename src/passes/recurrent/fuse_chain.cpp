// Recurrent layers that were written out step by step, and single steps: plain arithmetic becomes lstm, gru or rnn.
#include <algorithm>
#include <unordered_map>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/pass.h"
#include "passes/recurrent/layer.h"

namespace godwit {

namespace {

using recurrent::Cell;
using recurrent::kNoLeaf;

bool MayMakeState(const OpDef* op) {
  return op == &ops::kMul || op == &ops::kAdd || op == &ops::kSub || op == &ops::kTanh || op == &ops::kRelu ||
         op == &ops::kSigmoid;
}

class ChainFuser {
 public:
  ChainFuser(Editor& editor, Ledger& ledger, const Pass& pass, bool single)
      : editor_(editor), graph_(editor.graph()), ledger_(ledger), pass_(pass), single_(single) {}

  Status Run() {
    for (const RegionId region : RegionsWithin(graph_)) {
      if (!ledger_.Open()) break;
      RETURN_IF_ERROR(Visit(region));
    }
    return editor_.Commit();
  }

 private:
  Status Visit(RegionId region) {
    const std::vector<NodeId> nodes = graph_.region(region).nodes;
    cells_.clear();
    by_h_.clear();
    by_c_.clear();
    rnn_by_h_.clear();
    before_.clear();
    after_.clear();
    states_.clear();
    now_.clear();
    for (const NodeId id : nodes) {
      if (!MayMakeState(graph_.node(id).op)) continue;
      RewriteCtx ctx(editor_, id);
      if (auto cell = recurrent::ReadCell(ctx, states_)) Add(*std::move(cell));
    }
    std::unordered_map<uint32_t, size_t> places;
    for (size_t k = 0; k < nodes.size(); ++k) places.emplace(nodes[k].index, k);
    for (const std::vector<size_t>& chain : Chains()) {
      if (!ledger_.Open()) break;
      if (Feeds(chain, nodes, places)) continue;
      RewriteCtx ctx(editor_, cells_[chain.back()].node);
      auto done = Rewrite(ctx, chain);
      if (!done.ok() || !*done) {
        ctx.Undo();
        continue;
      }
      ledger_.Count(pass_.name, cells_[chain.back()].node);
    }
    editor_.RemoveDead();
    return Ok{};
  }

  // Links the step to the one before it.
  void Add(Cell cell) {
    const size_t index = cells_.size();
    const auto before = Before(&cell);
    cells_.push_back(std::move(cell));
    const Cell& made = cells_.back();
    before_.resize(cells_.size(), kNoLeaf);
    after_.resize(cells_.size(), kNoLeaf);
    before_[index] = kNoLeaf;
    after_[index] = kNoLeaf;
    if (before && after_[*before] == kNoLeaf) {
      before_[index] = *before;
      after_[*before] = index;
    }
    if (made.op == &ops::kRnn) {
      // Any layer of a perceptron looks like one; it is a state when the same comes after it.
      rnn_by_h_[made.h.index] = index;
      return;
    }
    by_h_[made.h.index] = index;
    states_.insert(made.h.index);
    if (made.c) {
      by_c_[made.c.index] = index;
      states_.insert(made.c.index);
    }
  }

  std::optional<size_t> Before(Cell* cell) {
    const auto with_state = [&](size_t leaf) {
      cell->h_leaf = leaf;
      cell->old_h = cell->leaves[leaf];
    };
    if (cell->op == &ops::kRnn) {
      for (size_t k = 0; k < cell->leaves.size(); ++k) {
        const auto it = rnn_by_h_.find(cell->leaves[k].index);
        if (it == rnn_by_h_.end()) continue;
        with_state(k);
        if (recurrent::Follows(graph_, &cells_[it->second], *cell)) return it->second;
        cell->h_leaf = kNoLeaf;
        cell->old_h = {};
      }
      return std::nullopt;
    }
    size_t before = kNoLeaf;
    if (cell->op == &ops::kLstm) {
      const auto it = cell->old_c ? by_c_.find(cell->old_c.index) : by_c_.end();
      if (it == by_c_.end()) return std::nullopt;
      before = it->second;
      const auto leaf = std::find(cell->leaves.begin(), cell->leaves.end(), cells_[before].h);
      if (leaf == cell->leaves.end()) return std::nullopt;
      with_state(static_cast<size_t>(leaf - cell->leaves.begin()));
    } else {
      const auto it = cell->old_h ? by_h_.find(cell->old_h.index) : by_h_.end();
      if (it == by_h_.end()) return std::nullopt;
      before = it->second;
    }
    if (!CellStateIsInner(cells_[before], *cell)) return std::nullopt;
    return recurrent::Follows(graph_, &cells_[before], *cell) ? std::optional(before) : std::nullopt;
  }

  // The layer gives the cell state after its last step alone.
  bool CellStateIsInner(const Cell& cell, const Cell& next) const {
    if (!cell.c) return true;
    const auto& uses = editor_.Uses(cell.c);
    return std::all_of(uses.begin(), uses.end(), [&](const UseSite& u) {
      if (!u.node) return false;
      const auto in = [&](const Cell& c) { return c.nodes.contains(u.node.index) || c.views.contains(u.node.index); };
      return in(cell) || in(next);
    });
  }

  // Steps in a row. What no step follows starts one; a first step from zeros knows too little to stand alone.
  std::vector<std::vector<size_t>> Chains() {
    std::vector<std::vector<size_t>> out;
    for (size_t k = 0; k < cells_.size(); ++k) {
      if (before_[k] != kNoLeaf) continue;
      std::vector<size_t> chain;
      for (size_t at = k; at != kNoLeaf; at = after_[at]) chain.push_back(at);
      if (single_ ? chain.size() == 1 && StandsAlone(&cells_[k]) : chain.size() > 1) out.push_back(std::move(chain));
    }
    return out;
  }
  bool StandsAlone(Cell* cell) const {
    if (cell->op == &ops::kRnn || cell->leaves.size() < 2) return false;
    if (cell->op == &ops::kLstm && !cell->old_c) return false;
    for (size_t k = cell->leaves.size(); cell->h_leaf == kNoLeaf && k-- > 0;) {
      // Any operand of that size may be called the state.
      const Type& type = graph_.value(cell->leaves[k]).type;
      if (!(type.shape().back() == Dim(cell->hidden))) continue;
      cell->h_leaf = k;
      cell->old_h = cell->leaves[k];
    }
    return cell->h_leaf != kNoLeaf;
  }

  // Whether what the steps read depends on what they make: a decoder that is fed its own output.
  bool Feeds(const std::vector<size_t>& chain, const std::vector<NodeId>& nodes,
             const std::unordered_map<uint32_t, size_t>& places) const {
    std::unordered_set<uint32_t> read, own;
    size_t last = 0;
    const auto reads = [&](ValueId v) {
      const NodeId def = v ? graph_.value(v).def : NodeId();
      const auto at = def ? places.find(def.index) : places.end();
      if (at == places.end()) return;
      read.insert(def.index);
      last = std::max(last, at->second);
    };
    for (const size_t k : chain) {
      const Cell& cell = cells_[k];
      for (size_t leaf = 0; leaf < cell.leaves.size(); ++leaf) {
        if (leaf != cell.h_leaf) reads(cell.leaves[leaf]);
      }
      own.insert(cell.nodes.begin(), cell.nodes.end());
      own.insert(cell.views.begin(), cell.views.end());
    }
    // In the order of the graph: what a step makes, and what is made of that.
    std::unordered_set<uint32_t> made;
    for (const size_t k : chain) made.insert(cells_[k].h.index);
    const size_t first = places.at(cells_[chain.front()].node.index);
    for (size_t k = first; k <= last && k < nodes.size(); ++k) {
      if (!editor_.Alive(nodes[k]) || own.contains(nodes[k].index)) continue;
      const Node& node = graph_.node(nodes[k]);
      const auto depends = [&](ValueId v) { return v && made.contains(v.index); };
      bool reached = std::any_of(node.in.begin(), node.in.end(), depends);
      if (!reached && !node.regions.empty()) {
        const std::vector<ValueId> captured = Captures(graph_, nodes[k]);
        reached = std::any_of(captured.begin(), captured.end(), depends);
      }
      if (!reached) continue;
      if (read.contains(nodes[k].index)) return true;
      for (const ValueId v : node.out) {
        if (v) made.insert(v.index);
      }
    }
    return false;
  }

  // Whether others than the steps use it; what only views it for them is not another.
  bool UsedBeyond(ValueId v, const std::unordered_set<uint32_t>& own, const std::unordered_set<uint32_t>& views,
                  int depth = 4) const {
    const auto& uses = editor_.Uses(v);
    return std::any_of(uses.begin(), uses.end(), [&](const UseSite& u) {
      if (!u.node || depth == 0) return true;
      if (own.contains(u.node.index)) return false;
      return !views.contains(u.node.index) || UsedBeyond(graph_.node(u.node).out[0], own, views, depth - 1);
    });
  }

  // What stands for a value since a layer has been written.
  [[nodiscard]] ValueId Now(ValueId v) const {
    const auto it = v ? now_.find(v.index) : now_.end();
    return it == now_.end() ? v : it->second;
  }

  Result<bool> Rewrite(RewriteCtx& ctx, const std::vector<size_t>& chain) {
    const Cell& head = cells_[chain.front()];
    recurrent::Layer layer;
    layer.cell = cells_[chain.back()];
    layer.first_h = Now(head.old_h);
    layer.first_c = Now(head.old_c);
    const Cell& like = layer.cell;
    std::unordered_set<uint32_t> own, views;
    for (const size_t k : chain) {
      own.insert(cells_[k].nodes.begin(), cells_[k].nodes.end());
      views.insert(cells_[k].views.begin(), cells_[k].views.end());
    }
    for (size_t leaf = 0; leaf < like.leaves.size(); ++leaf) {
      std::vector<ValueId> steps;
      for (const size_t k : chain) {
        const Cell& cell = cells_[k];
        if (leaf == like.h_leaf) break;
        // A step from zeros has no leaf for them.
        const size_t at = cell.h_leaf == kNoLeaf && leaf > like.h_leaf ? leaf - 1 : leaf;
        steps.push_back(Now(cell.leaves[at]));
      }
      layer.sequences.push_back(recurrent::SequenceOf(ctx, steps));
    }
    std::vector<size_t> shown;
    for (size_t k = 0; k + 1 < chain.size(); ++k) {
      if (UsedBeyond(cells_[chain[k]].h, own, views)) shown.push_back(k);
    }
    TRY(const auto written, recurrent::Write(ctx, std::move(layer), !shown.empty()));
    if (!written) return false;
    std::vector<ValueId> old, now;
    const auto put = [&](ValueId of, ValueId value) -> Result<bool> {
      TRY(const auto viewed, recurrent::InShapeOf(ctx, value, of));
      if (!viewed || !Meet(ctx.TypeOf(of), ctx.TypeOf(*viewed))) return false;
      old.push_back(of);
      now.push_back(*viewed);
      return true;
    };
    const Cell& end = cells_[chain.back()];
    bool fits = true;
    // With the others, the last h is taken from where they are: together they may be all of it.
    if (shown.empty()) {
      TRY(fits, put(end.h, written->h));
    } else {
      shown.push_back(chain.size() - 1);
    }
    if (fits && end.c && editor_.Used(end.c)) {
      TRY(fits, put(end.c, written->c));
    }
    for (const size_t k : shown) {
      if (!fits) break;
      const size_t place = written->reversed ? chain.size() - 1 - k : k;
      TRY(const ValueId step,
          ctx.Emit(ops::kGather, {written->y, ctx.ScalarI64(static_cast<int64_t>(place))}, {{"axis", int64_t{0}}}));
      TRY(fits, put(cells_[chain[k]].h, step));
    }
    if (!fits) return false;
    for (size_t k = 0; k < old.size(); ++k) {
      RETURN_IF_ERROR(editor_.ReplaceValue(old[k], now[k]));
      now_[old[k].index] = now[k];
    }
    return true;
  }

  Editor& editor_;
  Graph& graph_;
  Ledger& ledger_;
  const Pass& pass_;
  bool single_;
  std::vector<Cell> cells_;
  std::vector<size_t> before_, after_;
  std::unordered_map<uint32_t, size_t> by_h_, by_c_, rnn_by_h_;
  recurrent::States states_;
  std::unordered_map<uint32_t, ValueId> now_;
};

Status RunChains(Editor& editor, Ledger& ledger) {
  return ChainFuser(editor, ledger, kFuseRecurrentStepsPass, false).Run();
}
Status RunCells(Editor& editor, Ledger& ledger) {
  return ChainFuser(editor, ledger, kFuseRecurrentCellPass, true).Run();
}

}  // namespace

const Pass kFuseRecurrentStepsPass{"fuse-recurrent-steps",
                                   "Steps of a recurrent layer that follow one another with the same weights are one "
                                   "lstm, gru or rnn.",
                                   Numerics::kReassociating, RunChains};
const Pass kFuseRecurrentCellPass{"fuse-recurrent-cell", "A single step of an lstm or gru is that layer of one step.",
                                  Numerics::kReassociating, RunCells};

}  // namespace godwit
