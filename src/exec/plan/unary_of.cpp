#include "exec/plan/unary_of.h"

#include <limits>

#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

using kernels::UnaryOp;

struct Row {
  const OpDef* op;
  UnaryOp kernel;
  std::string_view a = {};  // attributes that become the kernel's parameters
  double a_default = 0;
  std::string_view b = {};
  double b_default = 0;
};

constexpr Row kRows[] = {
    {&ops::kRelu, UnaryOp::kRelu},
    {&ops::kLeakyRelu, UnaryOp::kLeakyRelu, "alpha", 0.01},
    {&ops::kThresholdedRelu, UnaryOp::kThresholdedRelu, "alpha", 1},
    {&ops::kSigmoid, UnaryOp::kSigmoid},
    {&ops::kHardSigmoid, UnaryOp::kHardSigmoid, "alpha", 0.2, "beta", 0.5},
    {&ops::kHardSwish, UnaryOp::kHardSwish},
    {&ops::kTanh, UnaryOp::kTanh},
    {&ops::kErf, UnaryOp::kErf},
    {&ops::kElu, UnaryOp::kElu, "alpha", 1},
    {&ops::kSelu, UnaryOp::kSelu, "alpha", 1.6732632423543772, "gamma", 1.0507009873554805},
    {&ops::kCelu, UnaryOp::kCelu, "alpha", 1},
    {&ops::kSoftplus, UnaryOp::kSoftplus},
    {&ops::kSoftsign, UnaryOp::kSoftsign},
    {&ops::kMish, UnaryOp::kMish},
    {&ops::kAbs, UnaryOp::kAbs},
    {&ops::kNeg, UnaryOp::kNeg},
    {&ops::kSqrt, UnaryOp::kSqrt},
    {&ops::kReciprocal, UnaryOp::kReciprocal},
    {&ops::kFloor, UnaryOp::kFloor},
    {&ops::kCeil, UnaryOp::kCeil},
    {&ops::kRound, UnaryOp::kRound},
    {&ops::kSign, UnaryOp::kSign},
    {&ops::kExp, UnaryOp::kExp},
    {&ops::kLog, UnaryOp::kLog},
    {&ops::kSin, UnaryOp::kSin},
    {&ops::kCos, UnaryOp::kCos},
    {&ops::kTan, UnaryOp::kTan},
    {&ops::kAsin, UnaryOp::kAsin},
    {&ops::kAcos, UnaryOp::kAcos},
    {&ops::kAtan, UnaryOp::kAtan},
    {&ops::kSinh, UnaryOp::kSinh},
    {&ops::kCosh, UnaryOp::kCosh},
    {&ops::kAsinh, UnaryOp::kAsinh},
    {&ops::kAcosh, UnaryOp::kAcosh},
    {&ops::kAtanh, UnaryOp::kAtanh},
};

std::optional<double> KnownScalar(Lowering& l, ValueId v) {
  const Tensor* t = l.Known(v);
  if (t == nullptr || t->size() != 1 || !IsFloat(t->dtype())) return std::nullopt;
  return LoadF64(t->dtype(), t->raw());
}

std::optional<UnaryNode> ClipOf(Lowering& l, const Node& node) {
  double bounds[2] = {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  for (size_t i = 0; i < 2; ++i) {
    if (node.in.size() <= i + 1 || !node.in[i + 1]) continue;
    const auto bound = KnownScalar(l, node.in[i + 1]);
    if (!bound) return std::nullopt;
    bounds[i] = *bound;
  }
  if (!(bounds[0] <= bounds[1])) return std::nullopt;
  return UnaryNode{{UnaryOp::kClip, bounds[0], bounds[1]}, node.in[0]};
}

NodeId GateOf(Lowering& l, const Node& node, ValueId x) {
  return l.graph().value(node.in[0] == x ? node.in[1] : node.in[0]).def;
}

}  // namespace

std::optional<UnaryNode> UnaryOf(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  if (node.op == &ops::kClip) return ClipOf(l, node);
  if (node.op == &ops::kGelu) {
    const bool tanh = attrs.Str("approximate", "none") == "tanh";
    return UnaryNode{{tanh ? UnaryOp::kGeluTanh : UnaryOp::kGelu}, node.in[0]};
  }
  if (node.op == &ops::kSilu) {
    const double alpha = attrs.Float("alpha", 1);
    if (alpha == 1) return UnaryNode{{UnaryOp::kSilu}, node.in[0]};
    return UnaryNode{{UnaryOp::kSwish, alpha}, node.in[0]};
  }
  if (node.op == &ops::kMul) {
    if (const auto x = l.GatedBy(id, &ops::kSigmoid); x && l.IsAbsorbed(GateOf(l, node, *x))) {
      return UnaryNode{{UnaryOp::kSilu}, *x};
    }
    if (const auto x = l.GatedBy(id, &ops::kHardSigmoid); x && l.IsAbsorbed(GateOf(l, node, *x))) {
      return UnaryNode{{UnaryOp::kHardSwish}, *x};
    }
    return std::nullopt;
  }
  if (node.op == &ops::kPow) {
    const auto exponent = KnownScalar(l, node.in[1]);
    if (exponent && *exponent == 2 && l.TypeOf(node.in[0]) == l.TypeOf(node.out[0])) {
      return UnaryNode{{UnaryOp::kSquare}, node.in[0]};
    }
    return std::nullopt;
  }
  for (const Row& row : kRows) {
    if (row.op != node.op) continue;
    kernels::Unary f{row.kernel};
    if (!row.a.empty()) f.a = attrs.Float(row.a, row.a_default);
    if (!row.b.empty()) f.b = attrs.Float(row.b, row.b_default);
    return UnaryNode{f, node.in[0]};
  }
  return std::nullopt;
}

std::string_view UnaryName(UnaryOp op) {
  for (const Row& row : kRows) {
    if (row.kernel == op) return row.op->name;
  }
  switch (op) {
    case UnaryOp::kClip: return "clip";
    case UnaryOp::kGelu:
    case UnaryOp::kGeluTanh: return "gelu";
    case UnaryOp::kSilu:
    case UnaryOp::kSwish: return "silu";
    case UnaryOp::kSquare: return "square";
    default: return "unary";
  }
}

}  // namespace godwit::plan
