// Quantised operators against what LiteRT's reference kernels made of them, to the bit. The cases are made by
// tests/oracle/litert_integer_cases.py.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "exec/plan_check.h"
#include "frontends/tflite/import.h"
#include "ir/state.h"
#include "ir/text.h"
#include "ops/ops.h"

namespace godwit {
namespace {

const std::string kData = std::string(GODWIT_SOURCE_DIR) + "/tests/exec/data/";

struct Run {
  std::vector<RtValue> inputs;
  Tensor want;
};
/// A graph, or a model whose state goes from run to run.
struct Case {
  std::string name, graph, model;
  std::vector<Run> runs;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

Tensor Numbers(std::istream& line, DType dtype, const Dims& dims) {
  Tensor t(dtype, dims);
  std::string word;
  for (int64_t i = 0; i < t.size() && line >> word; ++i) {
    StoreF64(dtype, std::stod(word), t.mutable_raw() + static_cast<size_t>(i) * ByteSize(dtype));
  }
  return t;
}

std::vector<Case> Cases() {
  std::ifstream file(kData + "litert_integer_cases.txt");
  std::vector<Case> cases;
  std::string text;
  while (std::getline(file, text)) {
    std::istringstream line(text);
    std::string key;
    line >> key;
    if (key == "case") {
      cases.emplace_back();
      line >> cases.back().name;
    } else if (key == "graph") {
      std::getline(line, cases.back().graph);
    } else if (key == "model") {
      line >> cases.back().model;
    } else if (key == "in") {
      if (cases.back().runs.empty() || cases.back().runs.back().want.valid()) cases.back().runs.emplace_back();
      std::string dtype, dims;
      line >> dtype >> dims;
      const Result<Type> type = Type::Parse(dtype + dims);
      Dims shape;
      for (const Dim& d : type->shape()) shape.push_back(d.value());
      cases.back().runs.back().inputs.emplace_back(Numbers(line, type->dtype(), shape));
    } else if (key == "out") {
      std::string dtype;
      line >> dtype;
      std::string rest;
      std::getline(line, rest);
      std::istringstream count(rest), values(rest);
      const auto n = std::distance(std::istream_iterator<std::string>(count), std::istream_iterator<std::string>());
      cases.back().runs.back().want = Numbers(values, Type::Parse(dtype + "[]")->dtype(), {static_cast<int64_t>(n)});
    }
  }
  return cases;
}

Result<Graph> GraphOf(const Case& c) {
  if (c.model.empty()) return ParseGraph(c.graph, ops::Find);
  TRY(const MappedFile::Ptr file, MappedFile::Open(kData + c.model));
  DiagSink sink;
  return from_tflite::ImportModel(file, {}, &sink);
}

class LitertInteger : public ::testing::TestWithParam<Case> {};

void ExpectRuns(const Graph& graph, const Case& c, int threads) {
  SessionOptions options;
  options.threads = threads;
  Session session(graph, options);
  const auto states = StatesOf(graph);
  ASSERT_TRUE(states.ok());
  std::vector<RtValue> inputs;
  for (const Run& run : c.runs) {
    inputs.resize(graph.region(Graph::main()).params.size());
    for (size_t i = 0; i < run.inputs.size(); ++i) inputs[i] = run.inputs[i];
    for (size_t i = run.inputs.size(); i < inputs.size(); ++i) {
      const Type& type = graph.value(graph.region(Graph::main()).params[i]).type;
      Dims dims;
      for (const Dim& d : type.shape()) dims.push_back(d.value());
      if (!inputs[i].absent()) continue;
      Tensor zeros(type.dtype(), dims);
      std::memset(zeros.mutable_raw(), 0, zeros.bytes());
      for (const StateSlot& slot : *states) {
        if (slot.input == graph.value(graph.region(Graph::main()).params[i]).name && slot.initial.valid())
          zeros = slot.initial;
      }
      inputs[i] = RtValue(zeros);
    }
    std::vector<plan::StepTime> steps;
    const auto got = session.Run(inputs, &steps);
    ASSERT_TRUE(got.ok()) << FormatDiag(got.diag());
    const Tensor& y = (*got)[0].tensor;
    ASSERT_EQ(y.dtype(), run.want.dtype());
    ASSERT_EQ(y.size(), run.want.size());
    const std::vector<double> a = ToF64(y), b = ToF64(run.want);
    int wrong = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i] != b[i] && ++wrong < 4) ADD_FAILURE() << "at " << i << ": " << a[i] << " for " << b[i];
    }
    std::string labels;
    for (const plan::StepTime& step : steps) labels += step.label + "; ";
    ASSERT_EQ(wrong, 0) << "of " << a.size() << " differ, steps: " << labels;
    // One kernel and nothing in floats, but for what is real by itself.
    EXPECT_EQ(labels.find("quantize;") == std::string::npos || labels.find("requantize;") == 0, true) << labels;
    CarryState(graph, *states, *got, &inputs);
  }
}

TEST_P(LitertInteger, HasTheSameBits) {
  const Case& c = GetParam();
  const Result<Graph> graph = GraphOf(c);
  ASSERT_TRUE(graph.ok()) << FormatDiag(graph.diag()) << c.graph;
  for (const kernels::SimdLevel level : kernels::AvailableSimd()) {
    kernels::LimitSimd(level);
    for (const int threads : {1, 3}) ExpectRuns(*graph, c, threads);
  }
  kernels::LimitSimd(kernels::SimdLevel::kNative);
}

INSTANTIATE_TEST_SUITE_P(Cases, LitertInteger, ::testing::ValuesIn(Cases()),
                         [](const auto& param) { return param.param.name; });

TEST(WholeNumberPlans, PlacesOfExtremesAreThoseOfTheOperator) {
  for (const char* mode : {"max", "min"}) {
    for (const int axis : {0, 1, 2}) {
      for (const int last : {0, 1}) {
        const Dims dims = {3, 4, 5};
        Dims out = dims;
        out.erase(out.begin() + axis);
        const std::string text = fmt::format(
            "graph {{ main (%x: i8[3,4,5]) {{ %y: i64[{},{}] = arg_reduce(%x, mode=\"{}\", axis={}, keep_dims=0, "
            "last={}) "
            "yield(%y) }} }}",
            out[0], out[1], mode, axis, last);
        const Result<Graph> graph = ParseGraph(text, ops::Find);
        ASSERT_TRUE(graph.ok()) << FormatDiag(graph.diag());
        std::vector<int8_t> x(60);
        for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int8_t>(i * 37 % 11 - 5);
        testing::ExpectOnePlan(*graph, {RtValue(Tensor::Of<int8_t>(DType::kI8, dims, x))}, 0);
      }
    }
  }
}

// What no integer kernel takes computes in floats, as the graph says.
TEST(LitertIntegerPlans, WhatHasNoKernelIsReal) {
  const char* text = R"(graph {
    const %s: f32[] = [0.05]  const %z: i8[] = [3]  const %t: f32[] = [0.0078125]
    main (%x: i8[2,3], %r: f32[2,3]) {
      %a: f32[2,3] = dequantize(%x, %s, %z, to=f32, arithmetic="litert")
      %b: f32[2,3] = cos(%a)
      %c: i8[2,3] = quantize(%b, %t, %z, to=i8, rounding="away", arithmetic="litert")
      %d: f32[2,3] = add(%a, %r)
      %e: i8[2,3] = quantize(%d, %s, %z, to=i8, rounding="away", arithmetic="litert")
      %f: f32[2,3] = relu(%a)
      %g: i8[2,3] = quantize(%f, %s, %z, to=i8, rounding="away", arithmetic="litert")
      yield(%c, %e, %f, %g)
    }
  })";
  const Result<Graph> graph = ParseGraph(text, ops::Find);
  ASSERT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  const std::vector<int8_t> x = {-128, -40, 3, 17, 90, 127};
  testing::ExpectOnePlan(
      *graph,
      {RtValue(Tensor::Of<int8_t>(DType::kI8, {2, 3}, x)), RtValue(Tensor::F32({2, 3}, {0.5F, -1, 2, 0, 7, -3}))},
      1e-6);
}

}  // namespace
}  // namespace godwit
