// Typed views of the messages of an ONNX file (IR version 13). Texts, tensors and arrays point into the file's bytes or
// into the model's arena; nothing is copied, so both must outlive the views. The writer takes the same structs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "formats/onnx/data_type.h"
#include "formats/payload.h"

namespace godwit::onnx {

struct Attribute;
struct Graph;
struct Sequence;

struct StringPair {
  std::string_view key;
  std::string_view value;
};

struct OperatorSet {
  std::string_view domain;  ///< "" and "ai.onnx" mean the same
  int64_t version = 0;
};

/// What few tensors carry.
struct TensorDetails {
  std::span<const StringPair> external_data;
  std::span<const StringPair> metadata;
  std::string_view doc_string;
  bool has_segment = false;
  int64_t segment_begin = 0;
  int64_t segment_end = 0;
};

/// A tensor as stored; tensor_data.h decodes it.
struct Tensor {
  std::string_view name;
  std::span<const int64_t> dims;
  ByteSpan raw_data;
  ByteSpan message;  ///< the whole message, where values of typed fields are read from; empty if there are none
  const TensorDetails* details = nullptr;
  const Payload* payload = nullptr;  ///< in the place of raw_data when it is to be written; never set by the parser
  DataType data_type = DataType::kUndefined;
  bool external = false;      ///< data_location is EXTERNAL
  uint16_t typed_fields = 0;  ///< bit n: field n of the message (float_data 4, ... uint64_data 11) holds values

  [[nodiscard]] std::span<const StringPair> external_data() const {
    return details != nullptr ? details->external_data : std::span<const StringPair>();
  }
};

struct SparseTensor {
  Tensor values;  ///< carries the name
  Tensor indices;
  std::span<const int64_t> dims;
};

struct Dim {
  enum class Kind : uint8_t { kUnknown, kValue, kParam };
  std::string_view param;
  std::string_view denotation;
  int64_t value = 0;
  Kind kind = Kind::kUnknown;
};

struct Type {
  enum class Kind : uint8_t { kNone, kTensor, kSparseTensor, kSequence, kMap, kOptional, kOpaque };
  std::span<const Dim> shape;
  const Type* element = nullptr;  ///< of a sequence or optional; the value of a map
  std::string_view denotation;
  std::string_view opaque_domain;
  std::string_view opaque_name;
  DataType elem_type = DataType::kUndefined;  ///< of a tensor; the key of a map
  Kind kind = Kind::kNone;
  bool has_shape = false;  ///< a shape without dimensions is a scalar, no shape is an unknown rank
};

struct ValueInfo {
  std::string_view name;
  std::string_view doc_string;
  const Type* type = nullptr;  ///< null if none is given
  std::span<const StringPair> metadata;
};

enum class AttributeType : uint8_t {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kTensors = 9,
  kGraphs = 10,
  kSparseTensor = 11,
  kSparseTensors = 12,
  kType = 13,
  kTypes = 14,
};
/// "INTS"
std::string_view AttributeTypeName(AttributeType type);

/// One attribute: `type` says which of the accessors holds the value; the others answer with nothing.
struct Attribute {
  std::string_view name;
  std::string_view ref_name;  ///< within functions: the attribute of the caller that this one stands for
  AttributeType type = AttributeType::kUndefined;
  float f = 0;
  int64_t i = 0;
  const void* data = nullptr;  ///< of the array that the accessors show
  size_t count = 0;

  [[nodiscard]] std::string_view s() const {
    return type == AttributeType::kString ? std::string_view(static_cast<const char*>(data), count)
                                          : std::string_view();
  }
  [[nodiscard]] std::span<const float> floats() const { return Array<float>(AttributeType::kFloats); }
  [[nodiscard]] std::span<const int64_t> ints() const { return Array<int64_t>(AttributeType::kInts); }
  [[nodiscard]] std::span<const std::string_view> strings() const {
    return Array<std::string_view>(AttributeType::kStrings);
  }
  [[nodiscard]] const Tensor* t() const { return One<Tensor>(AttributeType::kTensor); }
  [[nodiscard]] const Graph* g() const { return One<Graph>(AttributeType::kGraph); }
  [[nodiscard]] const SparseTensor* sparse() const { return One<SparseTensor>(AttributeType::kSparseTensor); }
  [[nodiscard]] const Type* tp() const { return One<Type>(AttributeType::kType); }
  [[nodiscard]] std::span<const Tensor> tensors() const;
  [[nodiscard]] std::span<const Graph> graphs() const;
  [[nodiscard]] std::span<const SparseTensor> sparse_tensors() const;
  [[nodiscard]] std::span<const Type> types() const;

 private:
  template <class T>
  [[nodiscard]] std::span<const T> Array(AttributeType wanted) const {
    return type == wanted ? std::span<const T>(static_cast<const T*>(data), count) : std::span<const T>();
  }
  template <class T>
  [[nodiscard]] const T* One(AttributeType wanted) const {
    return type == wanted && count == 1 ? static_cast<const T*>(data) : nullptr;
  }
};

/// What few nodes carry.
struct NodeDetails {
  std::string_view doc_string;
  std::string_view overload;
  std::span<const StringPair> metadata;
  std::span<const ByteSpan> device_configurations;  ///< as stored
};

struct Node {
  std::string_view name;
  std::string_view op_type;
  std::string_view domain;
  std::span<const std::string_view> inputs;  ///< an empty name is an absent optional one
  std::span<const std::string_view> outputs;
  std::span<const Attribute> attributes;
  const NodeDetails* details = nullptr;

  [[nodiscard]] const Attribute* FindAttribute(std::string_view wanted) const {
    for (const Attribute& a : attributes) {
      if (a.name == wanted) return &a;
    }
    return nullptr;
  }
  [[nodiscard]] std::string_view overload() const {
    return details != nullptr ? details->overload : std::string_view();
  }
  [[nodiscard]] std::string_view doc_string() const {
    return details != nullptr ? details->doc_string : std::string_view();
  }
};

struct TensorAnnotation {
  std::string_view tensor_name;
  std::span<const StringPair> parameters;  ///< SCALE_TENSOR, ZERO_POINT_TENSOR -> tensor name
};

struct Graph {
  std::string_view name;
  std::string_view doc_string;
  std::span<const Node> nodes;
  std::span<const Tensor> initializers;
  std::span<const SparseTensor> sparse_initializers;
  std::span<const ValueInfo> inputs;
  std::span<const ValueInfo> outputs;
  std::span<const ValueInfo> value_infos;
  std::span<const TensorAnnotation> annotations;
  std::span<const StringPair> metadata;
};

/// A model-local function; its identity is (domain, name, overload).
struct Function {
  std::string_view name;
  std::string_view domain;
  std::string_view overload;
  std::string_view doc_string;
  std::span<const std::string_view> inputs;
  std::span<const std::string_view> outputs;
  std::span<const std::string_view> attributes;        ///< names without a default
  std::span<const Attribute> attributes_with_default;  ///< IR version 9
  std::span<const Node> nodes;
  std::span<const OperatorSet> opset_imports;
  std::span<const ValueInfo> value_infos;
  std::span<const StringPair> metadata;
};

struct TrainingInfo {
  const Graph* initialization = nullptr;
  const Graph* algorithm = nullptr;
  std::span<const StringPair> initialization_binding;
  std::span<const StringPair> update_binding;
};

struct Model {
  int64_t ir_version = 0;
  int64_t model_version = 0;
  std::string_view producer_name;
  std::string_view producer_version;
  std::string_view domain;
  std::string_view doc_string;
  std::span<const OperatorSet> opset_imports;
  std::span<const StringPair> metadata;
  std::span<const Function> functions;
  std::span<const TrainingInfo> training_infos;
  std::span<const ByteSpan> configurations;  ///< as stored
  Graph graph;
  std::shared_ptr<std::pmr::monotonic_buffer_resource> arena;  ///< owns the arrays
};

/// What a stored sequence, optional or map holds.
enum class ElementKind : uint8_t {
  kUndefined = 0,
  kTensor = 1,
  kSparseTensor = 2,
  kSequence = 3,
  kMap = 4,
  kOptional = 5,
};

struct Optional;
struct Map;

struct Sequence {
  std::string_view name;
  ElementKind kind = ElementKind::kUndefined;
  std::span<const Tensor> tensors;
  std::span<const SparseTensor> sparse_tensors;
  std::span<const Sequence> sequences;
  std::span<const Map> maps;
  std::span<const Optional> optionals;
};

struct Map {
  std::string_view name;
  DataType key_type = DataType::kUndefined;
  std::span<const int64_t> keys;
  std::span<const std::string_view> string_keys;
  const Sequence* values = nullptr;
};

/// All pointers null: an empty optional.
struct Optional {
  std::string_view name;
  ElementKind kind = ElementKind::kUndefined;
  const Tensor* tensor = nullptr;
  const SparseTensor* sparse_tensor = nullptr;
  const Sequence* sequence = nullptr;
  const Map* map = nullptr;
  const Optional* optional = nullptr;
};

inline std::span<const Tensor> Attribute::tensors() const { return Array<Tensor>(AttributeType::kTensors); }
inline std::span<const Graph> Attribute::graphs() const { return Array<Graph>(AttributeType::kGraphs); }
inline std::span<const SparseTensor> Attribute::sparse_tensors() const {
  return Array<SparseTensor>(AttributeType::kSparseTensors);
}
inline std::span<const Type> Attribute::types() const { return Array<Type>(AttributeType::kTypes); }

}  // namespace godwit::onnx
