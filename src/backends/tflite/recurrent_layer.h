// A recurrent layer as one operator of TFLite. Its states are tensors that keep what the last run of the model left,
// and a layer of the graph begins with zeros in each: steps before the first bring every state to zero, whatever was
// there. More columns of what comes in ask for them.
#pragma once

#include <string_view>
#include <vector>

#include "backends/tflite/node_export.h"

namespace godwit::to_tflite {

/// What closes a gate: the product of both leaves no sum beside it, and halves hold the weight.
inline constexpr double kClosingWeight = -16384;
inline constexpr float kClosingInput = 65536;

class RecurrentLayer {
 public:
  virtual ~RecurrentLayer() = default;
  RecurrentLayer(const RecurrentLayer&) = delete;
  RecurrentLayer& operator=(const RecurrentLayer&) = delete;

  /// Writes the node. `op`: one operator for each direction, or one for both where `together` is set.
  Status Run(std::string_view op, bool together);

 protected:
  /// `gates` rows of weights for each hidden element, `states` tensors that are kept.
  RecurrentLayer(NodeExport& n, int64_t gates, int states) : n_(n), gates_(gates), states_(states) {}

  /// Whether the operator can say what the node says.
  virtual Status CheckForm() = 0;
  /// Appends the weights and biases of direction d in the operator's order, with a column for each opening step.
  virtual Status AddWeights(int64_t d, Refs* in) = 0;
  /// What the operator has between its weights and its states, and behind those.
  virtual void AddBefore(Refs* /*in*/) {}
  virtual void AddBehind(Refs* /*in*/, bool /*together*/) {}
  [[nodiscard]] virtual Activation Function() const = 0;

  /// Rows of gate `gate` of direction d of operand 1 or 2, `more` (one list a row, or one for all) behind each.
  Result<Ref> Weight(size_t operand, int64_t d, int64_t gate, std::vector<std::vector<double>> more);
  /// The sum of both biases.
  Result<Ref> Bias(int64_t d, int64_t gate);

  NodeExport& n_;
  const int64_t gates_;
  const int states_;
  std::vector<float> opening_;  ///< what each opening step says in its column
  int64_t directions_ = 1, steps_ = 0, rows_ = 0, inputs_ = 0, hidden_ = 0;
  bool batch_major_ = false;

 private:
  struct Part {
    Ref y;
    int64_t last = 0;  ///< where the result of the step that is done last stands
  };

  Status Check(std::string_view op, bool together);
  [[nodiscard]] int64_t TimeAxis() const { return batch_major_ ? 1 : 0; }
  [[nodiscard]] int64_t Opening() const { return static_cast<int64_t>(opening_.size()); }
  [[nodiscard]] TensorType Sequence(int64_t steps, int64_t columns) const;
  Ref OpeningSteps(bool backward);
  Ref Opened(Ref x, bool both_ends);
  Ref Reversed(Ref x);
  Ref Steps(Ref y, int64_t from, int64_t count);
  void AddStates(Refs* in, int64_t directions);
  Result<Part> Alone(std::string_view op, int64_t d, bool backward);
  Result<std::vector<Part>> Both(std::string_view op);
  Status EmitAll(const std::vector<Part>& parts);
  Status EmitLast(const std::vector<Part>& parts);
};

}  // namespace godwit::to_tflite
