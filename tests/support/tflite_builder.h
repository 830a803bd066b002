// Builds TFLite models part by part; every part stays open to be spoiled before the bytes are made.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tflite/arena.h"
#include "formats/tflite/model.h"
#include "formats/tflite/write.h"

namespace godwit::testing {

struct TfliteGraph {
  std::string_view name;
  std::vector<tflite::Tensor> tensors;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  std::vector<tflite::Operator> operators;
};

class TfliteModel {
 public:
  using Ints = std::vector<int32_t>;

  TfliteModel() : graphs(1), buffers(1) {}

  tflite::ModelArena arena;
  std::vector<tflite::OperatorCode> codes;
  std::deque<TfliteGraph> graphs;
  std::vector<tflite::Buffer> buffers;  ///< the first is the empty one
  tflite::Model rest;                   ///< whatever else the model is to hold

  TfliteGraph& main() { return graphs[0]; }
  /// A new tensor of a graph, the main one unless stated; its number.
  int32_t Tensor(std::string_view name, tflite::TensorType type, const Ints& shape, size_t graph = 0) {
    tflite::Tensor t;
    t.name = arena.Text(name);
    t.type = type;
    t.shape = arena.Array(shape);
    t.has_rank = true;
    graphs[graph].tensors.push_back(t);
    return static_cast<int32_t>(graphs[graph].tensors.size()) - 1;
  }
  int32_t Input(std::string_view name, const Ints& shape, tflite::TensorType type = tflite::TensorType::kFloat32) {
    main().inputs.push_back(Tensor(name, type, shape));
    return main().inputs.back();
  }
  int32_t Output(std::string_view name, const Ints& shape, tflite::TensorType type = tflite::TensorType::kFloat32) {
    main().outputs.push_back(Tensor(name, type, shape));
    return main().outputs.back();
  }
  int32_t ConstantBytes(std::string_view name, tflite::TensorType type, const Ints& shape, std::string_view bytes,
                        size_t graph = 0) {
    const int32_t k = Tensor(name, type, shape, graph);
    graphs[graph].tensors.back().buffer = Buffer(bytes);
    return k;
  }
  template <class T>
  int32_t Constant(std::string_view name, tflite::TensorType type, const Ints& shape, const std::vector<T>& values,
                   size_t graph = 0) {
    return ConstantBytes(name, type, shape, AsText(std::as_bytes(std::span(values))), graph);
  }
  uint32_t Buffer(std::string_view bytes) {
    buffers.push_back({arena.Bytes(AsBytes(bytes)), nullptr});
    return static_cast<uint32_t>(buffers.size()) - 1;
  }
  tflite::Operator& Op(tflite::BuiltinOperator code, const Ints& inputs, const Ints& outputs, size_t graph = 0) {
    return OpOf({code, {}, 1}, inputs, outputs, graph);
  }
  tflite::Operator& Custom(std::string_view name, const Ints& inputs, const Ints& outputs, size_t graph = 0) {
    return OpOf({tflite::BuiltinOperator::kCustom, arena.Text(name), 1}, inputs, outputs, graph);
  }
  /// The quantisation of a tensor, to be filled in.
  tflite::Quantization& Quantize(int32_t tensor, const std::vector<float>& scales, const std::vector<int64_t>& zeros,
                                 int32_t dimension = 0, size_t graph = 0) {
    tflite::Quantization& q = arena.Fresh<tflite::Quantization>(1)[0];
    q.scale = arena.Array(scales);
    q.zero_point = arena.Array(zeros);
    q.quantized_dimension = dimension;
    graphs[graph].tensors[static_cast<size_t>(tensor)].quantization = &q;
    return q;
  }
  tflite::OptionsSetter Set(std::string_view table) { return {&arena, table}; }

  /// Views of the parts as they are now.
  tflite::Model Build() {
    tflite::Model m = rest;
    std::vector<tflite::SubGraph> subgraphs;
    for (const TfliteGraph& g : graphs) {
      tflite::SubGraph s;
      s.name = g.name;
      s.tensors = arena.Array(g.tensors);
      s.inputs = arena.Array(g.inputs);
      s.outputs = arena.Array(g.outputs);
      s.operators = arena.Array(g.operators);
      subgraphs.push_back(s);
    }
    m.subgraphs = arena.Array(subgraphs);
    m.operator_codes = arena.Array(codes);
    m.buffers = arena.Array(buffers);
    m.arena = arena.resource();
    return m;
  }
  std::string Bytes(const tflite::WriteOptions& options = {}) {
    auto bytes = tflite::SerializeModel(Build(), options);
    EXPECT_TRUE(bytes.ok());
    return bytes.ok() ? *bytes : std::string();
  }

 private:
  tflite::Operator& OpOf(const tflite::OperatorCode& code, const Ints& inputs, const Ints& outputs, size_t graph) {
    const auto same = [&](const tflite::OperatorCode& c) {
      return c.code == code.code && c.custom_code == code.custom_code && c.version == code.version;
    };
    auto found = std::find_if(codes.begin(), codes.end(), same);
    if (found == codes.end()) found = codes.insert(codes.end(), code);
    tflite::Operator op;
    op.opcode_index = static_cast<uint32_t>(found - codes.begin());
    op.inputs = arena.Array(inputs);
    op.outputs = arena.Array(outputs);
    graphs[graph].operators.push_back(op);
    return graphs[graph].operators.back();
  }
};

/// x f32[1,4,4,2] -> a convolution of 3 filters of 1 x 1 with a bias -> y.
inline void AddConvolution(TfliteModel* m) {
  using tflite::TensorType;
  const int32_t x = m->Input("x", {1, 4, 4, 2});
  const int32_t w = m->Constant<float>("w", TensorType::kFloat32, {3, 1, 1, 2}, {1, 2, 3, 4, 5, 6});
  const int32_t b = m->Constant<float>("b", TensorType::kFloat32, {3}, {0.5F, -1, 2});
  const int32_t y = m->Output("y", {1, 4, 4, 3});
  auto set = m->Set("Conv2DOptions");
  set.Int("stride_w", 1).Int("stride_h", 1).Enum("padding", tflite::Padding::kValid);
  m->Op(tflite::BuiltinOperator::kConv2d, {x, w, b}, {y}).options = set.options();
}

}  // namespace godwit::testing
