// Elementwise operators of two stored operands, which may broadcast.
#include <algorithm>
#include <cmath>

#include "base/fixed_point.h"
#include "exec/plan/integer/broadcast.h"
#include "exec/plan/integer/rows.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

using fixed::Multiplier;

/// Operands of 8 and 16 bits on one scale, with bits to spare.
struct Aligned {
  int left = 0;
  int32_t zero = 0;
  Multiplier factor;
  [[nodiscard]] int32_t Of(int32_t stored) const {
    return factor.Apply(fixed::WrapMul(stored - zero, int32_t{1} << left));
  }
};
struct Pair {
  Stored a, b;
  std::vector<int64_t> places_a, places_b;
};

std::optional<Pair> PairOf(Lowering& l, const Cluster& c, ValueId a, ValueId b) {
  const auto sa = StoredOf(l, a), sb = StoredOf(l, b);
  if (!sa || !sb || !sa->single() || !sb->single() || !c.y.single()) return std::nullopt;
  if (sa->dtype != sb->dtype || sa->dtype != c.y.dtype || !WithInteger(sa->dtype, [](auto) {})) return std::nullopt;
  return Pair{*sa, *sb, {}, {}};
}

/// Emits y[i] = f(a[i], b[i]) cut to the cluster's range.
template <class F>
void EmitBinary(Lowering& l, const Cluster& c, const Pair& p, std::string label, F f) {
  const Broadcast walk(l.DimsOf(p.a.value), l.DimsOf(p.b.value), l.DimsOf(c.y.value));
  const StoredRange range = RangeOf(c.y, c.range);
  EmitInteger(l, c, std::move(label), {l.Plain(p.a.value), l.Plain(p.b.value)},
              [walk, range, f, dtype = p.a.dtype](Frame& frame, const Step& step) -> Status {
                WithInteger(dtype, [&](auto e) {
                  using E = decltype(e);
                  const E* a = frame.In<E>(step.reads[0]);
                  const E* b = frame.In<E>(step.reads[1]);
                  E* y = frame.Out<E>(step.writes[0]);
                  walk.ForEach(frame.threads, [&](int64_t i, int64_t at_a, int64_t at_b) {
                    y[i] = static_cast<E>(std::clamp(f(a[at_a], b[at_b]), range.low, range.high));
                  });
                });
                return Ok{};
              });
}

/// Both operands as multiples of half the larger scale over 2^left.
void Align(const Pair& p, int left, Aligned* a, Aligned* b, double* twice_max) {
  *twice_max = static_cast<double>(2 * std::max(p.a.scale(), p.b.scale()));
  *a = {left, p.a.zero(), Multiplier::Of(static_cast<double>(p.a.scale()) / *twice_max)};
  *b = {left, p.b.zero(), Multiplier::Of(static_cast<double>(p.b.scale()) / *twice_max)};
}

Result<bool> LowerSum(Lowering& l, const Cluster& c, bool subtracts) {
  if (c.body.size() != 1) return false;
  const Node& node = l.graph().node(c.core());
  const auto p = PairOf(l, c, node.in[0], node.in[1]);
  if (!p) return false;
  const int left = p->a.dtype == DType::kI16 ? 15 : 20;
  Aligned a, b;
  double twice_max = 0;
  Align(*p, left, &a, &b, &twice_max);
  const auto unit = static_cast<float>(1 << left) * c.y.scale();
  const Multiplier out = Multiplier::Of(twice_max / static_cast<double>(unit));
  const int32_t zero = c.y.zero();
  EmitBinary(l, c, *p, subtracts ? "sub" : "add", [=](int32_t x, int32_t y) {
    const int32_t u = a.Of(x), v = b.Of(y);
    return out.Apply(subtracts ? fixed::WrapSub(u, v) : fixed::WrapAdd(u, v)) + zero;
  });
  return true;
}
Result<bool> LowerAdd(Lowering& l, const Cluster& c) { return LowerSum(l, c, false); }
Result<bool> LowerSub(Lowering& l, const Cluster& c) { return LowerSum(l, c, true); }

/// (a - b)^2, spelled as a difference times itself.
Result<bool> LowerSquaredDifference(Lowering& l, const Cluster& c) {
  const Node& last = l.graph().node(c.core());
  if (c.body.size() != 2) return false;
  const Node& sub = l.graph().node(c.body[0]);
  if (sub.op != &ops::kSub || last.in[0] != sub.out[0]) return false;
  const bool squares = last.op == &ops::kMul ? last.in[1] == sub.out[0] : RealScalar(l, last.in[1]) == 2.0F;
  const auto p = PairOf(l, c, sub.in[0], sub.in[1]);
  if (!squares || !p || p->a.dtype != DType::kI8) return false;
  constexpr int kLeft = 7;
  Aligned a, b;
  double twice_max = 0;
  Align(*p, kLeft, &a, &b, &twice_max);
  const float unit = static_cast<float>(1 << (2 * kLeft)) * c.y.scale();
  const Multiplier out = Multiplier::Of(twice_max * twice_max / static_cast<double>(unit));
  const int32_t zero = c.y.zero();
  EmitBinary(l, c, *p, "squared difference", [=](int32_t x, int32_t y) {
    const int32_t d = fixed::WrapSub(a.Of(x), b.Of(y));
    return out.Apply(fixed::WrapMul(d, d)) + zero;
  });
  return true;
}

Result<bool> LowerMul(Lowering& l, const Cluster& c) {
  if (c.body.size() != 1) return LowerSquaredDifference(l, c);
  const Node& node = l.graph().node(c.core());
  const auto p = PairOf(l, c, node.in[0], node.in[1]);
  if (!p) return false;
  const float factor = p->a.scale() * p->b.scale() / c.y.scale();
  const Multiplier out = Multiplier::Of(static_cast<double>(factor));
  const int32_t za = p->a.zero(), zb = p->b.zero(), zero = c.y.zero();
  EmitBinary(l, c, *p, "mul", [=](int32_t x, int32_t y) { return out.Apply(fixed::WrapMul(x - za, y - zb)) + zero; });
  return true;
}

Result<bool> LowerDiv(Lowering& l, const Cluster& c) {
  if (c.body.size() != 1) return false;
  const Node& node = l.graph().node(c.core());
  const auto p = PairOf(l, c, node.in[0], node.in[1]);
  if (!p) return false;
  const float factor = p->a.scale() / (p->b.scale() * c.y.scale());
  const Multiplier out = Multiplier::Of(static_cast<double>(factor));
  const int32_t za = p->a.zero(), zb = p->b.zero(), zero = c.y.zero();
  EmitBinary(l, c, *p, "div", [=](int32_t a, int32_t b) {
    int32_t x = a - za, y = b - zb;
    if (y < 0) {
      x = -x;
      y = -y;
    }
    int bits = 0;
    const int32_t inverse = fixed::Reciprocal(y, 31, &bits);
    const int headroom = std::countl_zero(static_cast<uint32_t>(x < 0 ? -(x + 1) : x)) - 1;
    const int32_t quotient = fixed::HighMul(fixed::WrapMul(x, static_cast<int32_t>(uint32_t{1} << headroom)), inverse);
    const int shift = std::clamp(-(out.shift - bits - headroom), 0, 31);
    return fixed::ShiftRight(fixed::HighMul(quotient, out.significand), shift) + zero;
  });
  return true;
}

/// Operands and result on one scale: the numbers themselves are compared.
Result<bool> LowerExtremum(Lowering& l, const Cluster& c) {
  if (c.body.size() != 1) return false;
  const Node& node = l.graph().node(c.core());
  if (node.in.size() != 2) return false;
  const auto p = PairOf(l, c, node.in[0], node.in[1]);
  if (!p) return false;
  if (node.op == &ops::kMax) {
    EmitBinary(l, c, *p, "maximum", [](int32_t x, int32_t y) { return std::max(x, y); });
  } else {
    EmitBinary(l, c, *p, "minimum", [](int32_t x, int32_t y) { return std::min(x, y); });
  }
  return true;
}

Result<bool> LowerPRelu(Lowering& l, const Cluster& c) {
  if (c.body.size() != 1) return false;
  const Node& node = l.graph().node(c.core());
  const auto p = PairOf(l, c, node.in[0], node.in[1]);
  if (!p) return false;
  const Multiplier plain = Multiplier::Of(static_cast<double>(p->a.scale() / c.y.scale()));
  const Multiplier sloped = Multiplier::Of(static_cast<double>(p->a.scale() * p->b.scale() / c.y.scale()));
  const int32_t za = p->a.zero(), zb = p->b.zero(), zero = c.y.zero();
  EmitBinary(l, c, *p, "prelu", [=](int32_t a, int32_t slope) {
    const int32_t x = a - za;
    return (x >= 0 ? plain.Apply(x) : sloped.Apply(fixed::WrapMul(x, slope - zb))) + zero;
  });
  return true;
}

constexpr ClusterRow kRows[] = {{&ops::kAdd, LowerAdd},      {&ops::kSub, LowerSub},
                                {&ops::kMul, LowerMul},      {&ops::kDiv, LowerDiv},
                                {&ops::kMax, LowerExtremum}, {&ops::kMin, LowerExtremum},
                                {&ops::kPRelu, LowerPRelu},  {&ops::kPow, LowerSquaredDifference}};

}  // namespace

std::span<const ClusterRow> BinaryRows() { return kRows; }

}  // namespace godwit::plan
