// inverse: of square matrices, by elimination with the largest pivot of each column.
#include <fmt/format.h>

#include <cmath>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr std::string_view kRules[] = {"c1: the last two axes have the same extent", "c2: each matrix is invertible"};

Status Infer(InferCtx& ctx) {
  if (ctx.Ranked(0) && ctx.Rank(0) < 2) return ctx.Fail("c1", ToString(ctx.ShapeOf(0)));
  ctx.Out(0, ctx.In(0));
  return Ok{};
}

// `m` becomes the identity, `inverse` (the identity at first) its inverse; false where a pivot is 0.
bool Eliminate(double* m, double* inverse, int64_t n) {
  const auto swap_rows = [n](double* a, int64_t i, int64_t j) {
    for (int64_t k = 0; k < n; ++k) std::swap(a[i * n + k], a[j * n + k]);
  };
  for (int64_t col = 0; col < n; ++col) {
    int64_t pivot = col;
    for (int64_t r = col + 1; r < n; ++r) {
      if (std::fabs(m[r * n + col]) > std::fabs(m[pivot * n + col])) pivot = r;
    }
    const double top = m[pivot * n + col];
    if (top == 0) return false;
    swap_rows(m, col, pivot);
    swap_rows(inverse, col, pivot);
    for (int64_t k = 0; k < n; ++k) {
      m[col * n + k] /= top;
      inverse[col * n + k] /= top;
    }
    for (int64_t r = 0; r < n; ++r) {
      const double factor = m[r * n + col];
      if (r == col || factor == 0) continue;
      for (int64_t k = 0; k < n; ++k) {
        m[r * n + k] -= factor * m[col * n + k];
        inverse[r * n + k] -= factor * inverse[col * n + k];
      }
    }
  }
  return true;
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  if (x.rank() < 2 || x.dim(-1) != x.dim(-2)) return ctx.Fail("c1", ToString(x.dims()));
  const int64_t n = x.dim(-1);
  TRY(Tensor * out, ctx.Make(0, x.dtype(), x.dims()));
  std::vector<double> m = ToF64(x);
  std::vector<double> y(m.size(), 0.0);
  const int64_t count = n == 0 ? 0 : x.size() / (n * n);
  for (int64_t b = 0; b < count; ++b) {
    double* inverse = y.data() + b * n * n;
    for (int64_t i = 0; i < n; ++i) inverse[i * n + i] = 1;
    if (!Eliminate(m.data() + b * n * n, inverse, n)) return ctx.Fail("c2", fmt::format("matrix {} is singular", b));
  }
  return FromF64(y, out);
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,2] = 4,7,2,6"}, {}}, {{"f64[1,3,3] = 0,2,1,1,0,3,4,1,1"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kInverse{.name = "inverse",
                            .doc = "The inverse of each matrix of the last two axes.",
                            .operands = kIn,
                            .results = kOut,
                            .constraints = kRules,
                            .infer = Infer,
                            .eval = Eval,
                            .samples = Samples};

}  // namespace godwit::ops
