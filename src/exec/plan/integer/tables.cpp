#include "exec/plan/integer/tables.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/fixed_point.h"
#include "base/mathfn.h"

namespace godwit::plan {

namespace {

/// A conversion as the instruction has it: what does not fit is the lowest number.
int32_t Whole(float v) {
  if (!(v >= -2147483648.0F && v < 2147483648.0F)) return std::numeric_limits<int32_t>::min();
  return static_cast<int32_t>(v);
}

template <class F>
std::vector<int16_t> Sample(F x_scale, int32_t x_zero, F y_scale, int32_t y_zero, const std::function<F(F)>& f) {
  constexpr int kSteps = 512;
  const F x_min = x_scale * static_cast<F>(-32768 - x_zero), x_max = x_scale * static_cast<F>(32767 - x_zero);
  const F y_min = y_scale * static_cast<F>(-32768 - y_zero), y_max = y_scale * static_cast<F>(32767 - y_zero);
  const F step = (x_max - x_min) / kSteps, half = step / 2;
  const F unit = static_cast<F>(65536) / (y_max - y_min);
  const auto cut = [](F v) { return static_cast<int16_t>(v != v ? 0 : std::min<F>(std::max<F>(v, -32768), 32767)); };
  std::vector<int16_t> table;
  for (int i = 0; i < kSteps; ++i) {
    const F at = x_min + static_cast<F>(i) * step;
    const F value = f(at), middle = f(at + half), next = f(x_min + static_cast<F>(i + 1) * step);
    const F here = std::round(value * unit);
    const F interpolated = std::round((next * unit + here) / 2);
    const F error = interpolated - std::round(middle * unit);
    table.push_back(cut(here - std::round(error / 2)));
  }
  table.push_back(cut(std::round(f(x_max) * unit)));
  return table;
}

// round(65536 / (1 + exp(-i / 24))), up by one where a bit is set: the samples that the source's kernels hold.
constexpr std::array<uint64_t, 4> kOneMore = {0xc0467baefa7bd110, 0x0011009020440005, 0x80, 0x8000000000000000};
uint32_t LogisticSample(uint32_t i) {
  static const std::array<uint16_t, 256> table = [] {
    std::array<uint16_t, 256> t{};
    for (size_t k = 0; k < t.size(); ++k) {
      const double v = std::floor(65536 / (1 + mathfn::Exp(-static_cast<double>(k) / 24)) + 0.5);
      t[k] = static_cast<uint16_t>(v + static_cast<double>(kOneMore[k / 64] >> (k % 64) & 1));
    }
    return t;
  }();
  return table[i];
}

uint32_t Magnitude(int32_t v) { return v < 0 ? 0 - static_cast<uint32_t>(v) : static_cast<uint32_t>(v); }

/// The operand in units of 1 / (3 * 4096), by a factor and a shift to the right.
struct Unit {
  int32_t factor = 0;
  int shift = 0;
  [[nodiscard]] int32_t Of(int32_t x) const {
    const int32_t round = shift > 0 ? 1 << (shift - 1) : 0;
    return fixed::WrapAdd(fixed::WrapMul(x, factor), round) >> shift;
  }
};
Unit UnitOf(float scale, int largest_shift) {
  Unit u;
  int exponent = 0;
  if (fixed::IsPowerOfTwo(scale, &exponent) && exponent >= -12 && exponent <= -12 + largest_shift) {
    u.factor = 3 << (exponent + 12);
    return u;
  }
  double factor = static_cast<double>(scale) * 4096.0 * 3.0;
  while (factor <= 32767.0 / 2.0 && u.shift <= 30) {
    ++u.shift;
    factor *= 2;
  }
  u.factor = static_cast<int32_t>(std::min(factor, 32767.0));
  return u;
}

int16_t Short(int32_t significand) {
  return static_cast<int16_t>(
      significand >= std::numeric_limits<int32_t>::max() - (1 << 15) ? 0x7fff : (significand + (1 << 15)) >> 16);
}

}  // namespace

StoredFunction RealFunction(const Stored& x, const Stored& y, const std::function<float(float)>& f) {
  const float sx = x.scale(), sy = y.scale();
  const int32_t zx = x.zero(), zy = y.zero();
  if (x.dtype == DType::kI16) {
    return [table = Sample<float>(sx, zx, sy, zy, f)](int32_t v) {
      return static_cast<int32_t>(Interpolate(table, static_cast<int16_t>(v)));
    };
  }
  return [=](int32_t v) {
    const float inverse = 1 / sy;
    const float rescaled = std::round(f(sx * static_cast<float>(v - zx)) * inverse);
    return Whole(rescaled + static_cast<float>(zy));
  };
}

std::vector<int16_t> SampleTable(double x_scale, int32_t x_zero, double y_scale, int32_t y_zero,
                                 const std::function<double(double)>& f) {
  return Sample<double>(x_scale, x_zero, y_scale, y_zero, f);
}

int16_t Interpolate(const std::vector<int16_t>& table, int16_t x) {
  const auto index = static_cast<size_t>(256 + (x >> 7));
  const int32_t base = table[index];
  const auto slope = static_cast<int16_t>(table[index + 1] - base);
  return static_cast<int16_t>(base + ((slope * (x & 0x7f) + 64) >> 7));
}

StoredFunction Logistic16(const Stored& x) {
  return [unit = UnitOf(x.scale(), 0)](int32_t v) {
    const int32_t in = unit.Of(v);
    const uint32_t size = Magnitude(in), at = size >> 9;
    uint32_t y = 0x7fff << 10;
    if (at < 255) {
      const uint32_t a = LogisticSample(at), b = LogisticSample(at + 1);
      y = (a << 9) + (size & 0x1ff) * (b - a);
    }
    y = in >= 0 ? y + (1 << 9) : (1 << 25) - y + (1 << 9) - 1;
    return static_cast<int32_t>(static_cast<int16_t>(y >> 10));
  };
}

// tanh(x) = 2 / (1 + exp(-2 x)) - 1.
StoredFunction Tanh16(const Stored& x) {
  return [unit = UnitOf(x.scale(), 1)](int32_t v) {
    const int32_t in = unit.Of(v);
    const uint32_t size = Magnitude(in), at = size >> 8;
    int32_t y = 0xffff << 8;
    if (at < 255) {
      const uint32_t a = LogisticSample(at), b = LogisticSample(at + 1);
      y = static_cast<int32_t>((a << 8) + (size & 0xff) * (b - a));
    }
    y = in >= 0 ? y - (1 << 23) + (1 << 7) : -y + (1 << 23) + (1 << 7) - 1;
    return static_cast<int32_t>(static_cast<int16_t>(y >> 8));
  };
}

bool HasHardSwish(const Stored& x, const Stored& y) {
  const float fine = 1.0F / 128.0F * x.scale();
  return fine / y.scale() < 1 && fine / (3.0F / 32768.0F) < 32768;
}

// x * relu6(x + 3) / 6 in 16-bit arithmetic, with x on a scale 128 times finer.
StoredFunction HardSwish(const Stored& x, const Stored& y) {
  const float fine = 1.0F / 128.0F * x.scale();
  const fixed::Multiplier out = fixed::Multiplier::Of(static_cast<double>(fine / y.scale()));
  const fixed::Multiplier gate = fixed::Multiplier::Of(static_cast<double>(fine / (3.0F / 32768.0F)));
  const int16_t out_factor = Short(out.significand), gate_factor = Short(gate.significand);
  const int32_t zx = x.zero(), zy = y.zero();
  return [=](int32_t v) {
    const auto value = static_cast<int16_t>((v - zx) * 128);
    const int16_t scaled = fixed::HighMul(value, out_factor);
    int16_t g = value;
    if (gate.shift > 0) g = fixed::ShiftLeft(g, gate.shift - 1);
    g = fixed::HighMul(g, gate_factor);
    if (gate.shift > 0) g = fixed::ShiftLeft(g, 1);
    if (gate.shift < 0) g = fixed::ShiftRight(g, -gate.shift);
    g = static_cast<int16_t>((g + (1 << 15)) >> 1);
    // Cut off, not rounded.
    const int32_t product = static_cast<int32_t>(g) * scaled;
    const auto high = static_cast<int16_t>(product / (1 << 15));
    return static_cast<int32_t>(fixed::ShiftRight(high, -out.shift)) + zy;
  };
}

StoredFunction RsqrtFunction(const Stored& x, const Stored& y) {
  if (x.dtype == DType::kI16) {
    const float largest = 32767 * y.scale();
    return RealFunction(x, y, [largest](float v) { return v <= 0 ? largest : 1.0F / std::sqrt(v); });
  }
  constexpr int kShift = 20;
  const double factor = 1.0 / static_cast<double>(std::sqrt(x.scale()) * y.scale());
  const fixed::Multiplier out = fixed::Multiplier::Of(factor);
  const int32_t zx = x.zero(), zy = y.zero();
  const StoredRange range = RangeOf(y.dtype);
  return [=](int32_t v) {
    const int32_t value = v - zx;
    if (value <= 0) return range.high;
    fixed::Multiplier inverse = fixed::InverseSqrt(value);
    inverse.shift += kShift;
    const int32_t fine = inverse.Apply(1);
    return fixed::Multiplier{out.significand, out.shift - kShift}.Apply(fine) + zy;
  };
}

}  // namespace godwit::plan
