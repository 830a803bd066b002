// Tensors of the file that a row names: operands as they are, put in another order, made when the file is written; new
// constants; biases of sums of products.
#include "backends/tflite/node_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/tflite/model_export.h"
#include "exec/kernels/layout.h"
#include "ir/convert.h"
#include "ops/arithmetic.h"

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
  // Small ones are compared with others.
  Dims dims;
  for (const Dim& d : made.type.shape) dims.push_back(d.value());
  if (ElementCount(dims) <= kSharedElements && !std::holds_alternative<Tensor>(made.data)) {
    TRY(made.data, made.Load());
  }
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
    return exporter_.AddTensor({{}, unknown, {}, false});
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

namespace {

/// Constants of one number over and over that are larger are not written.
constexpr int64_t kMostFilled = int64_t{64} << 20;

Tensor AllOf(DType dtype, Dims dims, double value) {
  Tensor t(dtype, std::move(dims));
  const size_t step = ByteSize(dtype);
  for (int64_t k = 0; k < t.size(); ++k) StoreF64(dtype, value, t.mutable_raw() + static_cast<size_t>(k) * step);
  return t;
}

}  // namespace

Ref NodeExport::Number(DType dtype, double value) { return Const(AllOf(dtype, {}, value)); }

Result<Ref> NodeExport::Filled(DType dtype, Dims dims, double value) {
  const auto bytes = CheckedByteSize(dtype, dims);
  if (!bytes.ok() || *bytes > kMostFilled) {
    return Lacks(diag::kTargetConstant, "what it begins with is too large to be written as a constant");
  }
  return Const(AllOf(dtype, std::move(dims), value));
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

Result<Ref> NodeExport::ZeroBias(Ref x, Ref w, int64_t channels) {
  if (!with_.quantised) return Filled(TypeOf(x).dtype, {channels}, 0);
  const DType dtype = TypeOf(x).dtype == DType::kI16 ? DType::kI64 : DType::kI32;
  if (channels > kMostFilled / 8) return Filled(dtype, {channels}, 0);
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

Ref NodeExport::Turned(Ref x, const std::vector<int64_t>& perm) {
  if (IsIdentity(perm)) return x;
  TensorType type = TypeOf(x);
  const Shape shape = type.shape;
  for (size_t k = 0; k < perm.size(); ++k) type.shape[k] = shape[static_cast<size_t>(perm[k])];
  type.quant = TurnedQuant(type.quant, perm);
  return Temp("TRANSPOSE", {x, I32s(perm)}, std::move(type));
}

}  // namespace godwit::to_tflite
