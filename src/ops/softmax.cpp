// softmax: exponentials along an axis divided by their sum, their logarithm, or the one-hot of the largest.
#include <fmt/format.h>

#include <cmath>

#include "base/mathfn.h"
#include "ir/commute.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/lines.h"
#include "ops/plain.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {
    {"axis", AttrKind::kInt, "-1", "The axis."},
    {"mode", AttrKind::kString, "soft", "soft, log (its logarithm) or hard (1 at the first largest element, else 0)."}};
constexpr std::string_view kRules[] = {"c1: axis lies in [-rank, rank); a scalar has axis 0",
                                       "c2: mode is soft, log or hard"};

template <class Ctx>
Result<int> ReadAxis(const Ctx& ctx, int rank) {
  const std::string_view mode = ctx.attrs.Str("mode", "soft");
  if (mode != "soft" && mode != "log" && mode != "hard") return ctx.Fail("c2", fmt::format("mode '{}'", mode));
  return ctx.Axis("c1", ctx.attrs.Int("axis", -1), rank == 0 ? 1 : rank);
}

Status Infer(InferCtx& ctx) {
  if (ctx.Ranked(0)) RETURN_IF_ERROR(ReadAxis(ctx, ctx.Rank(0)));
  return InferSame(ctx);
}

// The largest element; NaN if there is one.
double Top(const double* x, int64_t n, int64_t step) {
  double top = x[0];
  for (int64_t k = 1; k < n; ++k) top = x[k * step] > top || x[k * step] != x[k * step] ? x[k * step] : top;
  return top;
}

void Hard(double* x, int64_t n, int64_t step) {
  const double top = Top(x, n, step);
  bool found = false;
  for (int64_t k = 0; k < n; ++k) {
    double& v = x[k * step];
    const bool here = !found && (v == top || v != v);
    found = found || here;
    v = here ? 1 : 0;
  }
}

void Soft(double* x, int64_t n, int64_t step, bool log) {
  const double top = Top(x, n, step);
  double sum = 0;
  for (int64_t k = 0; k < n; ++k) {
    double& v = x[k * step];
    v -= top;
    const double e = mathfn::Exp(v);
    sum += e;
    if (!log) v = e;
  }
  const double log_sum = log ? mathfn::Log(sum) : 0;
  for (int64_t k = 0; k < n; ++k) {
    double& v = x[k * step];
    v = log ? v - log_sum : v / sum;
  }
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  TRY(const int axis, ReadAxis(ctx, x.rank()));
  TRY(Tensor * out, ctx.Make(0, x.dtype(), x.dims()));
  if (x.size() == 0) return Ok{};
  const std::string_view mode = ctx.attrs.Str("mode", "soft");
  std::vector<double> wide = Widen<double>(x);
  const Lines lines(x.dims(), axis);
  for (int64_t i = 0; i < lines.count(); ++i) {
    double* line = wide.data() + lines.Start(i);
    if (mode == "hard") {
      Hard(line, lines.length, lines.inner);
    } else {
      Soft(line, lines.length, lines.inner, mode == "log");
    }
  }
  Narrow<double>(wide, out);
  return Ok{};
}

bool Commute(CommuteCtx& ctx) { return ctx.rank() > 0 && ctx.MoveAxis("axis", -1); }

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3,4]"}, {}},
                                   {{"f32[2,3,4]"}, {{"axis", int64_t{1}}, {"mode", "log"}}},
                                   {{"f16[5]"}, {{"mode", "hard"}}},
                                   {{"f64[2,0]"}, {{"axis", int64_t{0}}}},
                                   {{"f32[3,33]"}, {}},
                                   {{"f32[2,1,3,2,1,2,2]"}, {{"axis", int64_t{2}}}}};
  return samples;
}

}  // namespace

extern const OpDef kSoftmax{.name = "softmax",
                            .doc = "Softmax along an axis, its logarithm, or its limit (hardmax).",
                            .operands = kIn,
                            .results = kOut,
                            .attrs = kAttrs,
                            .constraints = kRules,
                            .infer = Infer,
                            .eval = Eval,
                            .commute = Commute,
                            .decompose = DecomposeHardmax,
                            .samples = Samples};

}  // namespace godwit::ops
