// TFLite models made in a test, operator by operator, and read as any file is.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "exec/session.h"
#include "frontends/tflite/import.h"
#include "support/tflite_builder.h"

namespace godwit::testing {

/// A model whose parts are added one after the other to the subgraph that is selected. Tensors are named by number.
class TfliteBuilder {
 public:
  using Type = tflite::TensorType;
  using Op = tflite::BuiltinOperator;
  using Ints = TfliteModel::Ints;

  int32_t Add(std::string_view name, Type type, const Ints& shape) { return model_.Tensor(name, type, shape, at_); }
  int32_t Input(std::string_view name, Type type, const Ints& shape) {
    const int32_t t = Add(name, type, shape);
    graph().inputs.push_back(t);
    return t;
  }
  template <class T>
  int32_t Const(Type type, const Ints& shape, const std::vector<T>& values) {
    return model_.Constant<T>("c" + std::to_string(graph().tensors.size()), type, shape, values, at_);
  }
  int32_t F32(const Ints& shape, const std::vector<float>& values) { return Const(Type::kFloat32, shape, values); }
  int32_t I32(const Ints& shape, const std::vector<int32_t>& values) { return Const(Type::kInt32, shape, values); }
  tflite::Tensor& At(int32_t tensor) { return graph().tensors[static_cast<size_t>(tensor)]; }
  void Quantise(int32_t tensor, const std::vector<float>& scales, const std::vector<int64_t>& zeros, int32_t axis = 0) {
    model_.Quantize(tensor, scales, zeros, axis, at_);
  }
  void Dynamic(int32_t tensor, const Ints& signature) { At(tensor).shape_signature = model_.arena.Array(signature); }

  using Fill = std::function<void(tflite::OptionsSetter&)>;
  void Emit(Op op, const Ints& in, const Ints& out, const Fill& fill = {}, std::string_view custom = {},
            ByteSpan custom_options = {}) {
    tflite::Operator& o = custom.empty() ? model_.Op(op, in, out, at_) : model_.Custom(custom, in, out, at_);
    o.custom_options = model_.arena.Bytes(custom_options);
    if (!fill) return;
    tflite::OptionsSetter set(&model_.arena, tflite::OptionsOf(op));
    fill(set);
    o.options = set.options();
  }
  void Outputs(const Ints& outputs) { graph().outputs = outputs; }
  /// The next tensors and operators belong to a new subgraph once that is selected; its number.
  int64_t AddSubgraph() {
    model_.graphs.emplace_back();
    return static_cast<int64_t>(model_.graphs.size()) - 1;
  }
  void Select(int64_t subgraph) { at_ = static_cast<size_t>(subgraph); }
  void Signature(std::string_view key, const std::vector<std::string>& in, const std::vector<std::string>& out,
                 int64_t subgraph = 0) {
    const auto maps = [&](const std::vector<std::string>& names, const Ints& tensors) {
      std::vector<tflite::TensorMap> list;
      for (size_t i = 0; i < names.size(); ++i) {
        list.push_back({model_.arena.Text(names[i]), static_cast<uint32_t>(tensors[i])});
      }
      return model_.arena.Array(list);
    };
    tflite::SignatureDef s;
    s.key = model_.arena.Text(key);
    s.subgraph_index = static_cast<uint32_t>(subgraph);
    const TfliteGraph& entry = model_.graphs[static_cast<size_t>(subgraph)];
    s.inputs = maps(in, entry.inputs);
    s.outputs = maps(out, entry.outputs);
    signatures_.push_back(s);
  }

  std::string Bytes() {
    for (size_t i = 0; i < model_.graphs.size(); ++i) {
      model_.graphs[i].name = model_.arena.Text("graph" + std::to_string(i));
    }
    model_.rest.signature_defs = model_.arena.Array(signatures_);
    return model_.Bytes();
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

  TfliteGraph& graph() { return model_.graphs[at_]; }

  TfliteModel model_;
  size_t at_ = 0;
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
