#include "formats/tflite/schema.h"

#include <algorithm>
#include <array>
#include <vector>

namespace godwit::tflite {

namespace {

// The fields of each table, ended by one of no type, since a table may have none.
#define GODWIT_TFLITE_TABLE(name) constexpr FieldDef kFieldsOf##name[] = {
#define GODWIT_TFLITE_FIELD(table, name, id, type, element, of, fallback) \
  {#name, id, FieldType::type, FieldType::element, of, fallback},
#define GODWIT_TFLITE_TABLE_END() \
  {}                              \
  }                               \
  ;
#include "formats/tflite/schema.def"

template <size_t N>
constexpr std::span<const FieldDef> AllButLast(const FieldDef (&fields)[N]) {
  return {fields, N - 1};
}

constexpr TableDef kTables[] = {
#define GODWIT_TFLITE_TABLE(name) {#name, AllButLast(kFieldsOf##name)},
#include "formats/tflite/schema.def"
};

// Where each table stands in kTables.
enum TableIndex : uint16_t {
#define GODWIT_TFLITE_TABLE(name) kIndexOf##name,
#include "formats/tflite/schema.def"
  kIndexOfNone
};

struct Member {
  std::string_view in;
  uint8_t number;
  TableIndex table;
};
constexpr Member kMembers[] = {
#define GODWIT_TFLITE_MEMBER(name, number, table) {#name, number, kIndexOf##table},
#include "formats/tflite/schema.def"
};

struct EnumValue {
  std::string_view of;
  std::string_view text;
  int64_t number;
};
constexpr EnumValue kValues[] = {
#define GODWIT_TFLITE_VALUE(name, here, text, number) {#name, text, number},
#include "formats/tflite/schema.def"
};

struct OperatorDef {
  BuiltinOperator op;
  TableIndex options;
};
// By number, without gaps.
constexpr OperatorDef kOperators[] = {
#define GODWIT_TFLITE_OPTIONS(op, table) {BuiltinOperator::op, kIndexOf##table},
#include "formats/tflite/schema.def"
};

constexpr std::string_view UnionName(OptionsUnion which) {
  return which == OptionsUnion::kFirst ? "BuiltinOptions" : "BuiltinOptions2";
}

// The names of the operators, by number.
const std::vector<std::string_view>& OperatorNames() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> out;
    for (const EnumValue& v : kValues) {
      if (v.of == "BuiltinOperator") out.push_back(v.text);
    }
    return out;
  }();
  return names;
}

}  // namespace

std::span<const TableDef> AllTables() { return kTables; }

const TableDef* FindTable(std::string_view name) {
  const auto* found = std::ranges::find(kTables, name, &TableDef::name);
  return found == std::end(kTables) ? nullptr : found;
}

const TableDef* OptionsOf(BuiltinOperator op) {
  const auto k = static_cast<size_t>(op);
  if (k >= std::size(kOperators) || kOperators[k].options == kIndexOfNone) return nullptr;
  return &kTables[kOperators[k].options];
}

const TableDef* MemberOf(UnionPlace place) {
  if (place.which == OptionsUnion::kNone) return nullptr;
  for (const Member& m : kMembers) {
    if (m.number == place.number && m.in == UnionName(place.which)) return &kTables[m.table];
  }
  return nullptr;
}

UnionPlace PlaceOf(const TableDef* options) {
  for (const OptionsUnion which : {OptionsUnion::kFirst, OptionsUnion::kSecond}) {
    for (const Member& m : kMembers) {
      if (&kTables[m.table] == options && m.in == UnionName(which)) return {which, m.number};
    }
  }
  return {};
}

std::string_view OperatorName(BuiltinOperator op) {
  const auto k = static_cast<size_t>(op);
  return k < OperatorNames().size() ? OperatorNames()[k] : std::string_view();
}

bool FindOperator(std::string_view name, BuiltinOperator* op) {
  const auto& names = OperatorNames();
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return false;
  *op = static_cast<BuiltinOperator>(found - names.begin());
  return true;
}

std::string_view TypeName(TensorType type) { return EnumText("TensorType", static_cast<int64_t>(type)); }

unsigned BitsOf(TensorType type) {
  switch (type) {
    case TensorType::kInt2: return 2;
    case TensorType::kInt4:
    case TensorType::kUint4: return 4;
    case TensorType::kBool:
    case TensorType::kInt8:
    case TensorType::kUint8:
    case TensorType::kFloat8E4m3fn:
    case TensorType::kFloat8E5m2: return 8;
    case TensorType::kInt16:
    case TensorType::kUint16:
    case TensorType::kFloat16:
    case TensorType::kBfloat16: return 16;
    case TensorType::kInt32:
    case TensorType::kUint32:
    case TensorType::kFloat32: return 32;
    case TensorType::kInt64:
    case TensorType::kUint64:
    case TensorType::kFloat64:
    case TensorType::kComplex64: return 64;
    case TensorType::kComplex128: return 128;
    case TensorType::kString:
    case TensorType::kResource:
    case TensorType::kVariant: return 0;
  }
  return 0;
}

std::string_view EnumText(std::string_view name, int64_t value) {
  for (const EnumValue& v : kValues) {
    if (v.number == value && v.of == name) return v.text;
  }
  return {};
}

}  // namespace godwit::tflite
