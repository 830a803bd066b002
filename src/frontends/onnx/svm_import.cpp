// SVMRegressor: a weighted sum of kernels between each row and the support vectors.
#include <fmt/format.h>

#include "frontends/onnx/ml_import.h"

namespace godwit::from_onnx {

namespace {

struct Kernel {
  std::string type;
  double gamma = 0, coef0 = 0, degree = 0;
};

// One column for each support vector.
ValueId KernelOf(NodeImport& n, Calc& c, const Kernel& k, ValueId x, const std::vector<double>& vectors, int64_t rows) {
  const int64_t width = static_cast<int64_t>(vectors.size()) / rows;
  if (k.type == "RBF") {
    const ValueId sv = n.Constant(FloatTensor(vectors, {rows, width}));
    const ValueId gap = c.Sub(c.Op(ops::kReshape, {x, n.I64s({-1, 1, width})}), sv);
    const ValueId distance =
        c.Op(ops::kReduce, {gap, n.I64s({2})}, {{"mode", std::string("sum_square")}, {"keep_dims", int64_t{0}}});
    return c.Op(ops::kExp, {c.Mul(distance, c.Number(distance, -k.gamma))});
  }
  const ValueId sv = n.Constant(FloatTensor(vectors, {rows, width}));
  const ValueId dot = c.Op(ops::kMatMul, {x, sv}, {{"transpose_b", int64_t{1}}});
  if (k.type == "LINEAR") return dot;
  const ValueId s = c.Add(c.Mul(dot, c.Number(x, k.gamma)), c.Number(x, k.coef0));
  return k.type == "POLY" ? c.Op(ops::kPow, {s, c.Number(x, k.degree)}) : c.Op(ops::kTanh, {s});
}

}  // namespace

Status ImportSvmRegressor(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const std::vector<double> weights, n.Floats("coefficients"));
  TRY(const std::vector<double> params, n.Floats("kernel_params"));
  TRY(const std::vector<double> vectors, n.Floats("support_vectors"));
  TRY(const std::vector<double> rho, n.Floats("rho"));
  TRY(const int64_t supports, n.Int("n_supports", 0));
  TRY(const int64_t one_class, n.Int("one_class", 0));
  auto type = n.Str("kernel_type", "LINEAR");
  auto post = n.Str("post_transform", "NONE");
  if (!type.ok()) return type.TakeDiag();
  if (!post.ok()) return post.TakeDiag();
  if (*type != "LINEAR" && *type != "POLY" && *type != "RBF" && *type != "SIGMOID") {
    return n.BadValue("kernel_type", *type);
  }
  if (rho.empty() || weights.empty()) return n.BadValue("rho", "rho and coefficients must be given");
  const auto count = static_cast<int64_t>(vectors.size());
  if (supports < 0 ||
      (supports > 0 && (count == 0 || count % supports != 0 || static_cast<int64_t>(weights.size()) != supports))) {
    return n.BadValue("n_supports", fmt::format("{} for {} numbers and {} weights", supports, count, weights.size()));
  }
  Kernel kernel{*type};
  if (params.size() >= 3) {
    kernel.gamma = params[0];
    kernel.coef0 = params[1];
    kernel.degree = params[2];
  }
  Calc c(n);
  x = c.Cast(x, DType::kF32);
  ValueId y;
  if (supports > 0) {
    const ValueId w = n.Constant(FloatTensor(weights, {supports, 1}));
    y = c.Op(ops::kMatMul, {KernelOf(n, c, kernel, x, vectors, supports), w});
  } else {
    y = KernelOf(n, c, {"LINEAR"}, x, weights, 1);
  }
  y = c.Add(y, c.Number(y, rho[0]));
  if (one_class != 0) {
    y = c.Op(ops::kWhere, {c.Op(ops::kLess, {c.Number(y, 0), y}), c.Number(y, 1), c.Number(y, -1)});
  }
  RETURN_IF_ERROR(c.status());
  TRY(y, PostTransform(n, y, *post));
  n.Out(0, y);
  return Ok{};
}

}  // namespace godwit::from_onnx
