// `suite --through FORMAT`: every model is written in another format, read back, and tested as what it became.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "runtimes/runtime.h"
#include "verify/suite.h"

namespace godwit::tools {

using Through = decltype(SuiteOptions::through);

struct ThroughOptions {
  std::string keep;                     ///< a folder for the first written files, by the cases' names; empty: none
  runtimes::Runtime* litert = nullptr;  ///< runs TFLite files too
};

/// `formats`: "onnx@17", or several with commas, one after the other: "tflite@2.14,onnx@17".
Result<Through> MakeThrough(const std::string& formats, const ThroughOptions& options);

}  // namespace godwit::tools
