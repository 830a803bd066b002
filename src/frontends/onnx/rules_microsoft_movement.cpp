// Data movement operators of com.microsoft: older or looser forms of those of ai.onnx.
#include <fmt/format.h>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

Status Required(const NodeImport& n, size_t count) {
  for (size_t i = 0; i < count; ++i) RETURN_IF_ERROR(n.In(i));
  return Ok{};
}

Status ImportExpandDims(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  return n.Same(ops::kUnsqueeze);
}

Status ImportRange(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  const ValueId step = n.Has(2) ? n.ins()[2] : n.ScalarLike(n.ins()[0], 1);
  TRY(ValueId y, n.Emit(ops::kRange, {n.ins()[0], n.ins()[1], step}));
  n.Out(0, y);
  return Ok{};
}

// Distinct elements in order of first occurrence, which of them each element is, and how many of each there are.
Status ImportUnique(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 1));
  TRY(std::vector<ValueId> out, n.EmitN(ops::kUnique, {n.ins()[0]}, 4, {{"sorted", int64_t{0}}}));
  n.Out(0, out[0]);
  n.Out(1, out[2]);
  n.Out(2, out[3]);
  return Ok{};
}

// The pads may be one row of a matrix.
Status ImportPad(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(std::string mode, n.Str("mode", "constant"));
  if (mode != "constant" && mode != "reflect" && mode != "edge") return n.BadValue("mode", mode);
  TRY(ValueId pads, n.Emit(ops::kReshape, {n.ins()[1], n.I64s({-1})}));
  TRY(ValueId y, n.Emit(ops::kPad, {n.ins()[0], pads, n.InOrNone(2)}, {{"mode", mode}}));
  n.Out(0, y);
  return Ok{};
}

Status ImportGatherNd(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  return n.Same(ops::kGatherNd);
}

Status ImportTrilu(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(int64_t upper, n.Int("upper", 1));
  return n.Same(ops::kTrilu, {{"upper", upper}});
}

Status ImportGridSample(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(std::string mode, n.Str("mode", "bilinear"));
  TRY(std::string padding, n.Str("padding_mode", "zeros"));
  TRY(int64_t align, n.Int("align_corners", 0));
  const char* ours = mode == "bilinear"  ? "linear"
                     : mode == "bicubic" ? "cubic"
                     : mode == "nearest" ? "nearest"
                                         : nullptr;
  if (ours == nullptr) return n.BadValue("mode", mode);
  return n.Same(ops::kGridSample, {{"mode", std::string(ours)}, {"padding", padding}, {"align_corners", align}});
}

constexpr Rule kRules[] = {
    {"CropAndResize", 1, nullptr, "no core operator crops and resizes regions of several pictures"},
    {"ExpandDims", 1, ImportExpandDims},
    {"GatherND", 1, ImportGatherNd},
    {"GridSample", 1, ImportGridSample},
    {"Pad", 1, ImportPad},
    {"Range", 1, ImportRange},
    {"Tokenizer", 1, nullptr, "no core operator cuts strings by characters or expressions"},
    {"Trilu", 1, ImportTrilu},
    {"Unique", 1, ImportUnique},
};

}  // namespace

extern const RuleSet kMicrosoftMovementRules{"com.microsoft", kRules};

}  // namespace godwit::from_onnx
