// One flight of a model: read, its edges set, rewritten, made ready for its format, written, read back from its bytes,
// run against the source, and only then put in its place. The verbs that write models are thin over this.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/data.h"
#include "api/dims.h"
#include "api/load.h"
#include "api/profile.h"
#include "api/target.h"
#include "backends/onnx/export.h"
#include "backends/onnx/files.h"
#include "base/atomic_file.h"
#include "passes/append.h"
#include "passes/edges.h"
#include "passes/half.h"
#include "passes/ports.h"
#include "passes/simplify.h"
#include "verify/layers.h"
#include "verify/proof.h"

namespace godwit {

/// Who judges the written file.
enum class Verify : uint8_t {
  kAuto,     ///< our interpreter, and the target's real runtime where it is installed
  kOwn,      ///< our interpreter alone
  kRuntime,  ///< both; an absent runtime is a failure
  kOff,
};

struct ConvertOptions {
  LoadOptions load;
  Edges edges;
  std::vector<std::string> bind;       ///< "NAME=FILE.npy", "NAME=16000": as ReadBindings takes them
  std::vector<Append> append;          ///< what is done to outputs, in this order
  std::vector<Preprocess> preprocess;  ///< what the model does itself to raw inputs
  std::vector<LayoutWish> layouts;     ///< of inputs and outputs
  bool layout_auto = false;            ///< they are laid out as moves the least
  TargetLimits limits;                 ///< TFLite: what the target is denied beside
  bool same_format = false;            ///< the target's format is the source's; another one is wrong use
  bool simplify = true;
  SimplifyOptions rewriting;
  Target target;     ///< where it will run; an open format is the output's by its name, else the source's
  HalfOptions half;  ///< its samples and opset are filled in
  to_onnx::ExportOptions onnx;
  to_onnx::FileOptions::Weights weights = to_onnx::FileOptions::Weights::kFit;
  Verify verify = Verify::kAuto;
  std::string runtime_library;       ///< where the real runtime is; empty: the usual places
  std::vector<std::string> samples;  ///< what to feed in the proof, as MakeInputs takes it
  DataOptions data;                  ///< real samples for it
  std::vector<DimRange> dims;        ///< sizes of named dims: fixed ones are fixed in what is written too
  ProofOptions proof;
  bool layers = false;                   ///< compare them after the proof, with what pictures need
  bool keep = false;                     ///< put the file in its place although the results differ
  bool dry_run = false;                  ///< everything but that
  std::vector<std::string> inputs_read;  ///< files beside the model that were read: never overwritten
};

/// Nodes of one operator in the source file and in the written one, bodies included, constants left out.
struct OpChange {
  int64_t before = 0;
  int64_t after = 0;
};

struct ConvertReport {
  uint64_t bytes_before = 0;
  uint64_t bytes_after = 0;
  Format format_before = Format::kNone;
  Format format_after = Format::kNone;
  std::string version_before;  ///< "opset 17"
  std::string version_after;
  std::string runs_in;   ///< the least runtime that takes the file, where the format says; "" where it does not
  int opset_before = 0;  ///< of ai.onnx; 0 in other formats
  int opset_after = 0;
  int64_t nodes_before = 0;
  int64_t nodes_after = 0;
  std::map<std::string, OpChange> ops;
  std::vector<std::string> dynamic_dims;  ///< names that are left in inputs
  SimplifyReport simplify;
  HalfReport half;
  /// Transposes that stay in the written file, and why.
  struct Move {
    std::string tensor;
    std::optional<uint64_t> bytes;  ///< of a tensor whose dims are all known
    std::string why;
    bool at_input = false;  ///< another layout of the input would save it
  };
  std::vector<Move> moves;
  bool moves_optimal = true;                           ///< no other layout moves fewer bytes
  std::map<std::string, std::vector<int64_t>> orders;  ///< ports that were laid out: dim k is dim orders[k] before
  bool proved = false;                                 ///< whether `proof` was asked for and made
  ProofReport proof;
  std::optional<LayerComparison> layers;
  std::string layers_missing;  ///< why there are none although they were wanted
  bool in_place = false;       ///< the output is where it should be
  double seconds = 0;          ///< without the proof
};

/// Any format that is read to any that is written. Every problem goes to the sink; an error means that there is no
/// output. Results that differ are an error of the sink too (verify.differs), unless `keep` is set.
Result<ConvertReport> ConvertModel(const std::string& input, const std::string& output, const ConvertOptions& options,
                                   DiagSink* sink);

}  // namespace godwit
