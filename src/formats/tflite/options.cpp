#include "formats/tflite/options.h"

#include "base/result.h"
#include "formats/tflite/arena.h"

namespace godwit::tflite {

namespace {

int64_t LoadInt(FieldType type, const std::byte* at) {
  switch (type) {
    case FieldType::kBool: return LoadLe<uint8_t>(at) != 0 ? 1 : 0;
    case FieldType::kInt8: return LoadLe<int8_t>(at);
    case FieldType::kUint8: return LoadLe<uint8_t>(at);
    case FieldType::kInt16: return LoadLe<int16_t>(at);
    case FieldType::kUint16: return LoadLe<uint16_t>(at);
    case FieldType::kInt32: return LoadLe<int32_t>(at);
    case FieldType::kUint32: return LoadLe<uint32_t>(at);
    default: return LoadLe<int64_t>(at);
  }
}

}  // namespace

int Options::IndexOf(std::string_view field) const {
  for (size_t k = 0; k < table_->fields.size(); ++k) {
    if (table_->fields[k].name == field) return static_cast<int>(k);
  }
  return -1;
}

const OptionValue* Options::Find(std::string_view field, const FieldDef** def) const {
  CHECK(table_ != nullptr);
  const int k = IndexOf(field);
  CHECK(k >= 0);
  *def = &table_->fields[static_cast<size_t>(k)];
  if (values_ == nullptr) return nullptr;
  const OptionValue& value = values_[static_cast<size_t>(k)];
  return value.set ? &value : nullptr;
}

int64_t Options::Int(std::string_view field) const {
  const FieldDef* def = nullptr;
  const OptionValue* value = Find(field, &def);
  CHECK(ScalarBytes(def->type) != 0 && def->type != FieldType::kFloat32);
  return value != nullptr ? value->i : def->fallback;
}

float Options::Float(std::string_view field) const {
  const FieldDef* def = nullptr;
  const OptionValue* value = Find(field, &def);
  CHECK(def->type == FieldType::kFloat32);
  return value != nullptr ? value->f : static_cast<float>(def->fallback);
}

std::string_view Options::Text(std::string_view field) const {
  const FieldDef* def = nullptr;
  const OptionValue* value = Find(field, &def);
  CHECK(def->type == FieldType::kText);
  return value != nullptr ? AsText({value->data, value->count}) : std::string_view();
}

ByteSpan Options::Bytes(std::string_view field) const {
  const FieldDef* def = nullptr;
  const OptionValue* value = Find(field, &def);
  CHECK(def->type == FieldType::kVector && def->element == FieldType::kUint8);
  return value != nullptr ? ByteSpan(value->data, value->count) : ByteSpan();
}

std::vector<int64_t> Options::Ints(std::string_view field) const {
  const FieldDef* def = nullptr;
  const OptionValue* value = Find(field, &def);
  CHECK(def->type == FieldType::kVector && def->element != FieldType::kFloat32);
  std::vector<int64_t> out;
  if (value == nullptr) return out;
  out.reserve(value->count);
  const unsigned step = ScalarBytes(def->element);
  for (uint64_t k = 0; k < value->count; ++k) out.push_back(LoadInt(def->element, value->data + k * step));
  return out;
}

std::vector<float> Options::Floats(std::string_view field) const {
  const FieldDef* def = nullptr;
  const OptionValue* value = Find(field, &def);
  CHECK(def->type == FieldType::kVector && def->element == FieldType::kFloat32);
  std::vector<float> out(value != nullptr ? value->count : 0);
  if (!out.empty()) std::memcpy(out.data(), value->data, out.size() * sizeof(float));
  return out;
}

OptionsSetter::OptionsSetter(ModelArena* arena, std::string_view table) : OptionsSetter(arena, FindTable(table)) {}

OptionsSetter::OptionsSetter(ModelArena* arena, const TableDef* table) : arena_(arena) {
  CHECK(table != nullptr);
  options_ = Options(table, arena->Fresh<OptionValue>(table->fields.size()));
}

OptionValue* OptionsSetter::Place(std::string_view field, const FieldDef** def) {
  const int k = options_.IndexOf(field);
  CHECK(k >= 0);
  *def = &options_.table_->fields[static_cast<size_t>(k)];
  OptionValue* value = &options_.values_[static_cast<size_t>(k)];
  value->set = true;
  return value;
}

OptionsSetter& OptionsSetter::Int(std::string_view field, int64_t value) {
  const FieldDef* def = nullptr;
  Place(field, &def)->i = value;
  CHECK(ScalarBytes(def->type) != 0 && def->type != FieldType::kFloat32);
  return *this;
}

OptionsSetter& OptionsSetter::Float(std::string_view field, float value) {
  const FieldDef* def = nullptr;
  Place(field, &def)->f = value;
  CHECK(def->type == FieldType::kFloat32);
  return *this;
}

OptionsSetter& OptionsSetter::Text(std::string_view field, std::string_view value) {
  const FieldDef* def = nullptr;
  OptionValue* place = Place(field, &def);
  CHECK(def->type == FieldType::kText);
  place->data = arena_->Bytes(AsBytes(value)).data();
  place->count = static_cast<uint32_t>(value.size());
  return *this;
}

OptionsSetter& OptionsSetter::Bytes(std::string_view field, ByteSpan value) {
  const FieldDef* def = nullptr;
  OptionValue* place = Place(field, &def);
  CHECK(def->type == FieldType::kVector && def->element == FieldType::kUint8);
  place->data = arena_->Bytes(value).data();
  place->count = static_cast<uint32_t>(value.size());
  return *this;
}

OptionsSetter& OptionsSetter::Ints(std::string_view field, std::span<const int64_t> values) {
  const FieldDef* def = nullptr;
  OptionValue* place = Place(field, &def);
  CHECK(def->type == FieldType::kVector && def->element != FieldType::kFloat32);
  const unsigned step = ScalarBytes(def->element);
  // The low bytes of a little-endian number are the number in fewer bytes.
  const std::span<std::byte> bytes = arena_->Fresh<std::byte>(values.size() * step);
  for (size_t k = 0; k < values.size(); ++k) std::memcpy(bytes.data() + k * step, &values[k], step);
  place->data = bytes.data();
  place->count = static_cast<uint32_t>(values.size());
  return *this;
}

OptionsSetter& OptionsSetter::Floats(std::string_view field, std::span<const float> values) {
  const FieldDef* def = nullptr;
  OptionValue* place = Place(field, &def);
  CHECK(def->type == FieldType::kVector && def->element == FieldType::kFloat32);
  place->data = arena_->Bytes(std::as_bytes(values)).data();
  place->count = static_cast<uint32_t>(values.size());
  return *this;
}

}  // namespace godwit::tflite
