// The real runtime's part in a proof: it runs the written model on the samples that our interpreter runs, and the
// source too where its own arithmetic has to be told from a difference.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "verify/judging.h"
#include "verify/proof.h"

namespace godwit {

class RuntimeJudge {
 public:
  using Values = std::vector<RtValue>;

  /// `judges` are those of the outputs that the file itself has. When the proof is `cut`, our interpreter cannot run
  /// the model whole, and the runtime's run of the source is the reference.
  RuntimeJudge(const ProofOptions& options, std::vector<OutputJudge> judges, bool cut, int threads);

  /// Opens the written model. What comes back is why it is at fault; "" where it is not, or is not judged.
  /// `fair`: whether a refusal of what it takes of the source would be a fault at all.
  std::string Open(bool fair);
  [[nodiscard]] bool ready() const { return written_ != nullptr; }

  /// One sample: inputs by the source's names, the source's outputs by our interpreter, the noise of these. What comes
  /// back is as of Open.
  std::string Judge(int index, const std::vector<std::string>& names, const Values& inputs, const Values& reference,
                    const SampleContext& context);
  void Conclude(ProofReport* report);
  [[nodiscard]] double rank() const;

 private:
  using Named = std::vector<std::pair<std::string, RtValue>>;

  [[nodiscard]] const std::string& JudgedName(const std::string& name) const;
  /// A value of a port as the file's port has it, or back.
  [[nodiscard]] RtValue InOrder(const RtValue& value, const std::string& name, bool back) const;
  /// An output's integers as the real numbers that they stand for, where the proof has those.
  [[nodiscard]] RtValue Real(const RtValue& value, const std::string& name) const;
  void Drop(std::string_view why);
  runtimes::Model* Source();
  /// The source's outputs as the runtime makes them; absent ones are not to be had.
  const Values& SourceResults(int index, const Named& inputs);

  const ProofOptions& options_;
  std::vector<OutputJudge> judges_;
  bool cut_;
  runtimes::OpenOptions open_;
  std::unique_ptr<runtimes::Model> written_, source_;
  bool source_tried_ = false;
  std::vector<size_t> output_of_;
  int results_of_ = -1;
  Values results_;
  std::vector<std::string> notes_;
};

}  // namespace godwit
