// Operators of one stored operand, element by element.
#include <algorithm>
#include <cmath>

#include "base/fixed_point.h"
#include "base/mathfn.h"
#include "exec/plan/integer/rows.h"
#include "exec/plan/integer/tables.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

using fixed::Multiplier;

float ExpF(float x) { return static_cast<float>(mathfn::Exp(static_cast<double>(x))); }
float TanhF(float x) { return static_cast<float>(mathfn::Tanh(static_cast<double>(x))); }
float LogisticF(float x) { return 1.0F / (1.0F + ExpF(-x)); }
float EluF(float x) { return x < 0 ? static_cast<float>(mathfn::Expm1(static_cast<double>(x))) : x; }

constexpr double kSqrtHalf = 0.70710678118654752440, kTwoOverSqrtPi = 1.12837916709551257390;
float GeluF(float x) {
  const float scaled = x * static_cast<float>(-kSqrtHalf);
  return 0.5F * x * static_cast<float>(mathfn::Erfc(static_cast<double>(scaled)));
}
float GeluTanhF(float x) {
  constexpr auto kFactor = static_cast<float>(kTwoOverSqrtPi * kSqrtHalf);
  return 0.5F * x * (1.0F + TanhF(kFactor * (x + 0.044715F * x * x * x)));
}

/// Emits y[i] = f(x[i]) cut to the range.
void EmitTable(Lowering& l, const Cluster& c, const Stored& x, std::string label, const StoredFunction& f,
               StoredRange range) {
  const DType from = x.dtype, to = c.y.dtype;
  const StoredRange in = RangeOf(from);
  const int64_t count = ElementCount(l.DimsOf(x.value));
  std::vector<int32_t> table;
  if (from != DType::kI32) {
    for (int32_t v = in.low; v <= in.high; ++v) table.push_back(std::clamp(f(v), range.low, range.high));
  }
  EmitInteger(l, c, std::move(label), {l.Plain(x.value)},
              [table = std::move(table), f, range, in, from, to, count](Frame& frame, const Step& step) -> Status {
                const auto run = [&](auto out) {
                  using Y = decltype(out);
                  Y* y = frame.Out<Y>(step.writes[0]);
                  if (from == DType::kI32) {
                    const auto* v = frame.In<int32_t>(step.reads[0]);
                    for (int64_t i = 0; i < count; ++i)
                      y[i] = static_cast<Y>(std::clamp(f(v[i]), range.low, range.high));
                    return;
                  }
                  WithInteger(from, [&](auto e) {
                    const auto* v = frame.In<decltype(e)>(step.reads[0]);
                    ParallelFor(frame.threads, count, 16384, [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i)
                        y[i] = static_cast<Y>(table[static_cast<size_t>(v[i] - in.low)]);
                    });
                  });
                };
                if (to == DType::kI32)
                  run(int32_t{});
                else
                  WithInteger(to, run);
                return Ok{};
              });
}

std::optional<Stored> OperandOf(Lowering& l, const Cluster& c, bool same_type) {
  if (c.body.size() != 1) return std::nullopt;
  auto x = StoredOf(l, l.graph().node(c.core()).in[0]);
  if (!x || !x->single() || !c.y.single() || !WithInteger(x->dtype, [](auto) {})) return std::nullopt;
  if (same_type && x->dtype != c.y.dtype) return std::nullopt;
  return x;
}

Result<bool> LowerReal(Lowering& l, const Cluster& c, std::string label, float (*f)(float)) {
  const auto x = OperandOf(l, c, true);
  if (!x) return false;
  EmitTable(l, c, *x, std::move(label), RealFunction(*x, c.y, f), RangeOf(c.y, c.range));
  return true;
}

Result<bool> LowerSigmoid(Lowering& l, const Cluster& c) {
  const auto x = OperandOf(l, c, true);
  if (!x) return false;
  const bool wide = x->dtype == DType::kI16;
  EmitTable(l, c, *x, "logistic", wide ? Logistic16(*x) : RealFunction(*x, c.y, LogisticF), RangeOf(c.y, c.range));
  return true;
}
Result<bool> LowerTanh(Lowering& l, const Cluster& c) {
  const auto x = OperandOf(l, c, true);
  if (!x) return false;
  const bool wide = x->dtype == DType::kI16;
  EmitTable(l, c, *x, "tanh", wide ? Tanh16(*x) : RealFunction(*x, c.y, TanhF), RangeOf(c.y, c.range));
  return true;
}
Result<bool> LowerExp(Lowering& l, const Cluster& c) { return LowerReal(l, c, "exp", ExpF); }
Result<bool> LowerElu(Lowering& l, const Cluster& c) {
  if (l.AttrsOf(c.core()).Float("alpha", 1) != 1) return false;
  return LowerReal(l, c, "elu", EluF);
}
Result<bool> LowerGelu(Lowering& l, const Cluster& c) {
  return LowerReal(l, c, "gelu", l.AttrsOf(c.core()).Str("approximate", "none") == "tanh" ? GeluTanhF : GeluF);
}

Result<bool> LowerLog(Lowering& l, const Cluster& c) {
  const auto x = OperandOf(l, c, true);
  if (!x) return false;
  // Numbers that have no logarithm become the smallest one there is.
  const StoredRange stored = RangeOf(c.y.dtype);
  const float lowest = static_cast<float>(stored.low - (x->dtype == DType::kI16 ? 0 : c.y.zero())) * c.y.scale();
  const auto f = [lowest](float v) {
    return v <= 0 ? lowest : static_cast<float>(mathfn::Log(static_cast<double>(v)));
  };
  EmitTable(l, c, *x, "log", RealFunction(*x, c.y, f), RangeOf(c.y, c.range));
  return true;
}

Result<bool> LowerSqrt(Lowering& l, const Cluster& c) {
  const auto x = OperandOf(l, c, true);
  if (!x) return false;
  const float sx = x->scale(), sy = c.y.scale();
  const int32_t zx = x->zero(), zy = c.y.zero();
  const auto f = [=](int32_t v) {
    const float real = sx * static_cast<float>(v - zx);
    return static_cast<int32_t>(real >= 0 ? std::min(std::sqrt(real) / sy, 65536.0F) : 0.0F) + zy;
  };
  EmitTable(l, c, *x, "sqrt", f, RangeOf(c.y, c.range));
  return true;
}

/// 1 / sqrt(x), spelled in two operators.
Result<bool> LowerRsqrt(Lowering& l, const Cluster& c) {
  if (c.body.size() != 2) return false;
  const Node &root = l.graph().node(c.body[0]), &last = l.graph().node(c.body[1]);
  if (root.op != &ops::kSqrt) return false;
  const bool inverts = last.op == &ops::kReciprocal || (last.in[1] == root.out[0] && RealScalar(l, last.in[0]) == 1.0F);
  const auto x = StoredOf(l, root.in[0]);
  if (!inverts || !x || !x->single() || !c.y.single() || x->dtype != c.y.dtype) return false;
  if (x->dtype != DType::kI8 && x->dtype != DType::kI16) return false;
  EmitTable(l, c, *x, "rsqrt", RsqrtFunction(*x, c.y), RangeOf(c.y, c.range));
  return true;
}

Result<bool> LowerAbs(Lowering& l, const Cluster& c) {
  const auto x = OperandOf(l, c, true);
  if (!x) return false;
  const bool rescales = x->scale() != c.y.scale();
  const Multiplier factor = Multiplier::Of(static_cast<double>(x->scale() / c.y.scale()));
  const int32_t zx = x->zero(), zy = c.y.zero();
  const auto f = [=](int32_t v) {
    const int32_t size = v < zx ? zx - v : v - zx;
    return (rescales ? factor.Apply(size) : size) + zy;
  };
  EmitTable(l, c, *x, "abs", f, RangeOf(c.y, c.range));
  return true;
}

/// relu and its kin on their own: a change of scale, and a cut.
Result<bool> LowerCut(Lowering& l, const Cluster& c) {
  const auto x = OperandOf(l, c, true);
  if (!x) return false;
  const Node& node = l.graph().node(c.core());
  RealRange range;
  if (node.op == &ops::kRelu) {
    range.low = 0;
  } else {
    for (size_t i = 1; i < node.in.size() && i < 3; ++i) {
      if (!node.in[i]) continue;
      const auto bound = RealScalar(l, node.in[i]);
      if (!bound) return false;
      (i == 1 ? range.low : range.high) = *bound;
    }
  }
  const Multiplier factor = Multiplier::Of(static_cast<double>(x->scale() / c.y.scale()));
  const int32_t zx = x->zero(), zy = c.y.zero();
  EmitTable(
      l, c, *x, "relu", [=](int32_t v) { return factor.Apply(v - zx) + zy; }, RangeOf(c.y, range));
  return true;
}

Result<bool> LowerLeakyRelu(Lowering& l, const Cluster& c) {
  const auto x = OperandOf(l, c, true);
  if (!x) return false;
  const auto alpha = static_cast<float>(l.AttrsOf(c.core()).Float("alpha", 0.01));
  const Multiplier plain = Multiplier::Of(static_cast<double>(x->scale() / c.y.scale()));
  Multiplier sloped = Multiplier::Of(static_cast<double>(x->scale() * alpha / c.y.scale()));
  const bool negative = sloped.significand < 0;
  if (negative) sloped.significand = -sloped.significand;
  const int32_t zx = x->zero(), zy = c.y.zero();
  const auto f = [=](int32_t v) {
    const int32_t d = v - zx;
    if (d >= 0) return plain.Apply(d) + zy;
    return (negative ? -sloped.Apply(d) : sloped.Apply(d)) + zy;
  };
  EmitTable(l, c, *x, "leaky relu", f, RangeOf(c.y, c.range));
  return true;
}

Result<bool> LowerHardSwish(Lowering& l, const Cluster& c) {
  const auto x = OperandOf(l, c, true);
  if (!x || !IsByte(x->dtype)) return false;
  if (!HasHardSwish(*x, c.y)) return false;
  EmitTable(l, c, *x, "hard swish", HardSwish(*x, c.y), RangeOf(c.y, c.range));
  return true;
}

Result<bool> LowerRequantize(Lowering& l, const Cluster& c) {
  if (!c.body.empty() || c.reals.size() != 1) return false;
  const auto x = StoredOf(l, c.reals[0]);
  if (!x || !x->single() || !c.y.single()) return false;
  const auto known = [](DType d) { return d == DType::kI32 || WithInteger(d, [](auto) {}); };
  if (!known(x->dtype) || !known(c.y.dtype)) return false;
  const Multiplier factor = Multiplier::Of(static_cast<double>(x->scale()) / static_cast<double>(c.y.scale()));
  const int32_t zx = x->zero(), zy = c.y.zero();
  const auto f = [=](int32_t v) { return fixed::WrapAdd(factor.Apply(fixed::WrapSub(v, zx)), zy); };
  EmitTable(l, c, *x, "requantize", f, RangeOf(c.y));
  return true;
}

constexpr ClusterRow kRows[] = {{&ops::kQuantize, LowerRequantize},
                                {&ops::kSigmoid, LowerSigmoid},
                                {&ops::kTanh, LowerTanh},
                                {&ops::kExp, LowerExp},
                                {&ops::kElu, LowerElu},
                                {&ops::kGelu, LowerGelu},
                                {&ops::kLog, LowerLog},
                                {&ops::kSqrt, LowerSqrt},
                                {&ops::kReciprocal, LowerRsqrt},
                                {&ops::kDiv, LowerRsqrt},
                                {&ops::kAbs, LowerAbs},
                                {&ops::kRelu, LowerCut},
                                {&ops::kClip, LowerCut},
                                {&ops::kLeakyRelu, LowerLeakyRelu},
                                {&ops::kHardSwish, LowerHardSwish}};

}  // namespace

std::span<const ClusterRow> TableRows() { return kRows; }

}  // namespace godwit::plan
