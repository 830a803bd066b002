// Every operator that says how a transposition passes through it, held to that by its own samples.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "ir/commute.h"
#include "ir/convert.h"
#include "ir/eval.h"
#include "ops/sample_graph.h"

namespace godwit {
namespace {

Result<std::vector<Tensor>> EvalAll(const OpDef& op, const Attrs& attrs, std::vector<RtValue> in, size_t n_out) {
  EvalCtx ctx(op, attrs, std::move(in), n_out);
  RETURN_IF_ERROR(op.eval(ctx));
  std::vector<Tensor> out;
  for (const RtValue& value : ctx.results()) out.push_back(value.tensor);
  return out;
}

Result<Tensor> EvalFirst(const OpDef& op, const Attrs& attrs, std::vector<RtValue> in) {
  TRY(std::vector<Tensor> out, EvalAll(op, attrs, std::move(in), 1));
  return out[0];
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

// What the operator asks of the other operands.
void Apply(const CommuteCtx& ctx, const std::vector<int64_t>& perm, std::vector<RtValue>* in) {
  for (size_t i : ctx.alike) {
    const Tensor& t = (*in)[i].tensor;
    Dims dims = t.dims();
    dims.insert(dims.begin(), perm.size() - dims.size(), 1);
    auto moved = Transposed(t.Reshaped(dims), perm);
    ASSERT_TRUE(moved.ok());
    (*in)[i] = RtValue(*std::move(moved));
  }
  for (const auto& [i, numbers] : ctx.numbers) {
    if (in->size() <= i) in->resize(i + 1);
    Dims dims = {static_cast<int64_t>(numbers.size())};
    if ((*in)[i].is_tensor() && (*in)[i].tensor.size() == dims[0]) dims = (*in)[i].tensor.dims();
    (*in)[i] = RtValue(Tensor::I64(dims, numbers));
  }
}

std::optional<std::vector<int64_t>> IntsOf(const std::vector<RtValue>& in, size_t i) {
  if (i >= in.size() || !in[i].is_tensor()) return std::nullopt;
  std::vector<int64_t> out;
  for (double v : ToF64(in[i].tensor)) out.push_back(static_cast<int64_t>(v));
  return out;
}

class Commute : public testing::TestWithParam<const OpDef*> {};

TEST_P(Commute, ResultIsTheTransposedResult) {
  const OpDef& op = *GetParam();
  int passed_through = 0;
  for (const Sample& sample : op.samples()) {
    const auto operands = test::MakeOperands(sample);
    ASSERT_TRUE(operands.ok());
    std::vector<RtValue> given;
    std::vector<int> ranks;
    for (const test::SampleOperand& operand : *operands) {
      given.push_back(operand.value);
      ranks.push_back(operand.value.is_tensor() ? operand.value.tensor.rank() : -1);
    }
    for (size_t which = 0; which < given.size(); ++which) {
      const Tensor x = given[which].tensor;
      if (x.rank() < 2 || x.rank() > 5) continue;
      const auto plain = EvalAll(op, sample.attrs, given, sample.n_out);
      ASSERT_TRUE(plain.ok()) << test::Describe(op, sample);
      std::vector<int64_t> perm(static_cast<size_t>(x.rank()));
      std::iota(perm.begin(), perm.end(), 0);
      while (std::next_permutation(perm.begin(), perm.end())) {
        CommuteCtx ctx(sample.attrs, which, perm, sample.n_out);
        ctx.ranks = ranks;
        ctx.contents = [&](size_t i) { return IntsOf(given, i); };
        if (!op.commute(ctx)) continue;
        ++passed_through;
        std::vector<RtValue> in = given;
        auto moved = Transposed(x, perm);
        ASSERT_TRUE(moved.ok());
        in[which] = RtValue(*std::move(moved));
        Apply(ctx, perm, &in);
        const auto got = EvalAll(op, ctx.changed, in, sample.n_out);
        ASSERT_TRUE(got.ok()) << test::Describe(op, sample) << ": " << got.diag().what;
        for (size_t k = 0; k < sample.n_out; ++k) {
          const auto want = Transposed((*plain)[k], ctx.result);
          ASSERT_TRUE(want.ok());
          ExpectSame((*got)[k], *want, test::Describe(op, sample));
        }
      }
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
