// Typed views of the tables of a TFLite file (schema 3d). Texts, arrays and constants point into the file's bytes or
// into the model's arena; nothing is copied, so both must outlive the views. The writer takes the same structs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "formats/payload.h"
#include "formats/tflite/options.h"
#include "formats/tflite/schema.h"

namespace godwit::tflite {

/// Constant bytes. The parser resolves those that lie behind the tables (offset and size), so `bytes` is all there is.
struct Buffer {
  ByteSpan bytes;
  const Payload* payload = nullptr;  ///< in the place of `bytes` when it is to be written; never set by the parser
  /// ContentHash of the bytes, where whoever writes the buffer knows it.
  std::optional<std::pair<uint64_t, uint64_t>> contents = std::nullopt;

  [[nodiscard]] uint64_t size() const { return payload != nullptr ? payload->size() : bytes.size(); }
};

struct Quantization {
  /// Anything but kNone overrides scale and zero_point.
  enum class Details : uint8_t { kNone = 0, kCustom = 1, kBlockwise = 2, kMultiAxis = 3 };
  std::span<const float> min;
  std::span<const float> max;
  std::span<const float> scale;
  std::span<const int64_t> zero_point;
  int32_t quantized_dimension = 0;  ///< see Tensor::QuantizedDimension
  Details details = Details::kNone;
  // Of kBlockwise and kMultiAxis: tensors of the same subgraph.
  int32_t scales = 0;
  int32_t zero_points = 0;                        ///< -1: all zero
  int32_t block_size = 0;                         ///< 0: one value along each of quantized_dimensions
  std::span<const int32_t> quantized_dimensions;  ///< of kMultiAxis
  ByteSpan custom;                                ///< of kCustom
};

/// Indices of a sparse dimension in the width that the file has.
struct IndexVector {
  enum class Kind : uint8_t { kNone = 0, kInt32 = 1, kUint16 = 2, kUint8 = 3 };
  Kind kind = Kind::kNone;
  ByteSpan bytes;

  /// Bytes of an index.
  [[nodiscard]] unsigned width() const { return kind == Kind::kInt32 ? 4 : kind == Kind::kUint16 ? 2 : 1; }
  [[nodiscard]] size_t size() const { return kind == Kind::kNone ? 0 : bytes.size() / width(); }
  [[nodiscard]] int64_t operator[](size_t k) const;
};

struct SparseDimension {
  DimensionType format = DimensionType::kDense;
  int32_t dense_size = 0;
  IndexVector segments;
  IndexVector indices;
};

struct Sparsity {
  std::span<const int32_t> traversal_order;
  std::span<const int32_t> block_map;
  std::span<const SparseDimension> dimensions;
};

struct VariantType {
  std::span<const int32_t> shape;
  TensorType type = TensorType::kFloat32;
  bool has_rank = false;
};

struct Tensor {
  std::string_view name;
  std::span<const int32_t> shape;            ///< dynamic dimensions hold a placeholder
  std::span<const int32_t> shape_signature;  ///< -1 for dynamic dimensions; empty: as `shape`
  const Quantization* quantization = nullptr;
  const Sparsity* sparsity = nullptr;
  std::span<const VariantType> variant_types;
  uint32_t buffer = 0;           ///< into Model::buffers; 0 is the empty one
  uint32_t external_buffer = 0;  ///< id of one of Model::external_buffers; 0: none
  TensorType type = TensorType::kFloat32;
  bool is_variable = false;
  bool has_rank = false;  ///< told of an empty shape: a scalar, not an unknown rank. Old files never say it.

  /// The dimension along which there are several scales. A vector has only one, whatever old files say of it.
  [[nodiscard]] int32_t QuantizedDimension() const {
    return quantization == nullptr || shape.size() == 1 ? 0 : quantization->quantized_dimension;
  }
};

struct OperatorCode {
  BuiltinOperator code = BuiltinOperator::kAdd;  ///< may be beyond the schema
  std::string_view custom_code;                  ///< of kCustom
  int32_t version = 1;
};

struct Operator {
  uint32_t opcode_index = 0;        ///< into Model::operator_codes
  std::span<const int32_t> inputs;  ///< -1: an absent optional one
  std::span<const int32_t> outputs;
  std::span<const int32_t> intermediates;
  Options options;          ///< of a builtin operator, whichever of the two unions holds them
  ByteSpan custom_options;  ///< those that lie behind the tables included
  CustomOptionsFormat custom_options_format = CustomOptionsFormat::kFlexbuffers;
  std::span<const uint8_t> mutating_variable_inputs;
  int32_t debug_metadata_index = -1;
};

struct SubGraph {
  std::string_view name;
  std::span<const Tensor> tensors;
  std::span<const int32_t> inputs;
  std::span<const int32_t> outputs;
  std::span<const Operator> operators;  ///< in the order of execution
  int32_t debug_metadata_index = -1;
};

struct Metadata {
  std::string_view name;
  uint32_t buffer = 0;
};

struct TensorMap {
  std::string_view name;
  uint32_t tensor_index = 0;
};

struct SignatureDef {
  std::string_view key;
  uint32_t subgraph_index = 0;
  std::span<const TensorMap> inputs;
  std::span<const TensorMap> outputs;
};

/// A part of a file beside the model.
struct ExternalBuffer {
  uint32_t id = 0;
  uint32_t group = 0;  ///< into Model::external_buffer_groups, whose entries name files
  uint64_t offset = 0;
  uint64_t length = 0;
  std::string_view packing;
};

struct Model {
  uint32_t version = 3;
  std::string_view description;
  std::span<const OperatorCode> operator_codes;
  std::span<const SubGraph> subgraphs;  ///< the first is the main one
  std::span<const Buffer> buffers;
  std::span<const Metadata> metadata;
  std::span<const int32_t> metadata_buffer;  ///< of old files
  std::span<const SignatureDef> signature_defs;
  std::span<const std::string_view> external_buffer_groups;
  std::span<const ExternalBuffer> external_buffers;
  /// A zip archive behind the tables (the associated files of TFLite Metadata), and where in the file it lay: offsets
  /// in it may count from the file's start.
  ByteSpan appended;
  uint64_t appended_at = 0;
  std::shared_ptr<std::pmr::monotonic_buffer_resource> arena;  ///< owns the arrays

  [[nodiscard]] const OperatorCode& CodeOf(const Operator& op) const { return operator_codes[op.opcode_index]; }
  /// The bytes that the model itself holds of a tensor; none where it holds none.
  [[nodiscard]] ByteSpan StoredOf(const Tensor& tensor) const {
    return tensor.buffer < buffers.size() ? buffers[tensor.buffer].bytes : ByteSpan();
  }
  /// Those of the operator's own kind: what the file has, or, where it has none or those of another, all defaults.
  [[nodiscard]] Options OptionsFor(const Operator& op) const;
  /// "CONV_2D", the name of a custom operator, or "builtin 300" for one beyond the schema.
  [[nodiscard]] std::string OperatorNameOf(const Operator& op) const;
};

}  // namespace godwit::tflite
