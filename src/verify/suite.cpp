#include "verify/suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "exec/session.h"
#include "frontends/onnx/import.h"
#include "frontends/onnx/tensor_import.h"

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

SuiteResult RunOnce(Session& session, const Graph& graph, const SuiteCase& test, const std::string& data_set,
                    const SuiteOptions& options) {
  const Region& main = graph.region(Graph::main());
  std::vector<RtValue> inputs;
  for (size_t i = 0; i < main.params.size(); ++i) {
    const std::string path = fmt::format("{}/input_{}.pb", data_set, i);
    std::error_code ignored;
    if (data_set.empty()) {
      inputs.push_back(Ramp(graph.value(main.params[i]).type));
      continue;
    }
    if (!fs::exists(path, ignored)) {
      inputs.emplace_back();
      continue;
    }
    auto value = ReadValue(path, graph.value(main.params[i]).type);
    if (!value.ok()) return Fail(Outcome::kError, value.diag());
    inputs.push_back(*std::move(value));
  }
  auto outputs = session.Run(std::move(inputs));
  if (!outputs.ok()) return Fail(OutcomeOf(outputs.diag().exit), outputs.diag());
  for (size_t i = 0; i < outputs->size(); ++i) {
    const std::string path = data_set.empty() ? test.output_file : fmt::format("{}/output_{}.pb", data_set, i);
    auto expected = ReadValue(path, graph.value(main.results[i]).type);
    if (!expected.ok()) return Fail(Outcome::kError, expected.diag());
    const std::string difference = Difference((*outputs)[i], *expected, options.tolerance);
    if (!difference.empty()) {
      return {Outcome::kWrong, fmt::format("output {} '{}': {}", i, Printable(graph.output_names[i]), difference)};
    }
  }
  return {};
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
  if (options.through) {
    auto written = options.through(*graph, test.name);
    if (!written.ok()) return Fail(OutcomeOf(written.diag().exit), written.diag());
    graph = std::move(written);
  }
  Session session(*graph, options.session);
  if (test.data_sets.empty()) return RunOnce(session, *graph, test, "", options);
  for (const std::string& data_set : test.data_sets) {
    SuiteResult result = RunOnce(session, *graph, test, data_set, options);
    if (result.outcome != Outcome::kPassed) return result;
  }
  return {};
}

}  // namespace godwit
