// Operators that move elements and change shapes.
#include <fmt/format.h>

#include "frontends/onnx/node_import.h"
#include "ir/convert.h"

namespace godwit::from_onnx {

namespace {

using Ints = std::vector<int64_t>;

// Reshape: version 1 has the shape as an attribute.
Status ImportReshape1(NodeImport& n) {
  TRY(ValueId data, n.In(0));
  TRY(Ints shape, n.Ints("shape"));
  n.Ignore("consumed_inputs");
  TRY(ValueId y, n.Emit(ops::kReshape, {data, n.I64s(shape)}));
  n.Out(0, y);
  return Ok{};
}

Status ImportReshape(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  RETURN_IF_ERROR(n.In(1));
  TRY(int64_t allow_zero, n.Int("allowzero", 0));
  Attrs attrs;
  if (allow_zero != 0) attrs.Set("allow_zero", int64_t{1});
  return n.Same(ops::kReshape, std::move(attrs));
}

Status ImportFlatten(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(int64_t axis, n.Int("axis", 1));
  return n.Same(ops::kFlatten, {{"axis", axis}});
}

// Squeeze and Unsqueeze: before version 13 the axes are an attribute.
Status ImportWithAxesAttr(NodeImport& n, const OpDef& op, bool required) {
  TRY(ValueId data, n.In(0));
  std::vector<ValueId> in = {data};
  if (n.HasAttr("axes")) {
    TRY(Ints axes, n.Ints("axes"));
    in.push_back(n.I64s(axes));
  } else if (required) {
    return n.BadValue("axes", "it is required");
  }
  TRY(ValueId y, n.Emit(op, std::move(in)));
  n.Out(0, y);
  return Ok{};
}
Status ImportSqueeze1(NodeImport& n) { return ImportWithAxesAttr(n, ops::kSqueeze, false); }
Status ImportUnsqueeze1(NodeImport& n) { return ImportWithAxesAttr(n, ops::kUnsqueeze, true); }
Status ImportSqueeze(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  return n.Same(ops::kSqueeze);
}
Status ImportUnsqueeze(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  RETURN_IF_ERROR(n.In(1));
  return n.Same(ops::kUnsqueeze);
}

Status ImportTranspose(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  Attrs attrs;
  if (n.HasAttr("perm")) {
    TRY(Ints perm, n.Ints("perm"));
    attrs.Set("perm", std::move(perm));
  }
  return n.Same(ops::kTranspose, std::move(attrs));
}

Status ImportConcatAxis(NodeImport& n, int64_t axis) {
  RETURN_IF_ERROR(n.In(0));
  for (size_t i = 0; i < n.n_in(); ++i) RETURN_IF_ERROR(n.In(i));
  TRY(ValueId y, n.Emit(ops::kConcat, n.ins(), {{"axis", axis}}));
  n.Out(0, y);
  return Ok{};
}
Status ImportConcat1(NodeImport& n) {
  TRY(int64_t axis, n.Int("axis", 1));
  return ImportConcatAxis(n, axis);
}
Status ImportConcat(NodeImport& n) {
  TRY(int64_t axis, n.Int("axis"));
  return ImportConcatAxis(n, axis);
}

// Split: sizes as an attribute (1, 2, 11) or an operand (1, 13 on); else equal parts.
Status ImportSplit1(NodeImport& n) {
  TRY(ValueId data, n.In(0));
  TRY(int64_t axis, n.Int("axis", 0));
  TRY(Ints sizes, n.Ints("split"));
  std::vector<ValueId> in = {data};
  if (!sizes.empty()) {
    in.push_back(n.I64s(sizes));
  } else if (n.Has(1)) {
    TRY(ValueId as_ints, n.Emit(ops::kCast, {n.ins()[1]}, {{"to", DType::kI64}}));
    in.push_back(as_ints);
  }
  TRY(std::vector<ValueId> parts, n.EmitN(ops::kSplit, std::move(in), n.n_out(), {{"axis", axis}}));
  for (size_t i = 0; i < parts.size(); ++i) n.Out(i, parts[i]);
  return Ok{};
}
Status ImportSplit(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(int64_t axis, n.Int("axis", 0));
  if (n.HasAttr("num_outputs")) {
    TRY(int64_t parts, n.Int("num_outputs"));
    if (parts != static_cast<int64_t>(n.n_out())) {
      return n.BadValue("num_outputs", fmt::format("{}, but the node has {} results", parts, n.n_out()));
    }
  }
  return n.Same(ops::kSplit, {{"axis", axis}});
}

Status ImportSlice1(NodeImport& n) {
  TRY(ValueId data, n.In(0));
  TRY(Ints starts, n.Ints("starts"));
  TRY(Ints ends, n.Ints("ends"));
  std::vector<ValueId> in = {data, n.I64s(starts), n.I64s(ends)};
  if (n.HasAttr("axes")) {
    TRY(Ints axes, n.Ints("axes"));
    in.push_back(n.I64s(axes));
  }
  TRY(ValueId y, n.Emit(ops::kSlice, std::move(in)));
  n.Out(0, y);
  return Ok{};
}
Status ImportSlice(NodeImport& n) {
  for (size_t i = 0; i < 3; ++i) RETURN_IF_ERROR(n.In(i));
  return n.Same(ops::kSlice);
}

// Pad: pads and value are attributes before version 11.
Status ImportPadAttrs(NodeImport& n, std::string_view pads_name) {
  TRY(ValueId data, n.In(0));
  TRY(Ints pads, n.Ints(pads_name));
  TRY(std::string mode, n.Str("mode", "constant"));
  TRY(double value, n.Float("value", 0));
  TRY(ValueId y, n.Emit(ops::kPad, {data, n.I64s(pads), n.ScalarLike(data, value)}, {{"mode", mode}}));
  n.Out(0, y);
  return Ok{};
}
Status ImportPad1(NodeImport& n) { return ImportPadAttrs(n, "paddings"); }
Status ImportPad2(NodeImport& n) { return ImportPadAttrs(n, "pads"); }
Status ImportPad(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  RETURN_IF_ERROR(n.In(1));
  TRY(std::string mode, n.Str("mode", "constant"));
  const bool known = mode == "constant" || mode == "reflect" || mode == "edge" || (mode == "wrap" && n.version() >= 19);
  if (!known) return n.BadValue("mode", mode);
  return n.Same(ops::kPad, {{"mode", mode}});
}

// Tile: version 1 repeats along one axis.
Status ImportTile1(NodeImport& n) {
  TRY(ValueId data, n.In(0));
  TRY(ValueId tiles, n.In(1));
  TRY(ValueId axis, n.In(2));
  TRY(int rank, n.Rank(data));
  const Tensor* count = n.KnownTensor(tiles);
  const Tensor* at = n.KnownTensor(axis);
  if (count == nullptr || at == nullptr || count->size() != 1 || at->size() != 1) {
    return n.Unsupported("Tile of version 1 needs constant tiles and axis");
  }
  const int64_t k = ToI64(*at)[0];
  if (k < 0 || k >= rank) return n.BadValue("axis", fmt::format("{} with rank {}", k, rank));
  Ints repeats(static_cast<size_t>(rank), 1);
  repeats[static_cast<size_t>(k)] = ToI64(*count)[0];
  TRY(ValueId y, n.Emit(ops::kTile, {data, n.I64s(repeats)}));
  n.Out(0, y);
  return Ok{};
}
Status ImportTile(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  RETURN_IF_ERROR(n.In(1));
  return n.Same(ops::kTile);
}

Status ImportExpand(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  RETURN_IF_ERROR(n.In(1));
  return n.Same(ops::kExpand);
}

// One element, spread to the shape.
Status ImportConstantOfShape(NodeImport& n) {
  TRY(ValueId shape, n.In(0));
  TRY(Tensor value, n.TensorAttr("value"));
  if (value.valid() && value.size() != 1) return n.BadValue("value", fmt::format("{} elements", value.size()));
  const ValueId element = value.valid() ? n.Constant(value.Reshaped({})) : n.builder().Scalar(DType::kF32, 0);
  TRY(ValueId y, n.Emit(ops::kExpand, {element, shape}));
  n.Out(0, y);
  return Ok{};
}

Status ImportSize(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  return n.Same(ops::kSizeOf);
}

Status ImportDepthToSpace(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(int64_t block, n.Int("blocksize"));
  TRY(std::string mode, n.Str("mode", "DCR"));
  if (mode != "DCR" && mode != "CRD") return n.BadValue("mode", mode);
  return n.Same(ops::kDepthToSpace, {{"block", block}, {"channels_first", int64_t{mode == "CRD"}}});
}
Status ImportSpaceToDepth(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(int64_t block, n.Int("blocksize"));
  return n.Same(ops::kSpaceToDepth, {{"block", block}});
}

Status ImportReverseSequence(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  RETURN_IF_ERROR(n.In(1));
  TRY(int64_t batch, n.Int("batch_axis", 1));
  TRY(int64_t time, n.Int("time_axis", 0));
  return n.Same(ops::kReverseSequence, {{"batch_axis", batch}, {"time_axis", time}});
}

Status ImportCenterCropPad(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  RETURN_IF_ERROR(n.In(1));
  Attrs attrs;
  if (n.HasAttr("axes")) {
    TRY(Ints axes, n.Ints("axes"));
    attrs.Set("axes", std::move(axes));
  }
  return n.Same(ops::kCenterCropPad, std::move(attrs));
}

Status ImportTrilu(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(int64_t upper, n.Int("upper", 1));
  return n.Same(ops::kTrilu, {{"upper", upper}});
}

constexpr Rule kRules[] = {
    {"CenterCropPad", 18, ImportCenterCropPad},
    {"Concat", 1, ImportConcat1},
    {"Concat", 4, ImportConcat},
    {"ConstantOfShape", 9, ImportConstantOfShape},
    {"DepthToSpace", 1, ImportDepthToSpace},
    {"Expand", 8, ImportExpand},
    {"Flatten", 1, ImportFlatten},
    {"Pad", 1, ImportPad1},
    {"Pad", 2, ImportPad2},
    {"Pad", 11, ImportPad},
    {"Reshape", 1, ImportReshape1},
    {"Reshape", 5, ImportReshape},
    {"ReverseSequence", 10, ImportReverseSequence},
    {"Size", 1, ImportSize},
    {"Slice", 1, ImportSlice1},
    {"Slice", 10, ImportSlice},
    {"SpaceToDepth", 1, ImportSpaceToDepth},
    {"Split", 1, ImportSplit1},
    {"Split", 13, ImportSplit},
    {"Squeeze", 1, ImportSqueeze1},
    {"Squeeze", 13, ImportSqueeze},
    {"Tile", 1, ImportTile1},
    {"Tile", 6, ImportTile},
    {"Transpose", 1, ImportTranspose},
    {"Trilu", 14, ImportTrilu},
    {"Unsqueeze", 1, ImportUnsqueeze1},
    {"Unsqueeze", 13, ImportUnsqueeze},
};

}  // namespace

extern const RuleSet kMovementRules{"", kRules};

}  // namespace godwit::from_onnx
