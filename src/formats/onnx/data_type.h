// The element types of ONNX (TensorProto.DataType up to IR version 13) and how their elements are laid out.
#pragma once

#include <cstdint>
#include <string_view>

namespace godwit::onnx {

enum class DataType : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8E4M3Fn = 17,
  kFloat8E4M3Fnuz = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2Fnuz = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26,
};

/// How one element type is stored.
struct DataTypeInfo {
  std::string_view name;  ///< as ONNX spells it, "FLOAT8E4M3FN"
  uint8_t raw_bits;       ///< bits of an element in raw_data; 0 for strings
  uint8_t bytes;          ///< bytes of an element in memory, where 2- and 4-bit ones take one; 0 for strings
  uint8_t typed_field;    ///< the TensorProto field that holds values which are not in raw_data
  bool is_signed;         ///< how a 2- or 4-bit integer is widened
};

/// Null for a number that ONNX does not define.
const DataTypeInfo* FindDataType(DataType type);
/// "FLOAT", or "no known type".
std::string_view DataTypeName(DataType type);

}  // namespace godwit::onnx
