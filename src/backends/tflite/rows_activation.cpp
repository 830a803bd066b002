// Activations that stand alone, softmax and division by the norm.
#include <fmt/format.h>

#include <algorithm>

#include "backends/tflite/emit.h"
#include "backends/tflite/model_export.h"
#include "ir/convert.h"

namespace godwit::to_tflite {

namespace {

Status EmitClip(NodeExport& n) {
  const auto low = n.Number(1), high = n.Number(2);
  const bool has_low = n.Has(1), has_high = n.Has(2);
  if (low && high && IsFloat(n.DtypeOf(0))) {
    std::string_view op;
    if (*low == 0 && *high == 6) op = "RELU6";
    if (*low == -1 && *high == 1) op = "RELU_N1_TO_1";
    if (!op.empty()) {
      n.EmitTo(0, op, {n.In(0)});
      return Ok{};
    }
  }
  if (n.quantised()) return n.NotThis();
  if (low && *low == 0 && !has_high && IsFloat(n.DtypeOf(0))) {
    n.EmitTo(0, "RELU", {n.In(0)});
    return Ok{};
  }
  if (!has_low && !has_high) return n.EmitReshapeTo(0, n.In(0));
  // The lower bound first, as the operator has it where the bounds cross.
  Ref x = n.In(0);
  if (has_low && has_high) x = n.Temp("MAXIMUM", {x, n.In(1)}, n.TypeOf(n.Out()));
  n.EmitTo(0, has_high ? "MINIMUM" : "MAXIMUM", {x, n.In(has_high ? 2 : 1)});
  return Ok{};
}

Status EmitGelu(NodeExport& n) {
  n.EmitTo(0, "GELU", {n.In(0)}, {{"approximate", n.attrs().Str("approximate", "none") == "tanh"}});
  return Ok{};
}

Status EmitLeakyRelu(NodeExport& n) {
  n.EmitTo(0, "LEAKY_RELU", {n.In(0)}, {{"alpha", n.attrs().Float("alpha", 0.01)}});
  return Ok{};
}

Status EmitElu(NodeExport& n) {
  if (n.attrs().Float("alpha", 1) != 1) return n.LacksForm("ELU has no alpha but 1");
  return EmitSame(n);
}

Status EmitSilu(NodeExport& n) {
  if (n.attrs().Float("alpha", 1) != 1) return n.LacksForm("the factor within is a product of its own");
  const Ref x = n.In(0);
  const Ref gate = n.Temp("LOGISTIC", {x}, n.TypeOf(x));
  n.EmitTo(0, "MUL", {x, gate});
  return Ok{};
}

// HARD_SWISH is fused; alone, it is an operator too.
Status EmitPRelu(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  TRY(const int slopes, n.Rank(1));
  // One slope for a channel is [1, 1, channels] for XNNPACK and GPU; any shape that spreads is right.
  if (slopes > rank) return n.NotThis();
  const auto dims = n.StaticDims(1);
  if (dims && n.IsConstant(1) && rank >= 2 && slopes > rank - 1 && (*dims)[0] == 1) {
    Dims fewer(dims->begin() + 1, dims->end());
    TRY(const Ref slope,
        n.InMade(n.Operand(1), TensorType(n.DtypeOf(1), ShapeOfDims(fewer)),
                 [fewer](const std::vector<Tensor>& in) -> Result<Tensor> { return in[0].Reshaped(fewer); }));
    n.EmitTo(0, "PRELU", {n.In(0), slope});
    return Ok{};
  }
  return EmitSame(n);
}

Status EmitSoftmax(NodeExport& n) {
  const std::string_view mode = n.attrs().Str("mode", "soft");
  if (mode == "hard") return n.LacksForm("TFLite has no hardmax");
  TRY(const int rank, n.Rank(0));
  if (rank == 0) return n.NotThis();
  const std::string_view op = mode == "log" ? "LOG_SOFTMAX" : "SOFTMAX";
  const OptionList options = mode == "log" ? OptionList() : OptionList{{"beta", 1.0}};
  const int64_t axis = FromFront(n.attrs().Int("axis", -1), rank);
  if (axis == rank - 1) {
    n.EmitTo(0, op, {n.In(0)}, options);
    return Ok{};
  }
  const std::vector<int64_t> perm = AxisLast(axis, rank);
  const Ref x = n.InTurned(0, perm);
  const Ref y = n.Temp(op, {x}, n.TypeOf(x), options);
  n.EmitTo(0, "TRANSPOSE", {y, n.I32s(Inverse(perm))});
  return Ok{};
}

// XNNPACK has no operator for it, but all of its parts.
Status EmitLpNorm(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const bool same = n.attrs().Float("p", 2) == 2 && static_cast<float>(n.attrs().Float("epsilon")) == 1e-6F;
  if (!same || FromFront(n.attrs().Int("axis", -1), rank) != rank - 1) {
    return n.LacksForm("L2_NORMALIZATION divides by the 2-norm of the last axis, and by 1e-6 at least");
  }
  if (n.exporter().profile().xnnpack) return n.LacksForm("XNNPACK leaves L2_NORMALIZATION to the kernels");
  return EmitSame(n);
}

constexpr Row kRows[] = {
    {&ops::kClip, "RELU6, RELU_N1_TO_1, RELU, MAXIMUM, MINIMUM", EmitClip, Row::kQuantised},
    {&ops::kElu, "ELU", EmitElu, Row::kQuantised},
    {&ops::kGelu, "GELU", EmitGelu, Row::kQuantised},
    {&ops::kHardSwish, "HARD_SWISH", EmitSame, Row::kQuantised},
    {&ops::kLeakyRelu, "LEAKY_RELU", EmitLeakyRelu, Row::kQuantised},
    {&ops::kLpNorm, "L2_NORMALIZATION", EmitLpNorm, Row::kQuantised},
    {&ops::kPRelu, "PRELU", EmitPRelu},
    {&ops::kRelu, "RELU", EmitSame, Row::kQuantised},
    {&ops::kSigmoid, "LOGISTIC", EmitSame, Row::kQuantised},
    {&ops::kSilu, "LOGISTIC, MUL", EmitSilu},
    {&ops::kSoftmax, "SOFTMAX, LOG_SOFTMAX", EmitSoftmax, Row::kQuantised},
    {&ops::kTanh, "TANH", EmitSame, Row::kQuantised},
};

}  // namespace

extern const RowSet kActivationRows{kRows};

}  // namespace godwit::to_tflite
