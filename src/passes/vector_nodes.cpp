#include "passes/vector_nodes.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "ir/convert.h"
#include "ops/ops.h"
#include "passes/lazy_weight.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

const Shape& ShapeOf(const Graph& graph, ValueId v) { return graph.value(v).type.shape(); }

// Element by element, whatever the shape.
bool IsUnary(const OpDef* op) {
  static const std::unordered_set<const OpDef*> kOps = {
      &ops::kRelu,      &ops::kGelu, &ops::kSigmoid,     &ops::kTanh,      &ops::kErf,       &ops::kSilu,
      &ops::kHardSwish, &ops::kExp,  &ops::kSqrt,        &ops::kNeg,       &ops::kLeakyRelu, &ops::kElu,
      &ops::kSoftplus,  &ops::kMish, &ops::kAbs,         &ops::kClip,      &ops::kCast,      &ops::kLog,
      &ops::kIdentity,  &ops::kSelu, &ops::kHardSigmoid, &ops::kReciprocal};
  return kOps.contains(op);
}

bool LastAxis(const Graph& graph, int64_t axis, ValueId v) {
  const int rank = graph.value(v).type.rank();
  return AxisOf(axis, rank) == int64_t{rank} - 1;
}

// A constant that broadcasts along the vectors' elements alone, or holds a vector for each.
bool FitsConstant(const Graph& graph, ValueId c, ValueId y) {
  const Shape& own = ShapeOf(graph, c);
  const Shape& out = ShapeOf(graph, y);
  if (!graph.value(c).type.ranked() || own.size() > out.size()) return false;
  if (own == out) return IsStatic(own);
  for (size_t k = 0; k + 1 < own.size(); ++k) {
    if (own[k] != Dim(1)) return false;
  }
  return own.empty() || own.back() == out.back() || own.back() == Dim(1);
}

// One number for each vector broadcasts too.
bool SameGrouping(const Shape& x, const Shape& y) {
  return x.size() == y.size() && std::equal(x.begin(), x.end() - 1, y.begin()) &&
         (x.back() == y.back() || x.back() == Dim(1));
}

bool VariesByRow(const Graph& graph, const Node& gemm) {
  if (gemm.in.size() < 3 || !gemm.in[2]) return !graph.IsConstant(gemm.in[1]);
  return !graph.IsConstant(gemm.in[1]) || !graph.IsConstant(gemm.in[2]) ||
         !FitsConstant(graph, gemm.in[2], gemm.out[0]);
}

bool ReducesEachVector(const Graph& graph, const Node& node) {
  if (node.op != &ops::kReduce || node.in.size() < 2 || !node.in[1] || !node.attrs.Flag("keep_dims", true))
    return false;
  if (!graph.IsConstant(node.in[1])) return false;
  const auto axes = graph.constant(graph.value(node.in[1]).constant).Load();
  if (!axes.ok() || axes->size() != 1) return false;
  return LastAxis(graph, ToI64(*axes)[0], node.in[0]);
}

}  // namespace

Dim ProductOf(const Shape& shape, size_t first, size_t last) {
  Dim out(1);
  for (size_t k = first; k < last; ++k) out = out * shape[k];
  return out;
}

bool IsViewNode(const Graph& graph, const Node& node) {
  if (node.op == &ops::kTranspose) {
    const Type& type = graph.value(node.in[0]).type;
    const auto perm = type.ranked() ? PermOf(node, type.rank()) : std::nullopt;
    return perm && MovesNothing(*perm, type.shape());
  }
  return node.op == &ops::kReshape || node.op == &ops::kFlatten || node.op == &ops::kSqueeze ||
         node.op == &ops::kUnsqueeze;
}

bool IsVectorBinary(const OpDef* op) {
  return op == &ops::kAdd || op == &ops::kSub || op == &ops::kMul || op == &ops::kDiv;
}

bool IsExpressible(const Shape& shape) {
  return std::count_if(shape.begin(), shape.end(), [](const Dim& d) { return !d.is_static(); }) <= 1 &&
         std::find(shape.begin(), shape.end(), Dim(0)) == shape.end();
}

bool IsVectors(const Graph& graph, ValueId v) {
  if (!v || graph.IsConstant(v)) return false;
  const Type& type = graph.value(v).type;
  return type.is_tensor() && type.ranked() && type.rank() >= 2 && type.shape().back().is_static() &&
         !type.tensor().quant && IsExpressible(type.shape());
}

bool TreatsVectorsAlike(const Graph& graph, const Node& node) {
  if (node.in.empty() || node.out.size() != 1 || !node.regions.empty()) return false;
  const ValueId x = node.in[0];
  const ValueId y = node.out[0];
  if (!IsVectors(graph, y)) return false;
  if (IsVectorBinary(node.op)) {
    bool stream = false;
    for (ValueId v : node.in) {
      if (graph.IsConstant(v)) {
        if (!FitsConstant(graph, v, y)) return false;
        continue;
      }
      if (!IsVectors(graph, v) || !SameGrouping(ShapeOf(graph, v), ShapeOf(graph, y))) return false;
      stream = true;
    }
    return stream;
  }
  if (!IsVectors(graph, x)) return false;
  const Shape &from = ShapeOf(graph, x), &to = ShapeOf(graph, y);
  if (IsUnary(node.op)) return from == to;
  if (IsViewNode(graph, node)) {
    return from.back() == to.back() && ProductOf(from, 0, from.size() - 1) == ProductOf(to, 0, to.size() - 1);
  }
  if (node.op == &ops::kMatMul) {
    return node.in.size() == 2 && graph.IsConstant(node.in[1]) && graph.value(node.in[1]).type.rank() == 2 &&
           !node.attrs.Flag("transpose_a") && IsFloat(graph.value(y).type.dtype());
  }
  if (node.op == &ops::kGemm) return !node.attrs.Flag("transpose_a") && !VariesByRow(graph, node);
  if (node.op == &ops::kSoftmax) return LastAxis(graph, node.attrs.Int("axis", -1), x);
  if (node.op == &ops::kLayerNorm || node.op == &ops::kRmsNorm) {
    for (size_t k = 1; k < node.in.size(); ++k) {
      if (node.in[k] && (!graph.value(node.in[k]).type.ranked() || graph.value(node.in[k]).type.rank() != 1))
        return false;
    }
    return LastAxis(graph, node.attrs.Int("axis", -1), x);
  }
  return ReducesEachVector(graph, node);
}

Result<ValueId> ReshapedConstant(Editor& editor, ValueId constant, Dims dims) {
  Graph& graph = editor.graph();
  const Constant& old = graph.constant(graph.value(constant).constant);
  if (old.type.shape == ToShape(dims)) return constant;
  TRY(Constant made,
      LazyWeight(TensorType(old.type.dtype, ToShape(dims)), {old},
                 [dims](const std::vector<Tensor>& in) -> Result<Tensor> { return in[0].Reshaped(dims); }));
  const ValueId id = editor.AddConstant(std::move(made));
  graph.value(id).name = graph.value(constant).name;
  return id;
}

void HandName(Graph& graph, ValueId from, ValueId to) {
  Value &old = graph.value(from), &now = graph.value(to);
  if (from != to && now.name.empty() && now.def && old.def) now.name = std::exchange(old.name, {});
}

Result<ValueId> AddRegrouped(Editor& editor, const Node& node, std::vector<ValueId> in) {
  Attrs attrs = node.attrs;
  if (attrs.Has("axis")) attrs.Set("axis", int64_t{-1});
  if (node.op == &ops::kReduce) {
    in[1] = editor.AddConstant(Tensor::I64({1}, {int64_t{editor.graph().value(in[0]).type.rank()} - 1}));
  }
  TRY(const NodeId made, editor.AddNode(node.parent, *node.op, std::move(in), 1, std::move(attrs), node.origin));
  return editor.graph().node(made).out[0];
}

std::vector<int64_t> ReshapeNumbers(const Shape& shape) {
  std::vector<int64_t> numbers;
  for (const Dim& d : shape) numbers.push_back(d.is_static() ? d.value() : -1);
  return numbers;
}

Result<ValueId> AddReshape(Editor& editor, RegionId region, ValueId x, const std::vector<int64_t>& numbers,
                           OriginId origin) {
  const ValueId to = editor.AddConstant(Tensor::I64({static_cast<int64_t>(numbers.size())}, numbers));
  TRY(const NodeId made, editor.AddNode(region, ops::kReshape, {x, to}, 1, {}, origin));
  return editor.graph().node(made).out[0];
}

}  // namespace godwit
