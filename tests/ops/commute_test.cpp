// Every operator that says how a transposition passes through it, held to that by its own samples.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ir/commute.h"
#include "ir/convert.h"
#include "ir/eval.h"
#include "ops/sample_graph.h"

namespace godwit {
namespace {

Result<Tensor> EvalFirst(const OpDef& op, const Attrs& attrs, std::vector<RtValue> in) {
  EvalCtx ctx(op, attrs, std::move(in), 1);
  RETURN_IF_ERROR(op.eval(ctx));
  return ctx.results()[0].tensor;
}

Result<Tensor> Transposed(const Tensor& t, const std::vector<int64_t>& perm) {
  return EvalFirst(ops::kTranspose, {{"perm", perm}}, {t});
}

// Sums may be taken in another order: equal up to a few roundings.
void ExpectSame(const Tensor& a, const Tensor& b, const std::string& where) {
  ASSERT_EQ(a.dims(), b.dims()) << where;
  ASSERT_EQ(a.dtype(), b.dtype()) << where;
  if (Identical(a, b)) return;
  const std::vector<double> x = ToF64(a), y = ToF64(b);
  const double unit = a.dtype() == DType::kF64 ? 1e-13 : a.dtype() == DType::kF32 ? 1e-6 : 2e-3;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    EXPECT_NEAR(x[i], y[i], unit * std::max(1.0, std::fabs(x[i]))) << where;
  }
}

class Commute : public testing::TestWithParam<const OpDef*> {};

TEST_P(Commute, ResultIsTheTransposedResult) {
  const OpDef& op = *GetParam();
  int passed_through = 0;
  for (const Sample& sample : op.samples()) {
    if (sample.n_out != 1) continue;
    const auto operands = test::MakeOperands(sample);
    ASSERT_TRUE(operands.ok());
    std::vector<RtValue> in;
    for (const test::SampleOperand& operand : *operands) in.push_back(operand.value);
    const Tensor x = in[0].tensor;
    if (x.rank() < 2 || x.rank() > 5) continue;
    const auto plain = EvalFirst(op, sample.attrs, in);
    ASSERT_TRUE(plain.ok()) << test::Describe(op, sample);
    std::vector<int64_t> perm(static_cast<size_t>(x.rank()));
    std::iota(perm.begin(), perm.end(), 0);
    while (std::next_permutation(perm.begin(), perm.end())) {
      CommuteCtx ctx(sample.attrs, 0, perm);
      if (!op.commute(ctx)) continue;
      ++passed_through;
      auto moved = Transposed(x, perm);
      ASSERT_TRUE(moved.ok());
      in[0] = RtValue(*std::move(moved));
      const auto got = EvalFirst(op, ctx.changed, in);
      ASSERT_TRUE(got.ok()) << test::Describe(op, sample) << ": " << got.diag().what;
      const auto want = Transposed(*plain, ctx.result);
      ASSERT_TRUE(want.ok());
      ExpectSame(*got, *want, test::Describe(op, sample));
    }
  }
  EXPECT_GT(passed_through, 0) << "no sample of " << op.name << " lets a transposition through";
}

std::vector<const OpDef*> WithRule() {
  std::vector<const OpDef*> rows;
  for (const OpDef* op : ops::All()) {
    if (op->commute != nullptr && op->samples != nullptr) rows.push_back(op);
  }
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Ops, Commute, testing::ValuesIn(WithRule()),
                         [](const auto& row) { return std::string(row.param->name); });

}  // namespace
}  // namespace godwit
