#include "backends/tflite_written.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "formats/tflite/write.h"
#include "frontends/tflite/import.h"
#include "ir/text.h"
#include "ops/ops.h"

namespace godwit::test {

namespace {

void ExpectNothingSaid(const DiagSink& sink) {
  for (const Diag& d : sink.all()) ADD_FAILURE() << FormatDiag(d);
}

}  // namespace

std::string WrittenTflite::Ops() const {
  std::string out;
  if (model.subgraphs.empty()) return out;
  for (const tflite::Operator& op : model.subgraphs[0].operators) {
    out += Concat(out.empty() ? "" : " ", model.OperatorNameOf(op));
  }
  return out;
}

size_t WrittenTflite::Rank() const {
  size_t rank = 0;
  if (model.subgraphs.empty()) return rank;
  for (const tflite::Tensor& t : model.subgraphs[0].tensors) rank = std::max(rank, t.shape.size());
  return rank;
}

Graph ParsedGraph(std::string_view text) {
  auto graph = ParseGraph(text, ops::Find);
  EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  return graph.ok() ? *std::move(graph) : Graph();
}

targets::TfliteProfile Profile(std::string_view name) {
  auto profile = targets::ParseTfliteProfile(name);
  EXPECT_TRUE(profile.ok());
  return profile.ok() ? *std::move(profile) : targets::TfliteProfile();
}

WrittenTflite WriteTflite(const Graph& graph, const to_tflite::ExportOptions& options) {
  WrittenTflite out;
  DiagSink sink;
  const auto exported = to_tflite::ExportModel(graph, options, &sink);
  ExpectNothingSaid(sink);
  EXPECT_TRUE(exported.ok());
  if (!exported.ok() || sink.has_errors()) return out;
  auto bytes = tflite::SerializeModel(exported->model);
  EXPECT_TRUE(bytes.ok());
  if (!bytes.ok()) return out;
  out.bytes = *std::move(bytes);
  out.runtime = exported->runtime;
  out.halves = exported->half_tensors;
  auto model = tflite::ParseModel(AsBytes(out.bytes), {});
  EXPECT_TRUE(model.ok()) << FormatDiag(model.diag());
  if (!model.ok()) return out;
  tflite::CheckModel(*model, {}, &sink);
  ExpectNothingSaid(sink);
  out.model = *std::move(model);
  return out;
}

Graph ReadTflite(const WrittenTflite& written) {
  DiagSink sink;
  const ByteSpan bytes = AsBytes(written.bytes);
  auto graph = from_tflite::ImportModel(MappedFile::FromBytes({bytes.begin(), bytes.end()}), {}, &sink);
  ExpectNothingSaid(sink);
  EXPECT_TRUE(graph.ok());
  return graph.ok() ? *std::move(graph) : Graph();
}

}  // namespace godwit::test
