// Simplification of whole models: valid, idempotent, and the same results. Runs over the folder that GODWIT_MODELS
// names; GODWIT_MODELS_VERBOSE=1 prints what became of each operator, and which rules applied.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "api/inputs.h"
#include "api/load.h"
#include "exec/session.h"
#include "ir/convert.h"
#include "ir/verify.h"
#include "passes/rewrite_check.h"
#include "passes/simplify.h"

namespace godwit {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Models() {
  std::vector<fs::path> out;
  const char* folder = std::getenv("GODWIT_MODELS");
  if (folder == nullptr) return out;
  const auto options = fs::directory_options::follow_directory_symlink;
  for (const auto& entry : fs::recursive_directory_iterator(folder, options)) {
    if (entry.path().extension() == ".onnx") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The largest difference over the largest number.
double Departure(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return INFINITY;
  if (Identical(a, b) || !(IsFloat(a.dtype()))) return Identical(a, b) ? 0 : 1;
  const std::vector<double> x = ToF64(a);
  const std::vector<double> y = ToF64(b);
  double peak = 1e-30;
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isfinite(x[i])) peak = std::max(peak, std::fabs(x[i]));
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    worst = std::max(worst, std::isfinite(x[i] - y[i]) ? std::fabs(x[i] - y[i]) : INFINITY);
  }
  return worst / peak;
}

void PrintReport(const SimplifyReport& report) {
  for (const auto& [op, count] : report.ops) {
    std::printf("    %-24s %5lld -> %lld\n", op.c_str(), static_cast<long long>(count.before),
                static_cast<long long>(count.after));
  }
  for (const auto& [rule, count] : report.rewrites) {
    std::printf("    rule %-24s %lld\n", rule.c_str(), static_cast<long long>(count));
  }
}

class WholeModel : public testing::TestWithParam<fs::path> {};

TEST_P(WholeModel, StaysWhatItIs) {
  DiagSink sink;
  auto before = LoadModel(GetParam().string(), {}, &sink);
  if (!before.ok() || sink.has_errors()) GTEST_SKIP() << "the model is not one that can be read";
  Graph after = before->Clone();
  SimplifyReport report;
  const auto start = std::chrono::steady_clock::now();
  const Status status = Simplify(after, {}, &report);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(status.ok()) << status.diag().what;
  std::printf("%s: %lld -> %lld nodes, %.1f ms, %d rounds\n", GetParam().filename().c_str(),
              static_cast<long long>(report.nodes_before), static_cast<long long>(report.nodes_after), took.count(),
              report.rounds);
  if (std::getenv("GODWIT_MODELS_VERBOSE") != nullptr) PrintReport(report);
  EXPECT_FALSE(report.diverged);
  const Status valid = VerifyGraph(after);
  ASSERT_TRUE(valid.ok()) << valid.diag().what << " " << valid.diag().at;
  SimplifyReport again;
  ASSERT_TRUE(Simplify(after, {}, &again).ok());
  EXPECT_EQ(again.total_rewrites, 0) << "simplifying twice is not simplifying once";
  if (again.total_rewrites != 0) PrintReport(again);

  auto inputs = MakeInputs(*before, {});
  if (!inputs.ok()) GTEST_SKIP() << "no inputs can be drawn: " << inputs.diag().what;
  Session x(*before, {});
  Session y(after, {});
  auto want = x.Run(*inputs);
  auto have = y.Run(*inputs);
  if (!want.ok()) GTEST_SKIP() << want.diag().what;
  ASSERT_TRUE(have.ok()) << have.diag().what;
  ASSERT_EQ(want->size(), have->size());
  // What the model's own f32 arithmetic loses is the measure.
  SessionOptions wide;
  wide.precision = Precision::kDouble;
  Session z(*before, wide);
  auto exact = z.Run(*inputs);
  for (size_t i = 0; i < want->size(); ++i) {
    if (!(*want)[i].is_tensor()) continue;
    const Tensor& x_out = (*want)[i].tensor;
    double noise = 0;
    if (exact.ok() && (*exact)[i].tensor.dtype() == DType::kF64 && x_out.dtype() == DType::kF32) {
      auto narrow = ConvertTensor((*exact)[i].tensor, DType::kF32, {});
      if (narrow.ok()) noise = Departure(x_out, *narrow);
    }
    EXPECT_LE(Departure(x_out, (*have)[i].tensor), std::max(2e-5, 4 * noise)) << "output " << i << ", noise " << noise;
  }
}

INSTANTIATE_TEST_SUITE_P(Folder, WholeModel, testing::ValuesIn(Models()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WholeModel);

}  // namespace
}  // namespace godwit
