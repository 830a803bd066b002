// What the tests of plans share: one graph run every way there is. The bits are the same for every vector width, with
// threads, and whether or not every intermediate is a result (which forbids fusion); the operators' own kernels agree.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "exec/kernels/simd.h"
#include "exec/session.h"
#include "ir/convert.h"
#include "support/import.h"

namespace godwit::testing {

inline std::vector<Tensor> RunPlan(const Graph& graph, const SessionOptions& options,
                                   const std::vector<RtValue>& inputs, PlanStats* stats = nullptr) {
  Session session(graph, options);
  auto results = session.Run(inputs);
  if (!results.ok()) {
    ADD_FAILURE() << FormatDiag(results.diag());
    return {};
  }
  if (stats != nullptr) *stats = session.stats();
  std::vector<Tensor> out;
  for (const RtValue& r : *results) out.push_back(r.tensor);
  return out;
}

/// Within `tolerance` of the largest value.
inline void ExpectClose(const std::vector<Tensor>& got, const std::vector<Tensor>& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t k = 0; k < got.size(); ++k) {
    ASSERT_EQ(got[k].dims(), want[k].dims());
    const std::vector<double> a = ToF64(got[k]), b = ToF64(want[k]);
    double peak = 0;
    for (double v : b) peak = std::max(peak, std::abs(v));
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance * std::max(peak, 1e-3)) << k << " at " << i;
  }
}

inline void ExpectIdentical(const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t k = 0; k < got.size(); ++k) EXPECT_TRUE(Identical(got[k], want[k])) << k;
}

/// A tolerance of 0 asks for the bits of the operators' own kernels.
inline void ExpectOnePlan(const Graph& graph, const std::vector<RtValue>& inputs, double tolerance) {
  const std::vector<Tensor> native = RunPlan(graph, {}, inputs);
  SessionOptions reference;
  reference.reference = true;
  const std::vector<Tensor> own = RunPlan(graph, reference, inputs);
  if (tolerance == 0)
    ExpectIdentical(native, own);
  else
    ExpectClose(native, own, tolerance);
  SessionOptions threads;
  threads.threads = 3;
  ExpectIdentical(RunPlan(graph, threads, inputs), native);
  for (const kernels::SimdLevel level : kernels::AvailableSimd()) {
    SCOPED_TRACE(kernels::SimdName(level));
    kernels::LimitSimd(level);
    ExpectIdentical(RunPlan(graph, {}, inputs), native);
  }
  kernels::LimitSimd(kernels::SimdLevel::kNative);
}

/// The same for a model that `make(exposed)` builds; with `exposed`, every intermediate is a result besides.
inline void ExpectOnePlan(const std::function<OnnxGraph(bool)>& make, const std::vector<RtValue>& inputs,
                          double tolerance) {
  const Graph fused = ImportBuilt(make(false)), exposed = ImportBuilt(make(true));
  ExpectOnePlan(fused, inputs, tolerance);
  std::vector<Tensor> all = RunPlan(exposed, {}, inputs);
  const std::vector<Tensor> one = RunPlan(fused, {}, inputs);
  ASSERT_GE(all.size(), one.size());
  ExpectIdentical({all.begin(), all.begin() + static_cast<int64_t>(one.size())}, one);
}

}  // namespace godwit::testing
