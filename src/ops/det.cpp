// det: determinants of square matrices.
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "ir/op_def.h"
#include "ops/conv_common.h"
#include "ops/decompose.h"
#include "ops/plain.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr std::string_view kRules[] = {"c1: the last two dims are equal"};

Status Infer(InferCtx& ctx) {
  if (!ctx.Ranked(0)) {
    ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
    return Ok{};
  }
  Shape out = ctx.ShapeOf(0);
  if (out.size() < 2 || !MayEqual(out[out.size() - 1], out[out.size() - 2])) return ctx.Fail("c1", ToString(out));
  out.resize(out.size() - 2);
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

// Elimination with the largest pivot of each column; the matrix is used up.
double Determinant(double* a, int64_t n) {
  double det = 1;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i) {
      if (std::fabs(a[i * n + k]) > std::fabs(a[pivot * n + k])) pivot = i;
    }
    const double top = a[pivot * n + k];
    if (top == 0) return 0;
    if (pivot != k) {
      for (int64_t j = k; j < n; ++j) std::swap(a[pivot * n + j], a[k * n + j]);
      det = -det;
    }
    det *= top;
    for (int64_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / top;
      for (int64_t j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return det;
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  if (x.rank() < 2 || x.dim(-1) != x.dim(-2)) return ctx.Fail("c1", ToString(x.dims()));
  TRY(Tensor * out, ctx.Make(0, x.dtype(), Dims(x.dims().begin(), x.dims().end() - 2)));
  const int64_t n = x.dim(-1);
  std::vector<double> wide = Widen<double>(x);
  std::vector<double> y(static_cast<size_t>(out->size()));
  for (size_t i = 0; i < y.size(); ++i) y[i] = Determinant(wide.data() + static_cast<int64_t>(i) * n * n, n);
  Narrow<double>(y, out);
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[3,3]"}, {}}, {{"f64[2,2,4,4]"}, {}}, {{"f32[5,0,0]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kDet{.name = "det",
                        .doc = "Determinants of the matrices in the last two axes.",
                        .operands = kIn,
                        .results = kOut,
                        .constraints = kRules,
                        .infer = Infer,
                        .eval = Eval,
                        .decompose = DecomposeDet,
                        .samples = Samples};

}  // namespace godwit::ops
