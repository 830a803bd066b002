// What a source's own arithmetic does to its results: the measure of how far another model may be off.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "verify/model_runner.h"

namespace godwit {

class SourceNoise {
 public:
  using Values = std::vector<RtValue>;

  /// `factor`: tolerance in units of the noise. The source outlives this.
  SourceNoise(const Graph* source, const Graph& written, double factor, uint64_t seed);

  /// The source computes in integers, and is off from what it stands for by its steps.
  [[nodiscard]] bool quantised() const { return quantised_; }
  /// And the written model does not: it is held to the real numbers.
  [[nodiscard]] bool judged_in_reals() const { return judged_in_reals_; }
  /// The written model computes in integers, and the source does not: the one is held to the other by what its integers
  /// stand for.
  [[nodiscard]] bool written_in_integers() const { return written_in_integers_; }
  /// Tolerance in units of the noise.
  [[nodiscard]] double factor() const;

  /// At most that many runs in f64.
  void Allow(int wide_runs) { wide_runs_left_ = wide_runs; }
  void SetThreads(int threads) { threads_ = threads; }

  /// What `reference` may be off on sample `index`, an entry for each output, -1 where that is not known: |f32 - f64|.
  /// Null when no further run in f64 is due.
  const std::vector<double>* Of(int index, const Values& inputs, const Values& reference);
  /// What the source gives in real numbers, where it computes in integers.
  const RtValue* InReals(int index, const Values& inputs, size_t output);
  /// What the written model gives in real numbers, where it alone computes in integers; `inputs` are its own.
  const RtValue* WrittenInReals(int index, const Values& inputs, size_t output) {
    return written_in_integers_ ? InReals(index, inputs, output) : nullptr;
  }
  /// What the source gives with its biases in steps of the products that they are added to, which is how integers have
  /// them; null where it has no bias in numbers, or the written model does not compute in integers.
  const RtValue* WithStoredBiases(int index, const Values& inputs, size_t output);
  /// |change| of each output when the inputs change by what f32 cannot tell.
  const std::vector<double>* Sensitivity(int index, ModelRunner* source, const Values& inputs, const Values& reference);
  /// Why the noise could not be measured; empty: it could.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  struct Measured {
    int sample = -1;
    std::vector<double> values;
  };
  [[nodiscard]] std::unique_ptr<ModelRunner> Runner(const Graph& graph, Precision precision) const;

  const Graph* source_;
  double factor_;
  uint64_t seed_;
  int threads_ = 1;
  int wide_runs_left_;
  bool quantised_ = false, judged_in_reals_ = false, written_in_integers_ = false;
  Graph plain_;  // the one of them that has an arithmetic of integers, without it
  std::unique_ptr<ModelRunner> wide_session_, plain_session_;
  Measured noise_, moved_;
  int reals_of_ = -1, biased_of_ = -1;
  Values reals_, biased_;
  std::optional<Graph> stepped_;  // the source with stored biases
  std::unique_ptr<ModelRunner> stepped_session_;
  std::string failure_;
};

}  // namespace godwit
