// Which composites are worth recognising for a target: those that it has and that its runtime is not slower with. A
// composite that the legaliser would take apart again must not be put together.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace godwit {

struct FusionTarget {
  int64_t opset = 0;         ///< of ai.onnx; 0: no format yet, everything stays whole
  bool microsoft = false;    ///< operators of com.microsoft may be written
  std::string runtime = {};  ///< "ort": what it runs slower is left apart; empty: fewest nodes
  bool approximate = false;  ///< constants that guard against division by zero may go
  bool tflite = false;       ///< the format is TFLite
  bool from_tflite = false;  ///< it comes from there, and may go back
};

/// Names of rules that do not run for the target, for RewriteOptions::off.
std::set<std::string> FusionsToLeave(const FusionTarget& target);

/// A composite that was timed in a runtime against what it stands for.
struct FusionEvidence {
  std::string_view rule;
  std::string_view op;
  std::string_view runtime;
  std::string_view version;  ///< of the runtime
  bool slower = false;
  /// Left apart where no runtime is named too: fewer nodes are not worth what the usual runtime loses.
  bool anywhere = false;
};
std::span<const FusionEvidence> AllFusionEvidence();

}  // namespace godwit
