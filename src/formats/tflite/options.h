// The options of an operator: one table of the schema with a value for each of its fields, whichever operator it is.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "formats/tflite/schema.h"

namespace godwit::tflite {

/// The value of one field.
struct OptionValue {
  union {
    int64_t i = 0;
    float f;
    const std::byte* data;  ///< of texts and vectors: where their elements lie, as the file has them, at any alignment
  };
  uint32_t count = 0;  ///< elements of a vector, bytes of a text
  bool set = false;
};

/// A view: copies share their values. Without a table, or where nothing is stored, every field has the schema's
/// default. Asking for a field that the table does not have is a defect of the caller.
class Options {
 public:
  Options() = default;
  /// Nothing stored: all defaults.
  explicit Options(const TableDef* table) : table_(table) {}
  /// `values`: one per field of the table.
  Options(const TableDef* table, std::span<OptionValue> values)
      : table_(table), values_(values.data()), stored_(true) {}

  [[nodiscard]] const TableDef* table() const { return table_; }
  /// "Conv2DOptions"; "" without a table
  [[nodiscard]] std::string_view name() const { return table_ != nullptr ? table_->name : std::string_view(); }
  /// Whether the file has, or is to have, the table.
  [[nodiscard]] bool stored() const { return stored_; }
  /// One per field of the table; none where nothing is stored.
  [[nodiscard]] std::span<const OptionValue> values() const {
    return {values_, values_ != nullptr ? table_->fields.size() : 0};
  }
  [[nodiscard]] bool Has(std::string_view field) const { return table_ != nullptr && IndexOf(field) >= 0; }

  [[nodiscard]] int64_t Int(std::string_view field) const;
  [[nodiscard]] bool Bool(std::string_view field) const { return Int(field) != 0; }
  [[nodiscard]] float Float(std::string_view field) const;
  /// `options.Enum<Padding>("padding")`; the file may hold values that the enum does not name.
  template <class E>
  [[nodiscard]] E Enum(std::string_view field) const {
    return static_cast<E>(Int(field));
  }
  [[nodiscard]] std::string_view Text(std::string_view field) const;
  [[nodiscard]] ByteSpan Bytes(std::string_view field) const;
  [[nodiscard]] std::vector<int64_t> Ints(std::string_view field) const;
  [[nodiscard]] std::vector<float> Floats(std::string_view field) const;

 private:
  friend class OptionsSetter;
  [[nodiscard]] int IndexOf(std::string_view field) const;
  [[nodiscard]] const OptionValue* Find(std::string_view field, const FieldDef** def) const;

  const TableDef* table_ = nullptr;
  OptionValue* values_ = nullptr;
  bool stored_ = false;
};

}  // namespace godwit::tflite
