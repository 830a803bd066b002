// godwit simplify: the same model in the same format, in fewer and cheaper nodes, proved to compute the same.
#include "tools/conversion.h"
#include "tools/recipe_file.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    kOutputOption, kShapeOption,  kCutInOption,     kCutOutOption,  kBindOption,       kRenameOption,
    kAppendOption, kOpsetOption,  kTargetOption,    kRequireOption, kForbidOption,     kAllowCustomOption,
    kPreferOption, kHalfOption,   kKeepFloatOption, kIoTypeOption,  kDomainOption,     kLevelOption,
    kRuleOption,   kFuelOption,   kPrintOption,     kVerifyOption,  kSamplesOption,    kToleranceOption,
    kSampleOption, kDataOption,   kMeanOption,      kScaleOption,   kResizeOption,     kCropOption,
    kColorOption,  kDimOption,    kSeedOption,      kThreadsOption, kRuntimeLibOption, kExternalOption,
    kKeepOption,   kReportOption, kDryRunOption,    kRecipeOption,  kSaveRecipeOption, kVerboseOption,
    kJsonOption,
};

int Run(const Args& args) { return WriteModels(kSimplifyVerb, args, true); }

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
