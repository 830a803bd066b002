// Half precision: operators of a float model run in f16 or bf16, with casts where the two meet and nowhere else. What
// has no half kernel, does not fit the range or costs too many digits stays as it is, and is named.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

enum class HalfKind : uint8_t {
  kNone,
  kWhole,    ///< whatever can be
  kMixed,    ///< without norms, softmax, exponentials and sums
  kWeights,  ///< weights are stored in half and computed with as they were
};

struct HalfOptions {
  HalfKind kind = HalfKind::kNone;
  DType dtype = DType::kF16;      ///< or bf16
  int64_t opset = 0;              ///< of ai.onnx that is written: types that its operators take; 0: any
  bool keep_io = true;            ///< inputs and outputs keep their types
  std::vector<std::string> keep;  ///< expressions; nodes whose name or operator one matches stay
  double bound = 1e-2;            ///< largest error of an output, in units of its peak
  int threads = 0;
  /// Operands in the order of the graph's inputs. Without any, ranges and errors are not looked at.
  std::vector<std::vector<RtValue>> samples;
};

struct HalfReport {
  struct Kept {
    std::string node;  ///< its name in the source, or its operator
    std::string op;
    std::string reason;
  };
  std::vector<Kept> kept;  ///< for reasons of range, precision or choice; not those without half kernels
  struct Overflow {
    std::string name;
    double peak = 0;
    bool weight = false;
  };
  std::vector<Overflow> overflows;  ///< weights and activations past the type's largest number
  int64_t nodes_half = 0;
  int64_t nodes_float = 0;
  int64_t casts = 0;
  int64_t weights = 0;    ///< elements that became half
  int64_t subnormal = 0;  ///< of them: with fewer digits than the type has elsewhere
  int64_t lost = 0;       ///< of them: zero now, and were not
  double error = -1;      ///< of the outputs over the samples, in units of their peaks; negative: not measured
};

/// pass.expression when `keep` holds what is no expression. The graph is valid and infers to the types it states.
Status ToHalf(Graph* graph, const HalfOptions& options, HalfReport* report);

/// Inputs and outputs that are f32 in `like` (by their names) and half here become f32, with casts behind and before
/// them: so that the two can be run side by side.
Status WidenEdges(Graph* graph, const Graph& like);

}  // namespace godwit
