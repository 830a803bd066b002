// Runs one operator's reference kernel on operands written as vectors.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ops/ops.h"

namespace godwit::test {

/// A tensor of any numeric type from doubles.
inline Tensor Numbers(DType dtype, Dims dims, const std::vector<double>& values) {
  Tensor t(dtype, std::move(dims));
  EXPECT_TRUE(FromF64(values, &t).ok());
  return t;
}
inline Tensor Texts(Dims dims, const std::vector<std::string>& values) {
  Tensor t(DType::kString, std::move(dims));
  for (size_t i = 0; i < values.size(); ++i) t.mutable_data<StringRef>()[i] = Intern(values[i]);
  return t;
}

inline Result<std::vector<RtValue>> EvalAll(const OpDef& op, std::vector<RtValue> in, size_t n_out, Attrs attrs = {}) {
  EvalCtx ctx(op, attrs, std::move(in), n_out);
  RETURN_IF_ERROR(op.eval(ctx));
  return std::move(ctx.results());
}
inline Result<Tensor> EvalOne(const OpDef& op, std::vector<RtValue> in, Attrs attrs = {}) {
  TRY(std::vector<RtValue> out, EvalAll(op, std::move(in), 1, std::move(attrs)));
  return out[0].tensor;
}

/// The result's elements as doubles; a failure is a failed test.
inline std::vector<double> Values(const Result<Tensor>& result) {
  if (result.ok()) return ToF64(*result);
  ADD_FAILURE() << result.diag().what;
  return {};
}
inline std::vector<std::string> TextValues(const Result<Tensor>& result) {
  std::vector<std::string> out;
  if (!result.ok()) ADD_FAILURE() << result.diag().what;
  for (int64_t i = 0; result.ok() && i < result->size(); ++i) out.push_back(*result->data<StringRef>()[i]);
  return out;
}

}  // namespace godwit::test
