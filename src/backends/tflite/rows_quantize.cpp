// Steps between numbers and integers that stand alone.
#include <fmt/format.h>

#include "backends/tflite/emit.h"
#include "backends/tflite/model_export.h"

namespace godwit::to_tflite {

namespace {

// The tensor of the file says how its integers are meant, so the node must mean the same.
Status SaysTheSame(NodeExport& n, ValueId integers) {
  const std::shared_ptr<const Quant> own = QuantOf(n.scope(), n.node());
  if (own == nullptr) return n.Lacks(diag::kTargetConstant, fmt::format("scales of {} must be constants", n.op().name));
  if (!n.MeansTheSame(integers, *own)) {
    return n.LacksForm(fmt::format("a tensor that {} reads otherwise has other scales", n.op().name));
  }
  return Ok{};
}

Status EmitQuantize(NodeExport& n) {
  RETURN_IF_ERROR(SaysTheSame(n, n.node().out[0]));
  // From one scale to another.
  const Node* before = n.MakerOf(n.Operand(0));
  if (before != nullptr && before->op == &ops::kDequantize) {
    const std::shared_ptr<const Quant> from = QuantOf(n.scope(), *before);
    if (from != nullptr && n.MeansTheSame(before->in[0], *from)) {
      n.EmitTo(0, "QUANTIZE", {n.Of(before->in[0])});
      return Ok{};
    }
  }
  n.EmitTo(0, "QUANTIZE", {n.In(0)});
  return Ok{};
}

Status EmitQuantizeNumbers(NodeExport& n) {
  RETURN_IF_ERROR(SaysTheSame(n, n.node().out[0]));
  n.EmitTo(0, "QUANTIZE", {n.In(0)});
  return Ok{};
}

Status EmitDequantize(NodeExport& n) {
  RETURN_IF_ERROR(SaysTheSame(n, n.Operand(0)));
  n.EmitTo(0, "DEQUANTIZE", {n.In(0)});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kDequantize, "DEQUANTIZE", EmitDequantize},
    {&ops::kQuantize, "QUANTIZE", EmitQuantize},
    {&ops::kQuantize, "QUANTIZE", EmitQuantizeNumbers},
};

}  // namespace

extern const RowSet kQuantizeRows{kRows};

}  // namespace godwit::to_tflite
