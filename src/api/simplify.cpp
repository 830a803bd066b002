// The public Simplify over the flight of api/convert.
#include "api/convert.h"
#include "api/problems.h"
#include "godwit/godwit.hpp"

namespace godwit {

std::optional<Written> Simplify(const std::string& input, const std::string& output, const WriteSettings& settings,
                                std::vector<Problem>* problems) {
  ConvertOptions options;
  options.load.shapes = settings.reading.shapes;
  options.load.allow_external = settings.reading.allow_external;
  options.onnx.opset = settings.opset;
  options.rewriting.rewrite.level = settings.level;
  options.verify = settings.prove ? Verify::kAuto : Verify::kOff;
  options.proof.threads = settings.reading.threads;
  options.proof.seed = settings.reading.seed;
  options.bind = settings.bind;
  options.edges.inputs = settings.cut_in;
  options.edges.outputs = settings.cut_out;
  DiagSink sink;
  const auto report = ConvertModel(input, output, options, &sink);
  if (!report.ok() && !sink.has_errors()) sink.Add(report.diag());
  for (const Diag& diag : sink.all()) Tell(diag, problems);
  if (!report.ok()) return std::nullopt;
  Written out;
  out.bytes = report->bytes_after;
  out.nodes_before = report->nodes_before;
  out.nodes_after = report->nodes_after;
  out.opset = report->opset_after;
  if (report->proved) out.proof = ProofText(report->proof);
  return out;
}

}  // namespace godwit
