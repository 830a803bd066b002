// TFLite models made in a test, operator by operator, and read as any file is.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "exec/session.h"
#include "formats/tflite/arena.h"
#include "formats/tflite/write.h"
#include "frontends/tflite/import.h"

namespace godwit::testing {

/// One subgraph while it is made. Tensors are named by number.
class TfliteBuilder {
 public:
  using Type = tflite::TensorType;
  using Op = tflite::BuiltinOperator;
  using Ints = std::vector<int32_t>;

  TfliteBuilder() {
    buffers_.emplace_back();
    AddSubgraph();
  }

  int32_t Add(std::string_view name, Type type, const Ints& shape) {
    tflite::Tensor t;
    t.name = arena_.Text(name);
    t.type = type;
    t.shape = arena_.Array(shape);
    t.has_rank = true;
    graph().tensors.push_back(t);
    return static_cast<int32_t>(graph().tensors.size() - 1);
  }
  int32_t Input(std::string_view name, Type type, const Ints& shape) {
    const int32_t t = Add(name, type, shape);
    graph().inputs.push_back(t);
    return t;
  }
  template <class T>
  int32_t Const(Type type, const Ints& shape, const std::vector<T>& values) {
    const int32_t t = Add("c" + std::to_string(graph().tensors.size()), type, shape);
    const ByteSpan bytes{reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(T)};
    graph().tensors.back().buffer = static_cast<uint32_t>(buffers_.size());
    tflite::Buffer buffer;
    buffer.bytes = arena_.Bytes(bytes);
    buffers_.push_back(buffer);
    return t;
  }
  int32_t F32(const Ints& shape, const std::vector<float>& values) { return Const(Type::kFloat32, shape, values); }
  int32_t I32(const Ints& shape, const std::vector<int32_t>& values) { return Const(Type::kInt32, shape, values); }
  tflite::Tensor& At(int32_t tensor) { return graph().tensors[static_cast<size_t>(tensor)]; }
  void Quantise(int32_t tensor, const std::vector<float>& scales, const std::vector<int64_t>& zeros, int32_t axis = 0) {
    tflite::Quantization q;
    q.scale = arena_.Array(scales);
    q.zero_point = arena_.Array(zeros);
    q.quantized_dimension = axis;
    At(tensor).quantization = arena_.One(q);
  }
  void Dynamic(int32_t tensor, const Ints& signature) { At(tensor).shape_signature = arena_.Array(signature); }

  using Fill = std::function<void(tflite::OptionsSetter&)>;
  void Emit(Op op, const Ints& in, const Ints& out, const Fill& fill = {}, std::string_view custom = {},
            ByteSpan custom_options = {}) {
    tflite::OperatorCode code;
    code.code = op;
    code.custom_code = arena_.Text(custom);
    tflite::Operator o;
    o.opcode_index = static_cast<uint32_t>(codes_.size());
    codes_.push_back(code);
    o.inputs = arena_.Array(in);
    o.outputs = arena_.Array(out);
    o.custom_options = arena_.Bytes(custom_options);
    if (fill) {
      tflite::OptionsSetter set(&arena_, tflite::OptionsOf(op));
      fill(set);
      o.options = set.options();
    }
    graph().operators.push_back(o);
  }
  void Outputs(const Ints& outputs) { graph().outputs = outputs; }
  /// The next tensors and operators belong to a new subgraph; its number.
  int64_t AddSubgraph() {
    graphs_.emplace_back();
    return static_cast<int64_t>(graphs_.size()) - 1;
  }
  void Select(int64_t subgraph) { at_ = static_cast<size_t>(subgraph); }
  void Signature(std::string_view key, const std::vector<std::string>& in, const std::vector<std::string>& out,
                 int64_t subgraph = 0) {
    tflite::SignatureDef s;
    s.key = arena_.Text(key);
    s.subgraph_index = static_cast<uint32_t>(subgraph);
    std::vector<tflite::TensorMap> ins, outs;
    for (size_t i = 0; i < in.size(); ++i)
      ins.push_back({arena_.Text(in[i]), static_cast<uint32_t>(graphs_[0].inputs[i])});
    for (size_t i = 0; i < out.size(); ++i)
      outs.push_back({arena_.Text(out[i]), static_cast<uint32_t>(graphs_[0].outputs[i])});
    s.inputs = arena_.Array(ins);
    s.outputs = arena_.Array(outs);
    signatures_.push_back(s);
  }

  std::string Bytes() {
    tflite::Model m;
    std::vector<tflite::SubGraph> graphs;
    for (const Building& g : graphs_) {
      tflite::SubGraph s;
      s.name = arena_.Text("graph" + std::to_string(graphs.size()));
      s.tensors = g.tensors;
      s.inputs = g.inputs;
      s.outputs = g.outputs;
      s.operators = g.operators;
      graphs.push_back(s);
    }
    m.subgraphs = graphs;
    m.operator_codes = codes_;
    m.buffers = buffers_;
    m.signature_defs = signatures_;
    auto bytes = tflite::SerializeModel(m);
    if (!bytes.ok()) {
      ADD_FAILURE() << FormatDiag(bytes.diag());
      return {};
    }
    return *bytes;
  }

  /// Problems go to `sink` where one is given, and fail the test otherwise.
  Graph Import(DiagSink* sink = nullptr, const from_tflite::ImportOptions& options = {}) {
    const std::string bytes = Bytes();
    Dump(bytes);
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    DiagSink own;
    DiagSink* problems = sink != nullptr ? sink : &own;
    auto graph = from_tflite::ImportModel(MappedFile::FromBytes({data, data + bytes.size()}), options, problems);
    if (!graph.ok()) {
      if (sink != nullptr) {
        sink->Add(graph.diag());
      } else {
        ADD_FAILURE() << FormatDiag(graph.diag());
      }
      return Graph();
    }
    if (sink == nullptr) {
      for (const Diag& d : own.all()) ADD_FAILURE() << FormatDiag(d);
    }
    return *std::move(graph);
  }

 private:
  // Where GODWIT_DUMP names a folder the models are left there, for tests/oracle/tflite_models.py to judge.
  static void Dump(const std::string& bytes) {
    const char* folder = std::getenv("GODWIT_DUMP");
    if (folder == nullptr) return;
    static int count = 0;
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string path = std::string(folder) + "/" + test->test_suite_name() + "." + test->name() + "." +
                             std::to_string(count++) + ".tflite";
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  struct Building {
    std::vector<tflite::Tensor> tensors;
    Ints inputs, outputs;
    std::vector<tflite::Operator> operators;
  };
  Building& graph() { return graphs_[at_]; }

  tflite::ModelArena arena_;
  std::deque<Building> graphs_;
  size_t at_ = 0;
  std::vector<tflite::OperatorCode> codes_;
  std::vector<tflite::Buffer> buffers_;
  std::vector<tflite::SignatureDef> signatures_;
};

/// The model's results by the reference evaluation.
inline std::vector<Tensor> RunOnce(const Graph& graph, std::vector<RtValue> inputs) {
  SessionOptions options;
  options.threads = 1;
  options.reference = true;
  Session session(graph, options);
  auto results = session.Run(std::move(inputs));
  if (!results.ok()) {
    ADD_FAILURE() << FormatDiag(results.diag());
    return {};
  }
  std::vector<Tensor> out;
  for (RtValue& v : *results) out.push_back(v.tensor);
  return out;
}

inline std::vector<float> Floats(const Tensor& t) {
  EXPECT_EQ(t.dtype(), DType::kF32);
  if (t.dtype() != DType::kF32) return {};
  return {t.data<float>(), t.data<float>() + t.size()};
}

}  // namespace godwit::testing
