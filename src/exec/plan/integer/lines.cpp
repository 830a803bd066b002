// Operators over the lines of a stored tensor: softmax, its logarithm, l2 normalisation, and reductions.
#include <algorithm>
#include <cmath>

#include "base/fixed_point.h"
#include "base/mathfn.h"
#include "exec/plan/integer/rows.h"
#include "exec/plan/integer/tables.h"
#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

using fixed::Multiplier;

/// A factor on differences that fixed-point exponentials take in Q5, and the smallest difference that counts.
struct Differences {
  Multiplier factor;
  int32_t smallest = 0;
  Differences(double beta, double scale) {
    const double real =
        std::min(beta * scale * static_cast<double>(1 << 26), static_cast<double>((int64_t{1} << 31) - 1));
    factor = Multiplier::Of(real);
    smallest = -fixed::InputRadius(5, factor.shift);
  }
  [[nodiscard]] int32_t Of(int32_t difference) const { return factor.Apply(difference); }
};

template <class E>
int32_t Largest(const E* x, int64_t n) {
  return *std::max_element(x, x + n);
}

/// The sum of exponentials in Q12.
template <class E>
int32_t SumOfExps(const Differences& d, const E* x, int64_t n, int32_t largest) {
  int32_t sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t difference = x[i] - largest;
    if (difference < d.smallest) continue;
    sum = fixed::WrapAdd(sum, fixed::ShiftRight(fixed::ExpOnNegative<5>(d.Of(difference)), 12));
  }
  return sum;
}

template <class X, class Y>
void SoftmaxLine(const Differences& d, const X* x, int64_t n, Y* y) {
  constexpr int32_t kLow = std::numeric_limits<Y>::min(), kHigh = std::numeric_limits<Y>::max();
  const int32_t largest = Largest(x, n);
  int bits = 0;
  const int32_t scale = fixed::Reciprocal(SumOfExps(d, x, n, largest), 12, &bits);
  const int exponent = std::clamp(bits + 31 - static_cast<int>(8 * sizeof(Y)), 0, 31);
  for (int64_t i = 0; i < n; ++i) {
    const int32_t difference = x[i] - largest;
    int32_t v = kLow;
    if (difference >= d.smallest) {
      v += fixed::ShiftRight(fixed::HighMul(scale, fixed::ExpOnNegative<5>(d.Of(difference))), exponent);
    }
    y[i] = static_cast<Y>(std::clamp(v, kLow, kHigh));
  }
}

template <class E>
void LogSoftmaxLine(const Differences& d, const Multiplier& reverse, const E* x, int64_t n, E* y) {
  constexpr int32_t kLow = std::numeric_limits<E>::min(), kHigh = std::numeric_limits<E>::max();
  const int32_t largest = Largest(x, n);
  const int32_t log_sum = fixed::LogQ12ToQ5(SumOfExps(d, x, n, largest));
  const int32_t bound = fixed::WrapAdd(log_sum, std::numeric_limits<int32_t>::min());
  const int32_t smallest = std::max(d.smallest - 1, reverse.Apply(bound));
  for (int64_t i = 0; i < n; ++i) {
    const int32_t difference = x[i] - largest;
    int32_t v = kLow;
    if (difference > smallest) v = fixed::ShiftRight(fixed::WrapSub(d.Of(difference), log_sum), 22) + kHigh;
    y[i] = static_cast<E>(std::clamp(v, kLow, kHigh));
  }
}

/// 16-bit softmax by tables of exp on [-10, 0] and of 1 / (1 + x) on [0, 1].
class Softmax16 {
 public:
  explicit Softmax16(double factor) : factor_(Multiplier::Of(factor)) {
    constexpr double kRange = 65535;
    exp_ = SampleTable(10.0 / kRange, 32767, 2.0 / kRange, 0, mathfn::Exp);
    inverse_ = SampleTable(1.0 / kRange, -32768, 2.0 / kRange, 0, [](double v) { return 1 / (1 + v); });
  }
  void Line(const int16_t* x, int64_t n, int16_t* y) const {
    const int32_t largest = Largest(x, n);
    int32_t sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int32_t scaled = factor_.Apply(x[i] - largest);
      y[i] = Interpolate(exp_, static_cast<int16_t>(std::clamp(fixed::WrapAdd(scaled, 32767), -32768, 32767)));
      sum = fixed::WrapAdd(sum, y[i]);
    }
    const int headroom = std::countl_zero(static_cast<uint32_t>(sum));
    if (headroom < 1 || headroom > 30) return;
    const auto shifted = static_cast<int32_t>(((static_cast<int64_t>(sum) << (headroom - 1)) + (1 << 13)) >> 14);
    const int32_t centred = std::clamp(shifted - (1 << 15) - (1 << 16), -32768, 32767);
    const int64_t inverse = Interpolate(inverse_, static_cast<int16_t>(centred));
    const int right = 31 - headroom;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t v = (y[i] * inverse + (int64_t{1} << (right - 1))) >> right;
      y[i] = static_cast<int16_t>(std::clamp<int64_t>(v, 0, 32767));
    }
  }

 private:
  Multiplier factor_;
  std::vector<int16_t> exp_, inverse_;
};

struct Lines {
  Stored x;
  int64_t count = 0, length = 0;
};
/// The lines along the last axis.
std::optional<Lines> LastLines(Lowering& l, const Cluster& c, ValueId real, int64_t axis) {
  const auto x = StoredOf(l, real);
  if (!x || !x->single() || !c.y.single()) return std::nullopt;
  const Dims dims = l.DimsOf(x->value);
  const auto rank = static_cast<int64_t>(dims.size());
  if (rank == 0 || (axis != -1 && axis != rank - 1) || dims.back() == 0) return std::nullopt;
  return Lines{*x, ElementCount(dims) / dims.back(), dims.back()};
}

template <class X, class Y, class F>
FunctionStep::Body OverLines(int64_t count, int64_t length, F f) {
  return [=](Frame& frame, const Step& step) -> Status {
    const X* x = frame.In<X>(step.reads[0]);
    Y* y = frame.Out<Y>(step.writes[0]);
    ParallelFor(frame.threads, count, 1 + 4096 / length, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) f(x + i * length, length, y + i * length);
    });
    return Ok{};
  };
}

/// Calls f(X{}, Y{}) for the element types that softmax has.
template <class F>
bool WithSoftmaxTypes(DType x, DType y, F f) {
  if (x == DType::kI8 && y == DType::kI8) return f(int8_t{}, int8_t{}), true;
  if (x == DType::kI8 && y == DType::kI16) return f(int8_t{}, int16_t{}), true;
  if (x == DType::kU8 && y == DType::kU8) return f(uint8_t{}, uint8_t{}), true;
  if (x == DType::kU8 && y == DType::kI16) return f(uint8_t{}, int16_t{}), true;
  return false;
}

Result<bool> LowerLogSoftmax(Lowering& l, const Cluster& c, const Lines& lines) {
  const DType dtype = lines.x.dtype;
  if (dtype != c.y.dtype || !IsByte(dtype)) return false;
  const Differences d(1.0, static_cast<double>(lines.x.scale()));
  const double reverse_factor =
      static_cast<double>(1 << std::clamp(31 - d.factor.shift, 0, 30)) / static_cast<double>(d.factor.significand);
  const Multiplier reverse = Multiplier::Of(reverse_factor);
  WithInteger(dtype, [&](auto e) {
    using E = decltype(e);
    if constexpr (sizeof(E) == 1) {
      EmitInteger(l, c, "log softmax", {l.Plain(lines.x.value)},
                  OverLines<E, E>(lines.count, lines.length,
                                  [=](const E* x, int64_t n, E* y) { LogSoftmaxLine(d, reverse, x, n, y); }));
    }
  });
  return true;
}

Result<bool> LowerSoftmax(Lowering& l, const Cluster& c) {
  const Node& node = l.graph().node(c.core());
  const Attrs& attrs = l.AttrsOf(c.core());
  const std::string_view mode = attrs.Str("mode", "soft");
  float beta = 1;
  ValueId real = node.in[0];
  if (c.body.size() == 2) {
    const Node& mul = l.graph().node(c.body[0]);
    if (mul.op != &ops::kMul || mul.out[0] != real) return false;
    const size_t at = StoredOf(l, mul.in[0]) ? 0 : 1;
    const auto factor = RealScalar(l, mul.in[1 - at]);
    if (!factor) return false;
    beta = *factor;
    real = mul.in[at];
  } else if (c.body.size() != 1) {
    return false;
  }
  const auto lines = LastLines(l, c, real, attrs.Int("axis", -1));
  if (!lines) return false;
  const auto scale = static_cast<double>(lines->x.scale());
  const bool counts = static_cast<double>(beta) * scale * static_cast<double>(1 << 26) > 1;
  if (mode == "log") return beta == 1 && counts ? LowerLogSoftmax(l, c, *lines) : Result<bool>(false);
  if (mode != "soft") return false;
  if (lines->x.dtype == DType::kI16 && c.y.dtype == DType::kI16) {
    const Softmax16 softmax(static_cast<double>(lines->x.scale() * beta) / (10.0 / 65535.0));
    EmitInteger(
        l, c, "softmax", {l.Plain(lines->x.value)},
        OverLines<int16_t, int16_t>(lines->count, lines->length,
                                    [softmax](const int16_t* x, int64_t n, int16_t* y) { softmax.Line(x, n, y); }));
    return true;
  }
  if (!counts) return false;
  const Differences d(static_cast<double>(beta), scale);
  return WithSoftmaxTypes(lines->x.dtype, c.y.dtype, [&](auto in, auto out) {
    using X = decltype(in);
    using Y = decltype(out);
    EmitInteger(
        l, c, "softmax", {l.Plain(lines->x.value)},
        OverLines<X, Y>(lines->count, lines->length, [d](const X* x, int64_t n, Y* y) { SoftmaxLine(d, x, n, y); }));
  });
}

Result<bool> LowerL2Norm(Lowering& l, const Cluster& c) {
  const Node& node = l.graph().node(c.core());
  const Attrs& attrs = l.AttrsOf(c.core());
  if (c.body.size() != 1 || attrs.Float("p", 2) != 2) return false;
  const auto lines = LastLines(l, c, node.in[0], attrs.Int("axis", -1));
  if (!lines || lines->x.dtype != c.y.dtype || !IsByte(c.y.dtype)) return false;
  const int32_t zero = lines->x.zero();
  WithInteger(c.y.dtype, [&](auto e) {
    using E = decltype(e);
    EmitInteger(
        l, c, "l2 normalization", {l.Plain(lines->x.value)},
        OverLines<E, E>(lines->count, lines->length, [zero](const E* x, int64_t n, E* y) {
          int32_t sum = 0;
          for (int64_t i = 0; i < n; ++i) sum = fixed::WrapAdd(sum, (x[i] - zero) * (x[i] - zero));
          Multiplier inverse = fixed::InverseSqrt(sum);
          const bool is_signed = std::is_signed_v<E>;
          if (is_signed) inverse.shift += 7;
          for (int64_t i = 0; i < n; ++i) {
            const int32_t v = is_signed ? inverse.Apply(x[i] - zero) : 128 + inverse.Apply(128 * (x[i] - zero));
            y[i] = static_cast<E>(std::clamp<int32_t>(v, std::numeric_limits<E>::min(), std::numeric_limits<E>::max()));
          }
        }));
  });
  return true;
}

/// Where each element of x goes in the reduced tensor, axis by axis.
struct Reduction {
  Dims dims;
  std::vector<int64_t> steps;  ///< 0 for reduced axes
  int64_t outputs = 1, reduced = 1;
  template <class F>
  void ForEach(F f) const {
    Dims index(dims.size(), 0);
    const int64_t count = ElementCount(dims);
    int64_t to = 0;
    for (int64_t i = 0; i < count; ++i) {
      f(i, to);
      for (size_t k = dims.size(); k-- > 0;) {
        to += steps[k];
        if (++index[k] < dims[k]) break;
        to -= index[k] * steps[k];
        index[k] = 0;
      }
    }
  }
};

std::optional<Reduction> ReductionOf(Lowering& l, NodeId id, const Dims& dims) {
  const Node& node = l.graph().node(id);
  Reduction r;
  r.dims = dims;
  const auto rank = static_cast<int64_t>(dims.size());
  std::vector<bool> reduced(dims.size(), false);
  const bool stated = node.in.size() > 1 && node.in[1];
  const Tensor* axes = stated ? l.Known(node.in[1]) : nullptr;
  if (stated && axes == nullptr) return std::nullopt;
  if (!stated || axes->size() == 0) {
    reduced.assign(dims.size(), !l.AttrsOf(id).Flag("empty_axes_is_none"));
  } else {
    for (int64_t a : ToI64(*axes)) {
      if (a < 0) a += rank;
      if (a < 0 || a >= rank) return std::nullopt;
      reduced[static_cast<size_t>(a)] = true;
    }
  }
  r.steps.assign(dims.size(), 0);
  for (size_t k = dims.size(); k-- > 0;) {
    if (reduced[k]) {
      r.reduced *= dims[k];
      continue;
    }
    r.steps[k] = r.outputs;
    r.outputs *= dims[k];
  }
  return r;
}

/// Emits y = finish(fold of all elements), in the order of x.
template <class Next, class Finish>
void EmitReduction(Lowering& l, const Cluster& c, const Stored& x, const Reduction& r, std::string label, Next next,
                   Finish finish) {
  const StoredRange range = RangeOf(c.y, c.range);
  EmitInteger(l, c, std::move(label), {l.Plain(x.value)},
              [=, dtype = x.dtype](Frame& frame, const Step& step) -> Status {
                std::vector<int64_t> totals(static_cast<size_t>(r.outputs));
                std::vector<bool> begun(totals.size(), false);
                WithInteger(dtype, [&](auto e) {
                  using E = decltype(e);
                  const E* from = frame.In<E>(step.reads[0]);
                  r.ForEach([&](int64_t i, int64_t to) {
                    const auto at = static_cast<size_t>(to);
                    totals[at] = next(totals[at], static_cast<int32_t>(from[i]), !begun[at]);
                    begun[at] = true;
                  });
                  E* y = frame.Out<E>(step.writes[0]);
                  for (size_t i = 0; i < totals.size(); ++i) {
                    y[i] = static_cast<E>(std::clamp(finish(totals[i]), range.low, range.high));
                  }
                });
                return Ok{};
              });
}

Result<bool> LowerReduce(Lowering& l, const Cluster& c) {
  const Node& node = l.graph().node(c.core());
  if (c.body.size() != 1) return false;
  const auto x = StoredOf(l, node.in[0]);
  if (!x || !x->single() || !c.y.single() || x->dtype != c.y.dtype || !WithInteger(x->dtype, [](auto) {})) return false;
  const auto r = ReductionOf(l, c.core(), l.DimsOf(x->value));
  if (!r || r->outputs == 0 || r->reduced == 0) return false;
  const std::string_view mode = l.AttrsOf(c.core()).Str("mode");
  const int32_t zx = x->zero(), zy = c.y.zero();
  if (mode == "max" || mode == "min") {
    const bool largest = mode == "max";
    EmitReduction(
        l, c, *x, *r, largest ? "reduce max" : "reduce min",
        [=](int64_t total, int32_t v, bool first) {
          return first ? v : largest ? std::max<int64_t>(total, v) : std::min<int64_t>(total, v);
        },
        [](int64_t total) { return static_cast<int32_t>(total); });
    return true;
  }
  const auto sx = static_cast<double>(x->scale()), sy = static_cast<double>(c.y.scale());
  if (mode == "mean" || mode == "sum") {
    Multiplier factor = Multiplier::Of(sx / sy);
    if (mode == "mean") {
      // The count is divided out of the multiplier.
      int shift = 63 - std::countl_zero(static_cast<uint64_t>(r->reduced));
      shift = std::min({shift, 32, 31 + factor.shift});
      factor.significand = static_cast<int32_t>((static_cast<int64_t>(factor.significand) << shift) / r->reduced);
      factor.shift -= shift;
    }
    const int64_t offset = zx * r->reduced;
    EmitReduction(
        l, c, *x, *r, mode == "mean" ? "mean" : "sum", [](int64_t total, int32_t v, bool) { return total + v; },
        [=](int64_t total) { return factor.Apply(static_cast<int32_t>(total - offset)) + zy; });
    return true;
  }
  if (mode != "prod" || x->dtype == DType::kU8) return false;
  const double n = static_cast<double>(r->reduced);
  const Multiplier factor = Multiplier::Of(sx / mathfn::Pow(sy, 1.0 / n));
  EmitReduction(
      l, c, *x, *r, "reduce prod",
      [=](int64_t total, int32_t v, bool first) -> int64_t {
        return first ? v - zx : factor.ApplyWide(total * (v - zx));
      },
      [=](int64_t total) { return factor.ApplyWide(total) + zy; });
  return true;
}

constexpr ClusterRow kRows[] = {
    {&ops::kSoftmax, LowerSoftmax}, {&ops::kLpNorm, LowerL2Norm}, {&ops::kReduce, LowerReduce}};

}  // namespace

std::span<const ClusterRow> LineRows() { return kRows; }

}  // namespace godwit::plan
