// The geometry of windows that slide over channels-last images, as TFLite's paddings can say it.
#pragma once

#include <optional>
#include <vector>

#include "backends/tflite/node_export.h"

namespace godwit::to_tflite {

struct Window {
  using Ints = std::vector<int64_t>;
  // One of each for each spatial axis. Extents are -1 where they are not known.
  Ints kernel, strides, dilations, begin, end, in, out;
  Ints stated_end;    ///< pads after as the model states them, without what rounding up adds
  bool same = false;  ///< "same_upper" was asked for: SAME whatever the extents are

  /// A line becomes an image of height 1.
  void AddHeight();
  [[nodiscard]] bool Dilated() const;
  [[nodiscard]] bool Pads() const;
  /// Whether rounding up made windows reach beyond the stated padding.
  [[nodiscard]] bool Rounded() const { return end != stated_end; }
  /// SAME where it pads alike; else VALID, the pads being for an operator of their own.
  [[nodiscard]] int Settle() const;
  /// Pads of a whole image with a batch and channels.
  [[nodiscard]] Ints Before() const { return Whole(begin); }
  [[nodiscard]] Ints After() const { return Whole(end); }
  /// For each place of the result, by what a mean over whole windows of the padded image has to be multiplied so that
  /// it is the mean over what counts; nothing where extents are not known. Two spatial axes.
  [[nodiscard]] std::optional<std::vector<double>> Corrections(bool count_pads) const;

 private:
  static Ints Whole(const Ints& pads);
};

/// Of a node with strides, dilations, pads, auto_pad, ceil_mode, its channels last.
Result<Window> WindowOf(NodeExport& n, const std::vector<int64_t>& kernel);

}  // namespace godwit::to_tflite
