// cum: running sums and products along an axis.
#include <fmt/format.h>

#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/lines.h"
#include "ops/plain.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kNumbers, OperandDef::kPlain, 'T'}, {"axis", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kOut[] = {{"y", kNumbers, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {
    {"mode", AttrKind::kString, "", "sum or prod."},
    {"exclusive", AttrKind::kInt, "0", "1: an element does not count towards its own result."},
    {"reverse", AttrKind::kInt, "0", "1: from the end of the axis to its start."}};
constexpr std::string_view kRules[] = {"c1: axis is one number in [-rank, rank)", "c2: mode is sum or prod"};

template <class T>
void Run(const Tensor& x, const Lines& lines, bool sum, bool exclusive, bool reverse, Tensor* out) {
  const std::vector<T> wide = Widen<T>(x);
  std::vector<T> y(wide.size());
  const int64_t n = lines.length;
  for (int64_t i = 0; i < (wide.empty() ? 0 : lines.count()); ++i) {
    T acc = sum ? T(0) : T(1);
    for (int64_t k = 0; k < n; ++k) {
      const size_t at = static_cast<size_t>(lines.Start(i) + (reverse ? n - 1 - k : k) * lines.inner);
      const T before = acc;
      acc = sum ? acc + wide[at] : acc * wide[at];
      y[at] = exclusive ? before : acc;
    }
  }
  Narrow<T>(y, out);
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const std::vector<int64_t> axes = ctx.Ints(1);
  if (axes.size() != 1) return ctx.Fail("c1", fmt::format("{} values", axes.size()));
  TRY(const int axis, ctx.Axis("c1", axes[0], x.rank()));
  const std::string_view mode = ctx.attrs.Str("mode");
  if (mode != "sum" && mode != "prod") return ctx.Fail("c2", fmt::format("mode '{}'", mode));
  TRY(Tensor * out, ctx.Make(0, x.dtype(), x.dims()));
  const Lines lines(x.dims(), axis);
  const bool exclusive = ctx.attrs.Flag("exclusive");
  const bool reverse = ctx.attrs.Flag("reverse");
  if (IsFloat(x.dtype())) {
    Run<double>(x, lines, mode == "sum", exclusive, reverse, out);
  } else {
    Run<uint64_t>(x, lines, mode == "sum", exclusive, reverse, out);
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {
      {{"f32[2,3]", "i64[] = 1"}, {{"mode", "sum"}}},
      {{"i32[4]", "i32[1] = 0"}, {{"mode", "prod"}, {"exclusive", int64_t{1}}}},
      {{"f64[2,3,2]", "i64[] = -2"}, {{"mode", "sum"}, {"reverse", int64_t{1}}}},
      {{"f16[5]", "i64[] = 0"}, {{"mode", "sum"}, {"reverse", int64_t{1}}, {"exclusive", int64_t{1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kCum{.name = "cum",
                        .doc = "Running sum or product along an axis.",
                        .operands = kIn,
                        .results = kOut,
                        .attrs = kAttrs,
                        .constraints = kRules,
                        .infer = InferSame,
                        .eval = Eval,
                        .commute = CommuteCum,
                        .decompose = DecomposeCum,
                        .samples = Samples};

}  // namespace godwit::ops
