// Operators that pick, place and order elements by index. TFLite's indices count from the start only, and what counts
// places is often i32.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "backends/tflite/emit.h"
#include "backends/tflite/indices.h"
#include "ir/convert.h"

namespace godwit::to_tflite {

namespace {

Status EmitGather(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const int64_t axis = FromFront(n.attrs().Int("axis", 0), rank);
  TRY(const Ref indices, FromStart(n, 1, axis));
  n.Emit("GATHER", {n.In(0), indices}, {{"axis", axis}, {"batch_dims", 0}});
  return Ok{};
}

Status EmitGatherNd(NodeExport& n) {
  if (n.attrs().Int("batch_dims", 0) != 0) return n.LacksForm("GATHER_ND has no batch dims");
  TRY(const Ref indices, TuplesFromStart(n, 1));
  n.Emit("GATHER_ND", {n.In(0), indices});
  return Ok{};
}

// Of index tuples that name a place twice, the rows of the last ones: theirs is the update that stays.
std::vector<int64_t> RowsThatStay(const Tensor& tuples, const Dims& outer) {
  const std::vector<int64_t> indices = ToI64(tuples);
  std::map<int64_t, int64_t> row_of;
  for (size_t i = 0; i + outer.size() <= indices.size(); i += outer.size()) {
    int64_t place = 0;
    for (size_t k = 0; k < outer.size(); ++k) {
      const int64_t at = indices[i + k];
      place = place * outer[k] + (at < 0 ? at + outer[k] : at);
    }
    row_of[place] = static_cast<int64_t>(i / outer.size());
  }
  std::vector<int64_t> rows;
  for (const auto& [place, row] : row_of) rows.push_back(row);
  std::sort(rows.begin(), rows.end());
  return rows;
}

Ref PickRows(NodeExport& n, Ref x, Ref rows) {
  TensorType type = n.TypeOf(x);
  type.shape[0] = n.TypeOf(rows).shape[0];
  return n.Temp("GATHER", {x, rows}, std::move(type), {{"axis", 0}, {"batch_dims", 0}});
}

// A constant operand of any size; nothing for others.
std::optional<Tensor> Loaded(NodeExport& n, size_t i) {
  constexpr int64_t kMostElements = int64_t{1} << 22;
  if (!n.IsConstant(i)) return std::nullopt;
  const Graph& graph = n.scope().graph();
  auto tensor = graph.constant(graph.value(n.Operand(i)).constant).Load();
  return tensor.ok() && tensor->size() <= kMostElements ? std::optional(*std::move(tensor)) : std::nullopt;
}

bool IsZeros(NodeExport& n, size_t i) {
  const std::optional<Tensor> t = Loaded(n, i);
  return t && t->dtype() != DType::kString &&
         std::all_of(t->raw(), t->raw() + t->bytes(), [](std::byte b) { return b == std::byte{0}; });
}

// Known tuples of indices, counted from the start, as TFLite takes them.
Tensor FromStart(const Tensor& tuples, const Dims& outer) {
  const std::vector<int64_t> indices = ToI64(tuples);
  Tensor out(DType::kI32, tuples.dims());
  for (size_t k = 0; k < indices.size(); ++k) {
    const int64_t at = indices[k] < 0 ? indices[k] + outer[k % outer.size()] : indices[k];
    out.mutable_data<int32_t>()[k] = static_cast<int32_t>(at);
  }
  return out;
}

Tensor PickRows(const Tensor& tuples, const std::vector<int64_t>& rows, int64_t depth) {
  Tensor out(DType::kI32, {static_cast<int64_t>(rows.size()), depth});
  int32_t* to = out.mutable_data<int32_t>();
  for (const int64_t row : rows) to = std::copy_n(tuples.span<int32_t>().begin() + row * depth, depth, to);
  return out;
}

// Which places known tuples name.
Tensor Places(const Tensor& tuples, const Dims& outer, const Dims& mask) {
  Tensor hit(DType::kBool, mask);
  std::fill_n(hit.mutable_raw(), hit.bytes(), std::byte{0});
  const auto indices = tuples.span<int32_t>();
  for (size_t i = 0; i + outer.size() <= indices.size(); i += outer.size()) {
    int64_t place = 0;
    for (size_t k = 0; k < outer.size(); ++k) place = place * outer[k] + indices[i + k];
    if (place >= 0 && place < hit.size()) hit.mutable_raw()[place] = std::byte{1};
  }
  return hit;
}

// SCATTER_ND adds updates up in a tensor of zeros; what it does to ones shows where there are any.
Status EmitScatterNd(NodeExport& n) {
  const std::string_view how = n.attrs().Str("reduction", "none");
  const DType dtype = n.DtypeOf(0);
  const bool adds = how == "add" && dtype != DType::kBool;
  if (!adds && how != "none") return n.LacksForm(fmt::format("SCATTER_ND has no reduction '{}'", how));
  TRY(const Dims dims, n.NeedDims(0, "the data"));
  TRY(Dims tuples, n.NeedDims(1, "the indices"));
  const int64_t depth = tuples.empty() ? 0 : tuples.back();
  if (depth < 1 || depth > static_cast<int64_t>(dims.size()))
    return n.LacksForm("SCATTER_ND needs indices of at least one axis");
  const Dims outer(dims.begin(), dims.begin() + depth);
  const std::optional<Tensor> known = Loaded(n, 1);
  Ref indices;
  if (known) {
    indices = n.Const(FromStart(*known, outer));
  } else {
    TRY(indices, TuplesFromStart(n, 1));
  }
  Ref updates = n.In(2);
  if (known && !adds) {
    const int64_t count = known->size() / depth;
    const std::vector<int64_t> rows = RowsThatStay(*known, outer);
    if (static_cast<int64_t>(rows.size()) < count) {
      Dims flat(dims.begin() + depth, dims.end());
      flat.insert(flat.begin(), count);
      updates = PickRows(n, n.Reshaped(updates, ShapeOfDims(flat)), n.I32s(rows));
      indices = n.Const(PickRows(FromStart(*known, outer), rows, depth));
      tuples = {static_cast<int64_t>(rows.size()), depth};
    }
  }
  TensorType index_type = n.TypeOf(indices);
  if (index_type.dtype != DType::kI32) {
    index_type.dtype = DType::kI32;
    indices = CastTo(n, indices, DType::kI32);
  }
  if (IsZeros(n, 0)) {
    n.Emit("SCATTER_ND", {indices, updates, n.I32s(dims)});
    return Ok{};
  }
  Ref placed = n.Temp("SCATTER_ND", {indices, updates, n.I32s(dims)}, n.TypeOf(0).tensor());
  if (adds) {
    n.Emit("ADD", {n.In(0), placed});
    return Ok{};
  }
  Dims mask = outer;
  mask.resize(dims.size(), 1);
  Ref hit;
  if (known) {
    hit = n.Const(Places(FromStart(*known, outer), outer, mask));
  } else {
    TRY(const Ref ones, n.Filled(DType::kBool, Dims(tuples.begin(), tuples.end() - 1), 1));
    hit = n.Temp("SCATTER_ND", {indices, ones, n.I32s(outer)}, TensorType(DType::kBool, ShapeOfDims(outer)));
    hit = n.Reshaped(hit, ShapeOfDims(mask));
  }
  n.Emit("SELECT_V2", {hit, placed, n.In(0)});
  return Ok{};
}

Status EmitTopK(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  if (rank == 0 || FromFront(n.attrs().Int("axis", -1), rank) != rank - 1 || !n.attrs().Flag("largest", true)) {
    return n.LacksForm("TOPK_V2 finds the largest along the last axis");
  }
  TRY(const Ref k, n.InI32(1));
  const Ref values = n.Wants(0) ? n.Out(0) : n.NewTensor(n.OutType(0).tensor());
  TensorType places = n.OutType(1).tensor();
  places.dtype = DType::kI32;
  const Ref at = n.NewTensor(places);
  n.EmitAs("TOPK_V2", {n.In(0), n.Reshaped(k, {})}, {values, at});
  if (n.Wants(1)) n.EmitTo(1, "CAST", {at}, {{"in_data_type", DType::kI32}, {"out_data_type", DType::kI64}});
  return Ok{};
}

Status EmitArgReduce(NodeExport& n) {
  if (n.attrs().Flag("last")) return n.LacksForm("ARG_MAX gives the first of equal elements");
  TRY(const int rank, n.Rank(0));
  if (rank == 0) return n.LacksForm("ARG_MAX has an axis");
  const int64_t axis = FromFront(n.attrs().Int("axis", 0), rank);
  const std::string_view op = n.attrs().Str("mode") == "min" ? "ARG_MIN" : "ARG_MAX";
  const OptionList options{{"output_type", DType::kI64}};
  if (!n.attrs().Flag("keep_dims", true)) {
    n.Emit(op, {n.In(0), n.ScalarI32(axis)}, options);
    return Ok{};
  }
  Shape shape = n.ShapeOf(0);
  shape.erase(shape.begin() + axis);
  const Ref flat = n.Temp(op, {n.In(0), n.ScalarI32(axis)}, TensorType(DType::kI64, std::move(shape)), options);
  return n.EmitReshapeTo(0, flat);
}

Status EmitCum(NodeExport& n) {
  if (n.attrs().Str("mode") != "sum") return n.LacksForm("CUMSUM adds only");
  TRY(const int rank, n.Rank(0));
  TRY(const std::vector<int64_t> axis, n.NeedInts(1, "the axis"));
  if (axis.size() != 1 || rank == 0) return n.LacksForm("CUMSUM has one axis");
  n.Emit("CUMSUM", {n.In(0), n.ScalarI32(FromFront(axis[0], rank))},
         {{"exclusive", n.attrs().Flag("exclusive")}, {"reverse", n.attrs().Flag("reverse")}});
  return Ok{};
}

Status EmitOneHot(NodeExport& n) {
  if (!kIndex.Has(n.DtypeOf(0))) return n.LacksForm("ONE_HOT has integers for indices");
  TRY(const int rank, n.Rank(0));
  TRY(const double depth, n.NeedNumber(1, "the depth"));
  const Tensor* values = n.Known(2);
  if (values == nullptr || values->size() != 2) return n.LacksForm("ONE_HOT's values must be known");
  const auto size = static_cast<int64_t>(depth);
  TRY(const Ref indices, FromStartOf(n, 0, n.ScalarI32(size), size));
  const std::vector<double> both = ToF64(*values);
  const int64_t axis = FromFront(n.attrs().Int("axis", -1), rank + 1);
  n.Emit("ONE_HOT",
         {indices, n.ScalarI32(size), n.Number(values->dtype(), both[1]), n.Number(values->dtype(), both[0])},
         {{"axis", axis}});
  return Ok{};
}

// WHERE lists the places row by row.
Status EmitNonZero(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  if (rank == 0) return n.LacksForm("WHERE of a scalar has no indices");
  const Dim found = n.OutType(0).ranked() ? n.OutType(0).shape()[1] : Dim::Symbol("found");
  const Ref rows = n.Temp("WHERE", {n.In(0)}, TensorType(DType::kI64, {found, Dim(rank)}));
  if (rank == 1) return n.EmitReshapeTo(0, rows);
  n.Emit("TRANSPOSE", {rows, n.I32s({1, 0})});
  return Ok{};
}

Status EmitRange(NodeExport& n) {
  Refs in;
  for (size_t i = 0; i < 3; ++i) in.push_back(n.Reshaped(n.In(i), {}));
  n.Emit("RANGE", std::move(in));
  return Ok{};
}

Status EmitShapeOf(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const int64_t start = std::clamp<int64_t>(FromFront(n.attrs().Int("start", 0), rank), 0, rank);
  int64_t end = rank;
  if (n.attrs().Has("end")) end = std::clamp<int64_t>(FromFront(n.attrs().Int("end"), rank), 0, rank);
  const OptionList options{{"out_type", DType::kI64}};
  if (start == 0 && end == rank) {
    n.Emit("SHAPE", {n.In(0)}, options);
    return Ok{};
  }
  const Ref all = n.Temp("SHAPE", {n.In(0)}, TensorType(DType::kI64, {Dim(rank)}), options);
  n.Emit("SLICE", {all, n.I32s({start}), n.I32s({std::max<int64_t>(0, end - start)})});
  return Ok{};
}

Status EmitSizeOf(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const Ref all = n.Temp("SHAPE", {n.In(0)}, TensorType(DType::kI64, {Dim(rank)}), {{"out_type", DType::kI64}});
  n.Emit("REDUCE_PROD", {all, n.I32s({0})}, {{"keep_dims", false}});
  return Ok{};
}

Status EmitReverseSequence(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  n.Emit("REVERSE_SEQUENCE", {n.In(0), n.In(1)},
         {{"seq_dim", FromFront(n.attrs().Int("time_axis", 0), rank)},
          {"batch_dim", FromFront(n.attrs().Int("batch_axis", 1), rank)}});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kArgReduce, "ARG_MAX", EmitArgReduce},
    {&ops::kCum, "CUMSUM", EmitCum},
    {&ops::kGather, "GATHER", EmitGather, Row::kQuantised},
    {&ops::kGatherNd, "GATHER_ND", EmitGatherNd},
    {&ops::kNonZero, "WHERE", EmitNonZero},
    {&ops::kOneHot, "ONE_HOT", EmitOneHot},
    {&ops::kRange, "RANGE", EmitRange},
    {&ops::kReverseSequence, "REVERSE_SEQUENCE", EmitReverseSequence},
    {&ops::kScatterNd, "SCATTER_ND", EmitScatterNd},
    {&ops::kShapeOf, "SHAPE", EmitShapeOf},
    {&ops::kSizeOf, "SHAPE", EmitSizeOf},
    {&ops::kTopK, "TOPK_V2", EmitTopK},
    {&ops::kWhere, "SELECT_V2", EmitSame},
};

}  // namespace

extern const RowSet kIndexRows{kRows};

}  // namespace godwit::to_tflite
