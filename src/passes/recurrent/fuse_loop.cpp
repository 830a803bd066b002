// Loops and scans whose turns are steps of recurrent layers, one or several upon another, and nothing else: they are
// those layers.
#include <algorithm>
#include <limits>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/pass.h"
#include "passes/recurrent/turns.h"

namespace godwit {

namespace {

using recurrent::Cell;
using recurrent::kNoLeaf;
using recurrent::Layer;
using recurrent::Sequence;
using recurrent::Turns;
using recurrent::Written;

bool MayMakeState(const OpDef* op) {
  return op == &ops::kMul || op == &ops::kAdd || op == &ops::kSub || op == &ops::kTanh || op == &ops::kRelu ||
         op == &ops::kSigmoid;
}

class LoopFuser {
 public:
  LoopFuser(RewriteCtx& outer, RewriteCtx& inner) : outer_(outer), turns_(outer, inner), views_(inner) {}

  Result<bool> Run() {
    if (!turns_.ok()) return false;
    FindCells();
    if (cells_.empty() || !Explained()) return false;
    for (size_t k = 0; k < cells_.size(); ++k) {
      TRY(const bool done, WriteLayer(k));
      if (!done) return false;
    }
    return Replace();
  }

 private:
  struct Placed {
    Cell cell;
    size_t h = 0, c = 0;  ///< its states
  };

  void FindCells() {
    recurrent::States states;
    const std::vector<NodeId> nodes = outer_.graph().region(outer_.node().regions[0]).nodes;
    for (const NodeId id : nodes) {
      if (!MayMakeState(outer_.graph().node(id).op)) continue;
      RewriteCtx ctx(outer_.editor(), id);
      auto cell = recurrent::ReadCell(ctx, states);
      if (!cell) continue;
      const auto placed = Place(*std::move(cell));
      if (!placed) continue;
      states.insert(placed->cell.h.index);
      if (placed->cell.c) states.insert(placed->cell.c.index);
      cells_.push_back(*placed);
    }
  }

  // Its old state is what the turns hand on as its new one.
  std::optional<Placed> Place(Cell cell) {
    Placed placed;
    const auto state_of = [&](ValueId old, ValueId now) -> std::optional<size_t> {
      for (size_t i = 0; i < turns_.states(); ++i) {
        if (turns_.Param(i) == old && views_.Peel(turns_.Next(i)) == now) return i;
      }
      return std::nullopt;
    };
    if (cell.op == &ops::kLstm) {
      const auto c = cell.old_c ? state_of(cell.old_c, cell.c) : std::nullopt;
      if (!c) return std::nullopt;
      placed.c = *c;
    }
    for (size_t k = 0; k < cell.leaves.size(); ++k) {
      if (cell.h_leaf != kNoLeaf && cell.h_leaf != k) continue;
      const auto h = state_of(cell.leaves[k], cell.h);
      if (!h) continue;
      cell.h_leaf = k;
      cell.old_h = cell.leaves[k];
      placed.h = *h;
      placed.cell = std::move(cell);
      return placed;
    }
    return std::nullopt;
  }

  std::optional<size_t> CellOf(ValueId row) {
    const ValueId h = views_.Peel(row);
    for (size_t k = 0; k < cells_.size(); ++k) {
      if (cells_[k].cell.h == h) return k;
    }
    return std::nullopt;
  }
  [[nodiscard]] bool IsStateOfCell(size_t state) const {
    return std::any_of(cells_.begin(), cells_.end(),
                       [&](const Placed& p) { return p.h == state || (p.cell.op == &ops::kLstm && p.c == state); });
  }

  // Whether everything that the turns leave behind is of the cells, or known without them.
  bool Explained() {
    const Editor& editor = outer_.editor();
    shown_.assign(cells_.size(), false);
    for (size_t i = 0; i < turns_.states(); ++i) {
      if (!editor.Used(outer_.Out(i)) || IsStateOfCell(i) || turns_.Next(i) == turns_.Param(i)) continue;
      if (!turns_.LastCount(i)) return false;
    }
    for (size_t s = 0; s < turns_.stacks(); ++s) {
      if (!editor.Used(turns_.Stack(s))) continue;
      const auto cell = CellOf(turns_.Row(s));
      if (!cell) return false;
      shown_[*cell] = true;
    }
    for (const Placed& placed : cells_) {
      for (size_t k = 0; k < placed.cell.leaves.size(); ++k) {
        const auto below = k == placed.cell.h_leaf ? std::nullopt : CellOf(placed.cell.leaves[k]);
        if (below) shown_[*below] = true;
      }
    }
    return true;
  }

  Result<bool> WriteLayer(size_t index) {
    const Placed& placed = cells_[index];
    Layer layer;
    layer.cell = placed.cell;
    for (size_t k = 0; k < placed.cell.leaves.size(); ++k) {
      const ValueId leaf = placed.cell.leaves[k];
      Sequence sequence;
      if (k != placed.cell.h_leaf) {
        const auto below = CellOf(leaf);
        if (below && *below >= index) return false;
        if (below) {
          sequence.whole = written_[*below].y;
          sequence.reversed = written_[*below].reversed;
        } else {
          const auto read = turns_.SequenceOf(leaf);
          if (!read) return false;
          sequence = *read;
        }
      }
      layer.sequences.push_back(std::move(sequence));
    }
    recurrent::Reader reader(outer_);
    const auto first = [&](size_t state) {
      const ValueId v = turns_.First(state);
      return v && reader.IsZero(v) ? ValueId() : v;
    };
    layer.first_h = first(placed.h);
    if (placed.cell.op == &ops::kLstm) layer.first_c = first(placed.c);
    TRY(const auto written, recurrent::Write(outer_, std::move(layer), shown_[index]));
    if (!written) return false;
    written_.push_back(*written);
    return true;
  }

  Result<bool> Replace() {
    std::vector<ValueId> now(outer_.node().out.size());
    const auto put = [&](size_t i, ValueId value) -> Result<bool> {
      TRY(const auto viewed, recurrent::InShapeOf(outer_, value, outer_.Out(i)));
      if (!viewed || !Meet(outer_.TypeOf(outer_.Out(i)), outer_.TypeOf(*viewed))) return false;
      now[i] = *viewed;
      return true;
    };
    for (size_t i = 0; i < turns_.states(); ++i) {
      if (!outer_.editor().Used(outer_.Out(i))) continue;
      if (!outer_.Ranked(outer_.Out(i))) return false;
      ValueId value;
      for (size_t k = 0; k < cells_.size(); ++k) {
        if (cells_[k].h == i) value = written_[k].h;
        if (cells_[k].cell.op == &ops::kLstm && cells_[k].c == i) value = written_[k].c;
      }
      if (!value && turns_.Next(i) == turns_.Param(i)) {
        now[i] = turns_.First(i);
        continue;
      }
      if (!value) {
        const DType dtype = outer_.DtypeOf(outer_.Out(i));
        value = outer_.Scalar(dtype, static_cast<double>(*turns_.LastCount(i)));
      }
      TRY(const bool fits, put(i, value));
      if (!fits) return false;
    }
    for (size_t s = 0; s < turns_.stacks(); ++s) {
      const ValueId stack = turns_.Stack(s);
      if (!outer_.editor().Used(stack)) continue;
      if (!outer_.Ranked(stack)) return false;
      const Written& written = written_[*CellOf(turns_.Row(s))];
      ValueId y = written.y;
      if (written.reversed != turns_.StackReversed(s)) {
        TRY(y, outer_.Emit(ops::kSlice, {y, outer_.I64s({-1}), outer_.I64s({std::numeric_limits<int64_t>::min()}),
                                         outer_.I64s({0}), outer_.I64s({-1})}));
      }
      const int64_t axis = turns_.StackAxis(s);
      if (axis != 0) {
        // Time between, or after, the dims of a row.
        if (outer_.Rank(stack) != 3 || axis > 2) return false;
        TRY(y, outer_.Emit(ops::kTranspose, {y},
                           {{"perm", axis == 1 ? std::vector<int64_t>{1, 0, 2} : std::vector<int64_t>{1, 2, 0}}}));
      }
      TRY(const bool fits, put(turns_.states() + s, y));
      if (!fits) return false;
    }
    return outer_.Replace(now);
  }

  RewriteCtx& outer_;
  Turns turns_;
  recurrent::Reader views_;
  std::vector<Placed> cells_;
  std::vector<Written> written_;
  std::vector<bool> shown_;
};

Status Run(Editor& editor, Ledger& ledger) {
  // Inner ones first.
  std::vector<NodeId> nodes = NodesWithin(editor.graph());
  std::reverse(nodes.begin(), nodes.end());
  for (const NodeId id : nodes) {
    const Node& node = editor.graph().node(id);
    if (!editor.Alive(id) || (node.op != &ops::kScan && node.op != &ops::kLoop) || node.regions.size() != 1) continue;
    const std::vector<NodeId>& inside = editor.graph().region(node.regions[0]).nodes;
    if (inside.empty()) continue;
    if (!ledger.Open()) break;
    RewriteCtx outer(editor, id), inner(editor, inside.front());
    auto done = LoopFuser(outer, inner).Run();
    if (!done.ok() || !*done) {
      outer.Undo();
      continue;
    }
    ledger.Count(kFuseRecurrentLoopPass.name, id);
    editor.RemoveDead();
  }
  return editor.Commit();
}

}  // namespace

const Pass kFuseRecurrentLoopPass{"fuse-recurrent-loop",
                                  "A loop or scan whose turns are steps of recurrent layers is those layers.",
                                  Numerics::kReassociating, Run};

}  // namespace godwit
