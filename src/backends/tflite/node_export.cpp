#include "backends/tflite/node_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/tflite/model_export.h"
#include "backends/tflite/row.h"
#include "base/text.h"
#include "exec/kernels/layout.h"
#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/arithmetic.h"
#include "passes/legalise/exact.h"
#include "passes/legalise/ranges.h"

namespace godwit::to_tflite {

namespace {

bool FitsI32(int64_t v) { return v >= std::numeric_limits<int32_t>::min() && v <= std::numeric_limits<int32_t>::max(); }

Result<Tensor> TurnedTensor(const Tensor& x, const std::vector<int64_t>& perm) {
  Dims dims;
  for (const int64_t p : perm) dims.push_back(x.dim(static_cast<int>(p)));
  TRY(Tensor y, Tensor::Make(x.dtype(), std::move(dims)));
  const std::vector<int> order(perm.begin(), perm.end());
  if (x.size() > 0 &&
      !kernels::Transpose(x.raw(), x.dims(), order, static_cast<int>(ByteSize(x.dtype())), y.mutable_raw())) {
    return Diag(diag::kTargetDtype, fmt::format("{} cannot be put in another order", Name(x.dtype())));
  }
  return y;
}

bool IsIdentity(const std::vector<int64_t>& perm) {
  for (size_t k = 0; k < perm.size(); ++k) {
    if (perm[k] != static_cast<int64_t>(k)) return false;
  }
  return true;
}

std::shared_ptr<const Quant> TurnedQuant(const std::shared_ptr<const Quant>& quant, const std::vector<int64_t>& perm) {
  if (quant == nullptr || quant->axis < 0) return quant;
  Quant out = *quant;
  out.axis = static_cast<int>(std::find(perm.begin(), perm.end(), quant->axis) - perm.begin());
  return std::make_shared<const Quant>(std::move(out));
}

}  // namespace

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
  Diag diag = Lacks(diag::kTargetConstant,
                    fmt::format("the sizes of {} of {} must be known when it is written", what, op().name));
  misfit_.hint = "fix the sizes of the model's inputs: --shape";
  return diag;
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

// --- tensors

// The integers behind a number, where the node is written between integers.
ValueId NodeExport::Integers(ValueId id) {
  if (id && id == hybrid_) return MakerOf(id)->in[0];
  if (!with_.quantised || !id || !IsFloat(TypeOf(id).dtype())) return id;
  const Node* maker = MakerOf(id);
  if (maker != nullptr && maker->op == &ops::kDequantize) {
    const std::shared_ptr<const Quant> quant = QuantOf(scope_, *maker);
    if (quant != nullptr && MeansTheSame(maker->in[0], *quant)) return maker->in[0];
  }
  not_quantised_ = true;
  return id;
}

bool NodeExport::FlatInputs() const { return exporter_.profile().gpu; }

bool NodeExport::MeansTheSame(ValueId integers, const Quant& quant) const {
  const std::shared_ptr<const Quant> noted = exporter_.QuantOfValue(scope_, integers);
  return noted != nullptr && SameQuant(*noted, quant);
}

bool NodeExport::TakeHybrid(ValueId weight, bool* asymmetric) {
  const Node* maker = MakerOf(weight);
  if (with_.quantised || maker == nullptr || maker->op != &ops::kDequantize) return false;
  const std::string_view mark = maker->attrs.Str(ops::kArithmetic);
  if (mark != ops::kLitertHybrid && mark != ops::kLitertHybridAsymmetric) return false;
  const std::shared_ptr<const Quant> quant = QuantOf(scope_, *maker);
  if (quant == nullptr || !MeansTheSame(maker->in[0], *quant)) return false;
  hybrid_ = weight;
  *asymmetric = mark == ops::kLitertHybridAsymmetric;
  return true;
}

Ref NodeExport::Of(ValueId id) {
  if (!id) return {};
  id = Integers(id);
  exporter_.legaliser().Want(scope_, id);
  return exporter_.RefOf(scope_, id);
}

Refs NodeExport::Ins() {
  Refs refs;
  for (size_t i = 0; i < n_in(); ++i) refs.push_back(In(i));
  while (!refs.empty() && !refs.back().valid()) refs.pop_back();
  return refs;
}

Result<Ref> NodeExport::InMade(ValueId id, TensorType type, WeightRecipe recipe) {
  id = Integers(id);
  if (!scope_.graph().IsConstant(id)) {
    return Lacks(diag::kTargetConstant, fmt::format("an operand of {} must be a constant", op().name));
  }
  const Constant& from = scope_.graph().constant(scope_.graph().value(id).constant);
  const std::shared_ptr<const Quant> quant = type.quant;
  TRY(Constant made, LazyWeight(type, {from}, std::move(recipe)));
  made.type.quant = quant;
  const Tensor* contents = std::get_if<Tensor>(&made.data);
  const Tensor held = contents == nullptr ? Tensor() : *contents;
  const Ref ref = exporter_.AddConstant(std::move(made), contents == nullptr ? nullptr : &held);
  exporter_.Name(ref, scope_.graph().value(id).name);
  return ref;
}

Ref NodeExport::OfTurned(ValueId id, const std::vector<int64_t>& perm) {
  if (IsIdentity(perm)) return Of(id);
  const ValueId ints = Integers(id);
  if (!scope_.graph().IsConstant(ints)) return Turned(Of(id), perm);
  TensorType type = scope_.TypeOf(ints).tensor();
  const Shape shape = type.shape;
  for (size_t k = 0; k < perm.size(); ++k) type.shape[k] = shape[static_cast<size_t>(perm[k])];
  type.quant = TurnedQuant(exporter_.QuantOfValue(scope_, ints), perm);
  auto made = InMade(id, std::move(type),
                     [perm](const std::vector<Tensor>& in) -> Result<Tensor> { return TurnedTensor(in[0], perm); });
  return made.ok() ? *made : Turned(Of(id), perm);
}

Ref NodeExport::WeightsWithHeight(size_t i, const std::vector<int64_t>& perm) {
  const ValueId ints = Integers(Operand(i));
  TensorType type = scope_.TypeOf(ints).tensor();
  const Shape shape = type.shape;
  type.shape.clear();
  for (const int64_t p : perm) type.shape.push_back(shape[static_cast<size_t>(p)]);
  type.shape.insert(type.shape.begin() + 1, Dim(1));
  if (!scope_.graph().IsConstant(ints)) return Reshaped(OfTurned(Operand(i), perm), type.shape);
  type.quant = TurnedQuant(exporter_.QuantOfValue(scope_, ints), perm);
  if (type.quant != nullptr && type.quant->axis > 0) {
    Quant moved = *type.quant;
    ++moved.axis;
    type.quant = std::make_shared<const Quant>(std::move(moved));
  }
  auto made = InMade(Operand(i), std::move(type), [perm](const std::vector<Tensor>& in) -> Result<Tensor> {
    TRY(const Tensor turned, TurnedTensor(in[0], perm));
    Dims dims = turned.dims();
    dims.insert(dims.begin() + 1, 1);
    return turned.Reshaped(std::move(dims));
  });
  if (!made.ok()) failed_ = true;
  return made.ok() ? *made : NewTensor(TensorType(DType::kF32));
}

Result<Ref> NodeExport::OfI32(ValueId id) {
  if (TypeOf(id).dtype() == DType::kI32) return Of(id);
  const std::optional<std::vector<int64_t>> known = Ints(id);
  if (!known) {
    TensorType type = TypeOf(id).tensor();
    type.dtype = DType::kI32;
    return Temp("CAST", {Of(id)}, type, {{"in_data_type", TypeOf(id).dtype()}, {"out_data_type", DType::kI32}});
  }
  if (!std::all_of(known->begin(), known->end(), FitsI32)) {
    return Lacks(diag::kTargetConstant, fmt::format("a number of {} does not fit into 32 bits", op().name));
  }
  const std::vector<int32_t> values(known->begin(), known->end());
  const bool scalar = TypeOf(id).ranked() && TypeOf(id).rank() == 0;
  return Const(Tensor::Of<int32_t>(DType::kI32, scalar ? Dims{} : Dims{static_cast<int64_t>(values.size())},
                                   std::span<const int32_t>(values)));
}

bool NodeExport::Wants(size_t i) const { return i < n_out() && node_.out[i] && scope_.wanted[node_.out[i].index]; }

Ref NodeExport::Out(size_t i) {
  if (i == 0 && with_.result) return exporter_.RefOf(scope_, with_.result);
  if (i >= n_out() || !node_.out[i]) {
    TensorType unknown(DType::kF32);
    return exporter_.AddTensor({std::string(op().name), unknown, {}, false});
  }
  return exporter_.RefOf(scope_, node_.out[i]);
}

const TensorType& NodeExport::TypeOf(Ref ref) const { return exporter_.tensor(ref).type; }

Ref NodeExport::Const(Tensor tensor) {
  Constant constant{tensor.type(), tensor};
  return exporter_.AddConstant(std::move(constant), &tensor);
}

Ref NodeExport::I32s(const std::vector<int64_t>& values) {
  std::vector<int32_t> narrow;
  for (const int64_t v : values) {
    narrow.push_back(static_cast<int32_t>(
        std::clamp<int64_t>(v, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max())));
  }
  return Const(
      Tensor::Of<int32_t>(DType::kI32, {static_cast<int64_t>(narrow.size())}, std::span<const int32_t>(narrow)));
}

Ref NodeExport::ScalarI32(int64_t value) { return Number(DType::kI32, static_cast<double>(value)); }

Ref NodeExport::Number(DType dtype, double value) { return Filled(dtype, {}, value); }

Ref NodeExport::Filled(DType dtype, Dims dims, double value) {
  Tensor t(dtype, std::move(dims));
  const size_t step = ByteSize(dtype);
  for (int64_t k = 0; k < t.size(); ++k) StoreF64(dtype, value, t.mutable_raw() + static_cast<size_t>(k) * step);
  return Const(std::move(t));
}

// --- sums of products

namespace {

// The scales of x * w, channel by channel of w.
std::shared_ptr<const Quant> ProductQuant(const TensorType& x, const TensorType& w) {
  if (x.quant == nullptr || w.quant == nullptr || x.quant->scales.size() != 1) return nullptr;
  Quant out;
  for (const double s : w.quant->scales) {
    out.scales.push_back(static_cast<double>(static_cast<float>(x.quant->scales[0]) * static_cast<float>(s)));
  }
  out.zero_points.assign(out.scales.size(), 0);
  out.axis = out.scales.size() > 1 ? 0 : -1;
  return std::make_shared<const Quant>(std::move(out));
}

}  // namespace

Ref NodeExport::ZeroBias(Ref x, Ref w, int64_t channels) {
  if (!with_.quantised) return Filled(TypeOf(x).dtype, {channels}, 0);
  const DType dtype = TypeOf(x).dtype == DType::kI16 ? DType::kI64 : DType::kI32;
  Tensor zeros(dtype, {channels});
  std::fill_n(zeros.mutable_raw(), zeros.bytes(), std::byte{0});
  Constant constant{zeros.type(), zeros};
  constant.type.quant = ProductQuant(TypeOf(x), TypeOf(w));
  return exporter_.AddConstant(std::move(constant), nullptr);
}

Result<Ref> NodeExport::Bias(ValueId id, Ref x, Ref w, int64_t channels) {
  if (!id) return ZeroBias(x, w, channels);
  const Node* maker = MakerOf(id);
  if (!with_.quantised || (maker != nullptr && maker->op == &ops::kDequantize)) return Of(id);
  // A bias in numbers becomes integers of the sum's scale.
  const Tensor* known = Known(id);
  const std::shared_ptr<const Quant> quant = ProductQuant(TypeOf(x), TypeOf(w));
  if (known == nullptr || quant == nullptr) return NotThis();
  const std::vector<double> values = ToF64(*known);
  Tensor ints(DType::kI32, {static_cast<int64_t>(values.size())});
  for (size_t k = 0; k < values.size(); ++k) {
    const double v = std::nearbyint(values[k] / quant->scales[quant->scales.size() == 1 ? 0 : k]);
    if (!(std::abs(v) < 2147483647.0)) return NotThis();
    ints.mutable_data<int32_t>()[k] = static_cast<int32_t>(v);
  }
  Constant constant{ints.type(), ints};
  constant.type.quant = quant;
  return exporter_.AddConstant(std::move(constant), nullptr);
}

// --- writing

Ref NodeExport::NewTensor(TensorType type) {
  std::string name;
  if (n_out() > 0 && node_.out[0]) name = scope_.graph().value(node_.out[0]).name;
  name = Concat(name.empty() ? op().name : std::string_view(name), "_part");
  return exporter_.AddTensor({std::move(name), std::move(type), {}, false});
}

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

Ref NodeExport::Turned(Ref x, const std::vector<int64_t>& perm) {
  if (IsIdentity(perm)) return x;
  TensorType type = TypeOf(x);
  const Shape shape = type.shape;
  for (size_t k = 0; k < perm.size(); ++k) type.shape[k] = shape[static_cast<size_t>(perm[k])];
  type.quant = TurnedQuant(type.quant, perm);
  return Temp("TRANSPOSE", {x, I32s(perm)}, std::move(type));
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
DType NodeExport::Narrower(size_t i, TypeSet takes, bool* lossy) {
  const DType from = DtypeOf(i);
  if (from == DType::kF64 && takes.Has(DType::kF32)) {
    *lossy = true;
    return DType::kF32;
  }
  if (from != DType::kI64 || !takes.Has(DType::kI32)) return DType::kNone;
  for (const std::vector<ValueId>* list : {&node_.in, &node_.out}) {
    for (const ValueId v : *list) {
      if (v && TypeOf(v).dtype() == from && !FitsI32(scope_, v)) return DType::kNone;
    }
  }
  return DType::kI32;
}

std::optional<targets::Misfit> NodeExport::CheckWritten() {
  if (!Complete()) {
    if (misfit_.limit != nullptr) return misfit_;
    return targets::Misfit{&diag::kDefect, {}, {}, targets::Repair::kNone};
  }
  for (WrittenOperator& o : written_) {
    if (o.custom) {
      if (exporter_.profile().allow_custom.contains(std::string(o.op))) continue;
      return targets::Misfit{&diag::kTargetOperator, fmt::format("{} is a custom operator", o.op),
                             Concat("--allow-custom ", o.op), targets::Repair::kDecompose};
    }
    targets::TfliteUse use;
    use.op = o.op;
    for (const Ref ref : o.in) {
      if (!ref.valid()) {
        use.in.push_back({});
      } else {
        const WrittenTensor& t = exporter_.tensor(ref);
        use.in.push_back({&t.type, t.constant.has_value()});
      }
    }
    for (const Ref ref : o.out) use.out.push_back({&TypeOf(ref), false});
    use.option = [&](std::string_view name) -> std::optional<double> { return NumberOf(o, name); };
    targets::TfliteFit fit = targets::FitTflite(use, exporter_.profile());
    if (fit.version > 0) {
      o.version = fit.version;
      o.since = fit.since;
      continue;
    }
    if (fit.misfit.repair == targets::Repair::kCast) {
      const Ref bad = o.in[fit.misfit.operand];
      fit.misfit.repair = targets::Repair::kDecompose;
      for (size_t k = 0; k < n_in() && &op() != &ops::kCast && !with_.quantised; ++k) {
        if (!Has(k) || !TypeOf(k).is_tensor() || exporter_.RefOf(scope_, node_.in[k]) != bad) continue;
        fit.misfit.cast_to = targets::WiderType(DtypeOf(k), fit.takes, ExactInFloat(op()));
        if (fit.misfit.cast_to == DType::kNone) fit.misfit.cast_to = Narrower(k, fit.takes, &fit.misfit.lossy);
        if (fit.misfit.cast_to == DType::kNone) break;
        fit.misfit.repair = targets::Repair::kCast;
        fit.misfit.operand = k;
        break;
      }
    }
    return fit.misfit;
  }
  return std::nullopt;
}

}  // namespace godwit::to_tflite
