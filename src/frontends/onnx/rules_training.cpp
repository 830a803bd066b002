// ai.onnx.preview.training: optimiser steps, each a formula over any number of tensors.
#include "frontends/onnx/calc.h"

namespace godwit::from_onnx {

namespace {

// Operands are R, T, then `kinds` groups of equally many tensors; results are one group for each of x and its states.
Result<size_t> GroupSize(NodeImport& n, size_t kinds) {
  if (n.n_in() < 2 + kinds || (n.n_in() - 2) % kinds != 0) {
    return Diag(diag::kOnnxInputMissing, "an optimiser takes R, T and as many of each kind of tensor");
  }
  return (n.n_in() - 2) / kinds;
}

// x's gradient with that of the squared norm added.
ValueId Regularized(Calc& c, ValueId x, ValueId g, double norm) { return c.Add(c.Mul(c.Number(x, norm), x), g); }

// `yes` once the count of steps is above 0, else `no`.
ValueId AfterFirst(NodeImport& n, Calc& c, ValueId t, ValueId yes, ValueId no) {
  return c.Op(ops::kWhere, {c.Op(ops::kLess, {n.ScalarLike(t, 0), t}), yes, no});
}

Status ImportAdagrad(NodeImport& n) {
  TRY(const double decay, n.Float("decay_factor", 0));
  TRY(const double epsilon, n.Float("epsilon", 1e-6F));
  TRY(const double norm, n.Float("norm_coefficient", 0));
  TRY(const size_t count, GroupSize(n, 3));
  Calc c(n);
  for (size_t i = 0; i < count; ++i) {
    const ValueId x = c.In(2 + i), g = c.In(2 + count + i), h = c.In(2 + 2 * count + i);
    if (!c.ok()) break;
    const DType dtype = n.DtypeOf(x);
    const ValueId steps = c.Cast(c.In(1), dtype);
    const ValueId rate = c.Div(c.Cast(c.In(0), dtype), c.Add(c.Number(x, 1), c.Mul(steps, c.Number(x, decay))));
    const ValueId slope = Regularized(c, x, g, norm);
    const ValueId h_new = c.Add(h, c.Mul(slope, slope));
    const ValueId root = c.Add(c.Op(ops::kSqrt, {h_new}), c.Number(x, epsilon));
    n.Out(i, c.Sub(x, c.Div(c.Mul(rate, slope), root)));
    n.Out(count + i, h_new);
  }
  return c.status();
}

Status ImportAdam(NodeImport& n) {
  TRY(const double alpha, n.Float("alpha", 0.9F));
  TRY(const double beta, n.Float("beta", 0.999F));
  TRY(const double epsilon, n.Float("epsilon", 1e-6F));
  TRY(const double norm, n.Float("norm_coefficient", 0));
  TRY(const double norm_post, n.Float("norm_coefficient_post", 0));
  TRY(const size_t count, GroupSize(n, 4));
  Calc c(n);
  for (size_t i = 0; i < count; ++i) {
    const ValueId x = c.In(2 + i), g = c.In(2 + count + i), v = c.In(2 + 2 * count + i), h = c.In(2 + 3 * count + i);
    const ValueId t = c.In(1);
    if (!c.ok()) break;
    const DType dtype = n.DtypeOf(x);
    const ValueId one = c.Number(x, 1);
    const ValueId slope = Regularized(c, x, g, norm);
    const ValueId v_new = c.Add(c.Mul(c.Number(x, alpha), v), c.Mul(c.Number(x, 1 - alpha), slope));
    const ValueId h_new = c.Add(c.Mul(c.Number(x, beta), h), c.Mul(c.Number(x, 1 - beta), c.Mul(slope, slope)));
    const ValueId root = c.Add(c.Op(ops::kSqrt, {h_new}), c.Number(x, epsilon));
    const ValueId rate = c.Cast(c.In(0), dtype);
    const ValueId steps = c.Cast(t, dtype);
    const ValueId beta_left = c.Sub(one, c.Op(ops::kPow, {c.Number(x, beta), steps}));
    const ValueId alpha_left = c.Sub(one, c.Op(ops::kPow, {c.Number(x, alpha), steps}));
    const ValueId corrected = c.Div(c.Mul(rate, c.Op(ops::kSqrt, {beta_left})), alpha_left);
    const ValueId x_new = c.Sub(x, c.Mul(AfterFirst(n, c, t, corrected, rate), c.Div(v_new, root)));
    n.Out(i, c.Mul(c.Number(x, 1 - norm_post), x_new));
    n.Out(count + i, v_new);
    n.Out(2 * count + i, h_new);
  }
  return c.status();
}

Status ImportMomentum(NodeImport& n) {
  TRY(const double alpha, n.Float("alpha"));
  TRY(const double beta, n.Float("beta"));
  TRY(const double norm, n.Float("norm_coefficient"));
  auto mode = n.Str("mode");
  if (!mode.ok()) return mode.TakeDiag();
  if (*mode != "standard" && *mode != "nesterov") return n.BadValue("mode", *mode);
  TRY(const size_t count, GroupSize(n, 3));
  Calc c(n);
  for (size_t i = 0; i < count; ++i) {
    const ValueId x = c.In(2 + i), g = c.In(2 + count + i), v = c.In(2 + 2 * count + i);
    const ValueId t = c.In(1);
    if (!c.ok()) break;
    const ValueId rate = c.Cast(c.In(0), n.DtypeOf(x));
    const ValueId slope = Regularized(c, x, g, norm);
    const ValueId weight = AfterFirst(n, c, t, c.Number(x, beta), c.Number(x, 1));
    const ValueId v_new = c.Add(c.Mul(c.Number(x, alpha), v), c.Mul(weight, slope));
    const ValueId step = *mode == "standard" ? v_new : c.Add(slope, c.Mul(c.Number(x, alpha), v_new));
    n.Out(i, c.Sub(x, c.Mul(rate, step)));
    n.Out(count + i, v_new);
  }
  return c.status();
}

constexpr Rule kRules[] = {
    {"Adagrad", 1, ImportAdagrad},
    {"Adam", 1, ImportAdam},
    {"Gradient", 1, nullptr, "it asks for automatic differentiation, which belongs to training"},
    {"Momentum", 1, ImportMomentum},
};

}  // namespace

extern const RuleSet kTrainingRules{"ai.onnx.preview.training", kRules};

}  // namespace godwit::from_onnx
