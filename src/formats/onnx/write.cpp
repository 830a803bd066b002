#include "formats/onnx/write.h"

#include <array>

#include "formats/protobuf/wire_reader.h"
#include "formats/protobuf/wire_writer.h"

namespace godwit::onnx {

namespace {

// One overload of Emit a message, its fields in rising order. Fields that are empty are left out.
class Writer {
 public:
  explicit Writer(proto::WireWriter* out) : out_(out) {}

  void Emit(const Model& m) {
    Number(1, m.ir_version);
    Text(2, m.producer_name);
    Text(3, m.producer_version);
    Text(4, m.domain);
    Number(5, m.model_version);
    Text(6, m.doc_string);
    One(7, m.graph);
    All(8, m.opset_imports);
    All(14, m.metadata);
    All(20, m.training_infos);
    All(25, m.functions);
    for (const ByteSpan b : m.configurations) out_->Bytes(26, b);
  }

  void Emit(const Tensor& t) {
    Dims(1, t.dims);
    out_->Int(2, static_cast<int32_t>(t.data_type));
    if (t.details != nullptr && t.details->has_segment) {
      out_->Message(3, [&] {
        out_->Int(1, t.details->segment_begin);
        out_->Int(2, t.details->segment_end);
      });
    }
    TypedFields(t, 4, 7);
    Text(8, t.name);
    if (!t.raw_data.empty()) out_->Bytes(9, t.raw_data);
    if (t.payload != nullptr && !t.external && t.payload->size() != 0) {
      out_->Stream(9, t.payload->size(), [&](const auto& sink) { return t.payload->Write(sink); });
    }
    TypedFields(t, 10, 11);
    if (t.details != nullptr) Text(12, t.details->doc_string);
    All(13, t.external_data());
    if (t.external) out_->Int(14, 1);
    if (t.details != nullptr) All(16, t.details->metadata);
  }

 private:
  void Emit(const Graph& g) {
    All(1, g.nodes);
    Text(2, g.name);
    All(5, g.initializers);
    Text(10, g.doc_string);
    All(11, g.inputs);
    All(12, g.outputs);
    All(13, g.value_infos);
    All(14, g.annotations);
    All(15, g.sparse_initializers);
    All(16, g.metadata);
  }

  void Emit(const Node& n) {
    // An empty name stands for an absent input, so names are written whatever they are.
    Texts(1, n.inputs);
    Texts(2, n.outputs);
    Text(3, n.name);
    Text(4, n.op_type);
    All(5, n.attributes);
    if (n.details != nullptr) Text(6, n.details->doc_string);
    Text(7, n.domain);
    if (n.details == nullptr) return;
    Text(8, n.details->overload);
    All(9, n.details->metadata);
    for (const ByteSpan b : n.details->device_configurations) out_->Bytes(10, b);
  }

  void Emit(const Attribute& a) {
    Text(1, a.name);
    if (a.ref_name.empty()) Value(a);
    out_->Int(20, static_cast<int64_t>(a.type));
    Text(21, a.ref_name);
    if (!a.ref_name.empty()) return;
    if (a.sparse() != nullptr) One(22, *a.sparse());
    All(23, a.sparse_tensors());
  }

  // The values whose fields come before `type`.
  void Value(const Attribute& a) {
    switch (a.type) {
      case AttributeType::kFloat: out_->Float(2, a.f); break;
      case AttributeType::kInt: out_->Int(3, a.i); break;
      case AttributeType::kString: out_->Text(4, a.s()); break;
      case AttributeType::kTensor:
        if (a.t() != nullptr) One(5, *a.t());
        break;
      case AttributeType::kGraph:
        if (a.g() != nullptr) One(6, *a.g());
        break;
      case AttributeType::kFloats:
        for (const float v : a.floats()) out_->Float(7, v);
        break;
      case AttributeType::kInts: Dims(8, a.ints()); break;
      case AttributeType::kStrings: Texts(9, a.strings()); break;
      case AttributeType::kTensors: All(10, a.tensors()); break;
      case AttributeType::kGraphs: All(11, a.graphs()); break;
      case AttributeType::kType:
        if (a.tp() != nullptr) One(14, *a.tp());
        break;
      case AttributeType::kTypes: All(15, a.types()); break;
      case AttributeType::kSparseTensor:
      case AttributeType::kSparseTensors:
      case AttributeType::kUndefined: break;
    }
  }

  void Emit(const Function& f) {
    Text(1, f.name);
    Texts(4, f.inputs);
    Texts(5, f.outputs);
    Texts(6, f.attributes);
    All(7, f.nodes);
    Text(8, f.doc_string);
    All(9, f.opset_imports);
    Text(10, f.domain);
    All(11, f.attributes_with_default);
    All(12, f.value_infos);
    Text(13, f.overload);
    All(14, f.metadata);
  }

  void Emit(const TrainingInfo& t) {
    if (t.initialization != nullptr) One(1, *t.initialization);
    if (t.algorithm != nullptr) One(2, *t.algorithm);
    All(3, t.initialization_binding);
    All(4, t.update_binding);
  }

  void Emit(const ValueInfo& v) {
    Text(1, v.name);
    if (v.type != nullptr) One(2, *v.type);
    Text(3, v.doc_string);
    All(4, v.metadata);
  }

  void Emit(const Type& t) {
    const auto element = [&](uint32_t field) {
      if (t.element != nullptr) One(field, *t.element);
    };
    switch (t.kind) {
      case Type::Kind::kTensor: TensorType(1, t); break;
      case Type::Kind::kSequence: out_->Message(4, [&] { element(1); }); break;
      case Type::Kind::kMap:
        out_->Message(5, [&] {
          out_->Int(1, static_cast<int32_t>(t.elem_type));
          element(2);
        });
        break;
      default: break;
    }
    Text(6, t.denotation);
    switch (t.kind) {
      case Type::Kind::kOpaque:
        out_->Message(7, [&] {
          Text(1, t.opaque_domain);
          Text(2, t.opaque_name);
        });
        break;
      case Type::Kind::kSparseTensor: TensorType(8, t); break;
      case Type::Kind::kOptional: out_->Message(9, [&] { element(1); }); break;
      default: break;
    }
  }

  void TensorType(uint32_t field, const Type& t) {
    out_->Message(field, [&] {
      out_->Int(1, static_cast<int32_t>(t.elem_type));
      if (t.has_shape) out_->Message(2, [&] { All(1, t.shape); });
    });
  }

  void Emit(const Dim& d) {
    if (d.kind == Dim::Kind::kValue) out_->Int(1, d.value);
    if (d.kind == Dim::Kind::kParam) out_->Text(2, d.param);
    Text(3, d.denotation);
  }

  void Emit(const SparseTensor& s) {
    One(1, s.values);
    One(2, s.indices);
    Dims(3, s.dims);
  }

  void Emit(const TensorAnnotation& a) {
    Text(1, a.tensor_name);
    All(2, a.parameters);
  }

  void Emit(const OperatorSet& o) {
    Text(1, o.domain);
    out_->Int(2, o.version);
  }

  void Emit(const StringPair& p) {
    Text(1, p.key);
    Text(2, p.value);
  }

  // Values in typed fields are copied as they are stored.
  void TypedFields(const Tensor& t, uint32_t first, uint32_t last) {
    if (t.typed_fields == 0) return;
    const Limits limits;
    proto::WireContext context(t.message, limits);
    proto::WireReader r(&context, t.message);
    const std::byte* start = nullptr;
    const auto flush = [&](const std::byte* end) {
      if (start != nullptr) out_->Raw({start, end});
      start = nullptr;
    };
    while (r.Next()) {
      flush(r.tag());
      if (r.field() >= first && r.field() <= last) start = r.tag();
    }
    flush(t.message.data() + t.message.size());
  }

  void Number(uint32_t field, int64_t v) {
    if (v != 0) out_->Int(field, v);
  }
  void Text(uint32_t field, std::string_view v) {
    if (!v.empty()) out_->Text(field, v);
  }
  void Texts(uint32_t field, std::span<const std::string_view> values) {
    for (const std::string_view v : values) out_->Text(field, v);
  }
  void Dims(uint32_t field, std::span<const int64_t> values) {
    for (const int64_t v : values) out_->Int(field, v);
  }
  template <class T>
  void One(uint32_t field, const T& message) {
    out_->Message(field, [&] { Emit(message); });
  }
  template <class T>
  void All(uint32_t field, std::span<const T> messages) {
    for (const T& m : messages) One(field, m);
  }

  proto::WireWriter* out_;
};

template <class T>
std::string Serialize(const T& message) {
  proto::WireWriter counter;
  Writer(&counter).Emit(message);
  std::string out;
  out.reserve(static_cast<size_t>(counter.total()));
  proto::WireWriter writer(counter, [&](ByteSpan bytes) -> Status {
    out.append(AsText(bytes));
    return Ok{};
  });
  Writer(&writer).Emit(message);
  return out;
}

}  // namespace

uint64_t ModelBytes(const Model& model) {
  proto::WireWriter counter;
  Writer(&counter).Emit(model);
  return counter.total();
}

Status WriteModel(const Model& model, AtomicFile* file) {
  proto::WireWriter counter;
  Writer(&counter).Emit(model);
  proto::WireWriter writer(counter, [&](ByteSpan bytes) { return file->Write(bytes); });
  Writer(&writer).Emit(model);
  return writer.status();
}

std::string SerializeModel(const Model& model) { return Serialize(model); }
std::string SerializeTensor(const Tensor& tensor) { return Serialize(tensor); }

}  // namespace godwit::onnx
