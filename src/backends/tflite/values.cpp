#include "backends/tflite/values.h"

#include <algorithm>

#include "backends/constant_payload.h"
#include "base/text.h"
#include "ir/stored_elements.h"

namespace godwit::to_tflite {

namespace {

tflite::BuiltinOperator CodeOf(std::string_view name) {
  auto code = tflite::BuiltinOperator::kCustom;
  (void)tflite::FindOperator(name, &code);
  return code;
}

// The count, where each text begins, where the last one ends, then the texts.
std::vector<std::byte> PackTexts(const Tensor& tensor) {
  std::vector<int32_t> head = {static_cast<int32_t>(tensor.size())};
  std::string texts;
  const size_t first = 4 * (static_cast<size_t>(tensor.size()) + 2);
  for (const StringRef s : tensor.span<StringRef>()) {
    head.push_back(static_cast<int32_t>(first + texts.size()));
    texts += *s;
  }
  head.push_back(static_cast<int32_t>(first + texts.size()));
  const auto* bytes = reinterpret_cast<const std::byte*>(head.data());
  std::vector<std::byte> out(bytes, bytes + head.size() * sizeof(int32_t));
  const auto* rest = reinterpret_cast<const std::byte*>(texts.data());
  out.insert(out.end(), rest, rest + texts.size());
  return out;
}

}  // namespace

std::optional<tflite::TensorType> ToTensorType(DType dtype) {
  using enum tflite::TensorType;
  switch (dtype) {
    case DType::kF64: return kFloat64;
    case DType::kF32: return kFloat32;
    case DType::kF16: return kFloat16;
    case DType::kBF16: return kBfloat16;
    case DType::kF8E4M3FN: return kFloat8E4m3fn;
    case DType::kF8E5M2: return kFloat8E5m2;
    case DType::kI64: return kInt64;
    case DType::kI32: return kInt32;
    case DType::kI16: return kInt16;
    case DType::kI8: return kInt8;
    case DType::kI4: return kInt4;
    case DType::kI2: return kInt2;
    case DType::kU64: return kUint64;
    case DType::kU32: return kUint32;
    case DType::kU16: return kUint16;
    case DType::kU8: return kUint8;
    case DType::kU4: return kUint4;
    case DType::kBool: return kBool;
    case DType::kC64: return kComplex64;
    case DType::kC128: return kComplex128;
    case DType::kString: return kString;
    default: return std::nullopt;
  }
}

namespace {

int NumberOf(DType dtype) { return static_cast<int>(ToTensorType(dtype).value_or(tflite::TensorType::kFloat32)); }

}  // namespace

std::optional<double> NumberOf(const WrittenOperator& op, std::string_view field) {
  const tflite::TableDef* table = tflite::OptionsOf(CodeOf(op.op));
  if (table == nullptr) return std::nullopt;
  const auto def = std::find_if(table->fields.begin(), table->fields.end(),
                                [&](const tflite::FieldDef& f) { return f.name == field; });
  if (def == table->fields.end()) return std::nullopt;
  double number = static_cast<double>(def->fallback);
  for (const auto& [name, value] : op.options.items()) {
    if (name != field) continue;
    switch (value.kind) {
      case OptionValue::Kind::kInt: number = static_cast<double>(value.i); break;
      case OptionValue::Kind::kFloat: number = value.f; break;
      case OptionValue::Kind::kDType: number = NumberOf(value.dtype); break;
      case OptionValue::Kind::kInts:
      case OptionValue::Kind::kText: break;
    }
  }
  return number;
}

tflite::Options ToOptions(const WrittenOperator& op, tflite::ModelArena* arena) {
  const tflite::TableDef* table = op.custom ? nullptr : tflite::OptionsOf(CodeOf(op.op));
  if (table == nullptr) return {};
  tflite::OptionsSetter set(arena, table);
  for (const auto& [field, value] : op.options.items()) {
    switch (value.kind) {
      case OptionValue::Kind::kInt: set.Int(field, value.i); break;
      case OptionValue::Kind::kFloat: set.Float(field, static_cast<float>(value.f)); break;
      case OptionValue::Kind::kDType: set.Int(field, NumberOf(value.dtype)); break;
      case OptionValue::Kind::kInts: set.Ints(field, value.ints); break;
      case OptionValue::Kind::kText: set.Text(field, value.text); break;
    }
  }
  return set.options();
}

const tflite::Quantization* ToQuantization(const Quant* quant, tflite::ModelArena* arena) {
  if (quant == nullptr || quant->scales.empty() || quant->block != 0) return nullptr;
  tflite::Quantization out;
  const std::vector<float> scales(quant->scales.begin(), quant->scales.end());
  std::vector<int64_t> zeros = quant->zero_points;
  zeros.resize(scales.size(), 0);
  out.scale = arena->Array(scales);
  out.zero_point = arena->Array(zeros);
  out.quantized_dimension = std::max(quant->axis, 0);
  return arena->One(out);
}

Result<tflite::Buffer> ToBuffer(const Constant& constant, std::vector<std::shared_ptr<const void>>* keep) {
  tflite::Buffer out;
  if (constant.type.dtype == DType::kString) {
    TRY(const Tensor tensor, constant.Load());
    auto bytes = std::make_shared<const std::vector<std::byte>>(PackTexts(tensor));
    out.bytes = *bytes;
    keep->push_back(std::move(bytes));
    return out;
  }
  auto payload = std::make_shared<const ConstantPayload>(constant);
  out.payload = payload.get();
  keep->push_back(std::move(payload));
  return out;
}

}  // namespace godwit::to_tflite
