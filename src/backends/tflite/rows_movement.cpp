// What moves elements without changing them: shapes, transpositions, joining, cutting, padding, blocks.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "backends/tflite/emit.h"
#include "ir/convert.h"

namespace godwit::to_tflite {

namespace {

using Ints = std::vector<int64_t>;

// Whatever makes the new shape, where that is known.
Status EmitReshape(NodeExport& n) { return n.EmitReshapeTo(0, n.In(0)); }

// Sizes that are copied from the operand are taken from its shape when the model runs.
Ref CopiedShape(NodeExport& n, const Ints& wanted) {
  const auto rank = static_cast<int64_t>(n.ShapeOf(0).size());
  const Ref shape = n.Temp("SHAPE", {n.In(0)}, TensorType(DType::kI32, {Dim(rank)}), {{"out_type", DType::kI32}});
  Refs parts;
  for (size_t k = 0; k < wanted.size();) {
    size_t end = k;
    const bool copied = wanted[k] == 0;
    while (end < wanted.size() && (wanted[end] == 0) == copied) ++end;
    const auto count = static_cast<int64_t>(end - k);
    if (copied) {
      parts.push_back(n.Temp("SLICE", {shape, n.I32s({static_cast<int64_t>(k)}), n.I32s({count})},
                             TensorType(DType::kI32, {Dim(count)})));
    } else {
      parts.push_back(
          n.I32s(Ints(wanted.begin() + static_cast<int64_t>(k), wanted.begin() + static_cast<int64_t>(end))));
    }
    k = end;
  }
  if (parts.size() == 1) return parts[0];
  return n.Temp("CONCATENATION", parts, TensorType(DType::kI32, {Dim(static_cast<int64_t>(wanted.size()))}),
                {{"axis", 0}});
}

// A shape that only the running model knows.
Status EmitReshapeDynamic(NodeExport& n) {
  if (const auto known = n.Ints(1)) {
    const bool copies = std::find(known->begin(), known->end(), 0) != known->end();
    if (copies && (n.attrs().Flag("allow_zero") || !n.TypeOf(0).ranked())) {
      return n.Lacks(diag::kTargetConstant, "a shape of reshape has a size that is not known");
    }
    n.EmitTo(0, "RESHAPE", {n.In(0), copies ? CopiedShape(n, *known) : n.I32s(*known)});
    return Ok{};
  }
  TRY(const Ref shape, n.InI32(1));
  n.EmitTo(0, "RESHAPE", {n.In(0), shape});
  return Ok{};
}

Status EmitSqueeze(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  Ints axes;
  if (n.Has(1)) {
    TRY(axes, n.NeedInts(1, "axes"));
    for (int64_t& a : axes) a = FromFront(a, rank);
  }
  n.EmitTo(0, "SQUEEZE", {n.In(0)}, {{"squeeze_dims", axes}});
  return Ok{};
}

Status EmitUnsqueeze(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  TRY(Ints axes, n.NeedInts(1, "axes"));
  for (int64_t& a : axes) a = FromFront(a, rank + static_cast<int64_t>(axes.size()));
  std::sort(axes.begin(), axes.end());
  Ref x = n.In(0);
  TensorType type = n.TypeOf(x);
  for (size_t k = 0; k < axes.size(); ++k) {
    if (k + 1 == axes.size()) {
      n.EmitTo(0, "EXPAND_DIMS", {x, n.ScalarI32(axes[k])});
      return Ok{};
    }
    type.shape.insert(type.shape.begin() + axes[k], Dim(1));
    x = n.Temp("EXPAND_DIMS", {x, n.ScalarI32(axes[k])}, type);
  }
  return n.EmitReshapeTo(0, x);
}

// Only dims of 1 change their places: the elements stay where they are.
bool IsView(const Shape& shape, const Ints& perm) {
  int64_t last = -1;
  for (const int64_t p : perm) {
    const Dim& d = shape[static_cast<size_t>(p)];
    if (d.is_static() && d.value() == 1) continue;
    if (p < last) return false;
    last = p;
  }
  return true;
}

Status EmitTranspose(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  Ints perm = n.attrs().Ints("perm");
  if (perm.empty()) {
    for (int64_t k = rank; k-- > 0;) perm.push_back(k);
  }
  if (IsView(n.ShapeOf(0), perm)) {
    const Type& y = n.OutType();
    const auto unknown = std::count_if(y.shape().begin(), y.shape().end(), [](const Dim& d) { return !d.is_static(); });
    if (unknown <= 1) return n.EmitReshapeTo(0, n.In(0));
  }
  n.EmitTo(0, "TRANSPOSE", {n.In(0), n.I32s(perm)});
  return Ok{};
}

Status EmitConcat(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  n.EmitTo(0, "CONCATENATION", n.Ins(), {{"axis", FromFront(n.attrs().Int("axis"), rank)}});
  return Ok{};
}

// Parts of one extent, then parts of any.
Status EmitSplit(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const int64_t axis = FromFront(n.attrs().Int("axis", 0), rank);
  Ints sizes;
  for (size_t i = 0; i < n.n_out(); ++i) {
    const Type& part = n.OutType(i);
    if (!part.ranked() || !part.shape()[static_cast<size_t>(axis)].is_static()) break;
    sizes.push_back(part.shape()[static_cast<size_t>(axis)].value());
  }
  if (sizes.size() != n.n_out()) {
    TRY(sizes, n.NeedInts(1, "the sizes of the parts"));
  }
  const bool equal = std::adjacent_find(sizes.begin(), sizes.end(), std::not_equal_to<>()) == sizes.end();
  const OptionList options{{"num_splits", static_cast<int64_t>(sizes.size())}};
  if (equal) {
    n.Emit("SPLIT", {n.ScalarI32(axis), n.In(0)}, options);
  } else {
    n.Emit("SPLIT_V", {n.In(0), n.I32s(sizes), n.ScalarI32(axis)}, options);
  }
  return Ok{};
}

// Every extent as a SLICE has it; -1 where it is not known, which delegates refuse.
Ints WholeSizes(const Shape& shape) {
  Ints out;
  for (const Dim& d : shape) out.push_back(d.known().value_or(-1));
  return out;
}

// What each result has of the axis; not this, where one is not known.
Result<Ints> PartSizes(NodeExport& n, int64_t axis) {
  Ints sizes;
  for (size_t i = 0; i < n.n_out(); ++i) {
    const Type& part = n.OutType(i);
    if (!part.ranked() || !part.shape()[static_cast<size_t>(axis)].is_static()) return n.NotThis();
    sizes.push_back(part.shape()[static_cast<size_t>(axis)].value());
  }
  return sizes;
}

// Parts of unlike extents as slices, which delegates run.
Status EmitSlices(NodeExport& n) {
  constexpr size_t kMost = 4;
  TRY(const int rank, n.Rank(0));
  const int64_t axis = FromFront(n.attrs().Int("axis", 0), rank);
  TRY(const Ints sizes, PartSizes(n, axis));
  const bool equal = std::adjacent_find(sizes.begin(), sizes.end(), std::not_equal_to<>()) == sizes.end();
  if (equal || sizes.size() > kMost || n.DtypeOf(0) != DType::kF32) return n.NotThis();
  const Ref x = n.In(0);
  int64_t at = 0;
  for (size_t i = 0; i < sizes.size(); at += sizes[i++]) {
    if (!n.Wants(i)) continue;
    Ints begin(static_cast<size_t>(rank), 0), size = WholeSizes(n.ShapeOf(0));
    begin[static_cast<size_t>(axis)] = at;
    size[static_cast<size_t>(axis)] = sizes[i];
    n.EmitTo(i, "SLICE", {x, n.I32s(begin), n.I32s(size)});
  }
  return Ok{};
}

Status EmitSplitV(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const int64_t axis = FromFront(n.attrs().Int("axis", 0), rank);
  TRY(const Ints sizes, PartSizes(n, axis));
  n.Emit("SPLIT_V", {n.In(0), n.I32s(sizes), n.ScalarI32(axis)}, {{"num_splits", static_cast<int64_t>(sizes.size())}});
  return Ok{};
}

// Known pads of every axis, from the front.
Result<std::pair<Ints, Ints>> PadsOf(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  TRY(const Ints pads, n.NeedInts(1, "pads"));
  Ints axes;
  if (n.Has(3)) {
    TRY(axes, n.NeedInts(3, "axes"));
  } else {
    for (int64_t k = 0; k < rank; ++k) axes.push_back(k);
  }
  Ints before(static_cast<size_t>(rank), 0), after(static_cast<size_t>(rank), 0);
  for (size_t k = 0; k < axes.size(); ++k) {
    const auto axis = static_cast<size_t>(FromFront(axes[k], rank));
    before[axis] = pads[k];
    after[axis] = pads[k + axes.size()];
  }
  return std::pair(before, after);
}

Ref Table(NodeExport& n, const Ints& before, const Ints& after) {
  std::vector<int32_t> pairs;
  for (size_t k = 0; k < before.size(); ++k) {
    pairs.push_back(static_cast<int32_t>(before[k]));
    pairs.push_back(static_cast<int32_t>(after[k]));
  }
  return n.Const(
      Tensor::Of<int32_t>(DType::kI32, {static_cast<int64_t>(before.size()), 2}, std::span<const int32_t>(pairs)));
}

Status EmitPad(NodeExport& n) {
  TRY(const auto pads, PadsOf(n));
  const auto& [before, after] = pads;
  const auto negative = [](int64_t v) { return v < 0; };
  if (std::any_of(before.begin(), before.end(), negative) || std::any_of(after.begin(), after.end(), negative)) {
    return n.LacksForm("PAD takes nothing away");
  }
  const std::string_view mode = n.attrs().Str("mode", "constant");
  if (mode == "reflect") {
    n.EmitTo(0, "MIRROR_PAD", {n.In(0), Table(n, before, after)}, {{"mode", 0}});
    return Ok{};
  }
  if (mode != "constant") return n.LacksForm(fmt::format("PAD of TFLite has no mode {}", mode));
  const auto value = n.Has(2) ? n.Number(2) : std::optional(0.0);
  if (value && *value == 0) {
    n.EmitTo(0, "PAD", {n.In(0), Table(n, before, after)});
    return Ok{};
  }
  if (n.quantised()) return n.NotThis();
  Ref fill = n.In(2);
  if (n.TypeOf(2).rank() != 0) fill = n.Reshaped(fill, {});
  n.EmitTo(0, "PADV2", {n.In(0), Table(n, before, after), fill});
  return Ok{};
}

// A slice within: begin and size, or begin, end and stride.
Status EmitSlice(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  TRY(const Ints starts, n.NeedInts(1, "starts"));
  TRY(const Ints ends, n.NeedInts(2, "ends"));
  Ints axes, steps(starts.size(), 1);
  if (n.Has(3)) {
    TRY(axes, n.NeedInts(3, "axes"));
  } else {
    for (size_t k = 0; k < starts.size(); ++k) axes.push_back(static_cast<int64_t>(k));
  }
  if (n.Has(4)) {
    TRY(steps, n.NeedInts(4, "steps"));
  }
  Ints begin(static_cast<size_t>(rank), 0), end(static_cast<size_t>(rank), 0), stride(static_cast<size_t>(rank), 1),
      size = WholeSizes(n.ShapeOf(0));
  int64_t end_mask = (int64_t{1} << rank) - 1, begin_mask = end_mask;
  bool plain = true;
  for (size_t k = 0; k < axes.size(); ++k) {
    const auto axis = static_cast<size_t>(FromFront(axes[k], rank));
    const Dim& d = n.ShapeOf(0)[axis];
    stride[axis] = steps[k];
    if (steps[k] == 1 && d.is_static()) {
      const auto clamp = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + d.value() : v, 0, d.value()); };
      begin[axis] = clamp(starts[k]);
      end[axis] = std::max(clamp(ends[k]), begin[axis]);
      size[axis] = end[axis] - begin[axis];
      begin_mask &= ~(int64_t{1} << axis);
      end_mask &= ~(int64_t{1} << axis);
      continue;
    }
    const int64_t far = std::numeric_limits<int32_t>::max();
    const bool open_begin = steps[k] > 0 ? starts[k] == 0 : starts[k] >= far || starts[k] == -1;
    const bool open_end = steps[k] > 0 ? ends[k] >= far : ends[k] <= -far;
    begin[axis] = std::clamp<int64_t>(starts[k], -far, far);
    end[axis] = std::clamp<int64_t>(ends[k], -far, far);
    if (!open_begin) begin_mask &= ~(int64_t{1} << axis);
    if (!open_end) end_mask &= ~(int64_t{1} << axis);
    if (open_begin) begin[axis] = 0;
    if (open_end) end[axis] = 0;
    // From a known place to the end of an axis of unknown size.
    plain = plain && steps[k] == 1 && starts[k] >= 0 && open_end;
  }
  for (size_t k = 0; k < stride.size(); ++k) plain = plain && stride[k] == 1;
  if (plain) {
    n.EmitTo(0, "SLICE", {n.In(0), n.I32s(begin), n.I32s(size)});
    return Ok{};
  }
  for (size_t k = 0; k < begin.size(); ++k) {
    if ((begin_mask >> k & 1) != 0) begin[k] = 0;
  }
  n.EmitTo(0, "STRIDED_SLICE", {n.In(0), n.I32s(begin), n.I32s(end), n.I32s(stride)},
           {{"begin_mask", begin_mask}, {"end_mask", end_mask}});
  return Ok{};
}

Status EmitBlocks(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsLast(n));
  const int64_t block = n.attrs().Int("block");
  if (block == 1) return n.EmitReshapeTo(0, n.In(0));
  // One channel is before and behind the places of a block.
  const Shape shallow = n.op().name == "depth_to_space" ? n.OutType().shape() : n.ShapeOf(0);
  if (!n.attrs().Flag("channels_first") || shallow.back() == Dim(1)) {
    n.EmitTo(0, n.row().builtin, {n.In(0)}, {{"block_size", block}});
    return Ok{};
  }
  return n.LacksForm(fmt::format("{} has the channels innermost", n.row().builtin));
}

// Channels before the place in the block: the channels are put in the other order, which is a transposition of two
// parts of one axis.
Status EmitBlocksTurned(NodeExport& n) {
  if (!n.attrs().Flag("channels_first")) return n.NotThis();
  RETURN_IF_ERROR(ChannelsLast(n));
  const bool spread = n.op().name == "depth_to_space";
  const int64_t block = n.attrs().Int("block");
  const Shape deep = spread ? n.ShapeOf(0) : n.OutType().shape();
  if (!deep[3].is_static()) return n.LacksForm("the number of channels must be known");
  const int64_t blocks = block * block, channels = deep[3].value() / blocks;
  Shape parts = {deep[0], deep[1], deep[2], Dim(spread ? channels : blocks), Dim(spread ? blocks : channels)};
  Ref x = n.In(0);
  if (!spread) x = n.Temp("SPACE_TO_DEPTH", {x}, WithShape(n.TypeOf(n.Out()), deep), {{"block_size", block}});
  x = n.Turned(n.Reshaped(x, parts), {0, 1, 2, 4, 3});
  if (!spread) return n.EmitReshapeTo(0, x);
  n.EmitTo(0, "DEPTH_TO_SPACE", {n.Reshaped(x, deep)}, {{"block_size", block}});
  return Ok{};
}

// One index that is known is a slice, which delegates run.
Status EmitPicked(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const auto index = n.Ints(1);
  if (!index || index->size() != 1 || rank == 0 || rank > 5 || !n.TypeOf(1).ranked() || n.TypeOf(1).rank() > 1) {
    return n.NotThis();
  }
  const int64_t axis = FromFront(n.attrs().Int("axis", 0), rank);
  const Dim& dim = n.ShapeOf(0)[static_cast<size_t>(axis)];
  if ((*index)[0] < 0 && !dim.is_static()) return n.NotThis();
  Ints begin(static_cast<size_t>(rank), 0), size = WholeSizes(n.ShapeOf(0));
  begin[static_cast<size_t>(axis)] = FromFront((*index)[0], dim.is_static() ? dim.value() : 0);
  size[static_cast<size_t>(axis)] = 1;
  const Refs in = {n.In(0), n.I32s(begin), n.I32s(size)};
  if (n.TypeOf(1).rank() == 1) {
    n.EmitTo(0, "SLICE", in);
    return Ok{};
  }
  TensorType type = n.TypeOf(in[0]);
  type.shape[static_cast<size_t>(axis)] = Dim(1);
  return n.EmitReshapeTo(0, n.Temp("SLICE", in, WithShape(type, type.shape)));
}

constexpr Row kRows[] = {
    {&ops::kConcat, "CONCATENATION", EmitConcat, Row::kQuantised},
    {&ops::kDepthToSpace, "DEPTH_TO_SPACE", EmitBlocks, Row::kQuantised},
    {&ops::kDepthToSpace, "TRANSPOSE, DEPTH_TO_SPACE", EmitBlocksTurned},
    {&ops::kFlatten, "RESHAPE", EmitReshape, Row::kQuantised},
    {&ops::kGather, "SLICE, RESHAPE", EmitPicked},
    {&ops::kIdentity, "RESHAPE", EmitReshape, Row::kQuantised},
    {&ops::kPad, "PAD, PADV2, MIRROR_PAD", EmitPad, Row::kQuantised},
    {&ops::kReshape, "RESHAPE", EmitReshape, Row::kQuantised},
    {&ops::kReshape, "RESHAPE", EmitReshapeDynamic},
    {&ops::kSlice, "SLICE, STRIDED_SLICE", EmitSlice, Row::kQuantised},
    {&ops::kSpaceToDepth, "SPACE_TO_DEPTH", EmitBlocks, Row::kQuantised},
    {&ops::kSpaceToDepth, "SPACE_TO_DEPTH, TRANSPOSE", EmitBlocksTurned},
    {&ops::kSplit, "SLICE", EmitSlices},
    {&ops::kSplit, "SPLIT, SPLIT_V", EmitSplit},
    {&ops::kSplit, "SPLIT_V", EmitSplitV},
    {&ops::kSqueeze, "RESHAPE", EmitReshape, Row::kQuantised},
    {&ops::kSqueeze, "SQUEEZE", EmitSqueeze},
    {&ops::kTranspose, "TRANSPOSE, RESHAPE", EmitTranspose, Row::kQuantised},
    {&ops::kUnsqueeze, "RESHAPE", EmitReshape, Row::kQuantised},
    {&ops::kUnsqueeze, "EXPAND_DIMS", EmitUnsqueeze},
};

}  // namespace

extern const RowSet kMovementRows{kRows};

}  // namespace godwit::to_tflite
