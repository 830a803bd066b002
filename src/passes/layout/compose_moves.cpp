#include "passes/layout/compose_moves.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/layout/split_move.h"
#include "passes/layout/view.h"
#include "rewrite/match.h"

namespace godwit::layout {

namespace {

constexpr size_t kMaxPieces = 8;
constexpr size_t kMaxSpaced = 5;  // axes that any runtime transposes
constexpr size_t kFewAxes = 4;    // that all parts of a runtime, and all runtimes, have room for

bool IsReshape(const OpDef* op) {
  return op == &ops::kReshape || op == &ops::kFlatten || op == &ops::kSqueeze || op == &ops::kUnsqueeze;
}

// What the elements of the operand are cut into, in its order and in the one that a chain leaves them in.
class Pieces {
 public:
  explicit Pieces(const Shape& shape) {
    for (const Dim& d : shape) {
      std::vector<size_t> axis;
      if (d != Dim(1)) {
        axis.push_back(sizes_.size());
        at_first_.push_back(sizes_.size());
        sizes_.push_back(d);
        home_.push_back(axes_.size());
      }
      axes_.push_back(std::move(axis));
    }
  }

  void Transpose(const Perm& perm) {
    std::vector<std::vector<size_t>> axes;
    for (const int64_t k : perm) axes.push_back(axes_[static_cast<size_t>(k)]);
    axes_ = std::move(axes);
  }

  bool Reshape(const Shape& shape) {
    std::vector<size_t> flat;
    for (const auto& axis : axes_) flat.insert(flat.end(), axis.begin(), axis.end());
    std::vector<std::vector<size_t>> axes;
    size_t next = 0;
    for (const Dim& d : shape) {
      std::vector<size_t> axis;
      Dim left = d;
      while (left != Dim(1)) {
        if (next == flat.size()) return false;
        const Dim has = sizes_[flat[next]];
        if (const auto rest = Quotient(left, has)) {
          left = *rest;
        } else if (const auto inner = Quotient(has, left)) {
          flat.insert(flat.begin() + static_cast<std::ptrdiff_t>(next) + 1, Cut(flat[next], left, *inner));
          left = Dim(1);
        } else {
          return false;
        }
        axis.push_back(flat[next++]);
      }
      axes.push_back(std::move(axis));
    }
    axes_ = std::move(axes);
    return next == flat.size();
  }

  /// Joins what stays together from end to end: in one axis of the operand, or wherever it is.
  void Join(bool across) {
    for (size_t k = 0; k + 1 < at_first_.size();) {
      const size_t a = at_first_[k], b = at_first_[k + 1];
      if ((!across && home_[a] != home_[b]) || !JoinLast(a, b)) {
        ++k;
        continue;
      }
      sizes_[a] = sizes_[a] * sizes_[b];
      at_first_.erase(at_first_.begin() + static_cast<std::ptrdiff_t>(k) + 1);
    }
  }

  [[nodiscard]] size_t size() const { return at_first_.size(); }
  struct Turn {
    Shape cut;  ///< as the operand is cut before it
    Perm order;
  };
  [[nodiscard]] Turn Dense() const { return {Cut(), Order()}; }
  /// Where no axis of the operand has more than one piece, it is transposed as it is, dims of 1 where they were.
  [[nodiscard]] std::optional<Turn> AsGiven(const Shape& from) const {
    const auto ones = std::count(from.begin(), from.end(), Dim(1));
    if (from.size() != at_first_.size() + static_cast<size_t>(ones)) return std::nullopt;
    std::vector<int64_t> place(sizes_.size());
    size_t next = 0;
    for (size_t k = 0; k < from.size(); ++k) {
      if (from[k] != Dim(1)) place[at_first_[next++]] = static_cast<int64_t>(k);
    }
    Perm moved;
    for (const auto& axis : axes_) {
      for (const size_t p : axis) moved.push_back(place[p]);
    }
    Turn out{from, {}};
    next = 0;
    for (size_t k = 0; k < from.size(); ++k) {
      out.order.push_back(from[k] == Dim(1) ? static_cast<int64_t>(k) : moved[next++]);
    }
    return out;
  }
  /// Where no axis of what the chain leaves has more than one piece, a transpose alone can give it: the operand is cut
  /// into the pieces in their order, dims of 1 where they will be in the end.
  [[nodiscard]] std::optional<Turn> AsLeft() const {
    if (std::any_of(axes_.begin(), axes_.end(), [](const auto& axis) { return axis.size() > 1; })) return std::nullopt;
    Turn out;
    std::vector<int64_t> place(sizes_.size());
    size_t next = 0;
    for (size_t k = 0; k < axes_.size(); ++k) {
      out.cut.push_back(axes_[k].empty() ? Dim(1) : sizes_[at_first_[next]]);
      if (!axes_[k].empty()) place[at_first_[next++]] = static_cast<int64_t>(k);
    }
    for (size_t k = 0; k < axes_.size(); ++k) {
      out.order.push_back(axes_[k].empty() ? static_cast<int64_t>(k) : place[axes_[k][0]]);
    }
    return out;
  }
  [[nodiscard]] Shape Cut() const {
    Shape out;
    for (const size_t p : at_first_) out.push_back(sizes_[p]);
    return out;
  }
  [[nodiscard]] Perm Order() const {
    Perm out;
    for (const auto& axis : axes_) {
      for (const size_t p : axis) {
        out.push_back(std::find(at_first_.begin(), at_first_.end(), p) - at_first_.begin());
      }
    }
    return out;
  }

 private:
  static std::optional<Dim> Quotient(const Dim& a, const Dim& b) {
    if (b == Dim(0)) return std::nullopt;
    Dim q = Dim::FloorDiv(a, b);
    return q * b == a ? std::optional(std::move(q)) : std::nullopt;
  }

  // Takes the inner part off a piece.
  size_t Cut(size_t piece, const Dim& outer, const Dim& inner) {
    const size_t made = sizes_.size();
    sizes_[piece] = outer;
    sizes_.push_back(inner);
    home_.push_back(home_[piece]);
    at_first_.insert(std::find(at_first_.begin(), at_first_.end(), piece) + 1, made);
    for (auto& axis : axes_) {
      const auto it = std::find(axis.begin(), axis.end(), piece);
      if (it != axis.end()) axis.insert(it + 1, made);
    }
    return made;
  }

  bool JoinLast(size_t a, size_t b) {
    for (auto& axis : axes_) {
      const auto it = std::find(axis.begin(), axis.end(), a);
      if (it == axis.end() || it + 1 == axis.end() || *(it + 1) != b) continue;
      axis.erase(it + 1);
      return true;
    }
    return false;
  }

  std::vector<Dim> sizes_;                 // by piece
  std::vector<size_t> home_;               // by piece: the axis of the operand that it is cut from
  std::vector<size_t> at_first_;           // pieces in the operand's order
  std::vector<std::vector<size_t>> axes_;  // pieces of each axis as the chain has it
};

class Composer {
 public:
  Composer(Editor& editor, bool few) : editor_(editor), graph_(editor.graph()), few_(few) {}

  Status Run() {
    for (const NodeId id : NodesWithin(graph_)) {
      if (Moves(id) && !GoesOn(graph_.node(id).out[0])) RETURN_IF_ERROR(Compose(id));
    }
    editor_.RemoveDead();
    return editor_.Commit();
  }

 private:
  [[nodiscard]] bool Moves(NodeId id) const {
    const Node& node = graph_.node(id);
    if (!editor_.Alive(id) || (node.op != &ops::kTranspose && !IsReshape(node.op)) || !node.out[0]) return false;
    const ValueId x = node.in[0];
    if (graph_.IsConstant(x) || !graph_.value(x).type.ranked() || !graph_.value(node.out[0]).type.ranked())
      return false;
    return node.op != &ops::kTranspose || PermOf(node, graph_.value(x).type.rank()).has_value();
  }
  // Whether the value only goes into another one of the chain.
  [[nodiscard]] bool GoesOn(ValueId v) const {
    const auto& uses = editor_.Uses(v);
    return uses.size() == 1 && uses[0].node && uses[0].index == 0 && Moves(uses[0].node) &&
           graph_.node(uses[0].node).parent == editor_.HomeOf(v);
  }

  Status Compose(NodeId last) {
    std::vector<NodeId> chain = {last};
    OriginId origin = graph_.node(last).origin;
    size_t transposes = 0;
    while (true) {
      const ValueId x = graph_.node(chain.back()).in[0];
      if (graph_.node(chain.back()).op == &ops::kTranspose) {
        ++transposes;
        origin = graph_.node(chain.back()).origin;
      }
      const NodeId before = graph_.value(x).def;
      if (!before || !GoesOn(x) || !Moves(before)) break;
      chain.push_back(before);
    }
    if (chain.size() < 2 || transposes == 0) return Ok{};
    const ValueId x = graph_.node(chain.back()).in[0], y = graph_.node(last).out[0];
    const Shape from = ShapeOf(x), to = ShapeOf(y);
    Pieces pieces(from);
    for (size_t k = chain.size(); k-- > 0;) {
      const Node& node = graph_.node(chain[k]);
      if (node.op == &ops::kTranspose) {
        pieces.Transpose(*PermOf(node, graph_.value(node.in[0]).type.rank()));
      } else if (!pieces.Reshape(ShapeOf(node.out[0]))) {
        return Ok{};
      }
    }
    pieces.Join(false);
    if (pieces.size() > kMaxPieces) return Ok{};
    const std::vector<Pieces::Turn> turns = Turns(pieces, from, to, chain.size());
    const bool moves = !IsIdentity(pieces.Order());
    if (moves == turns.empty() || (moves && IsThere(chain, turns))) return Ok{};
    const RegionId region = graph_.node(last).parent;
    Shape shape = from;
    ValueId now = x;
    const auto reshape = [&](const Shape& wants, OriginId made_by) -> Result<bool> {
      if (shape == wants) return true;
      const auto numbers = ShapeNumbers(shape, wants);
      if (!numbers) return false;
      TRY(now, Emit(region, ops::kReshape, {now, Numbers(*numbers)}, ReshapeAttrs(wants), made_by));
      shape = wants;
      return true;
    };
    for (const Pieces::Turn& turn : turns) {
      TRY(const bool cut, reshape(turn.cut, origin));
      if (!cut) return Ok{};
      TRY(now, Emit(region, ops::kTranspose, {now}, {{"perm", turn.order}}, origin));
      shape = Stored(turn.cut, turn.order);
    }
    TRY(const bool whole, reshape(to, graph_.node(last).origin));
    if (!whole || !Meet(graph_.value(y).type, graph_.value(now).type)) return Ok{};
    return editor_.ReplaceValue(y, now);
  }

  // What the chain is to be: the transpose with the fewest reshapes around it, over as few axes as these allow, or two
  // of few axes. None where nothing moves or the chain may stay.
  std::vector<Pieces::Turn> Turns(Pieces pieces, const Shape& from, const Shape& to, size_t length) const {
    Pieces::Turn turn = pieces.Dense();
    if (IsIdentity(turn.order)) return {};
    const auto reshapes = [&](const Pieces::Turn& t) {
      return (t.cut != from ? 1 : 0) + (Stored(t.cut, t.order) != to ? 1 : 0);
    };
    const auto consider = [&](std::optional<Pieces::Turn> other) {
      if (!other || other->cut.size() > std::max(kMaxSpaced, turn.cut.size())) return;
      const int before = reshapes(turn), now = reshapes(*other);
      if (now < before || (now == before && other->cut.size() < turn.cut.size())) turn = *std::move(other);
    };
    consider(pieces.AsLeft());
    if (few_) {
      consider(pieces.AsGiven(from));
      consider(Fewest({pieces.Cut(), pieces.Order()}));
      pieces.Join(true);
      consider(pieces.AsLeft());
      if (auto two = InTwo(turn, from, to)) return *std::move(two);
    }
    if (static_cast<size_t>(reshapes(turn)) + 1 > length) return {};
    return {std::move(turn)};
  }

  // A move that takes elements one by one goes over many axes no faster than twice over few, first or last in blocks;
  // where few axes is all that there is around it, more than some runtimes take would be for nothing.
  static std::optional<std::vector<Pieces::Turn>> InTwo(const Pieces::Turn& turn, const Shape& from, const Shape& to) {
    const bool blocks = turn.order.back() + 1 == static_cast<int64_t>(turn.order.size());
    if (turn.order.size() <= kFewAxes || from.size() > kFewAxes || to.size() > kFewAxes || blocks) return std::nullopt;
    const auto parts = SplitMove(turn.cut, turn.order, kFewAxes);
    if (!parts) return std::nullopt;
    std::vector<Pieces::Turn> out;
    Shape shape = from;
    for (const PartOfMove& part : *parts) {
      const Pieces::Turn dense = Over(turn.cut, part);
      out.push_back(OnAxesOf(shape, dense).value_or(dense));
      shape = Stored(out.back().cut, out.back().order);
    }
    return out;
  }

  // Of axes of these sizes, each run of them one.
  static Pieces::Turn Over(const Shape& dims, const PartOfMove& part) {
    Pieces::Turn out{{}, part.perm};
    for (const auto& run : part.runs) {
      Dim size(1);
      for (const size_t axis : run) size = size * dims[axis];
      out.cut.push_back(size);
    }
    return out;
  }
  static Pieces::Turn Fewest(const Pieces::Turn& turn) { return Over(turn.cut, Joined(turn.order)); }

  // The same turn of a shape whose axes it takes as they are, some of them together, dims of 1 where they were.
  static std::optional<Pieces::Turn> OnAxesOf(const Shape& shape, const Pieces::Turn& turn) {
    std::vector<Perm> runs;
    size_t next = 0;
    for (const Dim& size : turn.cut) {
      Perm run;
      for (Dim has(1); has != size; ++next) {
        if (next == shape.size()) return std::nullopt;
        if (shape[next] == Dim(1)) continue;
        has = has * shape[next];
        run.push_back(static_cast<int64_t>(next));
        if (has.known() && size.known() && *has.known() > *size.known()) return std::nullopt;
      }
      runs.push_back(std::move(run));
    }
    Perm moved;
    for (const int64_t k : turn.order) {
      moved.insert(moved.end(), runs[static_cast<size_t>(k)].begin(), runs[static_cast<size_t>(k)].end());
    }
    Pieces::Turn out{shape, {}};
    size_t taken = 0;
    for (size_t k = 0; k < shape.size(); ++k) {
      out.order.push_back(shape[k] == Dim(1) ? static_cast<int64_t>(k) : moved[taken++]);
    }
    return out;
  }

  // Whether the chain, its last node first, is these transposes with the reshapes that they need already.
  [[nodiscard]] bool IsThere(const std::vector<NodeId>& chain, const std::vector<Pieces::Turn>& turns) const {
    Shape shape = ShapeOf(graph_.node(chain.back()).in[0]);
    size_t left = chain.size();
    const auto next = [&](const Shape& gives, const Perm* order) {
      if (left == 0) return false;
      const Node& node = graph_.node(chain[--left]);
      const bool is_turn = node.op == &ops::kTranspose;
      if (is_turn != (order != nullptr) || ShapeOf(node.out[0]) != gives) return false;
      shape = gives;
      return !is_turn || *PermOf(node, graph_.value(node.in[0]).type.rank()) == *order;
    };
    for (const Pieces::Turn& turn : turns) {
      if (shape != turn.cut && !next(turn.cut, nullptr)) return false;
      if (!next(Stored(turn.cut, turn.order), &turn.order)) return false;
    }
    const Shape to = ShapeOf(graph_.node(chain.front()).out[0]);
    return (shape == to || next(to, nullptr)) && left == 0;
  }

  [[nodiscard]] Shape ShapeOf(ValueId v) const { return graph_.value(v).type.shape(); }
  static Attrs ReshapeAttrs(const Shape& wants) {
    const bool zero = std::any_of(wants.begin(), wants.end(), [](const Dim& d) { return d == Dim(0); });
    return zero ? Attrs{{"allow_zero", int64_t{1}}} : Attrs{};
  }
  ValueId Numbers(const std::vector<int64_t>& numbers) {
    return editor_.AddConstant(Tensor::I64({static_cast<int64_t>(numbers.size())}, numbers));
  }
  Result<ValueId> Emit(RegionId region, const OpDef& op, std::vector<ValueId> in, Attrs attrs, OriginId origin) {
    TRY(const NodeId id, editor_.AddNode(region, op, std::move(in), 1, std::move(attrs), origin));
    return graph_.node(id).out[0];
  }

  Editor& editor_;
  Graph& graph_;
  const bool few_;
};

}  // namespace

Status ComposeMoves(Editor& editor, bool few) { return Composer(editor, few).Run(); }

}  // namespace godwit::layout
