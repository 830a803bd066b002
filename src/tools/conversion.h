// What the verbs that write models share: their options, and how a finished flight is shown.
#pragma once

#include <string>

#include "api/convert.h"
#include "tools/model_run.h"
#include "tools/options.h"
#include "tools/problems.h"

namespace godwit::tools {

inline constexpr Option kOutputOption = {"--output", OptionKind::kText, "OUT", "the file to write", 'o'};
inline constexpr Option kCutInOption = {
    "--cut-in", OptionKind::kText, "A,B", "tensors that become the model's inputs", 0, true};
inline constexpr Option kCutOutOption = {
    "--cut-out", OptionKind::kText, "C,D", "tensors that become the model's outputs", 0, true};
inline constexpr Option kRenameOption = {
    "--rename", OptionKind::kText, "OLD=NEW", "another name for an input, an output or a tensor", 0, true};
inline constexpr Option kOpsetOption = {"--opset",
                                        OptionKind::kInt,
                                        "N",
                                        "ONNX operator set to write; default: the source's",
                                        0,
                                        false,
                                        to_onnx::kOldestOpset,
                                        to_onnx::kNewestOpset};
inline constexpr Option kDomainOption = {
    "--domain", OptionKind::kText,
    "NAME",     "allow operators of this domain too, as com.microsoft, or one of them, as com.microsoft.Gelu",
    0,          true};
inline constexpr Option kTargetOption = {
    "--target", OptionKind::kText, "T",
    "where it will run: onnx@17, ort, tflite@2.14, litert@2.2+xnnpack, or a .toml file of your own"};
inline constexpr Option kRequireOption = {
    "--require", OptionKind::kText, "LIMIT", "a further limit on a TFLite target: rank<=4", 0, true};
inline constexpr Option kForbidOption = {
    "--forbid", OptionKind::kText, "OPERATOR", "a TFLite operator that may not be written: GATHER_ND", 0, true};
inline constexpr Option kAllowCustomOption = {
    "--allow-custom", OptionKind::kText, "NAME", "a custom TFLite operator that may be written", 0, true};
inline constexpr Option kPreferOption = {
    "--prefer", OptionKind::kText,
    "OPERATOR", "a TFLite operator that is written only where it is asked for: {UNI,BI}DIRECTIONAL_SEQUENCE_{LSTM,RNN}",
    0,          true};
inline constexpr Option kIoLayoutOption = {
    "--io-layout",
    OptionKind::kText,
    "keep|nhwc|nchw|auto|NAME=nhwc",
    "dims of inputs and outputs: as they are (default), pictures with channels last or first, or as moves least",
    0,
    true};
inline constexpr Option kAppendOption = {
    "--append",
    OptionKind::kText,
    "[OUT=]OP[:axis=N]",
    "argmax, argmin, softmax, sigmoid or tanh behind an output, or behind all; argmax also :keep and :type=i32",
    0,
    true};
inline constexpr Option kPreprocessOption = {"--preprocess",
                                             OptionKind::kText,
                                             "NAME=u8,rgb->bgr,mean=..,scale=..",
                                             "the model does this to an input itself, so that raw pixels are fed",
                                             0,
                                             true};
inline constexpr Option kHalfOption = {
    "--precision", OptionKind::kText, "f32|f16|bf16|mixed|f16w",
    "arithmetic of the written model; mixed leaves norms, softmax and sums in f32; f16w halves weights alone"};
inline constexpr Option kKeepFloatOption = {
    "--keep-float", OptionKind::kText, "REGEX", "nodes or operators that stay in f32 under --precision", 0, true};
inline constexpr Option kIoTypeOption = {"--io-type", OptionKind::kText, "keep|half",
                                         "types of inputs and outputs under --precision (default keep)"};
inline constexpr Option kExternalOption = {"--external-data", OptionKind::kFlag, "",
                                           "weights in a file of their own, OUT.data; past 2 GB they always are"};
inline constexpr Option kLevelOption = {
    "--level", OptionKind::kInt,
    "0..3",    "0 translate, 1 bit-exact rewrites, 2 reassociating ones (default), 3 approximate ones",
    'O',       false,
    0,         3};
inline constexpr Option kRuleOption = {
    "--rule", OptionKind::kText, "NAME=on|off", "a rule of `godwit list rules`; with `on`, only those named run", 0,
    true};
inline constexpr Option kFuelOption = {"--rewrite-limit", OptionKind::kInt, "N",
                                       "stop after N rewrites: finds by bisection the one that matters"};
inline constexpr Option kPrintOption = {
    "--print-ir-after", OptionKind::kText, "STAGE", "the graph after this stage, `all` for each", 0, true};
inline constexpr Option kVerifyOption = {
    "--verify", OptionKind::kChoice, "auto|own|runtime|off",
    "who judges the written file: godwit, and (auto) the real runtime where it is installed"};
inline constexpr Option kSamplesOption = {"--verify-samples",
                                          OptionKind::kInt,
                                          "N",
                                          "samples of the proof; default 10, 3 for large models",
                                          0,
                                          false,
                                          1,
                                          1000};
inline constexpr Option kToleranceOption = {"--tolerance",
                                            OptionKind::kText,
                                            "[OUT:]rel=X",
                                            "instead of the noise-calibrated one; also abs=X, corr=X, sqnr=X",
                                            0,
                                            true};
inline constexpr Option kReportOption = {"--report", OptionKind::kText, "FILE.html|FILE.json",
                                         "everything that was decided and measured, per layer, with pictures"};
inline constexpr Option kKeepOption = {"--keep", OptionKind::kFlag, "", "write the file although its results differ"};
inline constexpr Option kDryRunOption = {"--dry-run", OptionKind::kFlag, "", "do everything but write the file"};
inline constexpr Option kVerboseOption = {"--verbose", OptionKind::kFlag, "",
                                          "every rule that was used, every output of the proof", 'v'};

Result<ConvertOptions> ConvertOptionsOf(const Args& args, const Problems& problems);

/// What --require, --forbid, --allow-custom and --prefer say.
TargetLimits TargetLimitsOf(const Args& args);

/// Runs the flights that the command line asks for and shows each; the exit status of the first that failed.
/// `same_format`: the output is in the source's format, whatever its name.
int WriteModels(const Verb& verb, const Args& args, bool same_format);

/// The closing lines: what was written, what became of the operators, the proof.
std::string ConversionText(const std::string& output, const ConvertReport& report, bool verbose);
std::string ConversionJson(const std::string& input, const std::string& output, const ConvertReport& report);

/// Where --report points to: a page with pictures that needs no network, or the same as JSON, by its suffix. Wrong use
/// for another one.
Status CheckReportName(const std::string& path);
Status WriteConversionReport(const std::string& path, const std::string& input, const std::string& output,
                             const ConvertReport& report, const std::vector<std::string>& read);

}  // namespace godwit::tools
