// godwit compare: how far models are from a reference, and where it starts.
#include <fmt/format.h>

#include <cstdio>

#include "api/bisect.h"
#include "api/target.h"
#include "api/tolerance.h"
#include "base/atomic_file.h"
#include "base/text.h"
#include "report/compare_report.h"
#include "tools/model_run.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    {"--per-layer", OptionKind::kFlag, "", "inner tensors too, matched by name, origin or value"},
    {"--samples", OptionKind::kInt, "N", "samples; default 10, or 3 for large models", 0, false, 1, 10000},
    kSampleOption,
    kDataOption,
    kMeanOption,
    kScaleOption,
    kResizeOption,
    kCropOption,
    kColorOption,
    kShapeOption,
    kDimOption,
    kBindOption,
    {"--tolerance", OptionKind::kText, "[OUT:]rel=X", "abs=, rel= (of the peak), corr= or sqnr= instead of the noise's",
     0, true},
    {"--runtime", OptionKind::kChoice, "own|ort|litert", "the other models run in ONNX Runtime or LiteRT as well"},
    kRuntimeLibOption,
    {"--bisect", OptionKind::kFlag, "", "REF alone: simplify it step by step and name the rewrite that departs"},
    {"--report", OptionKind::kText, "OUT.html", "everything on one page with pictures, or .json"},
    kThreadsOption,
    kSeedOption,
    kJsonOption,
};

Result<CompareOptions> OptionsOf(const Graph& reference, const Args& args, const Problems& problems) {
  CompareOptions options;
  options.layers = args.Has("--per-layer") || args.Has("--report");
  options.pictures = args.Has("--report");
  ProofOptions& proof = options.proof;
  proof.samples = static_cast<int>(args.Int("--samples", 0));
  proof.threads = static_cast<int>(args.Int("--threads", 0));
  proof.seed = static_cast<uint64_t>(args.Int("--seed", 0));
  TRY(proof.inputs, StatedInputs(reference, args.All("--sample"), problems.limits()));
  TRY(proof.data, DataOf(reference, args, problems, proof.samples > 0 ? proof.samples : kProofSamples));
  for (const std::string& text : args.All("--tolerance")) RETURN_IF_ERROR(AddTolerance(text, &proof.tolerances));
  if (const std::string word = args.Text("--runtime", "own"); word != "own") {
    // It runs files as they stand.
    constexpr std::string_view kOwn[] = {"--bind"};
    RETURN_IF_ERROR(CheckOwnOnly(args, kOwn));
    TRY(proof.judge, RuntimeOf(word, args));
  }
  return options;
}

Status WriteReport(const std::string& path, const std::string& reference, const std::vector<Comparison>& comparisons,
                   const std::vector<std::string>& read) {
  const bool page = path.ends_with(".html") || path.ends_with(".htm");
  if (!page && !path.ends_with(".json")) {
    return Diag(diag::kUsage, Concat("--report: '", Printable(path, 200), "' ends neither in .html nor in .json"));
  }
  TRY(AtomicFile out, AtomicFile::Create(path, read));
  RETURN_IF_ERROR(out.Write(page ? ComparePage(reference, comparisons) : CompareJson(reference, comparisons, true)));
  return out.Commit();
}

Diag Departure(const Comparison& c) {
  Diag d(diag::kCompareDiffers, c.proof.reason);
  d.file = c.file;
  if (c.layers && c.layers->first) {
    const LayerDeviation& l = c.layers->layers[*c.layers->first];
    d.what += Concat("; the first layer that departs makes '", Printable(l.tensor, 200), "'");
    d.node = l.node;
    d.op_type = l.op;
  } else if (!c.layers) {
    d.hint = "--per-layer shows where it starts";
  }
  return d;
}

// What a comparison without a difference still is not.
Diag Weakness(const Comparison& c) {
  return Diag(c.proof.verdict == Verdict::kVacuous ? diag::kProofVacuous : diag::kProofNotRun, c.proof.reason)
      .File(c.file);
}

int Bisect(const LoadedModel& model, const std::string& file, const CompareOptions& options, const Args& args,
           const Problems& problems) {
  auto found = BisectRewrites(model.graph, {}, options.proof);
  if (!found.ok()) return problems.Show(found.diag());
  const Bisection& b = *found;
  if (args.Has("--json")) {
    fmt::print("{{\"file\":{},\"rewrites\":{},\"first_bad\":{},\"rule\":{},\"node\":{},\"proof\":{}}}\n",
               JsonQuote(file), b.total, b.first_bad, JsonQuote(b.first_bad > 0 ? b.rule : ""),
               JsonQuote(b.first_bad > 0 ? b.node : ""), ProofJson(b.proof));
  } else if (!problems.quiet()) {
    fmt::print("{}", ProofText(b.proof, true));
    if (b.first_bad == 0) fmt::print("none of {} rewrites departs\n", b.total);
  }
  std::fflush(stdout);
  if (b.first_bad == 0) return 0;
  Diag d(diag::kCompareDiffers,
         fmt::format("rewrite {} of {}, by the rule {}, is the first after which results differ: {}", b.first_bad,
                     b.total, b.rule, b.proof.reason));
  d.file = file;
  d.node = b.node;
  d.op_type = b.op;
  d.hint = fmt::format("godwit simplify --rule {}=off goes without it", b.rule);
  return problems.Show(d);
}

int Run(const Args& args) {
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  const std::vector<std::string>& files = args.words();
  const bool bisect = args.Has("--bisect");
  if (bisect ? files.size() != 1 : files.size() < 2) {
    return problems->Show(Diag(diag::kUsage, bisect ? "`godwit compare --bisect` takes one file"
                                                    : "`godwit compare` needs a reference and at least one other FILE")
                              .Hint("godwit compare --help"));
  }
  const LoadedModel reference = LoadForRun(files[0], args, *problems);
  if (reference.status != 0) return reference.status;
  auto options = OptionsOf(reference.graph, args, *problems);
  if (!options.ok()) return problems->Show(options.diag());
  if (bisect) return Bisect(reference, files[0], *options, args, *problems);
  std::vector<Comparison> all;
  std::vector<Diag> found;
  for (size_t i = 1; i < files.size(); ++i) {
    const LoadedModel other = LoadForRun(files[i], args, *problems, Asked::kWhatFits);
    if (other.status != 0) return other.status;
    options->proof.judged_file = files[i];
    // A runtime that reads the one format does not read the other.
    options->proof.source_file = FormatOfPath(files[0]) == FormatOfPath(files[i]) ? files[0] : std::string();
    auto comparison = CompareModels(reference.graph, other.graph, *options);
    if (!comparison.ok()) {
      if (comparison.diag().file.empty()) comparison.diag().file = files[i];
      return problems->Show(comparison.diag());
    }
    comparison->file = files[i];
    if (comparison->proof.verdict == Verdict::kDiffers) {
      found.push_back(Departure(*comparison));
    } else if (comparison->proof.verdict == Verdict::kNotRun) {
      found.push_back(Weakness(*comparison));
    } else if (comparison->proof.verdict == Verdict::kVacuous) {
      found.push_back(Weakness(*comparison).As(Severity::kWarning));
    }
    all.push_back(*std::move(comparison));
  }
  if (args.Has("--json")) {
    fmt::print("{}\n", CompareJson(files[0], all, false));
  } else if (!problems->quiet()) {
    for (const Comparison& c : all) fmt::print("{}", CompareText(c, args.Has("--per-layer")));
  }
  if (const std::string path = args.Text("--report"); !path.empty()) {
    std::vector<std::string> read = files;
    AddFilesRead(args, &read);
    if (const Status written = WriteReport(path, files[0], all, read); !written.ok()) {
      return problems->Show(written.diag());
    }
    if (!args.Has("--json") && !problems->quiet()) fmt::print("wrote {}\n", Printable(path));
  }
  std::fflush(stdout);
  return problems->Show(found);
}

}  // namespace

extern const Verb kCompareVerb = {
    "compare",
    "Runs models on the same samples as a reference and shows how far their outputs are apart, and where it starts.",
    "REF FILE... [--per-layer] [--report OUT.html] [--data D] [--tolerance rel=X] [--runtime ort] | REF --bisect",
    "godwit compare examples/shapes/model.onnx examples/shapes/model.onnx --per-layer",
    kOptions,
    true,
    1,
    SIZE_MAX,
    "FILE",
    Run,
};

}  // namespace godwit::tools
