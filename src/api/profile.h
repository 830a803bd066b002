// The runtime that a TFLite model is written for: a known one, a user's own from a file, with what the user forbids.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "targets/tflite.h"

namespace godwit {

/// Further limits on a target.
struct TargetLimits {
  std::vector<std::string> require;       ///< "rank<=4"
  std::vector<std::string> forbid;        ///< operators
  std::vector<std::string> allow_custom;  ///< custom operators
  std::vector<std::string> prefer;        ///< operators that nothing else may stand for
};

/// What ParseTfliteProfile takes, with the limits added.
Result<targets::TfliteProfile> ReadProfile(const std::string& text, const TargetLimits& limits);

}  // namespace godwit
