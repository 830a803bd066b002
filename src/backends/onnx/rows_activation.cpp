// Activations and softmax.
#include <algorithm>
#include <numeric>

#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

struct Parameter {
  std::string_view name;
  double ours, theirs;  // defaults
};

Status EmitParameters(NodeExport& n, std::initializer_list<Parameter> parameters) {
  OnnxAttrs attrs;
  for (const Parameter& p : parameters) attrs.SetFloat(p.name, n.attrs().Float(p.name, p.ours), p.theirs);
  n.Emit(n.row().onnx, n.Ins(), attrs);
  return Ok{};
}
Status EmitAlpha(NodeExport& n) { return EmitParameters(n, {{"alpha", 1, 1}}); }
Status EmitLeakyRelu(NodeExport& n) { return EmitParameters(n, {{"alpha", 0.01, 0.01}}); }
Status EmitSelu(NodeExport& n) {
  return EmitParameters(n, {{"alpha", 1.6732632423543772, 1.67326319217681884765625},
                            {"gamma", 1.0507009873554805, 1.05070102214813232421875}});
}
Status EmitHardSigmoid(NodeExport& n) { return EmitParameters(n, {{"alpha", 0.2, 0.2}, {"beta", 0.5, 0.5}}); }
Status EmitShrink(NodeExport& n) { return EmitParameters(n, {{"bias", 0, 0}, {"lambd", 0.5, 0.5}}); }

Status EmitGelu(NodeExport& n) {
  OnnxAttrs attrs;
  const std::string_view how = n.attrs().Str("approximate", "none");
  if (how != "none") attrs.Set("approximate", std::string(how));
  n.Emit("Gelu", n.Ins(), attrs);
  return Ok{};
}

std::string_view SoftmaxName(std::string_view mode) {
  return mode == "log" ? "LogSoftmax" : mode == "hard" ? "Hardmax" : "Softmax";
}

Status EmitSoftmax(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("axis", n.attrs().Int("axis", -1), -1);
  n.Emit(SoftmaxName(n.attrs().Str("mode", "soft")), n.Ins(), attrs);
  return Ok{};
}

// Before version 13 the operator joins the axis and all behind it into one line.
Status EmitFlatSoftmax(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  int64_t axis = n.attrs().Int("axis", -1);
  if (axis < 0) axis += rank;
  const std::string_view name = SoftmaxName(n.attrs().Str("mode", "soft"));
  bool last = true;
  for (int64_t k = axis + 1; k < rank; ++k) last = last && n.TypeOf(0).shape()[static_cast<size_t>(k)] == Dim(1);
  if (last) {
    OnnxAttrs attrs;
    attrs.SetInt("axis", axis, 1);
    n.Emit(name, n.Ins(), attrs);
    return Ok{};
  }
  std::vector<int64_t> perm(static_cast<size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[static_cast<size_t>(axis)], perm.back());
  const Name turned = n.Temp("Transpose", {n.In(0)}, {{"perm", perm}});
  const Name soft = n.Temp(name, {turned}, {{"axis", int64_t{rank - 1}}});
  n.Emit("Transpose", {soft}, {{"perm", perm}});
  return Ok{};
}

// What the joining softmax was imported as: lines made, softmax of each, the shape restored.
Status EmitJoinedSoftmax(NodeExport& n) {
  const Node* soft = n.Sibling(n.Operand(0), ops::kSoftmax);
  const Node* lines = soft == nullptr ? nullptr : n.Sibling(soft->in[0], ops::kReshape);
  const Node* shape = n.Sibling(n.Operand(1), ops::kShapeOf);
  if (lines == nullptr || shape == nullptr || shape->in[0] != lines->in[0] || soft->attrs.Int("axis", -1) != -1 ||
      !shape->attrs.empty()) {
    return n.NotThis();
  }
  const auto flat = n.Ints(lines->in[1]);
  const bool joins = flat && !flat->empty() && flat->back() == -1 &&
                     std::all_of(flat->begin(), flat->end() - 1, [](int64_t d) { return d == 0; });
  if (!joins) return n.NotThis();
  OnnxAttrs attrs;
  attrs.SetInt("axis", static_cast<int64_t>(flat->size()) - 1, 1);
  n.Emit(SoftmaxName(soft->attrs.Str("mode", "soft")), {n.Of(lines->in[0])}, attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kCelu, "Celu", 12, EmitAlpha},
    {&ops::kElu, "Elu", 7, EmitAlpha},
    {&ops::kGelu, "Gelu", 20, EmitGelu},
    {&ops::kHardSigmoid, "HardSigmoid", 7, EmitHardSigmoid},
    {&ops::kHardSwish, "HardSwish", 14, EmitSame},
    {&ops::kLeakyRelu, "LeakyRelu", 7, EmitLeakyRelu},
    {&ops::kMish, "Mish", 18, EmitSame},
    {&ops::kPRelu, "PRelu", 7, EmitSame},
    {&ops::kRelu, "Relu", 7, EmitSame},
    {&ops::kReshape, "Softmax", 7, EmitJoinedSoftmax, 12},
    {&ops::kSelu, "Selu", 7, EmitSelu},
    {&ops::kShrink, "Shrink", 9, EmitShrink},
    {&ops::kSigmoid, "Sigmoid", 7, EmitSame},
    {&ops::kSilu, "Swish", 24, EmitAlpha},
    {&ops::kSoftmax, "Softmax", 7, EmitFlatSoftmax, 12},
    {&ops::kSoftmax, "Softmax", 13, EmitSoftmax},
    {&ops::kSoftplus, "Softplus", 7, EmitSame},
    {&ops::kSoftsign, "Softsign", 7, EmitSame},
    {&ops::kTanh, "Tanh", 7, EmitSame},
    {&ops::kThresholdedRelu, "ThresholdedRelu", 10, EmitAlpha},
};

}  // namespace

extern const RowSet kActivationRows{kRows};

}  // namespace godwit::to_onnx
