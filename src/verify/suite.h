// Conformance suites laid out as the ONNX backend suite: folders with a model.onnx and test_data_set_N/{input,output}
// files, and single models with an expected output beside them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/diag.h"
#include "base/limits.h"
#include "base/result.h"
#include "exec/session.h"
#include "verify/values.h"

namespace godwit {

struct SuiteCase {
  std::string name;
  std::string model;                   ///< path of the model file
  std::vector<std::string> data_sets;  ///< folders of inputs and outputs
  std::string output_file;             ///< light form: no inputs, this one output
};

enum class Outcome : uint8_t { kPassed, kRefused, kError, kWrong };
struct SuiteResult {
  Outcome outcome = Outcome::kPassed;
  std::string reason;  ///< empty when passed
};

struct SuiteOptions {
  Tolerance tolerance;
  Limits limits;
  SessionOptions session;
  /// Where set: what is run is what this makes of the model, its inputs and outputs the same.
  std::function<Result<Graph>(const Graph& graph, const std::string& name)> through;
};

/// All cases below a folder, by name.
Result<std::vector<SuiteCase>> FindCases(const std::string& folder);
SuiteResult RunCase(const SuiteCase& test, const SuiteOptions& options);

}  // namespace godwit
