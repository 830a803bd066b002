// How a model's inputs and outputs are handed over: the order of their dims, and what is done to raw pixels before the
// model proper. Both are nodes at the model's edge; what they cost is for the later stages to take away.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

enum class PortLayout : uint8_t { kChannelsFirst, kChannelsLast };

/// What --io-layout asks of one port, or of all of rank 4 and 5 (`port` empty).
struct LayoutWish {
  std::string port;
  PortLayout layout = PortLayout::kChannelsFirst;
};
/// "nchw", "nhwc", "NAME=nhwc"; "keep" asks for nothing.
Status AddLayoutWish(std::string_view text, std::vector<LayoutWish>* wishes);
/// Ports that are in `own` layout are put in the one that is wished for: their types change, and a transpose stands
/// between them and the model. A later wish wins over an earlier one, a named one over one for all.
Status ApplyLayouts(const std::vector<LayoutWish>& wishes, PortLayout own, Graph* graph);

/// What is done to an input's raw elements: `y = (swapped(x) - mean) * scale`, one mean and scale, or one a channel.
struct Preprocess {
  std::string input;
  DType dtype = DType::kNone;  ///< what is fed instead; kNone: as the model's
  bool swap = false;           ///< the order of the channels is turned round
  std::vector<double> mean, scale;
};
/// "NAME=u8,rgb->bgr,mean=123.7,116.3,103.5,scale=0.017".
Result<Preprocess> ParsePreprocess(std::string_view text);
Status ApplyPreprocess(const Preprocess& wish, PortLayout own, Graph* graph);

}  // namespace godwit
