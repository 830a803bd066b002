#include "backends/tflite/node_export.h"

#include <fmt/format.h>

#include "backends/tflite/model_export.h"
#include "base/text.h"
#include "ir/convert.h"
#include "ir/walk.h"

namespace godwit::to_tflite {

TensorType WithShape(const TensorType& type, Shape shape) {
  TensorType out(type.dtype, std::move(shape));
  if (type.quant != nullptr && type.quant->axis < 0) out.quant = type.quant;
  return out;
}

Shape ShapeOfDims(const Dims& dims) { return {dims.begin(), dims.end()}; }

NodeExport::NodeExport(ModelExport& exporter, Scope& scope, NodeId id, const Row& row, Together with)
    : exporter_(exporter), scope_(scope), id_(id), node_(scope.graph().node(id)), row_(row), with_(with) {}

std::string_view NodeExport::source_op() const { return scope_.graph().origin(node_.origin).op_type; }

const Type& NodeExport::TypeOf(ValueId id) const {
  static const Type kUnknown;
  return id ? scope_.TypeOf(id) : kUnknown;
}

Result<int> NodeExport::Rank(size_t i) const {
  if (TypeOf(i).ranked()) return TypeOf(i).rank();
  // Diagnostics of a misfit are made by Lacks, which is not const.
  return const_cast<NodeExport*>(this)->Lacks(diag::kTargetRank,
                                              fmt::format("operand {} of {} must have a known rank", i, op().name));
}

std::optional<Dims> NodeExport::StaticDims(const Type& type) const {
  if (!type.is_tensor() || !type.tensor().is_static()) return std::nullopt;
  Dims out;
  for (const Dim& d : type.shape()) out.push_back(d.value());
  return out;
}

Result<Dims> NodeExport::NeedDims(size_t i, std::string_view what) {
  if (auto dims = StaticDims(i)) return *std::move(dims);
  return Lacks(diag::kTargetConstant,
               fmt::format("the sizes of {} of {} must be known when it is written", what, op().name));
}

Result<std::vector<int64_t>> NodeExport::NeedInts(size_t i, std::string_view what) {
  if (auto known = Ints(i)) return *std::move(known);
  return Lacks(diag::kTargetConstant, fmt::format("{} of {} must be known when it is written", what, op().name));
}

std::optional<double> NodeExport::Number(ValueId id) {
  const Tensor* known = Known(id);
  if (known == nullptr || known->size() != 1 || known->dtype() == DType::kString) return std::nullopt;
  return ToF64(*known)[0];
}

Result<double> NodeExport::NeedNumber(size_t i, std::string_view what) {
  if (const auto number = Number(i)) return *number;
  return Lacks(diag::kTargetConstant, fmt::format("{} of {} must be known when it is written", what, op().name));
}

const Node* NodeExport::MakerOf(ValueId id) const {
  if (!id) return nullptr;
  const Value& value = scope_.graph().value(id);
  return value.def ? &scope_.graph().node(value.def) : nullptr;
}

const Node* NodeExport::Maker(ValueId id) const {
  const Node* maker = MakerOf(id);
  return maker != nullptr && scope_.Uses(id) == 1 && maker->parent == node_.parent ? maker : nullptr;
}

const Node* NodeExport::Maker(ValueId id, const OpDef& by) const {
  const Node* maker = Maker(id);
  return maker != nullptr && maker->op == &by ? maker : nullptr;
}

// --- writing

Ref NodeExport::NewTensor(TensorType type) { return exporter_.AddTensor({{}, std::move(type), {}, false}); }

Ref NodeExport::NewVariable(TensorType type) {
  const Ref ref = NewTensor(std::move(type));
  exporter_.MakeVariable(ref);
  return ref;
}

void NodeExport::EmitAs(std::string_view builtin, Refs in, Refs out, OptionList options) {
  WrittenOperator o;
  o.op = builtin;
  o.in = std::move(in);
  o.out = std::move(out);
  o.options = std::move(options);
  written_.push_back(std::move(o));
}

void NodeExport::Emit(std::string_view builtin, Refs in, OptionList options) {
  Refs out;
  for (size_t i = 0; i < n_out(); ++i) out.push_back(Out(i));
  EmitAs(builtin, std::move(in), std::move(out), std::move(options));
}

void NodeExport::EmitTo(size_t i, std::string_view builtin, Refs in, OptionList options) {
  EmitAs(builtin, std::move(in), {Out(i)}, std::move(options));
}

Ref NodeExport::Temp(std::string_view builtin, Refs in, TensorType type, OptionList options) {
  const Ref out = NewTensor(std::move(type));
  EmitAs(builtin, std::move(in), {out}, std::move(options));
  return out;
}

namespace {

// The shape as RESHAPE takes it; nothing where more than one dim is not known.
std::optional<std::vector<int64_t>> ReshapeDims(const Shape& shape) {
  std::vector<int64_t> out;
  size_t unknown = 0;
  bool empty = false;
  for (const Dim& d : shape) {
    unknown += d.is_static() ? 0 : 1;
    empty = empty || (d.is_static() && d.value() == 0);
    out.push_back(d.is_static() ? d.value() : -1);
  }
  if (unknown > 1 || (unknown == 1 && empty)) return std::nullopt;
  return out;
}

}  // namespace

Ref NodeExport::Reshaped(Ref x, const Shape& shape) {
  const TensorType type = TypeOf(x);
  if (type.ranked && type.shape == shape) return x;
  const auto dims = ReshapeDims(shape);
  const Ref out = NewTensor(WithShape(type, shape));
  if (!dims) {
    (void)Lacks(diag::kTargetConstant, fmt::format("a shape of {} has more than one unknown size", op().name));
    failed_ = true;
    return out;
  }
  EmitAs("RESHAPE", {x, I32s(*dims)}, {out}, {{"new_shape", *dims}});
  return out;
}

Status NodeExport::EmitReshapeTo(size_t i, Ref x) {
  const Ref out = Out(i);
  const TensorType type = TypeOf(out);
  const auto dims = type.ranked ? ReshapeDims(type.shape) : std::nullopt;
  if (!dims) {
    return Lacks(diag::kTargetConstant, fmt::format("a shape of {} has more than one unknown size", op().name));
  }
  EmitAs("RESHAPE", {x, I32s(*dims)}, {out}, {{"new_shape", *dims}});
  return Ok{};
}

Activation NodeExport::TakeActivation() {
  activation_taken_ = true;
  return with_.activation;
}

bool NodeExport::Complete() const {
  return !failed_ && !not_quantised_ && (with_.activation == Activation::kNone || activation_taken_);
}

Status NodeExport::FuseInto(size_t i, Activation activation) {
  const ValueId id = Operand(i);
  if (Maker(id) == nullptr || with_.activation != Activation::kNone) return NotThis();
  Together with{activation, with_.result ? with_.result : node_.out[0], with_.quantised};
  std::optional<WrittenGroup> group = exporter_.TryTogether(scope_, scope_.graph().value(id).def, with);
  if (!group) return NotThis();
  for (WrittenOperator& o : *group) written_.push_back(std::move(o));
  return Ok{};
}

Status NodeExport::Quantise(size_t i) {
  const ValueId id = Operand(i);
  if (Maker(id) == nullptr) return NotThis();
  std::optional<WrittenGroup> group =
      exporter_.TryTogether(scope_, scope_.graph().value(id).def, {Activation::kNone, node_.out[0], true});
  if (!group) return NotThis();
  for (WrittenOperator& o : *group) written_.push_back(std::move(o));
  return Ok{};
}

std::vector<ValueId> NodeExport::Captures() const { return godwit::Captures(scope_.graph(), id_); }

Result<int> NodeExport::Body(size_t k, const std::vector<ValueId>& captures) {
  if (k >= node_.regions.size()) return Lacks(diag::kTargetOperator, "a body is missing", targets::Repair::kNone);
  const std::string& label = node_.out.empty() || !node_.out[0] ? "" : scope_.graph().value(node_.out[0]).name;
  return exporter_.Body(scope_, node_.regions[k], captures,
                        fmt::format("{}_body_{}", label.empty() ? op().name : std::string_view(label), k));
}

// --- failures

Diag NodeExport::Lacks(const DiagDef& limit, std::string what, targets::Repair repair) {
  misfit_ = targets::Misfit{&limit, what, {}, repair};
  return Diag(limit, std::move(what));
}

Diag NodeExport::LacksLayout(std::string what) {
  Diag diag = Lacks(diag::kTargetLayout, std::move(what), targets::Repair::kRelayout);
  misfit_.channels_last = true;
  return diag;
}

// i32 for integers that are shown to fit, f32 for f64.
}  // namespace godwit::to_tflite
