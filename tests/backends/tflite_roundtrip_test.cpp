// Every sample of every operator as a model of one node: written as TFLite for an old runtime and a new one, read back,
// and run on the reference kernels, where it must give what it gave before. What cannot be written must say so by a
// target.* problem.
#include <gtest/gtest.h>

#include "backends/tflite/export.h"
#include "backends/tflite/prepare.h"
#include "exec/region_runner.h"
#include "formats/tflite/write.h"
#include "frontends/tflite/import.h"
#include "ir/inference.h"
#include "ir/verify.h"
#include "ops/sample_graph.h"
#include "verify/values.h"

namespace godwit {
namespace {

constexpr std::string_view kProfiles[] = {"litert@2.1", "tflite@2.5"};

Result<std::vector<RtValue>> RunReference(const Graph& graph, std::vector<RtValue> in) {
  const GraphFacts facts(graph);
  Widening as_stored;
  RegionRunner runner(facts, {}, &as_stored);
  return runner.Run(Graph::main(), std::move(in));
}

Status FirstError(const DiagSink& sink) {
  for (const Diag& d : sink.all()) {
    if (d.severity == Severity::kError) return Diag(d);
  }
  return Ok{};
}

Result<Graph> ThroughTflite(const Graph& source, std::string_view profile, bool prepared) {
  Graph graph = source.Clone();
  TRY(const targets::TfliteProfile target, targets::ParseTfliteProfile(profile));
  if (prepared) {
    to_tflite::PrepareOptions options;
    options.profile = target;
    RETURN_IF_ERROR(to_tflite::Prepare(&graph, options, nullptr));
  }
  DiagSink sink;
  TRY(const to_tflite::Exported exported, to_tflite::ExportModel(graph, {target}, &sink));
  RETURN_IF_ERROR(FirstError(sink));
  TRY(const std::string text, tflite::SerializeModel(exported.model));
  const ByteSpan bytes = AsBytes(text);
  TRY(Graph back, from_tflite::ImportModel(MappedFile::FromBytes({bytes.begin(), bytes.end()}), {}, &sink));
  RETURN_IF_ERROR(FirstError(sink));
  RETURN_IF_ERROR(VerifyGraph(back));
  return back;
}

// How far results may lie apart: a decomposition rounds in other places than the operator.
Tolerance ToleranceOf(const Type& type) {
  Tolerance t;
  const DType d = type.is_tensor() ? type.dtype() : DType::kF32;
  t.relative = d == DType::kF64 ? 1e-6 : d == DType::kF32 ? 1e-4 : 0.04;
  t.absolute = d == DType::kF64 ? 1e-6 : d == DType::kF32 ? 2e-6 : 0.02;
  return t;
}

class TfliteRoundTrip : public testing::TestWithParam<const OpDef*> {};

TEST_P(TfliteRoundTrip, GivesTheSame) {
  const OpDef& op = *GetParam();
  if (op.samples == nullptr || op.regions != 0) GTEST_SKIP();
  int written = 0, refused = 0;
  for (const Sample& sample : op.samples()) {
    SCOPED_TRACE(test::Describe(op, sample));
    const auto operands = test::MakeOperands(sample);
    ASSERT_TRUE(operands.ok());
    test::SampleGraph made = test::MakeGraph(op, sample, *operands);
    Inference inference(made.graph);
    if (!inference.InferRegion(Graph::main()).ok()) continue;
    std::vector<RtValue> in;
    for (const auto& operand : *operands) {
      if (!operand.value.absent() && !operand.fixed) in.push_back(operand.value);
    }
    const auto expected = RunReference(made.graph, in);
    if (!expected.ok()) continue;  // a sample of an operand that is out of range
    for (const std::string_view profile : kProfiles) {
      for (const bool prepared : {false, true}) {
        const auto back = ThroughTflite(made.graph, profile, prepared);
        if (!back.ok()) {
          EXPECT_EQ(back.diag().id.substr(0, 7), "target.") << profile << ": " << FormatDiag(back.diag());
          ++refused;
          continue;
        }
        ++written;
        const auto got = RunReference(*back, in);
        if (!got.ok()) {
          ADD_FAILURE() << profile << (prepared ? ", prepared: " : ": ") << FormatDiag(got.diag());
          continue;
        }
        if (op.effect == Effect::kRandom) continue;
        for (size_t i = 0; i < expected->size(); ++i) {
          const Type& type = made.graph.value(made.graph.region(Graph::main()).results[i]).type;
          EXPECT_EQ(Difference((*got)[i], (*expected)[i], ToleranceOf(type)), "")
              << profile << (prepared ? ", prepared" : "") << ", result " << i;
        }
      }
    }
  }
  RecordProperty("written", written);
  RecordProperty("refused", refused);
}

std::string NameOfTest(const testing::TestParamInfo<const OpDef*>& tested) { return std::string(tested.param->name); }
INSTANTIATE_TEST_SUITE_P(AllOps, TfliteRoundTrip, testing::ValuesIn(ops::All().begin(), ops::All().end()), NameOfTest);

}  // namespace
}  // namespace godwit
