// Every operator through TFLite, for an old runtime and a new one, as it stands and prepared.
#include <gtest/gtest.h>

#include "backends/round_trip.h"
#include "backends/tflite/export.h"
#include "backends/tflite/prepare.h"
#include "base/text.h"
#include "formats/tflite/write.h"
#include "frontends/tflite/import.h"

namespace godwit {
namespace {

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
  RETURN_IF_ERROR(test::FirstError(sink));
  TRY(const std::string text, tflite::SerializeModel(exported.model));
  const ByteSpan bytes = AsBytes(text);
  TRY(Graph back, from_tflite::ImportModel(MappedFile::FromBytes({bytes.begin(), bytes.end()}), {}, &sink));
  RETURN_IF_ERROR(test::FirstError(sink));
  return back;
}

class TfliteRoundTrip : public testing::TestWithParam<const OpDef*> {};

TEST_P(TfliteRoundTrip, GivesTheSame) {
  std::vector<test::Trip> trips;
  for (const std::string_view profile : {"litert@2.1", "tflite@2.5"}) {
    for (const bool prepared : {false, true}) {
      trips.push_back({Concat(profile, prepared ? ", prepared" : ""),
                       [profile, prepared](const Graph& graph) { return ThroughTflite(graph, profile, prepared); }});
    }
  }
  test::ExpectSameAfter(trips, *GetParam(), false);
}

std::string NameOfTest(const testing::TestParamInfo<const OpDef*>& tested) { return std::string(tested.param->name); }
INSTANTIATE_TEST_SUITE_P(AllOps, TfliteRoundTrip, testing::ValuesIn(test::OperatorsWithSamples()), NameOfTest);

}  // namespace
}  // namespace godwit
