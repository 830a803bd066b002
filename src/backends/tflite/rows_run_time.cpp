// Paddings and slices that are worked out while the model runs.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "backends/tflite/emit.h"
#include "backends/tflite/indices.h"
#include "passes/legalise/ranges.h"

namespace godwit::to_tflite {

namespace {

// A row of two for each axis. Where some may be negative, elements are added first and then others taken away.
Status EmitPadAsked(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  if (n.Has(3) || rank == 0 || n.Ints(1) || n.quantised()) return n.NotThis();
  if (n.attrs().Str("mode", "constant") != "constant") {
    return n.LacksForm("only paddings with one value are worked out while the model runs");
  }
  const TensorType rows(DType::kI64, {Dim(rank), Dim(2)});
  const auto turned = [&](Ref v) {
    return n.Temp("TRANSPOSE", {n.Reshaped(v, {Dim(2), Dim(rank)}), n.I32s({1, 0})}, rows);
  };
  const Ref zero = n.Number(DType::kI64, 0), pads = CastTo(n, n.In(1), DType::kI64);
  const auto none_below = [&](Ref v) { return n.Temp("MAXIMUM", {v, zero}, n.TypeOf(v)); };
  const auto range = RangeOf(n.scope(), n.Operand(1));
  const bool adds = range && range->low >= 0;
  const Ref table = turned(adds ? pads : none_below(pads));
  const auto value = n.Has(2) ? n.Number(2) : std::optional(0.0);
  const bool plain = value && *value == 0;
  Refs in{n.In(0), table};
  if (!plain) in.push_back(n.Reshaped(n.In(2), {}));
  const std::string_view op = plain ? "PAD" : "PADV2";
  if (adds) {
    n.EmitTo(0, op, in);
    return Ok{};
  }
  TensorType type = n.TypeOf(0).tensor();
  for (int k = 0; k < rank; ++k) type.shape[static_cast<size_t>(k)] = Dim::Symbol("padded");
  const Ref padded = n.Temp(op, in, type);
  const TensorType line(DType::kI64, {Dim(rank)});
  const Ref taken = none_below(n.Temp("SUB", {zero, pads}, n.TypeOf(pads)));
  const auto part = [&](int64_t from) { return n.Temp("SLICE", {taken, n.I32s({from}), n.I32s({rank})}, line); };
  const Ref before = part(0), behind = part(rank);
  Ref size = n.Temp("SHAPE", {padded}, line, {{"out_type", DType::kI64}});
  size = n.Temp("SUB", {n.Temp("SUB", {size, before}, line), behind}, line);
  n.EmitTo(0, "SLICE", {padded, before, size});
  return Ok{};
}

// Starts or ends as a list of i32 for all axes: operand `i` where it speaks of one, anything elsewhere. Places beyond
// every axis are cut to those that an i32 has.
Ref Places(NodeExport& n, size_t i, const std::vector<int64_t>& speaks, int rank) {
  Ref all = CastTo(n, n.In(i), DType::kI64);
  const auto count = static_cast<int64_t>(speaks.size());
  const TensorType list(DType::kI64, {Dim(count)});
  const double far = std::numeric_limits<int32_t>::max();
  all = n.Temp("MINIMUM", {all, n.Number(DType::kI64, far)}, list);
  all = CastTo(n, n.Temp("MAXIMUM", {all, n.Number(DType::kI64, -far)}, list), DType::kI32);
  bool as_they_are = count == rank;
  for (size_t k = 0; k < speaks.size(); ++k) as_they_are = as_they_are && speaks[k] == static_cast<int64_t>(k);
  if (as_they_are) return all;
  Refs parts;
  for (int64_t axis = 0; axis < rank; ++axis) {
    const auto at = std::find(speaks.begin(), speaks.end(), axis);
    if (at == speaks.end()) {
      parts.push_back(n.I32s({0}));
    } else {
      parts.push_back(
          n.Temp("SLICE", {all, n.I32s({at - speaks.begin()}), n.I32s({1})}, TensorType(DType::kI32, {Dim(1)})));
    }
  }
  return parts.size() == 1 ? parts[0]
                           : n.Temp("CONCATENATION", parts, TensorType(DType::kI32, {Dim(rank)}), {{"axis", 0}});
}

Status EmitSliceAsked(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  if (n.quantised() || rank == 0 || (n.Ints(1) && n.Ints(2))) return n.NotThis();
  TRY(const Dims count, n.NeedDims(1, "how many axes a slice has"));
  if (count.size() != 1 || !n.TypeOf(2).ranked() || n.ShapeOf(2) != n.ShapeOf(1)) return n.NotThis();
  std::vector<int64_t> axes, steps(static_cast<size_t>(count[0]), 1);
  for (int64_t k = 0; k < count[0]; ++k) axes.push_back(k);
  if (n.Has(3)) {
    TRY(axes, n.NeedInts(3, "axes"));
  }
  if (n.Has(4)) {
    TRY(steps, n.NeedInts(4, "steps"));
  }
  std::vector<int64_t> stride(static_cast<size_t>(rank), 1);
  int64_t open = (int64_t{1} << rank) - 1;
  for (size_t k = 0; k < axes.size(); ++k) {
    axes[k] = FromFront(axes[k], rank);
    if (steps[k] < 1 || steps[k] > std::numeric_limits<int32_t>::max()) {
      return n.LacksForm("only slices that go forward are worked out while the model runs");
    }
    stride[static_cast<size_t>(axes[k])] = steps[k];
    open &= ~(int64_t{1} << axes[k]);
  }
  const Ref begin = Places(n, 1, axes, rank), end = Places(n, 2, axes, rank);
  n.EmitTo(0, "STRIDED_SLICE", {n.In(0), begin, end, n.I32s(stride)}, {{"begin_mask", open}, {"end_mask", open}});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kPad, "PAD, PADV2, SLICE", EmitPadAsked},
    {&ops::kSlice, "STRIDED_SLICE", EmitSliceAsked},
};

}  // namespace

extern const RowSet kRunTimeRows{kRows};

}  // namespace godwit::to_tflite
