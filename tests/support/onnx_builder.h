// Small ONNX models for tests, built in a few lines:
//
//   OnnxGraph g;
//   g.Input("x", DataType::kFloat, {1, 3, "H", "W"}).Init("w", {2}, {1.0F, 2.0F});
//   g.Node("Add", {"x", "w"}, {"y"}).Node("Softmax", {"y"}, {"z"}, {OnnxAttr("axis", 1)});
//   g.Output("z", DataType::kFloat);
//   const std::string bytes = OnnxModel(g, {.opset = 17});
//
// A graph is also the value of an attribute (bodies of If, Loop, Scan): OnnxAttr("then_branch", g).
#pragma once

#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "formats/onnx/data_type.h"
#include "support/proto_bytes.h"

namespace godwit::testing {

using onnx::DataType;

template <class T>
constexpr DataType OnnxTypeOf() {
  if constexpr (std::is_same_v<T, float>) return DataType::kFloat;
  if constexpr (std::is_same_v<T, double>) return DataType::kDouble;
  if constexpr (std::is_same_v<T, int8_t>) return DataType::kInt8;
  if constexpr (std::is_same_v<T, uint8_t>) return DataType::kUint8;
  if constexpr (std::is_same_v<T, int16_t>) return DataType::kInt16;
  if constexpr (std::is_same_v<T, uint16_t>) return DataType::kUint16;
  if constexpr (std::is_same_v<T, int32_t>) return DataType::kInt32;
  if constexpr (std::is_same_v<T, uint32_t>) return DataType::kUint32;
  if constexpr (std::is_same_v<T, int64_t>) return DataType::kInt64;
  if constexpr (std::is_same_v<T, uint64_t>) return DataType::kUint64;
  if constexpr (std::is_same_v<T, bool>) return DataType::kBool;
  return DataType::kUndefined;
}

/// A TensorProto whose values are given as the bytes of raw_data (little-endian; 2- and 4-bit types packed).
inline ProtoBytes OnnxRawTensor(std::string_view name, DataType type, const std::vector<int64_t>& dims,
                                std::string_view raw) {
  ProtoBytes t;
  for (const int64_t d : dims) t.Int(1, d);
  t.Int(2, static_cast<int64_t>(type));
  if (!name.empty()) t.Bytes(8, name);
  return t.Bytes(9, raw);
}

template <class T>
ProtoBytes OnnxTensor(std::string_view name, const std::vector<int64_t>& dims, const std::vector<T>& values) {
  std::string raw;
  for (const T v : values) raw.append(reinterpret_cast<const char*>(&v), sizeof(T));
  return OnnxRawTensor(name, OnnxTypeOf<T>(), dims, raw);
}

inline ProtoBytes OnnxStringTensor(std::string_view name, const std::vector<int64_t>& dims,
                                   const std::vector<std::string>& values) {
  ProtoBytes t;
  for (const int64_t d : dims) t.Int(1, d);
  t.Int(2, static_cast<int64_t>(DataType::kString));
  for (const std::string& v : values) t.Bytes(6, v);
  return t.Bytes(8, name);
}

/// A dimension: a number, a name, or unknown (the empty name).
struct OnnxDim {
  OnnxDim(int v) : value(v), is_value(true) {}      // NOLINT(google-explicit-constructor)
  OnnxDim(int64_t v) : value(v), is_value(true) {}  // NOLINT(google-explicit-constructor)
  OnnxDim(const char* v) : param(v) {}              // NOLINT(google-explicit-constructor)
  OnnxDim(std::string v) : param(std::move(v)) {}   // NOLINT(google-explicit-constructor)
  int64_t value = 0;
  bool is_value = false;
  std::string param;
};

/// A TypeProto.
class OnnxType {
 public:
  /// A tensor of unknown rank.
  explicit OnnxType(DataType elem) { proto_.Message(1, ProtoBytes().Int(1, static_cast<int64_t>(elem))); }
  OnnxType(DataType elem, const std::vector<OnnxDim>& shape) { proto_.Message(1, TensorType(elem, shape)); }
  static OnnxType Sequence(const OnnxType& element) { return OnnxType(4, element); }
  static OnnxType Optional(const OnnxType& element) { return OnnxType(9, element); }
  static OnnxType SparseTensor(DataType elem, const std::vector<OnnxDim>& shape) {
    OnnxType out;
    out.proto_.Message(8, TensorType(elem, shape));
    return out;
  }
  static OnnxType Map(DataType key, const OnnxType& value) {
    OnnxType out;
    out.proto_.Message(5, ProtoBytes().Int(1, static_cast<int64_t>(key)).Message(2, value.proto_));
    return out;
  }
  [[nodiscard]] const ProtoBytes& proto() const { return proto_; }

 private:
  OnnxType() = default;
  OnnxType(uint32_t field, const OnnxType& element) { proto_.Message(field, ProtoBytes().Message(1, element.proto_)); }
  static ProtoBytes TensorType(DataType elem, const std::vector<OnnxDim>& shape) {
    ProtoBytes dims;
    for (const OnnxDim& d : shape) {
      dims.Message(1, d.is_value        ? ProtoBytes().Int(1, d.value)
                      : d.param.empty() ? ProtoBytes()
                                        : ProtoBytes().Bytes(2, d.param));
    }
    return ProtoBytes().Int(1, static_cast<int64_t>(elem)).Message(2, dims);
  }
  ProtoBytes proto_;
};

class OnnxGraph;

/// One AttributeProto.
class OnnxAttr {
 public:
  OnnxAttr(std::string_view name, int v) : OnnxAttr(name, int64_t{v}) {}
  OnnxAttr(std::string_view name, int64_t v) { Named(name, 2).Int(3, v); }
  OnnxAttr(std::string_view name, float v) { Named(name, 1).Float(2, v); }
  OnnxAttr(std::string_view name, const char* v) { Named(name, 3).Bytes(4, v); }
  OnnxAttr(std::string_view name, const std::string& v) { Named(name, 3).Bytes(4, v); }
  OnnxAttr(std::string_view name, const std::vector<int64_t>& v) {
    Named(name, 7);
    for (const int64_t x : v) proto_.Int(8, x);
  }
  OnnxAttr(std::string_view name, const std::vector<float>& v) {
    Named(name, 6);
    for (const float x : v) proto_.Float(7, x);
  }
  OnnxAttr(std::string_view name, const std::vector<std::string>& v) {
    Named(name, 8);
    for (const std::string& x : v) proto_.Bytes(9, x);
  }
  // Braced lists: {0, 2, 1}, {0.5F, 1.0F}, {"a", "b"}.
  OnnxAttr(std::string_view name, std::initializer_list<int> v)
      : OnnxAttr(name, std::vector<int64_t>(v.begin(), v.end())) {}
  OnnxAttr(std::string_view name, std::initializer_list<float> v) : OnnxAttr(name, std::vector<float>(v)) {}
  OnnxAttr(std::string_view name, std::initializer_list<const char*> v)
      : OnnxAttr(name, std::vector<std::string>(v.begin(), v.end())) {}
  OnnxAttr(std::string_view name, const OnnxGraph& v);
  OnnxAttr(std::string_view name, const OnnxType& v) { Named(name, 13).Message(14, v.proto()); }
  /// A TensorProto from OnnxTensor, OnnxRawTensor or OnnxStringTensor.
  OnnxAttr(std::string_view name, const ProtoBytes& tensor) { Named(name, 4).Message(5, tensor); }
  /// Within functions: the caller's attribute `ref`, of AttributeProto.AttributeType `type`.
  static OnnxAttr Reference(std::string_view name, std::string_view ref, int type) {
    OnnxAttr out;
    out.Named(name, type).Bytes(21, ref);
    return out;
  }
  [[nodiscard]] const ProtoBytes& proto() const { return proto_; }

 private:
  OnnxAttr() = default;
  ProtoBytes& Named(std::string_view name, int type) { return proto_.Bytes(1, name).Int(20, type); }
  ProtoBytes proto_;
};

using OnnxNames = std::vector<std::string>;

inline ProtoBytes OnnxNode(std::string_view op, const OnnxNames& inputs, const OnnxNames& outputs,
                           const std::vector<OnnxAttr>& attributes = {}, std::string_view domain = {},
                           std::string_view name = {}) {
  ProtoBytes n;
  for (const std::string& x : inputs) n.Bytes(1, x);
  for (const std::string& x : outputs) n.Bytes(2, x);
  if (!name.empty()) n.Bytes(3, name);
  n.Bytes(4, op);
  for (const OnnxAttr& a : attributes) n.Message(5, a.proto());
  if (!domain.empty()) n.Bytes(7, domain);
  return n;
}

/// A GraphProto; calls may come in any order.
class OnnxGraph {
 public:
  explicit OnnxGraph(std::string_view name = "g") { proto_.Bytes(2, name); }

  OnnxGraph& Input(std::string_view name, DataType elem, const std::vector<OnnxDim>& shape) {
    return Input(name, OnnxType(elem, shape));
  }
  OnnxGraph& Input(std::string_view name, const OnnxType& type) { return Info(11, name, type); }
  OnnxGraph& Output(std::string_view name, DataType elem) { return Output(name, OnnxType(elem)); }
  OnnxGraph& Output(std::string_view name, DataType elem, const std::vector<OnnxDim>& shape) {
    return Output(name, OnnxType(elem, shape));
  }
  OnnxGraph& Output(std::string_view name, const OnnxType& type) { return Info(12, name, type); }
  /// Bodies may leave the types of their inputs and outputs open.
  OnnxGraph& UntypedInput(std::string_view name) { return Add(11, ProtoBytes().Bytes(1, name)); }
  OnnxGraph& UntypedOutput(std::string_view name) { return Add(12, ProtoBytes().Bytes(1, name)); }
  OnnxGraph& Value(std::string_view name, const OnnxType& type) { return Info(13, name, type); }

  template <class T>
  OnnxGraph& Init(std::string_view name, const std::vector<int64_t>& dims, const std::vector<T>& values) {
    return Add(5, OnnxTensor(name, dims, values));
  }
  template <class T>
  OnnxGraph& Init(std::string_view name, const std::vector<int64_t>& dims, std::initializer_list<T> values) {
    return Add(5, OnnxTensor(name, dims, std::vector<T>(values)));
  }
  OnnxGraph& InitTensor(const ProtoBytes& tensor) { return Add(5, tensor); }

  OnnxGraph& Node(std::string_view op, const OnnxNames& inputs, const OnnxNames& outputs,
                  const std::vector<OnnxAttr>& attributes = {}, std::string_view domain = {},
                  std::string_view name = {}) {
    return Add(1, OnnxNode(op, inputs, outputs, attributes, domain, name));
  }
  /// Any field of GraphProto.
  OnnxGraph& Add(uint32_t field, const ProtoBytes& message) {
    proto_.Message(field, message);
    return *this;
  }
  [[nodiscard]] const ProtoBytes& proto() const { return proto_; }

 private:
  OnnxGraph& Info(uint32_t field, std::string_view name, const OnnxType& type) {
    return Add(field, ProtoBytes().Bytes(1, name).Message(2, type.proto()));
  }
  ProtoBytes proto_;
};

inline OnnxAttr::OnnxAttr(std::string_view name, const OnnxGraph& v) { Named(name, 5).Message(6, v.proto()); }

/// A FunctionProto.
class OnnxFunction {
 public:
  OnnxFunction(std::string_view domain, std::string_view name, const OnnxNames& inputs, const OnnxNames& outputs,
               const OnnxNames& attributes = {}) {
    proto_.Bytes(1, name).Bytes(10, domain);
    for (const std::string& x : inputs) proto_.Bytes(4, x);
    for (const std::string& x : outputs) proto_.Bytes(5, x);
    for (const std::string& x : attributes) proto_.Bytes(6, x);
  }
  OnnxFunction& Node(std::string_view op, const OnnxNames& inputs, const OnnxNames& outputs,
                     const std::vector<OnnxAttr>& attributes = {}, std::string_view domain = {}) {
    proto_.Message(7, OnnxNode(op, inputs, outputs, attributes, domain));
    return *this;
  }
  OnnxFunction& Default(const OnnxAttr& attribute) {
    proto_.Message(11, attribute.proto());
    return *this;
  }
  OnnxFunction& Opset(std::string_view domain, int64_t version) {
    proto_.Message(9, ProtoBytes().Bytes(1, domain).Int(2, version));
    return *this;
  }
  [[nodiscard]] const ProtoBytes& proto() const { return proto_; }

 private:
  ProtoBytes proto_;
};

struct OnnxModelOptions {
  int64_t opset = 21;
  int64_t ir_version = 10;
  std::vector<std::pair<std::string, int64_t>> other_opsets = {};
  std::vector<OnnxFunction> functions = {};
};

/// The bytes of a whole model.
inline std::string OnnxModel(const OnnxGraph& graph, const OnnxModelOptions& options = {}) {
  ProtoBytes m;
  m.Int(1, options.ir_version).Bytes(2, "test").Message(7, graph.proto());
  m.Message(8, ProtoBytes().Bytes(1, "").Int(2, options.opset));
  for (const auto& [domain, version] : options.other_opsets)
    m.Message(8, ProtoBytes().Bytes(1, domain).Int(2, version));
  for (const OnnxFunction& f : options.functions) m.Message(25, f.proto());
  return m.str();
}

}  // namespace godwit::testing
