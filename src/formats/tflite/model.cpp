#include "formats/tflite/model.h"

namespace godwit::tflite {

int64_t IndexVector::operator[](size_t k) const {
  const std::byte* at = bytes.data() + k * width();
  switch (kind) {
    case Kind::kInt32: return LoadLe<int32_t>(at);
    case Kind::kUint16: return LoadLe<uint16_t>(at);
    default: return LoadLe<uint8_t>(at);
  }
}

Options Model::OptionsFor(const Operator& op) const {
  const TableDef* own = OptionsOf(CodeOf(op).code);
  return op.options.table() == own ? op.options : Options(own);
}

std::string Model::OperatorNameOf(const Operator& op) const {
  const OperatorCode& code = CodeOf(op);
  if (code.code == BuiltinOperator::kCustom) return std::string(code.custom_code);
  const std::string_view name = OperatorName(code.code);
  return name.empty() ? "builtin " + std::to_string(static_cast<int32_t>(code.code)) : std::string(name);
}

}  // namespace godwit::tflite
