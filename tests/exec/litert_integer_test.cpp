// Quantised operators against what LiteRT's reference kernels made of them, to the bit. The cases are made by
// tests/oracle/litert_integer_cases.py.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "exec/plan_check.h"
#include "ir/text.h"
#include "ops/ops.h"

namespace godwit {
namespace {

struct Case {
  std::string name, graph;
  std::vector<RtValue> inputs;
  Tensor want;
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
  std::ifstream file(std::string(GODWIT_SOURCE_DIR) + "/tests/exec/data/litert_integer_cases.txt");
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
    } else if (key == "in") {
      std::string dtype, dims;
      line >> dtype >> dims;
      const Result<Type> type = Type::Parse(dtype + dims);
      Dims shape;
      for (const Dim& d : type->shape()) shape.push_back(d.value());
      cases.back().inputs.emplace_back(Numbers(line, type->dtype(), shape));
    } else if (key == "out") {
      std::string dtype;
      line >> dtype;
      std::string rest;
      std::getline(line, rest);
      std::istringstream count(rest), values(rest);
      const auto n = std::distance(std::istream_iterator<std::string>(count), std::istream_iterator<std::string>());
      cases.back().want = Numbers(values, Type::Parse(dtype + "[]")->dtype(), {static_cast<int64_t>(n)});
    }
  }
  return cases;
}

class LitertInteger : public ::testing::TestWithParam<Case> {};

TEST_P(LitertInteger, HasTheSameBits) {
  const Case& c = GetParam();
  const Result<Graph> graph = ParseGraph(c.graph, ops::Find);
  ASSERT_TRUE(graph.ok()) << FormatDiag(graph.diag()) << c.graph;
  for (const kernels::SimdLevel level : kernels::AvailableSimd()) {
    kernels::LimitSimd(level);
    for (const int threads : {1, 3}) {
      SessionOptions options;
      options.threads = threads;
      Session session(*graph, options);
      std::vector<plan::StepTime> steps;
      const auto got = session.Run(c.inputs, &steps);
      ASSERT_TRUE(got.ok()) << FormatDiag(got.diag());
      const Tensor& y = (*got)[0].tensor;
      ASSERT_EQ(y.dtype(), c.want.dtype());
      ASSERT_EQ(y.size(), c.want.size());
      const std::vector<double> a = ToF64(y), b = ToF64(c.want);
      std::string labels;
      for (const plan::StepTime& step : steps) labels += step.label + "; ";
      int wrong = 0;
      for (size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i] && ++wrong < 4) ADD_FAILURE() << "at " << i << ": " << a[i] << " for " << b[i];
      }
      ASSERT_EQ(wrong, 0) << "of " << a.size() << " differ, " << kernels::SimdName(level) << ", steps: " << labels;
    }
  }
  kernels::LimitSimd(kernels::SimdLevel::kNative);
}

INSTANTIATE_TEST_SUITE_P(Cases, LitertInteger, ::testing::ValuesIn(Cases()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace godwit
