#include "verify/suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/text.h"
#include "exec/session.h"
#include "frontends/onnx/import.h"
#include "frontends/onnx/tensor_import.h"
#include "ir/convert.h"
#include "verify/cut.h"
#include "verify/runtime_values.h"

namespace godwit {

namespace fs = std::filesystem;

namespace {

SuiteResult Fail(Outcome outcome, const Diag& diag) {
  return {outcome, Concat(diag.id, ": ", diag.node, diag.node.empty() ? "" : ": ", diag.what)};
}

Outcome OutcomeOf(Exit exit) {
  const bool refused =
      exit == Exit::kUnsupported || exit == Exit::kLimit || exit == Exit::kUnsafe || exit == Exit::kTarget;
  return refused ? Outcome::kRefused : Outcome::kError;
}

Result<RtValue> ReadValue(const std::string& path, const Type& type) {
  TRY(MappedFile::Ptr file, MappedFile::Open(path));
  return from_onnx::LoadTestData(file, type);
}

// A model without inputs that computes its own data, with one expected output.
void AddLightCases(const fs::path& folder, std::vector<SuiteCase>* cases) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const fs::path output = folder / (entry.path().stem().string() + "_output_0.pb");
    if (entry.path().extension() != ".onnx" || !fs::exists(output, ignored)) continue;
    cases->push_back({entry.path().stem().string(), entry.path().string(), {}, output.string()});
  }
}

// What the suite feeds models that come without inputs: i / n for each of the n elements, in f32.
RtValue Ramp(const Type& type) {
  Dims dims;
  for (const Dim& d : type.shape()) dims.push_back(d.is_static() ? d.value() : 1);
  auto made = Tensor::Make(DType::kF32, std::move(dims));
  if (!made.ok() || type.dtype() != DType::kF32) return {};
  const auto n = static_cast<double>(made->size());
  for (int64_t i = 0; i < made->size(); ++i) {
    made->mutable_data<float>()[i] = static_cast<float>(static_cast<double>(i) / n);
  }
  return RtValue(*std::move(made));
}

Result<std::vector<RtValue>> InputsOf(const Graph& graph, const std::string& data_set) {
  std::vector<RtValue> inputs;
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  for (size_t i = 0; i < params.size(); ++i) {
    const std::string path = fmt::format("{}/input_{}.pb", data_set, i);
    std::error_code ignored;
    if (data_set.empty()) {
      inputs.push_back(Ramp(graph.value(params[i]).type));
    } else if (!fs::exists(path, ignored)) {
      inputs.emplace_back();
    } else {
      TRY(RtValue value, ReadValue(path, graph.value(params[i]).type));
      inputs.push_back(std::move(value));
    }
  }
  return inputs;
}

Result<std::vector<RtValue>> Expected(const Graph& graph, const SuiteCase& test, const std::string& data_set) {
  std::vector<RtValue> out;
  const std::vector<ValueId>& results = graph.region(Graph::main()).results;
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string path = data_set.empty() ? test.output_file : fmt::format("{}/output_{}.pb", data_set, i);
    TRY(RtValue value, ReadValue(path, graph.value(results[i]).type));
    out.push_back(std::move(value));
  }
  return out;
}

// Formats without f64 keep f32 in its place.
RtValue Narrowed(const RtValue& expected, const RtValue& actual, bool* narrowed) {
  if (!expected.is_tensor() || !actual.is_tensor() || expected.tensor.dtype() != DType::kF64 ||
      actual.tensor.dtype() != DType::kF32) {
    return expected;
  }
  auto out = Tensor::Make(DType::kF32, expected.tensor.dims());
  if (!out.ok() || !FromF64(ToF64(expected.tensor), &*out).ok()) return expected;
  *narrowed = true;
  return RtValue(*std::move(out));
}

// Whether a case is about numbers that f32, which stands in for f64 in formats without it, cannot hold.
bool BeyondF32(const RtValue& value) {
  if (!value.is_tensor() || value.tensor.dtype() != DType::kF64) return false;
  const auto numbers = value.tensor.span<double>();
  return std::any_of(numbers.begin(), numbers.end(),
                     [](double x) { return std::isfinite(x) && std::fabs(x) > std::numeric_limits<float>::max(); });
}

// "" where they agree.
std::string Disagreement(const Graph& graph, const std::vector<RtValue>& actual, const std::vector<RtValue>& expected,
                         const SuiteOptions& options, SuiteResult* result) {
  if (actual.size() != expected.size()) {
    return fmt::format("{} outputs instead of {}", actual.size(), expected.size());
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const RtValue wanted = options.through ? Narrowed(expected[i], actual[i], &result->narrowed) : expected[i];
    const std::string difference = Difference(actual[i], wanted, options.tolerance);
    if (!difference.empty()) {
      return fmt::format("output {} '{}': {}", i, Printable(graph.output_names[i]), difference);
    }
  }
  return {};
}

using Named = std::vector<std::pair<std::string, RtValue>>;

// The written file in its own runtime; what went wrong, "" for nothing.
std::string RunElsewhere(const Passage& passage, const Graph& source, const Named& inputs,
                         const std::vector<RtValue>& expected, const SuiteOptions& options, SuiteResult* result) {
  auto outputs = RunInRuntime(passage.runtime.get(), inputs);
  if (!outputs.ok()) {
    const bool failed = passage.must_run && outputs.diag().id == diag::kRuntimeRefused.id;
    return failed ? outputs.diag().what : std::string();
  }
  result->elsewhere = true;
  std::vector<RtValue> ordered;
  for (const std::string& name : source.output_names) {
    const auto& ports = passage.runtime->outputs();
    const auto at = std::find_if(ports.begin(), ports.end(), [&](const auto& port) { return port.name == name; });
    if (at == ports.end()) return Concat("in its own runtime: no output '", Printable(name, 100), "'");
    ordered.push_back((*outputs)[static_cast<size_t>(at - ports.begin())]);
  }
  const std::string difference = Disagreement(source, ordered, expected, options, result);
  return difference.empty() ? difference : Concat("in its own runtime: ", difference);
}

SuiteResult RunPassage(const Graph& source, const Passage& passage, std::vector<RtValue> inputs,
                       const std::vector<RtValue>& expected, const SuiteOptions& options) {
  SuiteResult result;
  result.fixed = !passage.fixed.empty();
  result.folded = passage.folded;
  const std::vector<ValueId>& ours = source.region(Graph::main()).params;
  const std::vector<ValueId>& theirs = passage.graph.region(Graph::main()).params;
  std::vector<RtValue> given;
  Named named;
  for (size_t i = 0; i < theirs.size(); ++i) {
    const std::string& name = passage.graph.value(theirs[i]).name;
    size_t at = 0;
    while (at < ours.size() && source.value(ours[at]).name != name) ++at;
    if (at == ours.size()) return {Outcome::kWrong, Concat("there is a new input '", Printable(name, 100), "'")};
    RtValue value = inputs[at];
    const DType wanted = passage.graph.value(theirs[i]).type.dtype();
    if (value.is_tensor() && value.tensor.dtype() == DType::kF64 && wanted == DType::kF32) {
      value = Narrowed(value, RtValue(Tensor::F32({}, {0})), &result.narrowed);
    }
    named.emplace_back(name, value);
    given.push_back(std::move(value));
  }
  const auto fail = [&](Outcome outcome, std::string reason) {
    result.outcome = outcome;
    result.reason = std::move(reason);
    return result;
  };
  Session session(passage.graph, options.session);
  auto outputs = session.Run(std::move(given));
  if (!outputs.ok()) return Fail(OutcomeOf(outputs.diag().exit), outputs.diag());
  if (std::string d = Disagreement(source, *outputs, expected, options, &result); !d.empty()) {
    const bool beyond = std::any_of(inputs.begin(), inputs.end(), BeyondF32) ||
                        std::any_of(expected.begin(), expected.end(), BeyondF32);
    if (beyond) return fail(Outcome::kRefused, "its numbers are beyond f32, in which the format computes what is f64");
    const std::vector<std::string> random = RandomOrigins(source);
    if (std::any_of(random.begin(), random.end(), [](const std::string& origin) { return !origin.empty(); })) {
      return fail(Outcome::kRefused, "its results are random, and each runtime draws numbers of its own");
    }
    return fail(Outcome::kWrong, std::move(d));
  }
  if (!passage.unloadable.empty()) return fail(Outcome::kWrong, passage.unloadable);
  if (passage.runtime == nullptr) return result;
  std::string why = RunElsewhere(passage, source, named, expected, options, &result);
  return why.empty() ? result : fail(Outcome::kWrong, std::move(why));
}

SuiteResult RunOnce(Session& session, const Graph& graph, const SuiteCase& test, const std::string& data_set,
                    const SuiteOptions& options) {
  auto inputs = InputsOf(graph, data_set);
  if (!inputs.ok()) return Fail(Outcome::kError, inputs.diag());
  auto expected = Expected(graph, test, data_set);
  if (!expected.ok()) return Fail(Outcome::kError, expected.diag());
  if (options.through) {
    auto passage = options.through(test, graph, *inputs);
    if (!passage.ok()) return Fail(OutcomeOf(passage.diag().exit), passage.diag());
    return RunPassage(graph, *passage, *std::move(inputs), *expected, options);
  }
  auto outputs = session.Run(*std::move(inputs));
  if (!outputs.ok()) return Fail(OutcomeOf(outputs.diag().exit), outputs.diag());
  SuiteResult result;
  result.reason = Disagreement(graph, *outputs, *expected, options, &result);
  if (!result.reason.empty()) result.outcome = Outcome::kWrong;
  return result;
}

}  // namespace

Result<std::vector<SuiteCase>> FindCases(const std::string& folder) {
  std::error_code error;
  std::vector<SuiteCase> cases;
  fs::recursive_directory_iterator walk(folder, error);
  if (error) return Diag(diag::kFileOpen, Concat("folder '", folder, "' cannot be read: ", error.message()));
  AddLightCases(folder, &cases);
  for (const auto& entry : walk) {
    if (!entry.is_directory(error)) continue;
    const fs::path model = entry.path() / "model.onnx";
    if (!fs::exists(model, error)) {
      AddLightCases(entry.path(), &cases);
      continue;
    }
    SuiteCase test{entry.path().filename().string(), model.string(), {}, {}};
    for (const auto& data : fs::directory_iterator(entry.path(), error)) {
      if (data.is_directory(error) && data.path().filename().string().starts_with("test_data_set_")) {
        test.data_sets.push_back(data.path().string());
      }
    }
    std::sort(test.data_sets.begin(), test.data_sets.end());
    if (!test.data_sets.empty()) cases.push_back(std::move(test));
  }
  std::sort(cases.begin(), cases.end(), [](const SuiteCase& a, const SuiteCase& b) { return a.model < b.model; });
  return cases;
}

SuiteResult RunCase(const SuiteCase& test, const SuiteOptions& options) {
  auto file = MappedFile::Open(test.model);
  if (!file.ok()) return Fail(Outcome::kError, file.diag());
  from_onnx::ImportOptions import;
  import.limits = options.limits;
  DiagSink sink;
  auto graph = from_onnx::ImportModel(*file, import, &sink);
  if (!graph.ok()) return Fail(OutcomeOf(graph.diag().exit), graph.diag());
  for (const Diag& diag : sink.all()) {
    if (diag.severity == Severity::kError) return Fail(OutcomeOf(sink.exit()), diag);
  }
  Session session(*graph, options.session);
  if (test.data_sets.empty()) return RunOnce(session, *graph, test, "", options);
  SuiteResult last;
  for (const std::string& data_set : test.data_sets) {
    last = RunOnce(session, *graph, test, data_set, options);
    if (last.outcome != Outcome::kPassed) return last;
  }
  return last;
}

}  // namespace godwit
