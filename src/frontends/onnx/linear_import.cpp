// LinearRegressor and LinearClassifier.
#include <fmt/format.h>

#include "frontends/onnx/ml_import.h"

namespace godwit::from_onnx {

namespace {

// x times the coefficients, one row of them for each of `rows` results, plus the intercepts.
Result<ValueId> Scores(NodeImport& n, const std::vector<double>& coefficients, int64_t rows) {
  TRY(ValueId x, n.In(0));
  TRY(const std::vector<double> intercepts, n.Floats("intercepts"));
  const auto count = static_cast<int64_t>(coefficients.size());
  if (rows <= 0 || count == 0 || count % rows != 0) {
    return n.BadValue("coefficients", fmt::format("{} numbers for {} results", count, rows));
  }
  if (!intercepts.empty() && static_cast<int64_t>(intercepts.size()) != rows) {
    return n.BadValue("intercepts", fmt::format("{} numbers for {} results", intercepts.size(), rows));
  }
  Calc c(n);
  const DType dtype = n.DtypeOf(x) == DType::kF64 ? DType::kF64 : DType::kF32;
  ValueId rows_in = c.Cast(x, dtype);
  if (n.TypeOf(x).ranked() && n.TypeOf(x).rank() == 1) rows_in = c.Op(ops::kReshape, {rows_in, n.I64s({1, -1})});
  const ValueId w = c.Cast(n.Constant(FloatTensor(coefficients, {rows, count / rows})), dtype);
  ValueId y = c.Op(ops::kMatMul, {rows_in, w}, {{"transpose_b", int64_t{1}}});
  if (!intercepts.empty()) y = c.Add(y, c.Cast(n.Constant(FloatTensor(intercepts, {rows})), dtype));
  RETURN_IF_ERROR(c.status());
  return y;
}

}  // namespace

Status ImportLinearRegressor(NodeImport& n) {
  TRY(const std::vector<double> coefficients, n.Floats("coefficients"));
  TRY(const int64_t targets, n.Int("targets", 1));
  auto post = n.Str("post_transform", "NONE");
  if (!post.ok()) return post.TakeDiag();
  TRY(ValueId y, Scores(n, coefficients, targets));
  TRY(y, PostTransform(n, y, *post));
  Calc c(n);
  n.Out(0, c.Cast(y, DType::kF32));
  return c.status();
}

Status ImportLinearClassifier(NodeImport& n) {
  n.Ignore("multi_class");
  TRY(const std::vector<double> coefficients, n.Floats("coefficients"));
  TRY(const std::vector<double> intercepts, n.Floats("intercepts"));
  TRY(const Tensor labels, ClassLabels(n, "classlabels_ints", "classlabels_strings"));
  auto post = n.Str("post_transform", "NONE");
  if (!post.ok()) return post.TakeDiag();
  const int64_t rows = intercepts.empty() ? labels.size() : static_cast<int64_t>(intercepts.size());
  if (rows < 2 && labels.size() != 2) return n.Unsupported("a classifier of a single class");
  if (rows >= 2 && rows != labels.size()) return n.BadValue("intercepts", "not as many as classes");
  TRY(ValueId y, Scores(n, coefficients, rows));
  Calc c(n);
  if (rows == 1) {
    // One row of coefficients for two classes, of which the second is chosen above 0.
    if (*post != "NONE" && *post != "LOGISTIC") return n.Unsupported("post_transform " + *post + " of a single score");
    const ValueId opposite = c.Op(ops::kNeg, {y});
    n.Out(0, BestLabel(n, c, c.Op(ops::kConcat, {opposite, y}, {{"axis", int64_t{1}}}), labels));
    const ValueId other = *post == "NONE" ? c.Sub(c.Number(y, 1), y) : opposite;
    y = c.Op(ops::kConcat, {other, y}, {{"axis", int64_t{1}}});
  } else {
    n.Out(0, BestLabel(n, c, y, labels));
  }
  RETURN_IF_ERROR(c.status());
  TRY(y, PostTransform(n, y, *post));
  n.Out(1, c.Cast(y, DType::kF32));
  return c.status();
}

}  // namespace godwit::from_onnx
