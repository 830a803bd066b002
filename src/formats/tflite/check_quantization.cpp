#include <cmath>

#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/checker.h"

namespace godwit::tflite {

namespace {

struct Range {
  int64_t least = INT32_MIN;
  int64_t most = INT32_MAX;
};
Range RangeOf(TensorType type) {
  switch (type) {
    case TensorType::kInt2: return {-2, 1};
    case TensorType::kInt4: return {-8, 7};
    case TensorType::kUint4: return {0, 15};
    case TensorType::kInt8: return {-128, 127};
    case TensorType::kUint8: return {0, 255};
    case TensorType::kInt16: return {INT16_MIN, INT16_MAX};
    case TensorType::kUint16: return {0, UINT16_MAX};
    default: return {};
  }
}

bool HoldsQuantized(TensorType type) {
  switch (type) {
    case TensorType::kInt32:
    case TensorType::kUint32:
    case TensorType::kInt64:
    case TensorType::kUint64: return true;
    default: return RangeOf(type).least != INT32_MIN;
  }
}

}  // namespace

void Checker::CheckQuantization(const SubGraph& graph, const Tensor& t, const std::string& at) {
  const Quantization& q = *t.quantization;
  const auto fail = [&](std::string what) { FailTensor(diag::kTfliteQuantization, t, at, std::move(what)); };
  const auto rank = static_cast<int64_t>(t.shape.size());
  const auto is_tensor = [&](int32_t k) { return k >= 0 && static_cast<size_t>(k) < graph.tensors.size(); };
  switch (q.details) {
    case Quantization::Details::kCustom: return;
    case Quantization::Details::kBlockwise:
    case Quantization::Details::kMultiAxis:
      if (!is_tensor(q.scales) || (q.zero_points != -1 && !is_tensor(q.zero_points))) {
        return Fail(diag::kTfliteIndex, at,
                    Concat("its scales are tensor ", std::to_string(q.scales), ", its zero points tensor ",
                           std::to_string(q.zero_points), " of ", std::to_string(graph.tensors.size())));
      }
      if (q.block_size < 0 || (q.block_size == 0 && q.details == Quantization::Details::kBlockwise)) {
        return fail(Concat("a block of ", std::to_string(q.block_size)));
      }
      for (const int32_t d : q.quantized_dimensions) {
        if (d < 0 || d >= rank) return fail(Concat("dimension ", std::to_string(d), " of ", std::to_string(rank)));
      }
      return;
    case Quantization::Details::kNone: break;
  }
  // Floats carry the range they had when the model was made, and nobody asks what it is.
  if (q.scale.empty() || !HoldsQuantized(t.type)) return;
  if (q.zero_point.size() != q.scale.size()) {
    return fail(
        Concat(std::to_string(q.scale.size()), " scales, but ", std::to_string(q.zero_point.size()), " zero points"));
  }
  if (q.scale.size() > 1) {
    const int32_t axis = t.QuantizedDimension();
    if (axis < 0 || axis >= rank) return fail(Concat("dimension ", std::to_string(axis), " of ", std::to_string(rank)));
    const int32_t wanted = t.shape[static_cast<size_t>(axis)];
    if (static_cast<int64_t>(q.scale.size()) != wanted) {
      return fail(Concat(std::to_string(q.scale.size()), " scales along a dimension of ", std::to_string(wanted)));
    }
  }
  for (const float s : q.scale) {
    if (!std::isfinite(s) || s <= 0) return fail(Concat("a scale of ", ShortestFloat(s)));
  }
  const Range range = RangeOf(t.type);
  for (const int64_t z : q.zero_point) {
    if (z < range.least || z > range.most) {
      return fail(Concat("a zero point of ", std::to_string(z), " in ", TypeName(t.type)));
    }
  }
}

}  // namespace godwit::tflite
