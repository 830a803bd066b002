#include "backends/tflite/indices.h"

#include <fmt/format.h>

#include <algorithm>

#include "backends/tflite/model_export.h"
#include "ir/convert.h"
#include "passes/legalise/ranges.h"

namespace godwit::to_tflite {

namespace {

Tensor TensorOf(DType dtype, const Dims& dims, const std::vector<int64_t>& values) {
  Tensor t(dtype, dims);
  const size_t step = ByteSize(dtype);
  for (size_t k = 0; k < values.size(); ++k) StoreI64(dtype, values[k], t.mutable_raw() + k * step);
  return t;
}

bool NeverNegative(NodeExport& n, size_t i) {
  if (n.attrs().Flag("from_start")) return true;
  const std::optional<IntegerRange> range = RangeOf(n.scope(), n.Operand(i));
  return range && range->low >= 0;
}

bool Adds(NodeExport& n, DType dtype) {
  const TensorType type(dtype, {Dim(1)});
  targets::TfliteUse use{"ADD", {{&type, false}, {&type, false}}, {{&type, false}}};
  use.option = [](std::string_view) { return std::optional<double>(0); };
  return targets::FitTflite(use, n.exporter().profile()).version > 0;
}

// Places within a tensor, whose sizes are i32, in numbers that the target adds.
Ref Addable(NodeExport& n, Ref x) { return Adds(n, n.TypeOf(x).dtype) ? x : CastTo(n, x, DType::kI32); }

// x, with `length` added where it is negative. In as few axes as can be: kernels of comparisons have little room.
Ref Wrapped(NodeExport& n, Ref given, Ref length) {
  given = Addable(n, given);
  const Shape whole = n.TypeOf(given).shape;
  if (whole.empty()) length = n.Reshaped(length, {});
  Ref x = given;
  if (whole.size() > 4) {
    const bool tuples = n.TypeOf(length).shape.size() == 1 && !(n.TypeOf(length).shape[0] == Dim(1));
    Dim count = 1;
    for (size_t k = 0; k + (tuples ? 1 : 0) < whole.size(); ++k) count = count * whole[k];
    x = n.Reshaped(given, tuples ? Shape{count, whole.back()} : Shape{count});
  }
  const TensorType type = n.TypeOf(x);
  if (n.TypeOf(length).dtype != type.dtype) length = CastTo(n, length, type.dtype);
  TensorType mask = type;
  mask.dtype = DType::kBool;
  const Ref low = n.Temp("LESS", {x, n.Number(type.dtype, 0)}, mask);
  const Ref moved = n.Temp("ADD", {x, length}, type);
  return n.Reshaped(n.Temp("SELECT_V2", {low, moved, x}, type), whole);
}

// Entries [first, last) of operand 0's shape.
Ref DimsOfData(NodeExport& n, int64_t first, int64_t last, DType dtype) {
  const int64_t rank = n.TypeOf(0).rank();
  std::vector<int64_t> known;
  for (int64_t k = first; k < last; ++k) {
    const Dim& d = n.ShapeOf(0)[static_cast<size_t>(k)];
    if (d.is_static()) known.push_back(d.value());
  }
  if (static_cast<int64_t>(known.size()) == last - first) {
    return n.Const(TensorOf(dtype, {last - first}, known));
  }
  const Ref all = n.Temp("SHAPE", {n.In(0)}, TensorType(dtype, {Dim(rank)}), {{"out_type", dtype}});
  return n.Temp("SLICE", {all, n.I32s({first}), n.I32s({last - first})}, TensorType(dtype, {Dim(last - first)}));
}

}  // namespace

Ref CastTo(NodeExport& n, Ref x, DType to) {
  TensorType type = n.TypeOf(x);
  const DType from = type.dtype;
  if (from == to) return x;
  type.dtype = to;
  return n.Temp("CAST", {x}, std::move(type), {{"in_data_type", from}, {"out_data_type", to}});
}

Result<Ref> FromStartOf(NodeExport& n, size_t i, Ref length, int64_t known) {
  if (const Tensor* indices = known >= 0 ? n.Known(i) : nullptr) {
    std::vector<int64_t> values = ToI64(*indices);
    bool changed = false;
    for (int64_t& v : values) {
      changed = changed || v < 0;
      if (v < 0) v += known;
    }
    return changed ? n.Const(TensorOf(indices->dtype(), indices->dims(), values)) : n.In(i);
  }
  if (NeverNegative(n, i)) return n.In(i);
  return Wrapped(n, n.In(i), length);
}

Result<Ref> FromStart(NodeExport& n, size_t i, int64_t axis) {
  const Dim& d = n.ShapeOf(0)[static_cast<size_t>(axis)];
  const Tensor* known = n.Known(i);
  bool all_negative = false;
  if (known != nullptr) {
    const std::vector<int64_t> values = ToI64(*known);
    const auto negative = std::count_if(values.begin(), values.end(), [](int64_t v) { return v < 0; });
    if (negative == 0) return n.In(i);
    all_negative = negative == known->size();
  }
  if (NeverNegative(n, i)) return n.In(i);
  const DType dtype = n.DtypeOf(i);
  if (all_negative && !d.is_static()) {
    const Ref x = Addable(n, n.In(i));
    const TensorType type = n.TypeOf(x);
    const Ref length = DimsOfData(n, axis, axis + 1, type.dtype);
    return n.Temp("ADD", {x, type.shape.empty() ? n.Reshaped(length, {}) : length}, type);
  }
  return FromStartOf(n, i, DimsOfData(n, axis, axis + 1, dtype), d.is_static() ? d.value() : -1);
}

Result<Ref> TuplesFromStart(NodeExport& n, size_t i) {
  TRY(const int rank, n.Rank(i));
  if (NeverNegative(n, i)) return n.In(i);
  TRY(const int data_rank, n.Rank(0));
  const std::optional<int64_t> depth = rank > 0 ? n.ShapeOf(i)[static_cast<size_t>(rank) - 1].known() : std::nullopt;
  if (!depth || *depth > data_rank) return n.LacksForm("how many axes the indices name must be known");
  if (const Tensor* known = n.Known(i)) {
    std::vector<int64_t> values = ToI64(*known);
    bool open = false;
    for (size_t k = 0; k < values.size() && *depth > 0; ++k) {
      if (values[k] >= 0) continue;
      const Dim& d = n.ShapeOf(0)[k % static_cast<size_t>(*depth)];
      open = open || !d.is_static();
      if (d.is_static()) values[k] += d.value();
    }
    if (!open) return n.Const(TensorOf(known->dtype(), known->dims(), values));
  }
  return Wrapped(n, n.In(i), DimsOfData(n, 0, *depth, n.DtypeOf(i)));
}

}  // namespace godwit::to_tflite
