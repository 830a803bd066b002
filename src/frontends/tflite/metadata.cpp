#include "frontends/tflite/metadata.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"

namespace godwit::from_tflite {

namespace {

// Text as it is, without the zeros that fixed-size fields end with; other bytes in digits.
std::string AsMetadata(ByteSpan bytes) {
  std::string_view text = AsText(bytes);
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t'; });
  return plain ? std::string(text) : Concat("base64:", Base64(bytes));
}

}  // namespace

void ReadMetadata(const tflite::Model& model, const tflite::SignatureDef* entry, Graph* graph) {
  for (const tflite::Metadata& m : model.metadata) {
    if (m.buffer >= model.buffers.size()) continue;
    graph->metadata[Concat("tflite.metadata.", m.name)] = AsMetadata(model.buffers[m.buffer].bytes);
  }
  if (!model.appended.empty()) graph->metadata["tflite.files"] = Concat("base64:", Base64(model.appended));
  if (entry == nullptr) return;
  const auto tensors = model.subgraphs[entry->subgraph_index].tensors;
  graph->metadata["tflite.signature"] = std::string(entry->key);
  const auto put = [&](std::string_view kind, std::span<const tflite::TensorMap> maps) {
    for (const tflite::TensorMap& m : maps) {
      if (m.tensor_index >= tensors.size()) continue;
      graph->metadata[Concat("tflite.", kind, ".", m.name)] = std::string(tensors[m.tensor_index].name);
    }
  };
  put("input", entry->inputs);
  put("output", entry->outputs);
}

Attrs OpaqueAttrs(const tflite::Model& model, const tflite::Operator& op) {
  using tflite::FieldType;
  Attrs attrs;
  const tflite::OperatorCode& code = model.CodeOf(op);
  attrs.Set("domain", std::string(code.code == tflite::BuiltinOperator::kCustom ? "tflite.custom" : "tflite"));
  attrs.Set("op_type", model.OperatorNameOf(op));
  if (code.version != 1) attrs.Set("attr.version", int64_t{code.version});
  if (!op.custom_options.empty()) {
    std::vector<uint8_t> bytes(op.custom_options.size());
    std::memcpy(bytes.data(), op.custom_options.data(), bytes.size());
    attrs.Set("attr.custom_options", Tensor::Of<uint8_t>(DType::kU8, {static_cast<int64_t>(bytes.size())}, bytes));
  }
  if (!op.options.stored() || op.options.table() == nullptr) return attrs;
  for (const tflite::FieldDef& field : op.options.table()->fields) {
    const std::string name = Concat("attr.", field.name);
    switch (field.type) {
      case FieldType::kFloat32: attrs.Set(name, static_cast<double>(op.options.Float(field.name))); break;
      case FieldType::kText: attrs.Set(name, std::string(op.options.Text(field.name))); break;
      case FieldType::kVector:
        if (field.element == FieldType::kFloat32) {
          const std::vector<float> values = op.options.Floats(field.name);
          attrs.Set(name, std::vector<double>(values.begin(), values.end()));
        } else {
          attrs.Set(name, op.options.Ints(field.name));
        }
        break;
      case FieldType::kBool:
      case FieldType::kInt8:
      case FieldType::kUint8:
      case FieldType::kInt16:
      case FieldType::kUint16:
      case FieldType::kInt32:
      case FieldType::kUint32:
      case FieldType::kInt64:
      case FieldType::kUint64: attrs.Set(name, op.options.Int(field.name)); break;
      default: break;
    }
  }
  return attrs;
}

}  // namespace godwit::from_tflite
