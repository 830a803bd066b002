#include "frontends/tflite/fold_import.h"

#include <limits>

#include "frontends/tflite/tensor_import.h"
#include "ir/convert.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

Fold FoldOf(B code) {
  switch (code) {
    case B::kAdd:
    case B::kStablehloAdd: return Fold::kAdd;
    case B::kMul:
    case B::kStablehloMultiply: return Fold::kMul;
    case B::kMaximum:
    case B::kStablehloMaximum: return Fold::kMax;
    case B::kMinimum:
    case B::kStablehloMinimum: return Fold::kMin;
    case B::kLogicalAnd:
    case B::kStablehloAnd: return Fold::kAnd;
    case B::kLogicalOr:
    case B::kStablehloOr: return Fold::kOr;
    default: return Fold::kUnknown;
  }
}

}  // namespace

Fold FoldOf(const tflite::Model& model, int64_t subgraph) {
  if (subgraph < 0 || subgraph >= static_cast<int64_t>(model.subgraphs.size())) return Fold::kUnknown;
  const tflite::SubGraph& body = model.subgraphs[static_cast<size_t>(subgraph)];
  if (body.inputs.size() != 2 || body.outputs.size() != 1) return Fold::kUnknown;
  if (body.operators.empty()) return body.outputs[0] == body.inputs[1] ? Fold::kReplace : Fold::kUnknown;
  const tflite::Operator& op = body.operators[0];
  if (body.operators.size() != 1 || op.inputs.size() != 2 || op.outputs.size() != 1) return Fold::kUnknown;
  const bool as_given = op.inputs[0] == body.inputs[0] && op.inputs[1] == body.inputs[1];
  const bool swapped = op.inputs[0] == body.inputs[1] && op.inputs[1] == body.inputs[0];
  if ((!as_given && !swapped) || op.outputs[0] != body.outputs[0]) return Fold::kUnknown;
  const tflite::Options options = model.OptionsFor(op);
  if (options.Has("fused_activation_function") && options.Int("fused_activation_function") != 0) return Fold::kUnknown;
  for (const int32_t t : op.inputs) {
    if (IsQuantised(body.tensors[static_cast<size_t>(t)])) return Fold::kUnknown;
  }
  return FoldOf(model.CodeOf(op).code);
}

ValueId Folded(OpImport& n, Fold fold, ValueId a, ValueId b) {
  if (!n.ok()) return {};
  const bool logical = n.DtypeOf(a) == DType::kBool;
  switch (fold) {
    case Fold::kAdd: return logical ? n.Emit(ops::kLogicalOr, {a, b}) : n.Add(a, b);
    case Fold::kMul: return logical ? n.Emit(ops::kLogicalAnd, {a, b}) : n.Mul(a, b);
    case Fold::kMax: return logical ? n.Emit(ops::kLogicalOr, {a, b}) : n.Emit(ops::kMax, {a, b});
    case Fold::kMin: return logical ? n.Emit(ops::kLogicalAnd, {a, b}) : n.Emit(ops::kMin, {a, b});
    case Fold::kAnd: return n.Emit(logical ? ops::kLogicalAnd : ops::kBitwiseAnd, {a, b});
    case Fold::kOr: return n.Emit(logical ? ops::kLogicalOr : ops::kBitwiseOr, {a, b});
    case Fold::kReplace: return b;
    case Fold::kUnknown: break;
  }
  return n.Unsupported("elements are put together by more than one operator");
}

ValueId FoldedAxes(OpImport& n, Fold fold, ValueId x, const std::vector<int64_t>& axes) {
  if (!n.ok()) return {};
  const bool logical = n.DtypeOf(x) == DType::kBool;
  std::string mode;
  switch (fold) {
    case Fold::kAdd: mode = logical ? "max" : "sum"; break;
    case Fold::kMul: mode = logical ? "min" : "prod"; break;
    case Fold::kMax: mode = "max"; break;
    case Fold::kMin: mode = "min"; break;
    case Fold::kAnd: mode = logical ? "min" : ""; break;
    case Fold::kOr: mode = logical ? "max" : ""; break;
    case Fold::kReplace:
    case Fold::kUnknown: break;
  }
  if (mode.empty()) return n.Unsupported("what it reduces by is neither a sum, a product nor an extreme");
  return n.Emit(ops::kReduce, {x, n.I64s(axes)},
                {{"mode", std::move(mode)}, {"keep_dims", int64_t{0}}, {"empty_axes_is_none", int64_t{1}}});
}

bool IsNeutral(OpImport& n, Fold fold, ValueId v) {
  const Tensor* t = n.KnownTensor(v);
  if (t == nullptr || t->size() != 1) return false;
  const DType dtype = t->dtype();
  if (dtype == DType::kBool) {
    const bool is = *t->data<uint8_t>() != 0;
    return fold == Fold::kAdd || fold == Fold::kMax || fold == Fold::kOr ? !is : is;
  }
  if (!IsFloat(dtype) && !IsInteger(dtype)) return false;
  const bool whole = IsInteger(dtype);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double value = whole ? 0 : ToF64(*t)[0];
  const int64_t number = whole ? LoadI64(dtype, t->raw()) : 0;
  switch (fold) {
    case Fold::kAdd: return whole ? number == 0 : value == 0;
    case Fold::kMul: return whole ? number == 1 : value == 1;
    case Fold::kMax: return whole ? number == IntMin(dtype) : value == -kInfinity;
    case Fold::kMin: return whole ? number == IntMax(dtype) : value == kInfinity;
    default: return false;
  }
}

}  // namespace godwit::from_tflite
