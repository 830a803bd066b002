#include "backends/tflite/partition.h"

#include <algorithm>

#include "ir/type.h"

namespace godwit::to_tflite {

namespace {

DType FromTensorType(tflite::TensorType type) {
  using enum tflite::TensorType;
  switch (type) {
    case kFloat32: return DType::kF32;
    case kFloat16: return DType::kF16;
    case kInt32: return DType::kI32;
    case kUint8: return DType::kU8;
    case kInt64: return DType::kI64;
    case kString: return DType::kString;
    case kBool: return DType::kBool;
    case kInt16: return DType::kI16;
    case kComplex64: return DType::kC64;
    case kInt8: return DType::kI8;
    case kFloat64: return DType::kF64;
    case kUint32: return DType::kU32;
    case kUint16: return DType::kU16;
    case kInt4: return DType::kI4;
    case kBfloat16: return DType::kBF16;
    default: return DType::kNone;
  }
}

// Types of a subgraph's tensors, as the tables speak of them.
std::vector<TensorType> TypesOf(const tflite::SubGraph& graph) {
  std::vector<TensorType> out;
  out.reserve(graph.tensors.size());
  for (const tflite::Tensor& t : graph.tensors) {
    TensorType type(FromTensorType(t.type), Shape(t.shape.begin(), t.shape.end()));
    if (t.quantization != nullptr && !t.quantization->scale.empty()) {
      Quant quant;
      quant.scales.assign(t.quantization->scale.begin(), t.quantization->scale.end());
      type.quant = std::make_shared<const Quant>(std::move(quant));
    }
    out.push_back(std::move(type));
  }
  return out;
}

}  // namespace

Partition PartitionFor(const tflite::Model& model, targets::TfliteDelegate delegate) {
  Partition out;
  if (model.subgraphs.empty()) return out;
  const tflite::SubGraph& graph = model.subgraphs[0];
  const std::vector<TensorType> types = TypesOf(graph);
  const auto constant = [&](size_t t) {
    const uint32_t buffer = graph.tensors[t].buffer;
    return buffer < model.buffers.size() && model.buffers[buffer].size() > 0;
  };
  out.operators = graph.operators.size();
  std::vector<bool> taken;
  for (size_t i = 0; i < graph.operators.size(); ++i) {
    const tflite::Operator& op = graph.operators[i];
    targets::TfliteUse use;
    const std::string name = model.OperatorNameOf(op);
    use.op = name;
    const auto add = [&](std::span<const int32_t> indices, std::vector<targets::TfliteTensor>* list) {
      for (const int32_t t : indices) {
        const auto at = static_cast<size_t>(t);
        if (t < 0 || at >= types.size()) {
          list->push_back({});
        } else {
          list->push_back({&types[at], constant(at)});
        }
      }
    };
    add(op.inputs, &use.in);
    add(op.outputs, &use.out);
    use.option = [&](std::string_view field) -> std::optional<double> {
      if (!op.options.Has(field)) return std::nullopt;
      return field == "beta" ? static_cast<double>(op.options.Float(field))
                             : static_cast<double>(op.options.Int(field));
    };
    std::string why = targets::DelegateRefuses(delegate, use);
    taken.push_back(why.empty());
    out.delegated += why.empty() ? 1 : 0;
    if (why.empty()) continue;
    std::string tensor;
    if (!op.outputs.empty()) tensor = std::string(graph.tensors[static_cast<size_t>(op.outputs[0])].name);
    out.left.push_back({i, name, std::move(tensor), std::move(why)});
  }
  // Parts grow as long as anything of their kind is ready, then the other kind has its turn.
  std::vector<bool> ready(graph.tensors.size(), true), done(graph.operators.size(), false);
  for (const tflite::Operator& op : graph.operators) {
    for (const int32_t t : op.outputs) {
      if (t >= 0) ready[static_cast<size_t>(t)] = false;
    }
  }
  const auto runs = [&](size_t i) {
    const auto& inputs = graph.operators[i].inputs;
    return !done[i] &&
           std::all_of(inputs.begin(), inputs.end(), [&](int32_t t) { return t < 0 || ready[static_cast<size_t>(t)]; });
  };
  for (;;) {
    size_t first = 0;
    while (first < done.size() && !runs(first)) ++first;
    if (first == done.size()) break;
    const bool kind = taken[first];
    size_t count = 0;
    // The file's order is topological, so one pass takes in all that becomes ready.
    for (size_t i = first; i < done.size(); ++i) {
      if (taken[i] != kind || !runs(i)) continue;
      done[i] = true;
      ++count;
      for (const int32_t t : graph.operators[i].outputs) {
        if (t >= 0) ready[static_cast<size_t>(t)] = true;
      }
    }
    if (!kind) continue;
    ++out.parts;
    out.largest = std::max(out.largest, count);
  }
  return out;
}

}  // namespace godwit::to_tflite
