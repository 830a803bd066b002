// The public Simplify and Convert over the flight of api/convert.
#include "api/convert.h"
#include "api/precision.h"
#include "api/problems.h"
#include "godwit/godwit.hpp"

namespace godwit {

namespace {

Result<ConvertOptions> OptionsOf(const WriteSettings& settings) {
  ConvertOptions options;
  options.load.shapes = settings.reading.shapes;
  options.load.allow_external = settings.reading.allow_external;
  TRY(options.target, ParseTarget(settings.target));
  options.onnx.opset = settings.opset != 0 ? settings.opset : options.target.opset;
  options.rewriting.rewrite.level = settings.level;
  RETURN_IF_ERROR(SetPrecision(settings.precision, "keep", &options.half));
  for (const std::string& text : settings.io_layout) {
    if (text == "auto") {
      options.layout_auto = true;
    } else {
      RETURN_IF_ERROR(AddLayoutWish(text, &options.layouts));
    }
  }
  for (const std::string& text : settings.preprocess) {
    TRY(Preprocess wish, ParsePreprocess(text));
    options.preprocess.push_back(std::move(wish));
  }
  options.verify = settings.prove ? Verify::kAuto : Verify::kOff;
  options.proof.threads = settings.reading.threads;
  options.proof.seed = settings.reading.seed;
  options.bind = settings.bind;
  options.edges.inputs = settings.cut_in;
  options.edges.outputs = settings.cut_out;
  return options;
}

std::optional<Written> Write(const std::string& input, const std::string& output, const WriteSettings& settings,
                             bool same_format, std::vector<Problem>* problems) {
  auto options = OptionsOf(settings);
  if (!options.ok()) {
    Tell(options.diag(), problems);
    return std::nullopt;
  }
  options->same_format = same_format;
  DiagSink sink;
  const auto report = ConvertModel(input, output, *options, &sink);
  if (!report.ok() && !sink.has_errors()) sink.Add(report.diag());
  for (const Diag& diag : sink.all()) Tell(diag, problems);
  if (!report.ok()) return std::nullopt;
  Written out;
  out.bytes = report->bytes_after;
  out.nodes_before = report->nodes_before;
  out.nodes_after = report->nodes_after;
  out.opset = report->opset_after;
  out.transposes = static_cast<std::int64_t>(report->moves.size());
  out.runs_in = report->runs_in;
  if (report->proved) out.proof = ProofText(report->proof);
  return out;
}

}  // namespace

std::optional<Written> Simplify(const std::string& input, const std::string& output, const WriteSettings& settings,
                                std::vector<Problem>* problems) {
  return Write(input, output, settings, true, problems);
}

std::optional<Written> Convert(const std::string& input, const std::string& output, const WriteSettings& settings,
                               std::vector<Problem>* problems) {
  return Write(input, output, settings, false, problems);
}

}  // namespace godwit
