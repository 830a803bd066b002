// The signatures of ONNX operators at every version, of ai.onnx, ai.onnx.ml, the preview domains and com.microsoft:
// what a writer may write for a given opset, and whether a node written fits. Facts only; meaning is in the rules.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/onnx/model.h"
#include "ir/dtype.h"
#include "ir/type.h"

namespace godwit::targets {

/// A set of types of values: tensors, sequences, optionals and maps, each by element type.
struct OnnxTypes {
  TypeSet tensors;
  TypeSet sequences;           ///< of tensors
  TypeSet optionals;           ///< of tensors
  TypeSet optional_sequences;  ///< of sequences of tensors
  /// For each type of key, the tensors or scalars that are its values.
  TypeSet int_maps, string_maps;
  TypeSet int_map_sequences, string_map_sequences;

  /// Types of which nothing is known are held to fit.
  [[nodiscard]] bool Has(const Type& type) const;
};

struct OnnxFormal {
  enum class Option : uint8_t { kSingle, kOptional, kVariadic };
  std::string_view name;
  const OnnxTypes* types = nullptr;
  std::string_view variable;  ///< type variable: formals of the same one have one type; empty: none
  Option option = Option::kSingle;
  bool homogeneous = true;  ///< variadic: all of one type
  uint8_t least = 1;        ///< variadic: how many there must be
};

struct OnnxAttr {
  std::string_view name;
  onnx::AttributeType type = onnx::AttributeType::kUndefined;
  bool required = false;
};

struct OnnxSchema {
  std::string_view domain;  ///< "" is ai.onnx
  std::string_view op;
  int since = 1;
  bool deprecated = false;  ///< the operator is gone from this version on
  std::vector<OnnxFormal> inputs;
  std::vector<OnnxFormal> outputs;
  std::vector<OnnxAttr> attrs;  ///< by name

  [[nodiscard]] const OnnxAttr* FindAttr(std::string_view name) const;
};

/// Sorted by domain, operator and version.
std::span<const OnnxSchema> AllOnnxSchemas();
/// The newest version not above `opset`, deprecated ones included; null when the operator is younger or unknown.
const OnnxSchema* FindSchema(std::string_view domain, std::string_view op, int64_t opset);

/// What is wrong with a node of these operands and results (null: absent) and attributes; empty when nothing is.
std::string CheckNode(const OnnxSchema& schema, std::span<const Type* const> inputs,
                      std::span<const Type* const> outputs, std::span<const onnx::Attribute> attrs);

}  // namespace godwit::targets
