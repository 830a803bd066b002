// Transposes move down through operators that do not mind, where that leaves fewer of them: until they meet one that
// undoes them, or where the transposes of several operands become one of the result.
#include <algorithm>
#include <memory>

#include "ir/commute.h"
#include "ops/ops.h"
#include "passes/numbers_like.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

constexpr size_t kMaxSteps = 64;

// One operator on the way: on an operand that is not transposed it gives a result to be transposed by `commute.result`.
struct Step {
  NodeId node;
  std::unique_ptr<CommuteCtx> commute;
};

// A way down from a transpose: the operators on it, and where it ends.
struct Way {
  std::vector<Step> steps;
  Perm left;     ///< the value at the end is the new one transposed by this
  ValueId last;  ///< the old value there
  NodeId turn;   ///< a transpose that takes it, when there is one
  int64_t gain = 0;
};

class Sink {
 public:
  explicit Sink(RewriteCtx& ctx) : ctx_(ctx), editor_(ctx.editor()) {}

  Result<bool> Run() {
    if (!ctx_.Ranked(ctx_.In(0))) return false;
    const auto perm = PermOf(ctx_.node(), ctx_.Rank(ctx_.In(0)));
    if (!perm || IsIdentity(*perm) || ctx_.IsConstant(ctx_.In(0))) return false;
    perm_ = *perm;
    const std::vector<UseSite> uses = editor_.Uses(ctx_.Out());
    for (const UseSite& use : uses) {
      if (!use.node || ctx_.graph().node(use.node).parent != ctx_.node().parent) continue;
      Way way;
      way.gain = uses.size() == 1 ? 1 : 0;
      if (Descend(use, &way)) return Build(way);
    }
    return false;
  }

 private:
  // Whether following the use gains anything; `way` is then complete.
  bool Descend(UseSite use, Way* way) {
    way->left = perm_;
    way->last = ctx_.Out();
    while (way->steps.size() < kMaxSteps) {
      const Node& node = ctx_.graph().node(use.node);
      if (node.op == &ops::kTranspose) {
        const auto second = PermOf(node, static_cast<int>(way->left.size()));
        if (!second || way->steps.empty()) return false;
        way->turn = use.node;
        if (IsIdentity(Compose(way->left, *second))) ++way->gain;
        return way->gain > 0;
      }
      if (!Pass(use, way)) return false;
      // What must stand at the end when it ends here.
      if (way->gain > (IsIdentity(way->left) ? 0 : 1)) return true;
      const std::vector<UseSite>& uses = editor_.Uses(way->last);
      if (uses.size() != 1 || !uses[0].node || ctx_.graph().node(uses[0].node).parent != node.parent) return false;
      use = uses[0];
    }
    return false;
  }

  bool Pass(const UseSite& use, Way* way) {
    const Node& node = ctx_.graph().node(use.node);
    if (node.op->commute == nullptr || node.out.size() != 1 || !node.out[0]) return false;
    if (!ctx_.Ranked(node.out[0])) return false;
    auto commute = std::make_unique<CommuteCtx>(node.attrs, use.index, Inverse(way->left), 1);
    for (ValueId v : node.in) commute->ranks.push_back(v && ctx_.Ranked(v) ? ctx_.Rank(v) : -1);
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (node.in[i] && !ctx_.Ranked(node.in[i])) return false;
    }
    commute->contents = [this, &node](size_t i) { return i < node.in.size() ? ctx_.Ints(node.in[i]) : std::nullopt; };
    if (!node.op->commute(*commute)) return false;
    // The transposes are those of the format at hand: it may not have what would come of them.
    if (commute->rare) return false;
    commute->contents = nullptr;
    // Operators with a channel axis of their own are where layouts come from: formats want it in its place.
    if (commute->changed.Int("channel_axis", 1) != node.attrs.Int("channel_axis", 1)) return false;
    for (size_t i : commute->alike) {
      const auto cost = CostOf(node.in[i], way->left);
      if (!cost) return false;
      way->gain -= *cost;
    }
    way->left = Inverse(commute->result);
    way->last = node.out[0];
    way->steps.push_back({use.node, std::move(commute)});
    return true;
  }

  // Transposes that giving this operand untransposed costs: -1 where one goes away. nullopt: too many.
  std::optional<int64_t> CostOf(ValueId v, const Perm& perm) const {
    if (ctx_.IsConstant(v) || ElementCount(ctx_.ShapeOf(v)) == Dim(1)) return 0;
    const Node* def = ctx_.Def(v, ops::kTranspose);
    if (def == nullptr || PermOf(*def, ctx_.Rank(v)) != std::optional(perm)) return std::nullopt;
    if (v == ctx_.Out()) return 0;
    return ctx_.SingleUse(v) ? -1 : 0;
  }

  Result<bool> Build(const Way& way) {
    ValueId now = ctx_.In(0);
    Perm left = perm_;
    for (const Step& step : way.steps) {
      const Node node = ctx_.graph().node(step.node);
      ctx_.set_origin(node.origin);
      std::vector<ValueId> in = node.in;
      in[step.commute->operand] = now;
      for (size_t i : step.commute->alike) {
        TRY(in[i], Untransposed(in[i], left));
      }
      for (const auto& [i, numbers] : step.commute->numbers) {
        if (in.size() <= i) in.resize(i + 1);
        in[i] = Numbers(in[i], numbers);
      }
      TRY(now, ctx_.Emit(*node.op, std::move(in), step.commute->changed));
      left = Inverse(step.commute->result);
    }
    ValueId old = way.last;
    if (way.turn) {
      const Node& turn = ctx_.graph().node(way.turn);
      ctx_.set_origin(turn.origin);
      old = turn.out[0];
      left = Compose(left, *PermOf(turn, static_cast<int>(left.size())));
    }
    if (!IsIdentity(left)) {
      TRY(now, ctx_.Emit(ops::kTranspose, {now}, {{"perm", left}}));
    }
    if (!Meet(ctx_.TypeOf(old), ctx_.TypeOf(now))) return false;
    RETURN_IF_ERROR(editor_.ReplaceValue(old, now));
    return true;
  }

  Result<ValueId> Untransposed(ValueId v, const Perm& perm) {
    if (ElementCount(ctx_.ShapeOf(v)) == Dim(1) && ctx_.Rank(v) <= static_cast<int>(perm.size())) return v;
    const Node* def = ctx_.Def(v, ops::kTranspose);
    if (def != nullptr && PermOf(*def, ctx_.Rank(v)) == std::optional(perm)) return def->in[0];
    std::vector<int64_t> dims;
    for (const Dim& d : ctx_.ShapeOf(v)) dims.push_back(d.value());  // a constant's
    if (dims.size() < perm.size()) {
      dims.insert(dims.begin(), perm.size() - dims.size(), 1);
      TRY(v, ctx_.Emit(ops::kReshape, {v, ctx_.I64s(dims)}, {{"allow_zero", int64_t{1}}}));
    }
    return ctx_.Emit(ops::kTranspose, {v}, {{"perm", Inverse(perm)}});
  }

  ValueId Numbers(ValueId old, const std::vector<int64_t>& numbers) {
    return ctx_.Constant(NumbersLike(old ? ctx_.graph().value(old).type : Type(), numbers));
  }

  RewriteCtx& ctx_;
  Editor& editor_;
  Perm perm_;
};

Result<bool> SinkTranspose(RewriteCtx& ctx) { return Sink(ctx).Run(); }

const OpDef* const kTransposes[] = {&ops::kTranspose};

// Sums inside softmax, reductions and norms are taken in another order.
const Rule kRules[] = {
    {"sink-transpose", "Transposes move down through operators where that leaves fewer of them.",
     Numerics::kReassociating, kTransposes, SinkTranspose},
};

}  // namespace

RuleTable SinkRules() { return kRules; }

}  // namespace godwit
