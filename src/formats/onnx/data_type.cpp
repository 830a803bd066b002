#include "formats/onnx/data_type.h"

#include <iterator>

namespace godwit::onnx {

namespace {

// Field numbers of TensorProto: float_data 4, int32_data 5, string_data 6, int64_data 7, double_data 10,
// uint64_data 11.
constexpr DataTypeInfo kTypes[] = {
    {"UNDEFINED", 0, 0, 0, false},     {"FLOAT", 32, 4, 4, true},     {"UINT8", 8, 1, 5, false},
    {"INT8", 8, 1, 5, true},           {"UINT16", 16, 2, 5, false},   {"INT16", 16, 2, 5, true},
    {"INT32", 32, 4, 5, true},         {"INT64", 64, 8, 7, true},     {"STRING", 0, 0, 6, false},
    {"BOOL", 8, 1, 5, false},          {"FLOAT16", 16, 2, 5, true},   {"DOUBLE", 64, 8, 10, true},
    {"UINT32", 32, 4, 11, false},      {"UINT64", 64, 8, 11, false},  {"COMPLEX64", 64, 8, 4, true},
    {"COMPLEX128", 128, 16, 10, true}, {"BFLOAT16", 16, 2, 5, true},  {"FLOAT8E4M3FN", 8, 1, 5, true},
    {"FLOAT8E4M3FNUZ", 8, 1, 5, true}, {"FLOAT8E5M2", 8, 1, 5, true}, {"FLOAT8E5M2FNUZ", 8, 1, 5, true},
    {"UINT4", 4, 1, 5, false},         {"INT4", 4, 1, 5, true},       {"FLOAT4E2M1", 4, 1, 5, false},
    {"FLOAT8E8M0", 8, 1, 5, false},    {"UINT2", 2, 1, 5, false},     {"INT2", 2, 1, 5, true},
};

}  // namespace

const DataTypeInfo* FindDataType(DataType type) {
  const auto index = static_cast<int32_t>(type);
  if (index <= 0 || index >= static_cast<int32_t>(std::size(kTypes))) return nullptr;
  return &kTypes[index];
}

std::string_view DataTypeName(DataType type) {
  const DataTypeInfo* info = FindDataType(type);
  return info != nullptr ? info->name : "no known type";
}

}  // namespace godwit::onnx
