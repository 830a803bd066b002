// Elementwise functions: fused into the step that makes their operand where it can take them, else steps of their own.
#include <algorithm>

#include "base/text.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/elementwise_step.h"
#include "exec/plan/lower_rules.h"
#include "exec/plan/reorder_step.h"
#include "exec/plan/unary_of.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

using kernels::BinaryOp;

bool SameShape(Lowering& l, ValueId a, ValueId b) { return l.TypeOf(a).shape() == l.TypeOf(b).shape(); }

Result<bool> LowerUnary(Lowering& l, NodeId id) {
  const auto unary = UnaryOf(l, id);
  if (!unary) return false;
  const Node& node = l.graph().node(id);
  const ValueId out = node.out[0];
  if (!l.IsStatic(out) || !l.IsStatic(unary->x) || !IsPlanFloat(l.TypeOf(out).dtype()) ||
      l.TypeOf(unary->x).dtype() != l.TypeOf(out).dtype() || !SameShape(l, unary->x, out)) {
    return false;
  }
  const Layout layout = l.LayoutOf(unary->x);
  if (l.Uses(unary->x) == 1) {
    Step* producer = l.Producer(unary->x, layout);
    if (producer != nullptr && producer->FuseUnary(unary->function)) {
      l.Redirect(producer, unary->x, out, layout, id);
      return true;
    }
  }
  auto step = MakeElementwise(l.TypeOf(out).dtype(), ElementsIn(l.DimsOf(out), layout));
  step->Start(l.In(unary->x, layout));
  step->FuseUnary(unary->function);
  step->writes = {l.Define(out, layout)};
  l.Emit(std::move(step), id);
  return true;
}

std::optional<BinaryOp> BinaryOf(const OpDef* op) {
  if (op == &ops::kAdd) return BinaryOp::kAdd;
  if (op == &ops::kSub) return BinaryOp::kSub;
  if (op == &ops::kMul) return BinaryOp::kMul;
  if (op == &ops::kDiv) return BinaryOp::kDiv;
  if (op == &ops::kMax) return BinaryOp::kMax;
  if (op == &ops::kMin) return BinaryOp::kMin;
  if (op == &ops::kPRelu) return BinaryOp::kPrelu;
  if (op == &ops::kPow) return BinaryOp::kPow;
  return std::nullopt;
}

// How an operand of another shape lies over a dense result: as one element, or repeating with the trailing dims.
std::optional<Access> AccessOf(const Dims& operand, const Dims& out, int64_t* period) {
  const int64_t count = ElementCount(operand);
  if (operand == out) return Access::kFull;
  if (count == 1) return Access::kScalar;
  size_t first = 0;
  while (first < operand.size() && operand[first] == 1) ++first;
  const size_t tail = operand.size() - first;
  if (!std::equal(operand.begin() + static_cast<int64_t>(first), operand.end(),
                  out.end() - static_cast<int64_t>(tail))) {
    return std::nullopt;
  }
  if (count < 32) return std::nullopt;
  *period = count;
  return count == ElementCount(out) ? Access::kFull : Access::kPeriodic;
}

/// One function of two operands of which one is broadcast in a way that chains do not take.
template <class T>
class BinaryStep final : public Step {
 public:
  BinaryStep(BinaryOp op, Dims shape, Dims a, Dims b)
      : op_(op), shape_(std::move(shape)), a_(std::move(a)), b_(std::move(b)) {}
  Status Run(Frame& frame) const override {
    kernels::ApplyBinary<T>(op_, {frame.In<T>(reads[0]), a_}, {frame.In<T>(reads[1]), b_}, shape_,
                            frame.Out<T>(writes[0]), frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return "binary with broadcast"; }

 private:
  BinaryOp op_;
  Dims shape_, a_, b_;
};

Dims StepsOver(const Dims& operand, const Dims& out) {
  Dims steps(out.size(), 0);
  const size_t lead = out.size() - operand.size();
  int64_t stride = 1;
  for (size_t k = operand.size(); k-- > 0;) {
    if (operand[k] != 1) steps[lead + k] = stride;
    stride *= operand[k];
  }
  return steps;
}

// Whether an operand can be worked on in blocks beside a blocked result: one value for each channel of each image.
bool IsPerChannel(const Dims& operand, const Dims& out, Layout layout) {
  if (layout == Layout::kBlockedLast) {
    if (operand.empty() || operand.size() > out.size() || operand.back() != out.back()) return false;
    const bool own_image = operand.size() == out.size() && operand[0] == out[0];
    return std::all_of(operand.begin() + (own_image ? 1 : 0), operand.end() - 1, [](int64_t d) { return d == 1; });
  }
  if (operand.size() != out.size() || operand.size() < 3 || operand[1] != out[1]) return false;
  if (operand[0] != 1 && operand[0] != out[0]) return false;
  return std::all_of(operand.begin() + 2, operand.end(), [](int64_t d) { return d == 1; });
}

struct BinaryNode {
  BinaryOp op;
  ValueId a, b, out;
};

Result<bool> FuseIntoProducer(Lowering& l, NodeId id, const BinaryNode& n, Layout layout) {
  const bool blocked = layout != Layout::kPlain;
  for (const bool swapped : {false, true}) {
    const ValueId v = swapped ? n.b : n.a;
    const ValueId other = swapped ? n.a : n.b;
    if (l.Uses(v) != 1 || v == other || !SameShape(l, v, n.out)) continue;
    Step* producer = l.Producer(v, layout);
    if (producer == nullptr) continue;
    const Dims dims = l.DimsOf(other), out = l.DimsOf(n.out);
    if (n.op == BinaryOp::kAdd && dims == out) {
      const SlotId residual = l.In(other, layout);
      if (l.slot(residual).kind != Slot::Kind::kDynamic && producer->FuseResidual(residual)) {
        l.Redirect(producer, v, n.out, layout, id);
        return true;
      }
    }
    if (n.op == BinaryOp::kAdd && l.Known(other) != nullptr) {
      const bool last_axis =
          !dims.empty() && !out.empty() && dims.back() == out.back() && ElementCount(dims) == out.back();
      const bool one_image = ElementCount(dims) == ImageOf(out, layout).channels;
      const bool per_channel = blocked ? IsPerChannel(dims, out, layout) && one_image : last_axis;
      if (per_channel && producer->FuseBias(l.Plain(other))) {
        l.Redirect(producer, v, n.out, layout, id);
        return true;
      }
    }
    FusedBinary f{n.op, {}, Access::kFull, 0, swapped};
    const auto access = AccessOf(dims, out, &f.period);
    if (!access || (blocked && *access == Access::kPeriodic)) continue;
    f.access = *access;
    f.other = l.In(other, *access == Access::kFull ? layout : Layout::kPlain);
    if (!producer->FuseBinary(f)) continue;
    l.Redirect(producer, v, n.out, layout, id);
    return true;
  }
  return false;
}

Result<bool> LowerBinary(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const auto op = BinaryOf(node.op);
  if (!op || node.in.size() != 2 || !node.out[0]) return false;
  const BinaryNode n{*op, node.in[0], node.in[1], node.out[0]};
  const DType dtype = l.TypeOf(n.out).dtype();
  for (ValueId v : {n.a, n.b, n.out}) {
    if (!l.IsStatic(v) || l.TypeOf(v).dtype() != dtype) return false;
  }
  if (!IsPlanFloat(dtype)) return false;
  const Dims out = l.DimsOf(n.out), a = l.DimsOf(n.a), b = l.DimsOf(n.b);
  if (ElementCount(out) == 0) return false;

  Layout layout = Layout::kPlain;
  for (const auto& [v, dims] : {std::pair(n.a, &a), std::pair(n.b, &b)}) {
    if (*dims == out && layout == Layout::kPlain) layout = l.LayoutOf(v);
  }
  const auto fits_blocks = [&](const Dims& dims) {
    return dims == out || ElementCount(dims) == 1 || IsPerChannel(dims, out, layout);
  };
  if (!fits_blocks(a) || !fits_blocks(b)) layout = Layout::kPlain;
  const bool blocked = layout != Layout::kPlain;
  TRY(const bool fused, FuseIntoProducer(l, id, n, layout));
  if (fused) return true;

  int64_t period_a = 0, period_b = 0;
  const auto access_a = AccessOf(a, out, &period_a), access_b = AccessOf(b, out, &period_b);
  const bool chains = access_a && access_b && (*access_a == Access::kFull || *access_b == Access::kFull) &&
                      !(blocked && (*access_a == Access::kPeriodic || *access_b == Access::kPeriodic));
  const auto slot_of = [&](ValueId v, const Dims& dims) {
    return l.In(v, ElementCount(dims) != 1 ? layout : Layout::kPlain);
  };
  const SlotId slot_a = slot_of(n.a, a), slot_b = slot_of(n.b, b);
  if (chains) {
    auto step = MakeElementwise(dtype, ElementsIn(out, layout));
    const bool swapped = *access_a != Access::kFull;
    step->Start(swapped ? slot_b : slot_a);
    step->FuseBinary(swapped ? FusedBinary{n.op, slot_a, *access_a, period_a, true}
                             : FusedBinary{n.op, slot_b, *access_b, period_b, false});
    step->writes = {l.Define(n.out, layout)};
    l.Emit(std::move(step), id);
    return true;
  }
  const auto block_dims = [&](const Dims& dims) {
    return ElementCount(dims) == 1 ? Dims{1, 1, 1, 1} : BlockDims(dims, layout);
  };
  const Dims shape = blocked ? BlockDims(out, layout) : out;
  auto step = MakeStep<BinaryStep>(dtype, n.op, shape, StepsOver(blocked ? block_dims(a) : a, shape),
                                   StepsOver(blocked ? block_dims(b) : b, shape));
  step->reads = {slot_a, slot_b};
  step->writes = {l.Define(n.out, layout)};
  l.Emit(std::move(step), id);
  return true;
}

const std::vector<LowerRule>& Rules() {
  static const std::vector<LowerRule> rules = [] {
    std::vector<LowerRule> rows;
    for (const OpDef* op : ops::All()) {
      rows.push_back({op, LowerUnary});
      if (BinaryOf(op)) rows.push_back({op, LowerBinary});
    }
    return rows;
  }();
  return rules;
}

}  // namespace

std::span<const LowerRule> ElementwiseRules() { return Rules(); }

}  // namespace godwit::plan
