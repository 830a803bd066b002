// Operators that move elements and change shapes.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "backends/onnx/emit.h"
#include "ir/convert.h"

namespace godwit::to_onnx {

namespace {

using Ints = std::vector<int64_t>;

// Before version 14 a 0 in the shape always copies the operand's dim.
bool MayHoldZero(NodeExport& n) {
  if (const auto shape = n.Ints(1)) return std::find(shape->begin(), shape->end(), 0) != shape->end();
  const Type& type = n.OutType();
  if (!type.ranked()) return false;
  return std::any_of(type.shape().begin(), type.shape().end(), [](const Dim& d) { return d == Dim(0); });
}

Status EmitReshape(NodeExport& n) {
  OnnxAttrs attrs;
  if (n.attrs().Flag("allow_zero")) {
    if (n.opset() >= 14) {
      attrs.Set("allowzero", int64_t{1});
    } else if (MayHoldZero(n)) {
      return n.LacksForm("a Reshape to extents of zero is in opset 14 and later");
    }
  }
  n.Emit("Reshape", {n.In(0), InI64(n, 1)}, attrs);
  return Ok{};
}

Status EmitFlatten(NodeExport& n) {
  TRY(const int64_t axis, Axis(n, 0, n.attrs().Int("axis", 1)));
  OnnxAttrs attrs;
  attrs.SetInt("axis", axis, 1);
  n.Emit("Flatten", n.Ins(), attrs);
  return Ok{};
}

// Squeeze and Unsqueeze.
Status EmitWithAxes(NodeExport& n) {
  if (n.opset() >= 13) {
    Names in = {n.In(0)};
    if (n.Has(1)) in.push_back(InI64List(n, 1));
    n.Emit(n.row().onnx, std::move(in));
    return Ok{};
  }
  OnnxAttrs attrs;
  if (n.Has(1)) {
    TRY(Ints axes, n.NeedInts(1, "axes"));
    if (&n.op() == &ops::kSqueeze) {
      TRY(axes, Axes(n, 0, std::move(axes)));
    } else if (n.opset() < 11) {
      for (int64_t& a : axes) {
        if (a >= 0) continue;
        TRY(const int rank, n.Rank(0));
        a += rank + static_cast<int64_t>(axes.size());
      }
    }
    attrs.Set("axes", axes);
  }
  n.Emit(n.row().onnx, {n.In(0)}, attrs);
  return Ok{};
}

Status EmitTranspose(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInts("perm", n.attrs().Ints("perm"));
  n.Emit("Transpose", n.Ins(), attrs);
  return Ok{};
}

Status EmitConcat(NodeExport& n) {
  TRY(const int64_t axis, Axis(n, 0, n.attrs().Int("axis")));
  n.Emit("Concat", n.Ins(), {{"axis", axis}});
  return Ok{};
}

// Sizes of parts the last of which is smaller, which version 18 works out by itself; empty where all are equal.
Result<Ints> UnequalParts(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  int64_t axis = n.attrs().Int("axis", 0);
  if (axis < 0) axis += rank;
  const auto count = static_cast<int64_t>(n.n_out());
  const std::optional<int64_t> dim =
      axis >= 0 && axis < rank ? n.TypeOf(0).shape()[static_cast<size_t>(axis)].known() : std::nullopt;
  // Where they have to be equal in the source they are.
  if (!dim && n.source_opset() >= 18) return n.LacksForm(fmt::format("whether {} parts are equal is not known", count));
  Ints sizes;
  if (!dim) return sizes;
  if (*dim % count == 0) return sizes;
  const int64_t part = (*dim + count - 1) / count;
  for (int64_t left = *dim, i = 0; i < count; ++i, left -= sizes.back()) sizes.push_back(std::min(part, left));
  return sizes;
}

Status EmitSplit(NodeExport& n) {
  OnnxAttrs attrs;
  TRY(const int64_t axis, Axis(n, 0, n.attrs().Int("axis", 0)));
  attrs.SetInt("axis", axis, 0);
  Names in = {n.In(0)};
  Ints sizes;
  if (!n.Has(1) && n.opset() < 18) {
    TRY(sizes, UnequalParts(n));
  }
  if (n.opset() >= 13) {
    if (n.Has(1)) in.push_back(InI64(n, 1));
    if (!sizes.empty()) in.push_back(n.I64s(sizes));
    if (!n.Has(1) && n.opset() >= 18) attrs.Set("num_outputs", static_cast<int64_t>(n.n_out()));
  } else {
    if (n.Has(1)) {
      TRY(sizes, n.NeedInts(1, "sizes of the parts"));
    }
    attrs.SetInts("split", sizes);
  }
  n.Emit("Split", std::move(in), attrs);
  return Ok{};
}

// Before version 13 sizes that are not known are slices between running sums.
Status EmitSplitBySlices(NodeExport& n) {
  if (!n.Has(1) || n.Ints(1)) return n.NotThis();
  const Name x = n.In(0), sizes = InI64(n, 1), axis = n.I64s({n.attrs().Int("axis", 0)});
  const Name ends = n.Temp("CumSum", {sizes, n.ScalarI64(0)});
  const Name starts = n.Temp("Sub", {ends, sizes});
  for (size_t i = 0; i < n.n_out(); ++i) {
    if (!n.Wants(i)) continue;
    const auto k = static_cast<int64_t>(i);
    const auto at = [&](Name list) { return n.Temp("Slice", {list, n.I64s({k}), n.I64s({k + 1}), n.I64s({0})}); };
    const Name start = at(starts), end = at(ends);
    n.EmitTo(i, "Slice", {x, start, end, axis});
  }
  return Ok{};
}

Status EmitSliceAttrs(NodeExport& n) {
  TRY(Ints starts, n.NeedInts(1, "starts"));
  TRY(Ints ends, n.NeedInts(2, "ends"));
  OnnxAttrs attrs{{"starts", starts}, {"ends", ends}};
  if (n.Has(3)) {
    TRY(Ints axes, n.NeedInts(3, "axes"));
    TRY(axes, Axes(n, 0, std::move(axes)));
    attrs.Set("axes", std::move(axes));
  }
  if (n.Has(4)) {
    TRY(const Ints steps, n.NeedInts(4, "steps"));
    if (std::any_of(steps.begin(), steps.end(), [](int64_t s) { return s != 1; })) {
      return n.LacksForm("a Slice with steps is in opset 10 and later");
    }
  }
  n.Emit("Slice", {n.In(0)}, attrs);
  return Ok{};
}
// All of starts, ends, axes and steps are of one index type.
Status EmitSlice(NodeExport& n) {
  Names in = {n.In(0)};
  bool mixed = false;
  for (size_t i = 2; i < n.n_in(); ++i) mixed = mixed || (n.Has(i) && n.DtypeOf(i) != n.DtypeOf(1));
  for (size_t i = 1; i < n.n_in(); ++i) {
    if (i == 3 && n.opset() < 11 && n.Has(3)) {
      TRY(Ints axes, n.NeedInts(3, "axes"));
      TRY(axes, Axes(n, 0, std::move(axes)));
      mixed = false;
      for (size_t k = 1; k < in.size(); ++k) in[k] = InI64(n, k);
      in.push_back(n.I64s(axes));
      continue;
    }
    in.push_back(!n.Has(i) ? Name() : mixed || n.opset() < 11 ? InI64(n, i) : n.In(i));
  }
  while (in.back().empty()) in.pop_back();
  n.Emit("Slice", std::move(in));
  return Ok{};
}

// The same while the model runs: zeros, with what is stated put where it belongs.
Result<Name> SpreadPads(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const Name axes = InI64(n, 3), rank_name = n.I64s({rank});
  // Negative axes count from the end: (axis + rank) mod rank.
  const Name begins = n.Temp("Mod", {n.Temp("Add", {axes, rank_name}), rank_name});
  const Name ends = n.Temp("Add", {begins, rank_name});
  const Name places = n.Temp("Concat", {begins, ends}, {{"axis", int64_t{0}}});
  return n.Temp("ScatterElements", {n.I64s(Ints(2 * static_cast<size_t>(rank), 0)), places, InI64(n, 1)});
}

// Pads of all axes, where the node states those of some.
Result<Ints> AllPads(NodeExport& n) {
  TRY(Ints pads, n.NeedInts(1, "pads"));
  if (!n.Has(3)) return pads;
  TRY(Ints axes, n.NeedInts(3, "axes"));
  TRY(const int rank, n.Rank(0));
  Ints all(2 * static_cast<size_t>(rank), 0);
  for (size_t k = 0; k < axes.size() && k + axes.size() < pads.size(); ++k) {
    const auto at = static_cast<size_t>(axes[k] < 0 ? axes[k] + rank : axes[k]);
    if (at >= static_cast<size_t>(rank)) return n.LacksForm("an axis that is none");
    all[at] = pads[k];
    all[at + static_cast<size_t>(rank)] = pads[k + axes.size()];
  }
  return all;
}

Status EmitPad(NodeExport& n) {
  const std::string_view mode = n.attrs().Str("mode", "constant");
  if (mode == "wrap" && n.opset() < 19) return n.LacksForm("Pad wraps from opset 19 on");
  OnnxAttrs attrs;
  if (mode != "constant") attrs.Set("mode", std::string(mode));
  if (n.opset() < 11) {
    TRY(Ints pads, AllPads(n));
    attrs.Set("pads", std::move(pads));
    if (n.Has(2)) {
      TRY(const double value, n.NeedNumber(2, "the value that fills"));
      attrs.SetFloat("value", value, 0);
    }
    n.Emit("Pad", {n.In(0)}, attrs);
    return Ok{};
  }
  Names in = {n.In(0)};
  if (n.Has(3) && n.opset() < 18 && n.Ints(1) && n.Ints(3)) {
    TRY(const Ints pads, AllPads(n));
    in.push_back(n.I64s(pads));
  } else if (n.Has(3) && n.opset() < 18) {
    TRY(const Name pads, SpreadPads(n));
    in.push_back(pads);
  } else {
    in.push_back(InI64(n, 1));
  }
  if (n.Has(2)) {
    const bool scalar = !n.TypeOf(2).ranked() || n.TypeOf(2).rank() == 0;
    const Tensor* known = n.Known(2);
    in.push_back(scalar             ? n.In(2)
                 : known != nullptr ? n.Const(known->Reshaped({}))
                                    : n.Temp("Reshape", {n.In(2), n.I64s({})}));
  }
  if (n.Has(3) && n.opset() >= 18) {
    in.resize(3);
    in.push_back(n.In(3));
  }
  n.Emit("Pad", std::move(in), attrs);
  return Ok{};
}

Status EmitTile(NodeExport& n) {
  n.Emit("Tile", {n.In(0), InI64(n, 1)});
  return Ok{};
}

Status EmitDepthToSpace(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsSecond(n));
  const bool channels_first = n.attrs().Flag("channels_first");
  OnnxAttrs attrs{{"blocksize", n.attrs().Int("block")}};
  if (channels_first) {
    if (&n.op() == &ops::kSpaceToDepth) return n.LacksForm("SpaceToDepth has one order of channels");
    if (n.opset() < 11) return n.LacksForm("DepthToSpace has one order of channels before opset 11");
    attrs.Set("mode", std::string("CRD"));
  }
  n.Emit(n.row().onnx, n.Ins(), attrs);
  return Ok{};
}

Status EmitReverseSequence(NodeExport& n) {
  OnnxAttrs attrs;
  TRY(const int rank, n.Rank(0));
  const auto positive = [&](int64_t axis) { return axis < 0 ? axis + rank : axis; };
  attrs.SetInt("batch_axis", positive(n.attrs().Int("batch_axis", 1)), 1);
  attrs.SetInt("time_axis", positive(n.attrs().Int("time_axis", 0)), 0);
  n.Emit("ReverseSequence", {n.In(0), InI64(n, 1)}, attrs);
  return Ok{};
}

Status EmitCenterCropPad(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInts("axes", n.attrs().Ints("axes"));
  n.Emit("CenterCropPad", n.Ins(), attrs);
  return Ok{};
}

Status EmitTrilu(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("upper", n.attrs().Int("upper", 1), 1);
  Names in = {n.In(0)};
  if (n.Has(1)) in.push_back(InI64(n, 1));
  n.Emit("Trilu", std::move(in), attrs);
  return Ok{};
}

Status EmitCol2Im(NodeExport& n) {
  OnnxAttrs attrs;
  for (const std::string_view name : {"strides", "dilations", "pads"}) attrs.SetInts(name, n.attrs().Ints(name));
  n.Emit("Col2Im", n.Ins(), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kCenterCropPad, "CenterCropPad", 18, EmitCenterCropPad},
    {&ops::kCol2Im, "Col2Im", 18, EmitCol2Im},
    {&ops::kConcat, "Concat", 7, EmitConcat},
    {&ops::kDepthToSpace, "DepthToSpace", 7, EmitDepthToSpace},
    {&ops::kFlatten, "Flatten", 7, EmitFlatten},
    {&ops::kPad, "Pad", 7, EmitPad},
    {&ops::kReshape, "Reshape", 7, EmitReshape},
    {&ops::kReverseSequence, "ReverseSequence", 10, EmitReverseSequence},
    {&ops::kSlice, "Slice", 7, EmitSliceAttrs, 9},
    {&ops::kSlice, "Slice", 10, EmitSlice},
    {&ops::kSpaceToDepth, "SpaceToDepth", 7, EmitDepthToSpace},
    {&ops::kSplit, "Split", 7, EmitSplit},
    {&ops::kSplit, "CumSum, Slice", 11, EmitSplitBySlices, 12},
    {&ops::kSqueeze, "Squeeze", 7, EmitWithAxes},
    {&ops::kTile, "Tile", 7, EmitTile},
    {&ops::kTranspose, "Transpose", 7, EmitTranspose},
    {&ops::kTrilu, "Trilu", 14, EmitTrilu},
    {&ops::kUnsqueeze, "Unsqueeze", 7, EmitWithAxes},
};

}  // namespace

extern const RowSet kMovementRows{kRows};

}  // namespace godwit::to_onnx
