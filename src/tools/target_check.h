// Whether a model can be made to run on targets: the walk of a conversion without a file, and the matrix of operators
// and targets that it gives.
#pragma once

#include <string>
#include <vector>

#include "api/profile.h"
#include "api/target.h"
#include "backends/tflite/partition.h"
#include "base/diag.h"
#include "ir/graph.h"
#include "passes/layout/layout.h"

namespace godwit::tools {

struct TargetCheck {
  std::string name;
  Target target;
  targets::TfliteProfile profile;
  std::vector<std::string> domains;
};
Result<TargetCheck> ParseTargetCheck(const std::string& name, const TargetLimits& limits,
                                     const std::vector<std::string>& domains);

struct TargetVerdict {
  std::string name;
  size_t operators = 0;  ///< as they would be written
  std::string runs_in;   ///< the least runtime, where the format says
  /// What each delegate of the target takes over, and what it leaves.
  std::vector<std::pair<std::string, to_tflite::Partition>> delegates;
  LayoutReport layout;         ///< of targets that want a layout of their own
  std::vector<Diag> problems;  ///< what does not fit
  [[nodiscard]] bool runs() const;
};
Result<TargetVerdict> CheckTarget(const Graph& graph, const TargetCheck& check);

/// A row for each operator of the source that some target does not run (all with `all`), and one for the whole.
std::string TargetMatrix(const Graph& graph, const std::vector<TargetVerdict>& verdicts, bool all);
std::string TargetJson(const TargetVerdict& verdict);

}  // namespace godwit::tools
