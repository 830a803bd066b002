// Operators behind a model's outputs: what users do with a result anyway (the class of each pixel, probabilities)
// becomes a part of the model.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ir/graph.h"
#include "passes/ports.h"

namespace godwit {

struct Append {
  std::string output;           ///< empty: every output of floats
  std::string op;               ///< argmax, argmin, softmax, sigmoid, tanh
  std::optional<int64_t> axis;  ///< of the first three; the channels where it is not stated
  bool keep = false;            ///< argmax and argmin leave the axis, with extent 1
  DType type = DType::kI64;     ///< of what they give: i64 or i32
};
/// "softmax", "argmax:axis=1", "argmax:axis=-1:keep:type=i32", "logits=sigmoid".
Result<Append> ParseAppend(std::string_view text);
/// The output keeps its name and gives what the operator makes of it. Integers that stand for numbers are these
/// numbers.
Status ApplyAppend(const Append& wish, PortLayout own, Graph* graph);

}  // namespace godwit
