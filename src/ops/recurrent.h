// What rnn, gru and lstm share: operands, directions, sequence lengths, layouts and gate activations. The operators
// themselves state only how one step makes a new state of the old one.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "ir/cost.h"
#include "ir/eval.h"
#include "ir/infer.h"

namespace godwit::ops {

/// Sizes in terms of the hidden size, and operand positions: x, w, r, b, lens and initial_h are always 0 to 5.
struct RecurrentKind {
  int64_t gates;      ///< rows of w and r a direction, in hidden sizes
  size_t functions;   ///< activation functions a direction
  bool cell = false;  ///< operand 6 is the initial cell state, operand 7 the peepholes, result 2 the last cell state
};

class GateFunction {
 public:
  GateFunction() = default;
  /// False when there is no activation of that name.
  static bool Make(std::string_view name, double alpha, double beta, GateFunction* out);
  double operator()(double x) const { return fn_(x, alpha_, beta_); }

 private:
  double (*fn_)(double, double, double) = nullptr;
  double alpha_ = 0;
  double beta_ = 0;
};

/// One direction's weights, transposed so that inner loops run over outputs.
struct RecurrentWeights {
  int64_t hidden = 0;
  std::vector<double> w;         ///< [input][gates * hidden]
  std::vector<double> r;         ///< [hidden][gates * hidden]
  std::vector<double> wb, rb;    ///< [gates * hidden]
  std::vector<double> peephole;  ///< [3 * hidden], zeros where not given
  std::vector<GateFunction> f;
  double clip = 0;  ///< 0: none

  [[nodiscard]] double Clip(double x) const { return clip > 0 ? (x > clip ? clip : x < -clip ? -clip : x) : x; }
};

/// One step of one batch row: `xw` is x W^T + Wb [gates * hidden] and may be overwritten; h and c hold the old state
/// and take the new one (c is null for operators without a cell).
using RecurrentStep = std::function<void(const RecurrentWeights& weights, double* xw, double* h, double* c)>;

Status InferRecurrent(InferCtx& ctx, const RecurrentKind& kind);
Status EvalRecurrent(EvalCtx& ctx, const RecurrentKind& kind, const RecurrentStep& step);
double RecurrentMacs(const CostCtx& ctx);

// Rows of the operator tables.
inline constexpr AttrDef kDirectionAttr{"direction", AttrKind::kString, "forward",
                                        "forward, reverse or bidirectional."};
inline constexpr AttrDef kActivationsAttr{
    "activations", AttrKind::kStringList, "",
    "Gate functions, those of one direction after those of the other: relu, tanh, sigmoid, affine, leaky_relu, "
    "thresholded_relu, scaled_tanh, hard_sigmoid, elu, softsign, softplus."};
inline constexpr AttrDef kAlphaAttr{"alpha", AttrKind::kFloatList, "none", "First parameter of each gate function."};
inline constexpr AttrDef kBetaAttr{"beta", AttrKind::kFloatList, "none", "Second parameter of each gate function."};
inline constexpr AttrDef kClipAttr{"clip", AttrKind::kFloat, "none", "Bound on what enters a gate function."};
inline constexpr AttrDef kBatchMajorAttr{"batch_major", AttrKind::kInt, "0",
                                         "1: batch is the first axis of x, y and the states, else the sequence is."};
inline constexpr std::string_view kRecurrentRules[] = {
    "c1: x, w and r are rank 3 and agree in directions, gates, input and hidden size",
    "c2: b, initial states and peepholes have the shapes that w and r give",
    "c3: sequence lengths are one a batch row, from 0 to the sequence length",
    "c4: each direction has its gate functions, with one alpha and one beta each where given",
    "c5: direction is forward, reverse or bidirectional",
};

}  // namespace godwit::ops
