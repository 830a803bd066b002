// The geometry that convolutions and poolings share: which axes are spatial, and how a window slides along one.
#pragma once

#include <string_view>
#include <vector>

#include "ir/commute.h"
#include "ir/eval.h"
#include "ir/infer.h"

namespace godwit::ops {

/// Axis 0 is the batch, `channel` the channels, the others are spatial, in order.
struct DataAxes {
  int channel = 1;
  std::vector<int> spatial;
};
/// Reads `channel_axis`. Ctx is InferCtx or EvalCtx here and below.
template <class Ctx>
Result<DataAxes> ReadDataAxes(const Ctx& ctx, std::string_view constraint, int rank);

/// A weight layout such as "oihw": `o` and `i` are the axes of the output and input channels, the others are spatial;
/// "hw" in the text stands for all spatial axes.
struct WeightAxes {
  int o = 0, i = 1;
  std::vector<int> spatial;
};
template <class Ctx>
Result<WeightAxes> ReadWeightAxes(const Ctx& ctx, std::string_view constraint, std::string_view fallback, int rank);

enum class AutoPad : uint8_t { kNone, kSameUpper, kSameLower, kValid };

/// One spatial axis of a sliding window, all numbers known.
struct Slide {
  int64_t in = 0, out = 0, kernel = 1, stride = 1, dilation = 1, pad_begin = 0, pad_end = 0;
  /// Input position of tap 0 of window `o`; may be negative.
  [[nodiscard]] int64_t Start(int64_t o) const { return o * stride - pad_begin; }
  /// Taps [first, last) of window `o` that fall into the input.
  [[nodiscard]] int64_t FirstTap(int64_t o) const;
  [[nodiscard]] int64_t LastTap(int64_t o) const;
};

/// strides, dilations, pads, auto_pad and ceil_mode for `n` spatial axes, checked and with defaults filled in.
struct WindowAttrs {
  std::vector<int64_t> strides, dilations, pads;
  AutoPad auto_pad = AutoPad::kNone;
  bool ceil_mode = false;
};
template <class Ctx>
Result<WindowAttrs> ReadWindowAttrs(const Ctx& ctx, std::string_view constraint, size_t n);

/// The window along spatial axis `k`; fails where it does not fit into the padded input.
template <class Ctx>
Result<Slide> MakeSlide(const Ctx& ctx, std::string_view constraint, const WindowAttrs& attrs, size_t k, int64_t in,
                        int64_t kernel);
/// How many windows there are, over dims that may be symbolic.
template <class Ctx>
Result<Dim> WindowCount(const Ctx& ctx, std::string_view constraint, const WindowAttrs& attrs, size_t k, const Dim& in,
                        const Dim& kernel);

/// `commute` of operators whose operand 0 has a batch axis, channels and spatial axes: the batch stays first and the
/// spatial axes keep their order.
bool CommuteImage(CommuteCtx& ctx);

/// Attribute values are kept below this, so that products with any extent that fits in memory stay in range.
inline constexpr int64_t kMaxWindow = int64_t{1} << 31;

}  // namespace godwit::ops
