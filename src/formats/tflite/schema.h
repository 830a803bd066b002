// The TFLite format as tables: its enums, and of every table the fields with ids, types and defaults (schema.def).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace godwit::tflite {

#define GODWIT_TFLITE_ENUM(name, base) enum class name : base {
#define GODWIT_TFLITE_VALUE(name, here, text, number) here = number,
#define GODWIT_TFLITE_ENUM_END() \
  }                              \
  ;
#include "formats/tflite/schema.def"

enum class FieldType : uint8_t {
  kNone,
  kBool,
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kFloat32,
  kText,
  kVector,  ///< of the scalars that `element` names
  kTexts,
  kTable,
  kTables,
  kUnion  ///< its number is the field before
};
/// Of a scalar; 0 of the others.
constexpr unsigned ScalarBytes(FieldType type) {
  switch (type) {
    case FieldType::kBool:
    case FieldType::kInt8:
    case FieldType::kUint8: return 1;
    case FieldType::kInt16:
    case FieldType::kUint16: return 2;
    case FieldType::kInt32:
    case FieldType::kUint32:
    case FieldType::kFloat32: return 4;
    case FieldType::kInt64:
    case FieldType::kUint64: return 8;
    default: return 0;
  }
}

struct FieldDef {
  std::string_view name;
  uint16_t id = 0;
  FieldType type = FieldType::kNone;
  FieldType element = FieldType::kNone;  ///< of a vector
  std::string_view of;                   ///< the enum, table or union
  int64_t fallback = 0;                  ///< what an absent scalar is
};

/// One table; deprecated fields are left out.
struct TableDef {
  std::string_view name;
  std::span<const FieldDef> fields;
};

std::span<const TableDef> AllTables();
/// "Conv2DOptions"; null if there is none.
const TableDef* FindTable(std::string_view name);
/// The options that the builtin operator takes; null if it takes none.
const TableDef* OptionsOf(BuiltinOperator op);

/// The two unions that an operator's options are a member of.
enum class OptionsUnion : uint8_t { kNone, kFirst, kSecond };
struct UnionPlace {
  OptionsUnion which = OptionsUnion::kNone;
  uint8_t number = 0;
};
const TableDef* MemberOf(UnionPlace place);
UnionPlace PlaceOf(const TableDef* options);

/// "CONV_2D"; "" for a number that the schema does not know.
std::string_view OperatorName(BuiltinOperator op);
/// The operator called so; false if there is none.
bool FindOperator(std::string_view name, BuiltinOperator* op);
/// "FLOAT32"; "" for a number that the schema does not know.
std::string_view TypeName(TensorType type);
/// Of an element, 2 and 4 for those packed into bytes; 0 for texts, resources, variants and unknown types.
unsigned BitsOf(TensorType type);
/// "Padding", 1 -> "VALID"; "" if there is no such value.
std::string_view EnumText(std::string_view name, int64_t value);

}  // namespace godwit::tflite
