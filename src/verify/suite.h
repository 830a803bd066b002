// Conformance suites laid out as the ONNX backend suite: folders with a model.onnx and test_data_set_N/{input,output}
// files, and single models with an expected output beside them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/diag.h"
#include "base/limits.h"
#include "base/result.h"
#include "exec/session.h"
#include "runtimes/runtime.h"
#include "verify/values.h"

namespace godwit {

struct SuiteCase {
  std::string name;
  std::string model;                   ///< path of the model file
  std::vector<std::string> data_sets;  ///< folders of inputs and outputs
  std::string output_file;             ///< light form: no inputs, this one output
};

/// What a case's model has become on its way through another format.
struct Passage {
  Graph graph;
  std::vector<std::string> fixed;            ///< inputs that had to become constants for it
  bool folded = false;                       ///< nothing is left to compute
  std::shared_ptr<runtimes::Model> runtime;  ///< the written file in its own runtime; null where there is none
  std::string unloadable;                    ///< what that said instead of taking the file
  bool must_run = true;                      ///< what it refuses is a failure
};

enum class Outcome : uint8_t { kPassed, kRefused, kError, kWrong };
struct SuiteResult {
  Outcome outcome = Outcome::kPassed;
  std::string reason;  ///< empty when passed
  // Of a passage through another format.
  bool fixed = false;      ///< with inputs that had to become constants
  bool folded = false;     ///< nothing was left to compute
  bool narrowed = false;   ///< f64 came back as f32
  bool elsewhere = false;  ///< the format's own runtime ran it too
};

struct SuiteOptions {
  Tolerance tolerance;
  Limits limits;
  SessionOptions session;
  /// Where set: what is run is what this makes of the model, for inputs of the case.
  std::function<Result<Passage>(const SuiteCase& test, const Graph& graph, const std::vector<RtValue>& inputs)> through;
};

/// All cases below a folder, by name.
Result<std::vector<SuiteCase>> FindCases(const std::string& folder);
SuiteResult RunCase(const SuiteCase& test, const SuiteOptions& options);

}  // namespace godwit
