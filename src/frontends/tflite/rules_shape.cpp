// Shapes: the same elements under other dims, and the dims as elements.
#include <fmt/format.h>

#include <algorithm>

#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/op_import.h"
#include "frontends/tflite/tensor_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

void ImportReshape(OpImport& n) {
  const ValueId x = n.Stored(0);
  const Attrs attrs{{"allow_zero", int64_t{1}}};
  const Type& shape_type = n.Has(1) ? n.TypeOf(n.Stored(1)) : Type();
  if (n.Has(1) && (!shape_type.ranked() || shape_type.rank() == 1)) {
    n.Out(0, n.Emit(ops::kReshape, {x, n.Stored(1)}, attrs));
    return;
  }
  std::vector<int64_t> shape = n.Ints("new_shape");
  // Old files say a scalar so.
  if (shape.size() == 1 && shape[0] == 0) shape.clear();
  n.Out(0, n.Emit(ops::kReshape, {x, n.I64s(shape)}, attrs));
}

void ImportSqueeze(OpImport& n) {
  const std::vector<int64_t> axes = n.Ints("squeeze_dims");
  std::vector<ValueId> in{n.Stored(0)};
  if (!axes.empty()) in.push_back(n.I64s(axes));
  n.Out(0, n.Emit(ops::kSqueeze, std::move(in)));
}

void ImportExpandDims(OpImport& n) {
  const ValueId x = n.Stored(0);
  const std::vector<int64_t> axis = n.ConstInts(1);
  n.Out(0, n.Unsqueeze(x, axis));
}

void ImportShape(OpImport& n) { n.Out(0, n.Emit(ops::kShapeOf, {n.Stored(0)})); }

void ImportRank(OpImport& n) {
  const int rank = n.Rank(n.Stored(0));
  if (n.ok()) n.Out(0, n.Cast(n.builder().ScalarI64(rank), DType::kI32));
}

void ImportBroadcastTo(OpImport& n) { n.Out(0, n.Emit(ops::kExpand, {n.Stored(0), n.Stored(1)})); }
void ImportFill(OpImport& n) { n.Out(0, n.Emit(ops::kExpand, {n.Stored(1), n.Stored(0)})); }

void ImportZerosLike(OpImport& n) {
  const ValueId x = n.Stored(0);
  n.Out(0, n.Emit(ops::kExpand, {n.Number(x, 0), n.Emit(ops::kShapeOf, {x})}));
}

// Shapes are widened with ones in front; where one has 1 the other's dim holds.
void ImportBroadcastArgs(OpImport& n) {
  ValueId shapes[2] = {n.Stored(0), n.Stored(1)};
  const int64_t lengths[2] = {n.DimOf(shapes[0], 0), n.DimOf(shapes[1], 0)};
  if (!n.ok()) return;
  const int64_t rank = std::max(lengths[0], lengths[1]);
  if (rank > n.importer().limits().rank) {
    n.Fail(LimitExceeded(n.importer().limits(), &Limits::rank, static_cast<uint64_t>(rank), "dims of a shape"));
    return;
  }
  for (size_t k = 0; k < 2; ++k) {
    if (lengths[k] == rank) continue;
    const ValueId ones =
        n.Cast(n.I64s(std::vector<int64_t>(static_cast<size_t>(rank - lengths[k]), 1)), n.DtypeOf(shapes[k]));
    shapes[k] = n.Emit(ops::kConcat, {ones, shapes[k]}, {{"axis", int64_t{0}}});
  }
  const ValueId is_one = n.Emit(ops::kEqual, {shapes[0], n.Number(shapes[0], 1)});
  n.Out(0, n.Emit(ops::kWhere, {is_one, shapes[1], shapes[0]}));
}

void ImportRange(OpImport& n) {
  // Bounds of one element may come with a dim.
  const auto scalar = [&](size_t i) { return n.Reshape(n.Stored(i), {}); };
  n.Out(0, n.Emit(ops::kRange, {scalar(0), scalar(1), scalar(2)}));
}

void ImportTile(OpImport& n) { n.Out(0, n.Emit(ops::kTile, {n.Stored(0), n.Stored(1)})); }

void ImportTranspose(OpImport& n) {
  const ValueId x = n.Stored(0);
  std::vector<int64_t> perm = n.ConstInts(1);
  const auto rank = static_cast<int64_t>(perm.size());
  for (int64_t& p : perm) p = p < 0 ? p + rank : p;
  n.Out(0, n.Transpose(x, std::move(perm)));
}

constexpr Rule kRules[] = {
    {B::kBroadcastArgs, Numbers::kStored, ImportBroadcastArgs},
    {B::kBroadcastTo, Numbers::kStored, ImportBroadcastTo},
    {B::kExpandDims, Numbers::kStored, ImportExpandDims},
    {B::kFill, Numbers::kStored, ImportFill},
    {B::kRange, Numbers::kStored, ImportRange},
    {B::kRank, Numbers::kStored, ImportRank},
    {B::kReshape, Numbers::kStored, ImportReshape},
    {B::kShape, Numbers::kStored, ImportShape},
    {B::kSqueeze, Numbers::kStored, ImportSqueeze},
    {B::kTile, Numbers::kStored, ImportTile},
    {B::kTranspose, Numbers::kStored, ImportTranspose},
    {B::kZerosLike, Numbers::kStored, ImportZerosLike},
};

}  // namespace

extern const RuleSet kShapeRules{kRules};

}  // namespace godwit::from_tflite
