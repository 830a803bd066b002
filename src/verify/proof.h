// Proof: a written model is run against the source it was made from, both as they are read back from their bytes, and
// each output is held to a tolerance that the source's own rounding noise sets. A proof that could not have failed
// (constant outputs, NaN on both sides) is called vacuous, not passed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"
#include "runtimes/runtime.h"
#include "verify/samples.h"

namespace godwit {

/// In place of the calibrated tolerance; unset fields do not judge.
struct StatedTolerance {
  double absolute = -1;     ///< largest |difference|
  double relative = -1;     ///< the same in units of the output's peak
  double correlation = -1;  ///< least correlation
  double sqnr = -1;         ///< least signal to noise, dB; compared when `has_sqnr`
  bool has_sqnr = false;
};

struct ProofOptions {
  int samples = 0;  ///< 0: kProofSamples, or kProofSamplesLarge past kManyMacs multiply-adds
  int threads = 0;  ///< below 1: one for each processor
  uint64_t seed = 0;
  InputSpecs inputs;                                  ///< by the source's input names
  std::vector<std::vector<RtValue>> data;             ///< real samples, in the order of its inputs; absent: drawn
  std::map<std::string, StatedTolerance> tolerances;  ///< by output; "" for all others
  double floor = 1e-5;                                ///< least tolerance, in units of the output's peak
  double noise_factor = 4;                            ///< tolerance in units of the source's own noise
  /// The same of a runtime that cannot run the source: it rounds elsewhere, and nothing tells by how much.
  double foreign_factor = 32;
  /// Runs `judged_file` too and holds it to the same tolerance; null: our interpreter alone judges.
  runtimes::Runtime* judge = nullptr;
  std::string judged_file;
  ByteSpan judged_bytes;                            ///< the written model itself, where it has no file yet
  std::map<std::string, std::string> judged_names;  ///< what that file calls an input or output, where it differs
  /// How that file's ports lie: dim k there is dim orders[k] of the model as it is proved. Only where they differ.
  std::map<std::string, std::vector<int64_t>> judged_orders;
  /// What integers of its outputs stand for, where the model as it is proved gives real numbers.
  std::map<std::string, std::shared_ptr<const Quant>> judged_quants;
  bool judge_must_take = false;  ///< what it refuses of the file is a difference
  bool judge_large = true;       ///< also models whose weights it would copy by the gigabyte
  std::string source_file;       ///< what the judge refuses of this too is a note, not a difference
};

inline constexpr int kProofSamples = 10;
inline constexpr int kProofSamplesLarge = 3;
inline constexpr double kManyMacs = 2e9;

enum class Verdict : uint8_t {
  kProved,
  kVacuous,  ///< nothing differs, but nothing could have
  kDiffers,
  kNotRun,  ///< no output could be compared; `reason` says why
};
std::string_view Name(Verdict verdict);

/// One output over all samples. Errors are in units of the output's peak.
struct OutputProof {
  std::string name;
  Verdict verdict = Verdict::kProved;
  bool exact = true;  ///< equal to the last bit
  double worst = 0;
  double mean = 0;
  double correlation = 1;
  double sqnr = 0;  ///< dB; infinite when exact
  double tolerance = 0;
  double noise = -1;  ///< of the source, where it was measured
  int idle = 0;       ///< samples that show nothing, as the source itself is off by its peak there; not in the figures
  std::string judge;  ///< who ran the written model: "godwit", "ONNX Runtime 1.20.1"
  std::string note;   ///< why it is vacuous, what differs, what an integer rule allowed
};

struct ProofReport {
  Verdict verdict = Verdict::kNotRun;
  std::string reason;                ///< of kDiffers and kNotRun, one sentence
  std::vector<OutputProof> outputs;  ///< of our interpreter, then of the judge
  std::vector<std::string> notes;    ///< cuts, sizes that were tried, vacuous samples, a judge that could not run
  int samples = 0;
  double macs = 0;  ///< of one sample
  double seconds = 0;
  std::string judges;  ///< "godwit", "godwit and ONNX Runtime 1.20.1"
  SampleKind worst_kind = SampleKind::kRandom;
  std::vector<RtValue> worst_inputs;  ///< of the sample with the largest error; empty where the proof was cut

  [[nodiscard]] bool ok() const { return verdict != Verdict::kDiffers; }
};

/// Both graphs as read, not rewritten. Inputs and outputs are matched by name. What stops the proof itself is in the
/// report; a Diag is wrong use of the options (a stated value that fits no input).
Result<ProofReport> Prove(const Graph& source, const Graph& written, const ProofOptions& options);

/// The two lines a person reads, each ended by a newline; with `detail`, notes and a line for each output too.
std::string ProofText(const ProofReport& report, bool detail = false);
std::string ProofJson(const ProofReport& report);

}  // namespace godwit
