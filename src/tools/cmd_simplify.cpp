// godwit simplify: the same model in the same format, in fewer and cheaper nodes, proved to compute the same.
#include <fmt/format.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <cstdio>

#include "api/convert.h"
#include "base/text.h"
#include "ir/text.h"
#include "tools/conversion.h"
#include "tools/model_run.h"
#include "tools/problems.h"
#include "tools/table.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    kOutputOption,    kShapeOption,   kCutInOption,   kCutOutOption,     kBindOption,     kRenameOption,
    kOpsetOption,     kTargetOption,  kHalfOption,    kKeepFloatOption,  kIoTypeOption,   kDomainOption,
    kLevelOption,     kRuleOption,    kFuelOption,    kPrintOption,      kVerifyOption,   kSamplesOption,
    kToleranceOption, kSampleOption,  kDataOption,    kMeanOption,       kScaleOption,    kColorOption,
    kDimOption,       kSeedOption,    kThreadsOption, kRuntimeLibOption, kExternalOption, kKeepOption,
    kDryRunOption,    kVerboseOption, kJsonOption,
};

// Weights come and go one at a time. glibc would learn from the first to keep the room of the largest.
void GiveWeightsBack() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 2 << 20);
#endif
}

int Run(const Args& args) {
  GiveWeightsBack();
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  auto options = ConvertOptionsOf(args, *problems);
  if (!options.ok()) return problems->Show(options.diag());
  const std::string& input = args.words()[0];
  const std::string named = args.Text("--output");
  if (named.empty() && !options->dry_run) {
    return problems->Show(
        Diag(diag::kUsage, "no output is named").Hint("-o OUT.onnx, or --dry-run to see what would be written"));
  }
  // A dry run puts nothing in its place: any folder that can be written to serves.
  const std::string output = named.empty() ? "/tmp/dry-run.onnx" : named;
  DiagSink sink;
  Progress::Say(Concat("simplifying ", input));
  const auto report = ConvertModel(input, output, *options, &sink);
  if (!report.ok() && !sink.has_errors()) sink.Add(report.diag());
  const int status = problems->Show(sink);
  if (!report.ok()) return status;
  Progress::Hide();
  if (args.Has("--json")) {
    fmt::print("{}", ConversionJson(input, output, *report));
  } else if (!problems->quiet()) {
    fmt::print("{}", ConversionText(output, *report, args.Has("--verbose")));
  }
  return status;
}

}  // namespace

extern const Verb kSimplifyVerb = {
    "simplify",
    "Writes the same model in fewer and cheaper nodes, for any opset, and proves that it computes the same.",
    "IN -o OUT [--opset N] [-O0..-O3] [--shape NAME=1,3,H,W]... [--verify auto|own|runtime|off]",
    "godwit simplify examples/shapes/model.onnx -o shapes.onnx",
    kOptions,
    true,
    1,
    1,
    "IN",
    Run,
};

}  // namespace godwit::tools
