// Every operator through ONNX, for many operator sets.
#include <gtest/gtest.h>

#include "backends/onnx/export.h"
#include "backends/round_trip.h"
#include "base/text.h"
#include "formats/onnx/write.h"
#include "frontends/onnx/import.h"

namespace godwit {
namespace {

constexpr int kOpsets[] = {7, 8, 9, 10, 11, 12, 13, 15, 17, 18, 19, 20, 21, 23, 24, 26, 27};

Result<Graph> ThroughOnnx(const Graph& graph, int opset) {
  to_onnx::ExportOptions options;
  options.opset = opset;
  options.domains = {"com.microsoft"};
  DiagSink sink;
  TRY(const to_onnx::Exported exported, to_onnx::ExportModel(graph, options, &sink));
  RETURN_IF_ERROR(test::FirstError(sink));
  const std::string text = onnx::SerializeModel(exported.model);
  const ByteSpan bytes = AsBytes(text);
  TRY(Graph back, from_onnx::ImportModel(MappedFile::FromBytes({bytes.begin(), bytes.end()}), {}, &sink));
  RETURN_IF_ERROR(test::FirstError(sink));
  return back;
}

class OnnxRoundTrip : public testing::TestWithParam<const OpDef*> {};

TEST_P(OnnxRoundTrip, GivesTheSame) {
  std::vector<test::Trip> trips;
  for (const int opset : kOpsets) {
    trips.push_back(
        {Concat("opset ", std::to_string(opset)), [opset](const Graph& graph) { return ThroughOnnx(graph, opset); }});
  }
  test::ExpectSameAfter(trips, *GetParam(), true);
}

std::string NameOfTest(const testing::TestParamInfo<const OpDef*>& tested) { return std::string(tested.param->name); }
INSTANTIATE_TEST_SUITE_P(AllOps, OnnxRoundTrip, testing::ValuesIn(test::OperatorsWithSamples()), NameOfTest);

}  // namespace
}  // namespace godwit
