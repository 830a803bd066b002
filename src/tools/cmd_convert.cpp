// godwit convert: any format that is read to any that is written, simplified on the way and proved to compute the same.
#include "tools/conversion.h"
#include "tools/recipe_file.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    kOutputOption,     kTargetOption,   kRequireOption,    kForbidOption, kAllowCustomOption, kPreferOption,
    kShapeOption,      kDimOption,      kBindOption,       kCutInOption,  kCutOutOption,      kRenameOption,
    kAppendOption,     kIoLayoutOption, kPreprocessOption, kHalfOption,   kKeepFloatOption,   kIoTypeOption,
    kOpsetOption,      kDomainOption,   kLevelOption,      kRuleOption,   kFuelOption,        kPrintOption,
    kVerifyOption,     kSamplesOption,  kToleranceOption,  kSampleOption, kDataOption,        kMeanOption,
    kScaleOption,      kResizeOption,   kCropOption,       kColorOption,  kSeedOption,        kThreadsOption,
    kRuntimeLibOption, kExternalOption, kKeepOption,       kReportOption, kDryRunOption,      kRecipeOption,
    kSaveRecipeOption, kVerboseOption,  kJsonOption,
};

int Run(const Args& args) { return WriteModels(kConvertVerb, args, false); }

}  // namespace

extern const Verb kConvertVerb = {
    "convert",
    "Converts models from any format that is read to any that is written, and proves that they compute the same.",
    "IN... -o OUT [--target T] [--shape NAME=1,3,H,W]... [--io-layout nhwc] [--precision f16w] [--verify auto|off]",
    "godwit convert examples/shapes/model.onnx -o shapes.onnx --target onnx@17",
    kOptions,
    true,
    1,
    SIZE_MAX,
    "IN",
    Run,
};

}  // namespace godwit::tools
