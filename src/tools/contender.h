// What `bench` times: a model, ready to run, in godwit's own interpreter or in another runtime.
#pragma once

#include <memory>
#include <string>

#include "exec/session.h"
#include "tools/model_run.h"

namespace godwit::tools {

class Contender {
 public:
  virtual ~Contender() = default;
  /// Milliseconds that one run took.
  virtual Result<double> Once() = 0;

  std::string file;
  std::string runtime;      ///< "own", or a runtime's name and version
  double load_ms = 0;       ///< reading the file
  double plan_ms = 0;       ///< making it ready
  uint64_t peak_bytes = 0;  ///< the most memory that it took, those loaded before it left out
  PlanStats plan;           ///< of our own interpreter
};

/// Loads and prepares the model and draws its inputs; `runtime` null is our own interpreter. A failure has been shown,
/// and `status` is what it means.
std::unique_ptr<Contender> MakeContender(const std::string& file, runtimes::Runtime* runtime, const Args& args,
                                         const Problems& problems, int* status);

/// The ratio of two series of the same rounds: its median, and the range that holds the true median with 95 %
/// confidence whatever the distribution (by order statistics of the paired ratios).
struct Ratio {
  double median = 1, low = 1, high = 1;
};
Ratio PairedRatio(const std::vector<double>& series, const std::vector<double>& first);

}  // namespace godwit::tools
