// Several runs of a model, one after the other: what each is given, and what they give together. A model with state
// goes on from where the run before left it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/state.h"
#include "tools/model_run.h"

namespace godwit::tools {

inline constexpr Option kRunsOption = {"--runs", OptionKind::kText, "N|all",
                                       "runs one after the other, state carried on, each with the next of --data"};
inline constexpr Option kResetOption = {"--reset", OptionKind::kFlag, "",
                                        "with --runs: each begins with the first state again"};

using InputSets = std::vector<std::vector<RtValue>>;
/// One set of inputs, or one for each run that --runs asks for: samples of --data in their order, else drawn anew.
Result<InputSets> InputSetsOf(const Graph& graph, const Args& args, const Problems& problems);

/// What one run left goes into the inputs of the next.
class StateCarrier {
 public:
  static Result<StateCarrier> Of(const Graph& graph, const Args& args);
  void Take(const std::vector<RtValue>& results) { left_ = results; }
  void Give(std::vector<RtValue>* inputs) const {
    if (!left_.empty()) CarryState(*graph_, states_, left_, inputs);
  }

 private:
  const Graph* graph_ = nullptr;
  std::vector<StateSlot> states_;
  std::vector<RtValue> left_;
};

/// Results of several runs under their names: along a new first axis, or apart as NAME/0, NAME/1 where their types or
/// sizes differ. Those of a single run as they are.
std::vector<std::pair<std::string, RtValue>> Together(const std::vector<std::string>& names, InputSets runs);

}  // namespace godwit::tools
