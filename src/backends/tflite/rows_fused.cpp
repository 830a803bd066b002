// What follows an operator and becomes a part of it: activations, quantisation.
#include "backends/tflite/emit.h"

namespace godwit::to_tflite {

namespace {

Status FuseRelu(NodeExport& n) {
  if (!IsFloat(n.DtypeOf(0))) return n.NotThis();
  return n.FuseInto(0, Activation::kRelu);
}

/// The activation that cuts to the node's bounds.
Activation ClipAs(NodeExport& n) {
  const auto low = n.Number(1), high = n.Number(2);
  if (!low || !high) return low && *low == 0 && !n.Has(2) ? Activation::kRelu : Activation::kNone;
  if (*low == 0 && *high == 6) return Activation::kRelu6;
  return *low == -1 && *high == 1 ? Activation::kReluN1To1 : Activation::kNone;
}

Status FuseClip(NodeExport& n) {
  const Activation activation = ClipAs(n);
  if (activation == Activation::kNone || !IsFloat(n.DtypeOf(0))) return n.NotThis();
  return n.FuseInto(0, activation);
}

// dequantize, operator, quantize: the operator on integers.
Status FuseQuantize(NodeExport& n) {
  if (!n.Known(1)) return n.NotThis();
  return n.Quantise(0);
}

constexpr Row kRows[] = {
    {&ops::kClip, "(RELU6, RELU_N1_TO_1 of another)", FuseClip, Row::kQuantised},
    {&ops::kQuantize, "(the operator on integers)", FuseQuantize},
    {&ops::kRelu, "(RELU of another)", FuseRelu, Row::kQuantised},
};

}  // namespace

extern const RowSet kFusedRows{kRows};

}  // namespace godwit::to_tflite
