// Elements picked and placed by index.
#include <fmt/format.h>

#include <algorithm>

#include "frontends/tflite/op_import.h"
#include "frontends/tflite/tensor_import.h"
#include "ir/convert.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

ValueId Indices(OpImport& n, size_t i) {
  const ValueId v = n.Stored(i);
  if (!n.ok()) return {};
  const DType dtype = n.DtypeOf(v);
  return dtype == DType::kI64 || dtype == DType::kI32 ? v : n.Cast(v, DType::kI32);
}

// The node that makes `v` when its operator is `op`.
const Node* DefOf(OpImport& n, ValueId v, const OpDef& op) {
  const NodeId def = n.builder().graph().value(v).def;
  return def && n.builder().graph().node(def).op == &op ? &n.builder().graph().node(def) : nullptr;
}

bool IsZero(OpImport& n, ValueId v) {
  const Tensor* t = n.KnownTensor(v);
  return t != nullptr && t->size() == 1 && ToI64(*t)[0] == 0;
}

// Operators here do not count from the end, so writers add the extents to what is negative: select(x < 0, x + extents,
// x). Ours count from the end by themselves, and what else lies outside is outside either way: x.
ValueId CountedFromEnd(OpImport& n, ValueId indices, const std::vector<Dim>& extents) {
  if (!n.ok()) return indices;
  ValueId v = indices;
  if (const Node* view = DefOf(n, v, ops::kReshape)) v = view->in[0];
  const Node* choice = DefOf(n, v, ops::kWhere);
  const Node* low = choice == nullptr ? nullptr : DefOf(n, choice->in[0], ops::kLess);
  const Node* sum = choice == nullptr ? nullptr : DefOf(n, choice->in[1], ops::kAdd);
  if (low == nullptr || sum == nullptr) return indices;
  const ValueId x = choice->in[2];
  if (low->in[0] != x || !IsZero(n, low->in[1]) || (sum->in[0] != x && sum->in[1] != x)) return indices;
  if (n.TypeOf(x) != n.TypeOf(v)) return indices;
  if (n.builder().inference().Contents(sum->in[sum->in[0] == x ? 1 : 0]) != extents) return indices;
  if (v == indices) return x;
  const Type& wanted = n.TypeOf(indices);
  std::vector<int64_t> dims;
  for (const Dim& d : wanted.shape()) {
    if (!d.is_static()) return indices;
    dims.push_back(d.value());
  }
  return n.Reshape(x, dims);
}

void ImportGather(OpImport& n) {
  const ValueId x = n.Stored(0), indices = Indices(n, 1);
  const int rank = n.Rank(x);
  int64_t axis = n.Int("axis"), batch = n.Int("batch_dims");
  if (!n.ok()) return;
  if (batch == 0) {
    const int64_t along = axis < 0 ? axis + rank : axis;
    std::vector<Dim> extents;
    if (along >= 0 && along < rank) extents = {n.TypeOf(x).shape()[static_cast<size_t>(along)]};
    n.Out(0, n.Emit(ops::kGather, {x, CountedFromEnd(n, indices, extents)}, {{"axis", axis}}));
    return;
  }
  const int of_indices = n.Rank(indices);
  axis = axis < 0 ? axis + rank : axis;
  batch = batch < 0 ? batch + of_indices : batch;
  if (!n.ok()) return;
  if (batch < 1 || batch > axis || axis >= rank || batch > of_indices) {
    n.BadOption("batch_dims", fmt::format("{} with axis {}", batch, axis));
    return;
  }
  // The axis comes behind the batch, whose slices are then picked one by one, and goes back.
  std::vector<int64_t> there;
  for (int64_t k = 0; k < batch; ++k) there.push_back(k);
  there.push_back(axis);
  for (int64_t k = batch; k < rank; ++k) {
    if (k != axis) there.push_back(k);
  }
  ValueId y = n.Emit(ops::kGatherNd, {axis == batch ? x : n.Transpose(x, there), n.Unsqueeze(indices, {-1})},
                     {{"batch_dims", batch}});
  if (axis != batch) {
    // [batch, picked, dims between, dims behind] -> [batch, dims between, picked, dims behind]
    const int64_t picked = of_indices - batch, between = axis - batch;
    std::vector<int64_t> back;
    for (int64_t k = 0; k < batch; ++k) back.push_back(k);
    for (int64_t k = 0; k < between; ++k) back.push_back(batch + picked + k);
    for (int64_t k = 0; k < picked; ++k) back.push_back(batch + k);
    for (int64_t k = batch + picked + between; k < rank - 1 + picked; ++k) back.push_back(k);
    y = n.Transpose(y, std::move(back));
  }
  n.Out(0, y);
}

// The extents that tuples of indices are counted along.
std::vector<Dim> ExtentsOf(OpImport& n, const Shape& of, ValueId indices) {
  const Type& type = n.TypeOf(indices);
  const auto depth = type.ranked() && type.rank() > 0 ? type.shape().back().known() : std::nullopt;
  if (!depth || *depth < 1 || static_cast<size_t>(*depth) > of.size()) return {};
  return {of.begin(), of.begin() + static_cast<std::ptrdiff_t>(*depth)};
}

void ImportGatherNd(OpImport& n) {
  const ValueId x = n.Stored(0), indices = Indices(n, 1);
  if (n.Rank(x) < 0 || !n.ok()) return;
  n.Out(0, n.Emit(ops::kGatherNd, {x, CountedFromEnd(n, indices, ExtentsOf(n, n.TypeOf(x).shape(), indices))}));
}

// Updates of one place add up.
void ImportScatterNd(OpImport& n) {
  const ValueId updates = n.Stored(1), shape = n.Stored(2);
  if (!n.ok()) return;
  const ValueId zeros = n.Emit(ops::kExpand, {n.Number(updates, 0), shape});
  Attrs attrs;
  if (n.DtypeOf(updates) != DType::kBool && n.DtypeOf(updates) != DType::kString) {
    attrs.Set("reduction", std::string("add"));
  }
  n.Out(0, n.Emit(ops::kScatterNd, {zeros, Indices(n, 0), updates}, std::move(attrs)));
}

// One value for all indices, or one for each.
void ImportSparseToDense(OpImport& n) {
  ValueId indices = Indices(n, 0), values = n.Stored(2);
  const int rank = n.Rank(indices), of_values = n.Rank(values);
  if (!n.ok()) return;
  if (rank == 0) indices = n.Reshape(indices, {1, 1});
  if (rank == 1) indices = n.Unsqueeze(indices, {1});
  if (of_values == 0) {
    values =
        n.Emit(ops::kExpand, {values, n.Emit(ops::kShapeOf, {indices}, {{"start", int64_t{0}}, {"end", int64_t{1}}})});
  }
  const ValueId all = n.Emit(ops::kExpand, {n.Reshape(n.Stored(3), {}), n.Stored(1)});
  n.Out(0, n.Emit(ops::kScatterNd, {all, indices, values}));
}

// Indices that name no place of the new axis give no `on`; negative ones count from the end in the core operator.
void ImportOneHot(OpImport& n) {
  ValueId indices = n.Stored(0);
  const ValueId depth = n.Reshape(n.Stored(1), {1});
  const ValueId on = n.Reshape(n.Stored(2), {1}), off = n.Reshape(n.Stored(3), {1});
  if (!n.ok()) return;
  if (IsSigned(n.DtypeOf(indices))) {
    const ValueId outside = n.Cast(n.Reshape(depth, {}), n.DtypeOf(indices));
    indices = n.Emit(ops::kWhere, {n.Emit(ops::kLess, {indices, n.Number(indices, 0)}), outside, indices});
  }
  const ValueId values = n.Emit(ops::kConcat, {off, on}, {{"axis", int64_t{0}}});
  n.Out(0, n.Emit(ops::kOneHot, {indices, depth, values}, {{"axis", n.Int("axis")}}));
}

void ImportWhere(OpImport& n) {
  const ValueId places = n.Emit(ops::kNonZero, {n.Stored(0)});
  n.Out(0, n.Transpose(places, {1, 0}));
}

// In the order in which they first occur.
void ImportUnique(OpImport& n) {
  const auto out = n.EmitN(ops::kUnique, {n.Stored(0)}, 3, {{"sorted", int64_t{0}}});
  n.Out(0, out[0]);
  n.Out(1, out[out.size() - 1]);
}

// A table with a row for each index; the rows of quantised ones have a scale each, or one for all.
void ImportEmbeddingLookup(OpImport& n) { n.Out(0, n.Emit(ops::kGather, {n.Real(1), Indices(n, 0)})); }

// How many boundaries lie at or below the element.
void ImportBucketize(OpImport& n) {
  const ValueId x = n.Stored(0);
  std::vector<float> bounds = n.options().Floats("boundaries");
  if (!n.ok()) return;
  if (!std::is_sorted(bounds.begin(), bounds.end())) {
    n.BadOption("boundaries", "they do not ascend");
    return;
  }
  const auto count = static_cast<int64_t>(bounds.size());
  const ValueId edges = n.builder().Constant(Tensor::F32({count}, bounds));
  // Whole numbers are exact in double precision up to 2^53.
  const DType wide = IsFloat(n.DtypeOf(x)) && n.DtypeOf(x) != DType::kF64 ? DType::kF32 : DType::kF64;
  const ValueId below = n.Emit(ops::kLessEqual, {n.Cast(edges, wide), n.Cast(n.Unsqueeze(x, {-1}), wide)});
  n.Out(0, n.Emit(ops::kReduce, {n.Cast(below, DType::kI32), n.I64s({-1})},
                  {{"mode", std::string("sum")}, {"keep_dims", int64_t{0}}}));
}

// The diagonal of each matrix.
ValueId Diagonal(OpImport& n, int64_t rows, int64_t columns) {
  return n.Emit(ops::kEye, {n.I64s({rows, columns})}, {{"dtype", DType::kBool}});
}

void ImportMatrixDiag(OpImport& n) {
  const ValueId x = n.Stored(0);
  const int64_t size = n.DimOf(x, -1);
  if (n.ok()) n.Out(0, n.Emit(ops::kWhere, {Diagonal(n, size, size), n.Unsqueeze(x, {-1}), n.Number(x, 0)}));
}

void ImportMatrixSetDiag(OpImport& n) {
  const ValueId x = n.Stored(0);
  ValueId diagonal = n.Stored(1);
  const int64_t rows = n.DimOf(x, -2), columns = n.DimOf(x, -1);
  // The diagonal stands beside the rows where it is as long as they are many, else above the columns.
  diagonal = n.Unsqueeze(diagonal, {rows <= columns ? int64_t{-1} : int64_t{-2}});
  if (n.ok()) n.Out(0, n.Emit(ops::kWhere, {Diagonal(n, rows, columns), diagonal, x}));
}

// Operators here let no index count from the end: what picks by the operand as it is says so.
template <void (*kImport)(OpImport&), size_t kIndices>
void FromStart(OpImport& n) {
  kImport(n);
  if (!n.ok()) return;
  Graph& graph = n.builder().graph();
  Node& last = graph.node(NodeId{static_cast<uint32_t>(graph.node_count() - 1)});
  const bool picks = last.op == &ops::kGather || last.op == &ops::kGatherNd;
  if (picks && last.in[1] == n.Stored(kIndices)) last.attrs.Set("from_start", int64_t{1});
}

constexpr Rule kRules[] = {
    {B::kBucketize, Numbers::kStored, ImportBucketize},
    {B::kEmbeddingLookup, Numbers::kReal, FromStart<ImportEmbeddingLookup, 0>},
    {B::kGather, Numbers::kStored, FromStart<ImportGather, 1>},
    {B::kGatherNd, Numbers::kStored, FromStart<ImportGatherNd, 1>},
    {B::kMatrixDiag, Numbers::kStored, ImportMatrixDiag},
    {B::kMatrixSetDiag, Numbers::kStored, ImportMatrixSetDiag},
    {B::kOneHot, Numbers::kStored, ImportOneHot},
    {B::kScatterNd, Numbers::kStored, ImportScatterNd},
    {B::kSparseToDense, Numbers::kStored, ImportSparseToDense},
    {B::kUnique, Numbers::kStored, ImportUnique},
    {B::kWhere, Numbers::kStored, ImportWhere},
};

}  // namespace

extern const RuleSet kIndexRules{kRules};

}  // namespace godwit::from_tflite
