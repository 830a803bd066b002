#include "tools/model_run.h"

#include <set>

#include "api/bind.h"
#include "api/data.h"
#include "api/dims.h"
#include "api/inputs.h"
#include "api/load.h"
#include "base/text.h"
#include "passes/edges.h"

namespace godwit::tools {

Result<std::vector<DimRange>> DimRangesOf(const Args& args) {
  std::vector<DimRange> out;
  for (const std::string& text : args.All("--dim")) {
    TRY(DimRange range, ParseDimRange(text));
    out.push_back(std::move(range));
  }
  return out;
}

Result<Graph> LoadAsAsked(const std::string& path, const Args& args, const Problems& problems, DiagSink* sink,
                          Asked asked) {
  Progress::Say(Concat("reading ", path));
  LoadOptions options = problems.load();
  std::vector<std::string> bindings = args.All("--bind");
  TRY(std::vector<DimRange> ranges, DimRangesOf(args));
  for (const std::string& shape : args.All("--shape")) RETURN_IF_ERROR(AddShape(shape, &options));
  if (asked == Asked::kWhatFits && (!options.shapes.empty() || !ranges.empty() || !bindings.empty())) {
    DiagSink first;
    TRY(const Graph graph, LoadModel(path, problems.load(), &first));
    std::set<std::string> inputs;
    for (const ValueId id : graph.region(Graph::main()).params) inputs.insert(graph.value(id).name);
    std::erase_if(options.shapes, [&](const auto& shape) { return !inputs.contains(shape.first); });
    std::erase_if(ranges, [&](const DimRange& range) { return !HasDim(graph, range.name); });
    std::erase_if(bindings, [&](const std::string& text) { return !BindsInput(graph, text); });
  }
  if (!ranges.empty()) {
    // Read twice: the inputs say which of them have the dims, and everything else follows from their sizes.
    DiagSink first;
    TRY(const Graph graph, LoadModel(path, options, &first));
    RETURN_IF_ERROR(FixDims(graph, ranges, &options));
  }
  TRY(Graph graph, LoadModel(path, options, sink));
  if (!bindings.empty()) {
    Edges edges;
    TRY(edges.bound, ReadBindings(graph, bindings, options.limits));
    RETURN_IF_ERROR(ApplyEdges(edges, &graph));
  }
  return graph;
}

LoadedModel LoadForRun(const std::string& path, const Args& args, const Problems& problems, Asked asked) {
  LoadedModel out;
  DiagSink sink;
  auto graph = LoadAsAsked(path, args, problems, &sink, asked);
  if (!graph.ok()) sink.Add(graph.diag());
  out.status = problems.Show(sink);
  if (graph.ok()) out.graph = *std::move(graph);
  return out;
}

SessionOptions SessionOptionsOf(const Args& args) {
  SessionOptions options;
  options.threads = static_cast<int>(args.Int("--threads", 0));
  options.reference = args.Has("--reference");
  const std::string precision = args.Text("--precision");
  if (precision == "f64") options.precision = Precision::kDouble;
  if (precision == "stored") options.precision = Precision::kStored;
  options.run.seed = static_cast<uint64_t>(args.Int("--seed", 0));
  return options;
}

Result<runtimes::Runtime*> RuntimeOf(std::string_view word, const Args& args) {
  const std::string library = args.Text("--runtime-lib");
  return word == "litert" ? runtimes::FindLiteRt(library) : runtimes::FindOnnxRuntime(library);
}

Status CheckOwnOnly(const Args& args, std::span<const std::string_view> options) {
  for (const std::string_view option : options) {
    if (args.Has(option))
      return Diag(diag::kUsage, Concat(option, " goes with godwit's own interpreter alone, not with --runtime"));
  }
  return Ok{};
}

std::vector<std::pair<std::string, RtValue>> NamedInputs(const Graph& graph, const std::vector<RtValue>& values) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  std::vector<std::pair<std::string, RtValue>> out;
  for (size_t i = 0; i < values.size() && i < params.size(); ++i) {
    out.emplace_back(graph.value(params[i]).name, values[i]);
  }
  return out;
}

namespace {

constexpr int64_t kMostPixels = 1 << 16;  // of a side

Result<std::vector<double>> NumbersOf(const Args& args, std::string_view option) {
  std::vector<double> out;
  const std::string text = args.Text(option);
  if (text.empty()) return out;
  for (const std::string_view part : Split(text, ',')) {
    if (!ParseDouble(Trim(part), &out.emplace_back())) {
      return Diag(diag::kUsage,
                  Concat(option, ": '", Printable(text, 100), "' is not one number, or one for each channel"));
    }
  }
  return out;
}

Result<std::vector<int64_t>> SizeOf(const Args& args, std::string_view option) {
  std::vector<int64_t> out;
  const std::string text = args.Text(option);
  if (text.empty()) return out;
  for (const std::string_view part : Split(text, ',')) {
    const bool number = ParseInt(Trim(part), &out.emplace_back());
    if (number && out.back() >= 1 && out.back() <= kMostPixels && out.size() <= 2) continue;
    return Diag(diag::kUsage, Concat(option, ": '", Printable(text, 100), "' is not one length, or height and width"));
  }
  return out;
}

}  // namespace

Result<DataOptions> DataOptionsOf(const Args& args, const Problems& problems, int64_t samples) {
  DataOptions options;
  options.sources = args.All("--data");
  options.samples = samples;
  options.limits = problems.limits();
  TRY(options.pictures.mean, NumbersOf(args, "--mean"));
  TRY(options.pictures.scale, NumbersOf(args, "--scale"));
  TRY(options.pictures.resize, SizeOf(args, "--resize"));
  TRY(options.pictures.crop, SizeOf(args, "--crop"));
  using Colour = PictureOptions::Colour;
  for (const std::string& colour : args.All("--color")) {
    if (colour == "rgb") options.pictures.colour = Colour::kRgb;
    if (colour == "bgr") options.pictures.colour = Colour::kBgr;
    if (colour == "gray") options.pictures.colour = Colour::kGray;
  }
  return options;
}

Result<std::vector<std::vector<RtValue>>> DataOf(const Graph& graph, const Args& args, const Problems& problems,
                                                 int64_t samples) {
  TRY(const DataOptions options, DataOptionsOf(args, problems, samples));
  return ReadData(graph, options);
}

void AddFilesRead(const Args& args, std::vector<std::string>* files) {
  for (const std::string_view option : {"--sample", "--data", "--bind"}) {
    for (const std::string& text : args.All(option)) {
      files->push_back(text);
      // Names may hold '=' themselves.
      for (size_t at = text.find('='); at != std::string::npos; at = text.find('=', at + 1)) {
        files->push_back(text.substr(at + 1));
      }
    }
  }
}

Result<std::vector<RtValue>> InputsOf(const Graph& graph, const Args& args, const Problems& problems) {
  TRY(InputSpecs specs, StatedInputs(graph, args.All("--sample"), problems.limits()));
  TRY(auto data, DataOf(graph, args, problems, 1));
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  for (size_t i = 0; !data.empty() && i < params.size(); ++i) {
    if (!data[0][i].absent()) specs[graph.value(params[i]).name].value = std::move(data[0][i]);
  }
  SampleRequest request;
  request.seed = static_cast<uint64_t>(args.Int("--seed", 0));
  TRY(const std::vector<DimRange> ranges, DimRangesOf(args));
  request.sizes = BestSizes(ranges);
  TRY(std::vector<RtValue> inputs, DrawSample(graph, specs, request));
  RETURN_IF_ERROR(CheckSizes(graph, ranges, inputs));
  return inputs;
}

}  // namespace godwit::tools
