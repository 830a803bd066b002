#include "frontends/tflite/op_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/diag_tflite_import.h"
#include "base/text.h"
#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/tensor_import.h"
#include "ir/convert.h"
#include "ops/arithmetic.h"

namespace godwit::from_tflite {

OpImport::OpImport(GraphImport& importer, const tflite::Operator& op, Numbers numbers)
    : importer_(importer),
      op_(op),
      name_(importer.model().OperatorNameOf(op)),
      options_(importer.model().OptionsFor(op)),
      numbers_(numbers) {
  if (numbers == Numbers::kStored) return;
  bool activations = false, weights = false;
  for (size_t i = 0; i < n_in(); ++i) {
    if (!Quantised(i)) continue;
    (importer.IsConstant(op.inputs[i]) ? weights : activations) = true;
  }
  for (size_t i = 0; i < n_out(); ++i) activations = activations || (Wants(i) && IsQuantised(OutTensor(i)));
  if (activations) {
    arithmetic_ = ops::kLitert;
  } else if (weights && numbers == Numbers::kHybrid) {
    const bool asymmetric = options_.Has("asymmetric_quantize_inputs") && Flag("asymmetric_quantize_inputs");
    arithmetic_ = asymmetric ? ops::kLitertHybridAsymmetric : ops::kLitertHybrid;
  }
}

namespace {
const tflite::Tensor kNoTensor;
}  // namespace

const tflite::Tensor& OpImport::InTensor(size_t i) const {
  return Has(i) ? importer_.subgraph().tensors[static_cast<size_t>(op_.inputs[i])] : kNoTensor;
}
const tflite::Tensor& OpImport::OutTensor(size_t i) const {
  return Wants(i) ? importer_.subgraph().tensors[static_cast<size_t>(op_.outputs[i])] : kNoTensor;
}

bool OpImport::Quantised(size_t i) const { return Has(i) && IsQuantised(InTensor(i)); }

bool OpImport::OneScale(const std::vector<size_t>& ins, bool with_result) const {
  std::vector<const tflite::Tensor*> tensors;
  for (const size_t i : ins) tensors.push_back(&InTensor(i));
  if (with_result) tensors.push_back(&OutTensor(0));
  const auto first = WholeQuant(*tensors[0]);
  for (const tflite::Tensor* t : tensors) {
    const auto q = WholeQuant(*t);
    if ((q == nullptr) != (first == nullptr) || (q != nullptr && !(*q == *first))) return false;
    if (q == nullptr && IsQuantised(*t)) return false;
  }
  return true;
}

ValueId OpImport::In(size_t i) { return numbers_ == Numbers::kStored ? Stored(i) : Real(i); }

ValueId OpImport::Stored(size_t i) {
  if (!ok()) return {};
  if (!Has(i)) return Fail(Diag(diag::kTfliteInput, fmt::format("{} needs its input {}", name_, i)));
  auto value = importer_.ValueOf(op_.inputs[i]);
  if (!value.ok()) return Fail(std::move(value.diag()));
  return *value;
}

ValueId OpImport::Real(size_t i) {
  if (!ok()) return {};
  if (!Has(i)) return Fail(Diag(diag::kTfliteInput, fmt::format("{} needs its input {}", name_, i)));
  return RealTensor(op_.inputs[i]);
}

Attrs OpImport::Marked(Attrs attrs) const {
  if (!arithmetic_.empty()) attrs.Set(ops::kArithmetic, std::string(arithmetic_));
  return attrs;
}

OpImport::Grain OpImport::GrainOf(const tflite::Tensor& tensor) {
  Grain out;
  const tflite::Quantization& q = *tensor.quantization;
  const DType dtype = ToDType(tensor.type);
  using Details = tflite::Quantization::Details;
  if (q.details == Details::kCustom) {
    Unsupported(fmt::format("tensor '{}' has a quantisation of its own making", tensor.name));
    return out;
  }
  if (q.details != Details::kNone) {
    auto scale = importer_.ValueOf(q.scales);
    if (!scale.ok()) {
      Fail(std::move(scale.diag()));
      return out;
    }
    out.scale = *scale;
    if (q.zero_points >= 0) {
      auto zero = importer_.ValueOf(q.zero_points);
      if (!zero.ok()) {
        Fail(std::move(zero.diag()));
        return out;
      }
      out.zero = Cast(*zero, dtype);
    }
    const Type& type = TypeOf(out.scale);
    const auto& shape = tensor.shape;
    if (q.block_size > 0) {
      // The dim along which there are fewer scales than elements.
      if (!type.ranked() || type.rank() != static_cast<int>(shape.size())) {
        Unsupported(fmt::format("tensor '{}' has scales of another rank", tensor.name));
        return out;
      }
      out.block = q.block_size;
      for (size_t k = 0; k < shape.size(); ++k) {
        if (!(type.shape()[k] == Dim(shape[k]))) out.axis = static_cast<int64_t>(k);
      }
    } else if (q.quantized_dimensions.size() == 1) {
      out.axis = q.quantized_dimensions[0];
    } else {
      Unsupported(fmt::format("tensor '{}' has scales along several dims", tensor.name));
    }
    return out;
  }
  const size_t n = q.scale.size();
  const bool whole = n == 1;
  const auto count = static_cast<int64_t>(n);
  out.axis = q.quantized_dimension;
  out.scale =
      builder().Constant(Tensor::F32(whole ? godwit::Dims{} : godwit::Dims{count}, {q.scale.begin(), q.scale.end()}));
  bool any = false;
  for (const int64_t z : q.zero_point) {
    any = any || z != 0;
    if (z < IntMin(dtype) || z > IntMax(dtype)) {
      Fail(Diag(diag::kTfliteTensor, fmt::format("zero point {} is not one of {}", z, Name(dtype))));
      return out;
    }
  }
  if (any) {
    auto zeros = Tensor::Make(dtype, whole ? godwit::Dims{} : godwit::Dims{count});
    if (!zeros.ok()) {
      Fail(std::move(zeros.diag()));
      return out;
    }
    for (size_t k = 0; k < n; ++k) {
      StoreI64(dtype, q.zero_point[q.zero_point.size() == 1 ? 0 : k], zeros->mutable_raw() + k * ByteSize(dtype));
    }
    out.zero = builder().Constant(*std::move(zeros));
  }
  return out;
}

ValueId OpImport::RealTensor(int32_t index, bool any_integer) {
  if (!ok()) return {};
  for (const auto& [tensor, value] : real_) {
    if (tensor == index) return value;
  }
  auto stored = importer_.ValueOf(index);
  if (!stored.ok()) return Fail(std::move(stored.diag()));
  const tflite::Tensor& tensor = importer_.subgraph().tensors[static_cast<size_t>(index)];
  if (!IsQuantised(tensor) && !(any_integer && HasScale(tensor))) return *stored;
  const Grain grain = GrainOf(tensor);
  std::vector<ValueId> in{*stored, grain.scale};
  if (grain.zero) in.push_back(grain.zero);
  Attrs attrs{{"to", DType::kF32}};
  if (grain.axis != 1) attrs.Set("axis", grain.axis);
  if (grain.block > 0) attrs.Set("block", grain.block);
  const ValueId real = Emit(ops::kDequantize, std::move(in), Marked(std::move(attrs)));
  real_.emplace_back(index, real);
  return real;
}

ValueId OpImport::Bias(size_t i, size_t x, size_t w) {
  if (!Has(i)) return {};
  const ValueId stored = Stored(i);
  if (!ok() || !IsInteger(DtypeOf(stored))) return stored;
  if (!Quantised(x) || !Quantised(w)) return Fail(Diag(diag::kTfliteTensor, "an integer bias of real numbers"));
  const tflite::Quantization& qx = *InTensor(x).quantization;
  const tflite::Quantization& qw = *InTensor(w).quantization;
  if (qx.scale.empty() || qw.scale.empty()) return Unsupported("an integer bias of products with scales by block");
  // As the kernels have it: the sum is in units of the product of both scales.
  std::vector<float> scales;
  for (const float s : qw.scale) scales.push_back(qx.scale[0] * s);
  const bool whole = scales.size() == 1;
  const ValueId scale = builder().Constant(
      Tensor::F32(whole ? godwit::Dims{} : godwit::Dims{static_cast<int64_t>(scales.size())}, scales));
  return Emit(ops::kDequantize, {stored, scale}, Marked({{"to", DType::kF32}, {"axis", int64_t{0}}}));
}

ValueId OpImport::Quantized(ValueId real, const tflite::Tensor& as) {
  if (!ok()) return {};
  const Grain grain = GrainOf(as);
  std::vector<ValueId> in{real, grain.scale};
  if (grain.zero) in.push_back(grain.zero);
  Attrs attrs{{"to", ToDType(as.type)}, {"rounding", std::string("away")}};
  if (grain.axis != 1) attrs.Set("axis", grain.axis);
  return Emit(ops::kQuantize, std::move(in), Marked(std::move(attrs)));
}

void OpImport::Out(size_t i, ValueId value) {
  if (!ok() || !Wants(i) || !value) return;
  const tflite::Tensor& tensor = OutTensor(i);
  const DType have = DtypeOf(value), want = ToDType(tensor.type);
  if (IsQuantised(tensor) && IsFloat(have)) {
    value = Quantized(value, tensor);
  } else if (have != want && have != DType::kNone && want != DType::kNone) {
    value = Cast(value, want);
  }
  if (ok()) importer_.Bind(op_.outputs[i], value);
}

const Type& OpImport::TypeOf(ValueId v) const {
  static const Type unknown;
  return v ? importer_.builder().TypeOf(v) : unknown;
}

int OpImport::Rank(ValueId v) {
  if (!ok()) return -1;
  const Type& type = TypeOf(v);
  if (type.ranked()) return type.rank();
  Fail(Diag(diag::kTfliteRank, fmt::format("{} must know the rank of an operand, and nothing states it", name_)));
  return -1;
}

int64_t OpImport::DimOf(ValueId v, int axis) {
  const int rank = Rank(v);
  if (rank < 0) return 1;
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) {
    Fail(Diag(diag::kTfliteTensor, fmt::format("{} of an operand of rank {}", name_, rank)));
    return 1;
  }
  const Dim& d = TypeOf(v).shape()[static_cast<size_t>(axis)];
  if (d.is_static()) return d.value();
  Fail(Diag(diag::kTfliteRank, fmt::format("{} must know dim {} of an operand, which is {}", name_, axis, d.ToString()))
           .Hint("fix the shapes of the model's inputs, for example --shape input=1,224,224,3"));
  return 1;
}

std::vector<int64_t> OpImport::Dims(ValueId v) {
  std::vector<int64_t> out;
  const int rank = Rank(v);
  for (int k = 0; k < rank && ok(); ++k) out.push_back(DimOf(v, k));
  return out;
}

std::optional<std::vector<int64_t>> OpImport::KnownInts(ValueId v) {
  if (!ok() || !v) return std::nullopt;
  auto contents = builder().inference().Contents(v);
  std::vector<int64_t> out;
  if (const Tensor* t = contents ? nullptr : KnownTensor(v); t != nullptr && IsInteger(t->dtype())) {
    for (int64_t k = 0; k < t->size(); ++k) {
      out.push_back(LoadI64(t->dtype(), t->raw() + static_cast<size_t>(k) * ByteSize(t->dtype())));
    }
    return out;
  }
  if (!contents) return std::nullopt;
  for (const Dim& d : *contents) {
    if (!d.is_static()) return std::nullopt;
    out.push_back(d.value());
  }
  return out;
}

std::vector<int64_t> OpImport::ConstInts(size_t i) {
  const ValueId v = Stored(i);
  if (!ok()) return {};
  if (auto known = KnownInts(v)) return *std::move(known);
  Unsupported(fmt::format("input {} must be constant", i));
  return {};
}

const Tensor* OpImport::KnownTensor(ValueId v) { return ok() && v ? builder().inference().Const(v) : nullptr; }

Builder& OpImport::builder() { return importer_.builder(); }

ValueId OpImport::Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs) {
  const std::vector<ValueId> out = EmitN(op, std::move(in), 1, std::move(attrs));
  return out[0];
}

std::vector<ValueId> OpImport::EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs) {
  if (ok()) {
    auto out = builder().EmitN(op, std::move(in), n_out, std::move(attrs));
    if (out.ok()) return *std::move(out);
    Fail(std::move(out.diag()));
  }
  return std::vector<ValueId>(std::max<size_t>(n_out, 1));
}

ValueId OpImport::Number(ValueId like, double value) {
  return ok() ? builder().Scalar(DtypeOf(like), value) : ValueId();
}

ValueId OpImport::Cast(ValueId x, DType to) {
  if (!ok() || DtypeOf(x) == to) return x;
  return Emit(ops::kCast, {x}, {{"to", to}});
}

ValueId OpImport::Activate(ValueId x) {
  if (!ok()) return {};
  using Activation = tflite::ActivationFunctionType;
  switch (options_.Enum<Activation>("fused_activation_function")) {
    case Activation::kNone: return x;
    case Activation::kRelu: return Emit(ops::kRelu, {x});
    case Activation::kReluN1To1: return Clip(x, -1, 1);
    case Activation::kRelu6: return Clip(x, 0, 6);
    case Activation::kTanh: return Emit(ops::kTanh, {x});
    case Activation::kSignBit: return Cast(Emit(ops::kLess, {x, Number(x, 0)}), DtypeOf(x));
  }
  return BadOption("fused_activation_function",
                   fmt::format("{} is not an activation", Int("fused_activation_function")));
}

ValueId OpImport::ActivateStored(ValueId x) {
  if (!ok()) return {};
  const auto quant = WholeQuant(OutTensor(0));
  if (quant == nullptr) return Activate(x);
  using Activation = tflite::ActivationFunctionType;
  const double scale = quant->scales[0];
  const double zero = quant->zero_points.empty() ? 0 : static_cast<double>(quant->zero_points[0]);
  const DType dtype = ToDType(OutTensor(0).type);
  const double least = static_cast<double>(IntMin(dtype)), most = static_cast<double>(IntMax(dtype));
  const auto stored = [&](double real) { return std::clamp(zero + std::round(real / scale), least, most); };
  switch (options_.Enum<Activation>("fused_activation_function")) {
    case Activation::kNone: return x;
    case Activation::kRelu: return Clip(x, stored(0), most);
    case Activation::kReluN1To1: return Clip(x, stored(-1), stored(1));
    case Activation::kRelu6: return Clip(x, stored(0), stored(6));
    default: return Unsupported("this activation of quantised elements");
  }
}

ValueId OpImport::Fail(Diag diag) {
  if (ok()) failure_ = std::make_unique<Diag>(std::move(diag));
  return {};
}

ValueId OpImport::Unsupported(std::string why) {
  return Fail(Diag(diag::kTfliteUnsupported, Concat(name_, ": ", why)));
}

ValueId OpImport::BadOption(std::string_view field, std::string what) {
  return Fail(Diag(diag::kTfliteOption, fmt::format("option '{}': {}", field, what)));
}

Status OpImport::status() {
  if (failure_) return std::move(failure_);
  return Ok{};
}

void OpImport::Warn(Diag diag) { importer_.Report(op_, std::move(diag).As(Severity::kWarning)); }

}  // namespace godwit::from_tflite
