// What `run`, `bench` and `compare` share: a model loaded, its inputs made.
#pragma once

#include <vector>

#include "api/data.h"
#include "api/dims.h"
#include "api/inputs.h"
#include "exec/session.h"
#include "ir/graph.h"
#include "runtimes/runtime.h"
#include "tools/options.h"
#include "tools/problems.h"
#include "tools/progress.h"

namespace godwit::tools {

inline constexpr Option kSampleOption = {"--sample",  OptionKind::kText,
                                         "NAME=FILE", "an input's value: .npy, .npz, .pb, a number, or a range lo:hi",
                                         0,           true};
inline constexpr Option kShapeOption = {
    "--shape", OptionKind::kText, "NAME=1,3,H,W", "an input's dims: numbers fix, names keep dynamic", 0, true};
inline constexpr Option kDataOption = {
    "--data", OptionKind::kText, "D", "real samples: a folder, list, .npy, .npz or picture; NAME=D for one input", 0,
    true};
inline constexpr Option kMeanOption = {"--mean", OptionKind::kText, "M[,M,M]",
                                       "taken from the pixels of pictures, which go from 0 to 255; default 0"};
inline constexpr Option kResizeOption = {"--resize", OptionKind::kText, "N|H,W",
                                         "size of pictures before --crop; N: of their shorter side"};
inline constexpr Option kCropOption = {"--crop", OptionKind::kText, "N|H,W",
                                       "the middle of pictures that is taken; default: all, scaled to the input"};
inline constexpr Option kScaleOption = {"--scale", OptionKind::kText, "S[,S,S]",
                                        "what pixels are multiplied by then; default 1/255"};
// One word for two things, told apart by their values: --color=gray, --color=never.
inline constexpr Option kColorOption = {"--color",
                                        OptionKind::kChoice,
                                        "rgb|bgr|gray|auto|always|never",
                                        "channels of pictures (rgb), colours in messages (auto)",
                                        0,
                                        true};
inline constexpr Option kDimOption = {"--dim",  OptionKind::kText,
                                      "NAME=4", "fixes a named dim; NAME=64:224:512 bounds it and says which to take",
                                      0,        true};
inline constexpr Option kBindOption = {"--bind", OptionKind::kText, "NAME=FILE.npy|N", "an input becomes a constant", 0,
                                       true};
inline constexpr Option kSeedOption = {"--seed", OptionKind::kInt, "N", "draws other values for inputs not given"};
inline constexpr Option kThreadsOption = {
    "--threads", OptionKind::kInt, "N", "threads, 0 for one a processor; never changes a result", 0, false, 0, 1024};
inline constexpr Option kReferenceOption = {"--reference", OptionKind::kFlag, "",
                                            "the operators' own kernels only, no fast paths"};
inline constexpr Option kPrecisionOption = {
    "--precision", OptionKind::kChoice, "f32|f64|stored",
    "f64: compute every float in double precision; stored: round half types after every operator"};
inline constexpr Option kRuntimeOption = {
    "--runtime", OptionKind::kChoice, "own|ort|litert",
    "who runs the model: godwit itself, or ONNX Runtime or LiteRT where they are installed"};
inline constexpr Option kRuntimeLibOption = {
    "--runtime-lib", OptionKind::kText, "FILE",
    "the runtime's shared library; default: $GODWIT_ONNXRUNTIME, $GODWIT_LITERT, else searched"};
inline constexpr Option kJsonOption = {"--json", OptionKind::kFlag, "", "the result as JSON"};

/// Of --shape, --dim and --bind: everything must be about the model, or what is about others is left to them.
enum class Asked : uint8_t { kAll, kWhatFits };
/// The model as --shape, --dim and --bind ask.
Result<Graph> LoadAsAsked(const std::string& path, const Args& args, const Problems& problems, DiagSink* sink,
                          Asked asked = Asked::kAll);

/// The same, its problems shown; a failure has been shown already and is an exit status.
struct LoadedModel {
  int status = 0;
  Graph graph;
};
LoadedModel LoadForRun(const std::string& path, const Args& args, const Problems& problems, Asked asked = Asked::kAll);

SessionOptions SessionOptionsOf(const Args& args);
/// The runtime of a word of --runtime, as --runtime-lib, the environment or a search finds it.
Result<runtimes::Runtime*> RuntimeOf(std::string_view word, const Args& args);
/// Wrong use when one of `options` is given: they steer our interpreter alone.
Status CheckOwnOnly(const Args& args, std::span<const std::string_view> options);
/// Values for a runtime: each under the name of its input.
std::vector<std::pair<std::string, RtValue>> NamedInputs(const Graph& graph, const std::vector<RtValue>& values);
/// What --dim states.
Result<std::vector<DimRange>> DimRangesOf(const Args& args);
/// What --data and the options for pictures say, and the samples that it names; at most `samples`, 0 for all.
Result<DataOptions> DataOptionsOf(const Args& args, const Problems& problems, int64_t samples);
Result<std::vector<std::vector<RtValue>>> DataOf(const Graph& graph, const Args& args, const Problems& problems,
                                                 int64_t samples);
/// Files that --sample and --data may name, so that no output takes their place.
void AddFilesRead(const Args& args, std::vector<std::string>* files);
/// The first of --data where it is given, else what --sample states and the seed draws.
Result<std::vector<RtValue>> InputsOf(const Graph& graph, const Args& args, const Problems& problems);

}  // namespace godwit::tools
