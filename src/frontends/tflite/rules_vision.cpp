// Pictures: other sizes, and boxes.
#include <fmt/format.h>

#include <cmath>

#include "frontends/tflite/op_import.h"
#include "frontends/tflite/tensor_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

void EmitResize(OpImport& n, ValueId x, std::string mode, std::string coordinates, std::string nearest) {
  Attrs attrs{{"mode", std::move(mode)}, {"coordinates", std::move(coordinates)}, {"axes", std::vector<int64_t>{1, 2}}};
  if (!nearest.empty()) attrs.Set("nearest", std::move(nearest));
  n.Out(0, n.Emit(ops::kResize, {x, n.Stored(1)}, std::move(attrs)));
}

void ImportResizeBilinear(OpImport& n) {
  const bool corners = n.Flag("align_corners"), half = n.Flag("half_pixel_centers");
  if (corners && half) {
    n.BadOption("half_pixel_centers", "set together with align_corners");
    return;
  }
  EmitResize(n, n.Real(0), "linear", corners ? "align_corners" : half ? "half_pixel" : "asymmetric", "");
}

// Whether height and width are known, and become a multiple of what they are.
bool Multiplies(OpImport& n) {
  const Type& x = n.TypeOf(n.Stored(0));
  const auto sizes = n.KnownInts(n.Stored(1));
  if (!x.ranked() || x.rank() != 4 || !sizes || sizes->size() != 2) return false;
  for (size_t k = 0; k < 2; ++k) {
    const Dim& from = x.shape()[k + 1];
    if (!from.is_static() || from.value() <= 0 || (*sizes)[k] % from.value() != 0) return false;
  }
  return true;
}

void ImportResizeNearest(OpImport& n) {
  const bool corners = n.Flag("align_corners"), half = n.Flag("half_pixel_centers");
  if (corners && half) {
    n.Unsupported("half_pixel_centers together with align_corners");
    return;
  }
  // Where each pixel becomes a whole number of pixels, centres and corners of pixels say the same: the form that other
  // formats have too.
  EmitResize(n, n.Stored(0), "nearest",
             corners                  ? "align_corners"
             : half && !Multiplies(n) ? "tf_half_pixel_for_nn"
                                      : "asymmetric",
             corners ? "round_prefer_ceil" : "floor");
}

// The first operand's first `count` rows, rows of zeros behind them where there are fewer.
ValueId Filled(OpImport& n, ValueId x, ValueId count) {
  const ValueId have = n.Emit(ops::kShapeOf, {x});
  const ValueId more = n.Emit(ops::kMax, {n.Sub(count, have), n.builder().ScalarI64(0)});
  const ValueId zero = n.I64s({0});
  return n.Emit(ops::kPad, {x, n.Emit(ops::kConcat, {zero, more}, {{"axis", int64_t{0}}})});
}

// A box whose overlap is the limit itself goes too: the limit is moved to the number below it.
ValueId LimitBelow(OpImport& n, size_t i) {
  const ValueId limit = n.Reshape(n.Stored(i), {1});
  if (const Tensor* known = n.KnownTensor(n.Stored(i));
      known != nullptr && known->dtype() == DType::kF32 && known->size() == 1) {
    return n.builder().Constant(Tensor::F32({1}, {std::nextafter(known->data<float>()[0], -1.0F)}));
  }
  // Of positive numbers the one below has the bits of one less.
  const ValueId bits = n.Emit(ops::kBitCast, {limit}, {{"to", DType::kI32}});
  return n.Emit(ops::kBitCast, {n.Sub(bits, n.Number(bits, 1))}, {{"to", DType::kF32}});
}

// Indices of the boxes that are kept, as many as are asked for with zeros behind the last, and how many there are.
void EmitNms(OpImport& n, bool with_scores) {
  const ValueId boxes = n.Real(0), scores = n.Real(1), most = n.Cast(n.Reshape(n.Stored(2), {1}), DType::kI64);
  if (with_scores) {
    const Tensor* sigma = n.KnownTensor(n.Stored(5));
    if (!n.ok()) return;
    if (sigma == nullptr || sigma->dtype() != DType::kF32 || sigma->size() != 1 || *sigma->data<float>() != 0) {
      n.Unsupported("scores that fall with the overlap (soft_nms_sigma)");
      return;
    }
  }
  const ValueId picked = n.Emit(ops::kNms, {n.Unsqueeze(boxes, {0}), n.Unsqueeze(scores, {0, 1}), most,
                                            LimitBelow(n, 3), n.Reshape(n.Stored(4), {1})});
  const ValueId index = n.Squeeze(n.Slice(picked, 1, 2, 3), {1});
  n.Out(0, Filled(n, index, most));
  if (with_scores) n.Out(1, Filled(n, n.Emit(ops::kGather, {scores, index}), most));
  n.Out(with_scores ? 2 : 1, n.Squeeze(n.Emit(ops::kShapeOf, {index}), {0}));
}

void ImportNmsV4(OpImport& n) { EmitNms(n, false); }
void ImportNmsV5(OpImport& n) { EmitNms(n, true); }

constexpr Rule kRules[] = {
    {B::kNonMaxSuppressionV4, Numbers::kReal, ImportNmsV4},
    {B::kNonMaxSuppressionV5, Numbers::kReal, ImportNmsV5},
    {B::kResizeBilinear, Numbers::kReal, ImportResizeBilinear},
    {B::kResizeNearestNeighbor, Numbers::kStored, ImportResizeNearest},
};

}  // namespace

extern const RuleSet kVisionRules{kRules};

}  // namespace godwit::from_tflite
