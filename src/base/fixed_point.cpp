#include "base/fixed_point.h"

#include <array>
#include <cmath>

#include "base/mathfn.h"

namespace godwit::fixed {

namespace {

constexpr int32_t kOne = std::numeric_limits<int32_t>::max();  // 1 in Q0, as near as it gets

/// Constants are stated for 32 bits; 16-bit ones keep the rounded high half.
template <class T>
constexpr T Constant(int32_t value) {
  if constexpr (sizeof(T) == 4) return value;
  return static_cast<T>((value + (1 << 15)) >> 16);
}
template <class T>
constexpr int kBits = static_cast<int>(8 * sizeof(T));

template <class T>
T Add(T a, T b) {
  if constexpr (sizeof(T) == 4) return WrapAdd(a, b);
  return static_cast<T>(a + b);
}
template <class T>
T Sub(T a, T b) {
  if constexpr (sizeof(T) == 4) return WrapSub(a, b);
  return static_cast<T>(a - b);
}
template <class T>
T AddSaturatingIfShort(T a, T b) {
  if constexpr (sizeof(T) == 4) return WrapAdd(a, b);
  return static_cast<T>(std::clamp<int32_t>(a + b, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

/// From Qm to Qn.
template <class T>
T Rescale(T x, int from, int to) {
  return from >= to ? ShiftLeft(x, from - to) : ShiftRight(x, to - from);
}

template <class T>
T HalfSum(T a, T b) {
  const int64_t sum = static_cast<int64_t>(a) + b;
  return static_cast<T>((sum + (sum >= 0 ? 1 : -1)) / 2);
}

// exp(a) for a in [-1/4, 0), by a Taylor expansion around -1/8.
template <class T>
T ExpOnQuarter(T a) {
  const T centre = Constant<T>(1895147668), third = Constant<T>(715827883);
  const T x = Add<T>(a, static_cast<T>(T{1} << (kBits<T> - 1 - 3)));
  const T x2 = HighMul(x, x), x3 = HighMul(x2, x), x4 = HighMul(x2, x2);
  const T inner = Add<T>(HighMul(Add<T>(ShiftRight(x4, 2), x3), third), x2);
  return AddSaturatingIfShort<T>(centre, HighMul(centre, Add<T>(x, ShiftRight(inner, 1))));
}

template <int kIntegerBits, class T>
T ExpOf(T a) {
  constexpr int kFraction = kBits<T> - 1 - kIntegerBits;
  constexpr T kQuarter = static_cast<T>(T{1} << (kFraction - 2));
  const auto part = static_cast<T>((a & (kQuarter - 1)) - kQuarter);
  T result = ExpOnQuarter(Rescale<T>(part, kIntegerBits, 0));
  const T rest = Sub<T>(part, a);
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  for (int exponent = -2; exponent <= 4 && exponent < kIntegerBits; ++exponent) {
    if ((rest & static_cast<T>(T{1} << (kFraction + exponent))) == 0) continue;
    result = HighMul(result, Constant<T>(kFactors[exponent + 2]));
  }
  if constexpr (kIntegerBits > 5) {
    if (a < -(T{1} << (kBits<T> + 4 - kIntegerBits))) result = 0;
  }
  return a == 0 ? std::numeric_limits<T>::max() : result;
}

// 1 / ((1 + a) / 2) in Q2 by Newton's method, for a in [0, 1].
template <class T>
T TwoOverOnePlus(T a) {
  const T half = HalfSum<T>(a, std::numeric_limits<T>::max());
  const auto one = static_cast<T>(T{1} << (kBits<T> - 3));
  T x = Add<T>(Constant<T>(1515870810), HighMul(half, Constant<T>(-1010580540)));
  for (int i = 0; i < 3; ++i) {
    const T error = Sub<T>(one, HighMul(half, x));
    x = Add<T>(x, Rescale<T>(HighMul(x, error), 4, 2));
  }
  return x;
}

template <class T>
T OneOver(T a) {
  return Rescale<T>(TwoOverOnePlus(a), 1, 0);
}
template <class T>
T OneMinusOver(T a) {
  return Rescale<T>(Sub<T>(TwoOverOnePlus(a), static_cast<T>(T{1} << (kBits<T> - 3))), 2, 0);
}

}  // namespace

Multiplier Multiplier::Of(double factor) {
  Multiplier m;
  if (!(factor > 0 || factor < 0) || std::isinf(factor)) return m;
  const double fraction = std::frexp(factor, &m.shift);
  auto whole = static_cast<int64_t>(std::round(fraction * static_cast<double>(int64_t{1} << 31)));
  if (whole == int64_t{1} << 31) {
    whole /= 2;
    ++m.shift;
  }
  if (m.shift < -31) return {};
  if (m.shift > 31) return {factor > 0 ? kOne : -kOne, 31};
  m.significand = static_cast<int32_t>(whole);
  return m;
}

bool IsPowerOfTwo(float x, int* exponent) {
  if (!(x > 0) || std::isinf(x)) return false;
  const auto log2 = static_cast<float>(mathfn::Log2(static_cast<double>(x)));
  const float whole = std::round(log2);
  *exponent = static_cast<int>(whole);
  return std::abs(log2 - whole) < 1e-3F;
}

template <int kIntegerBits>
int32_t ExpOnNegative(int32_t a) {
  return ExpOf<kIntegerBits, int32_t>(a);
}
template int32_t ExpOnNegative<5>(int32_t);

int32_t OneOverOnePlus(int32_t a) { return OneOver(a); }

int32_t Reciprocal(int32_t x, int integer_bits, int* bits_over_unit) {
  const int headroom = std::countl_zero(static_cast<uint32_t>(x));
  *bits_over_unit = integer_bits - headroom;
  // What is left of x above its leading one, in [0, 1).
  const uint32_t rest = headroom == 32 ? 0 : (static_cast<uint32_t>(x) << headroom) - (uint32_t{1} << 31);
  return OneOver(static_cast<int32_t>(rest));
}

// x is written as 2^n * r with r near sqrt(sqrt(1/2)), twice, by roundings of n that differ; the better one counts.
int32_t LogQ12ToQ5(int32_t x) {
  constexpr int kIn = 12, kOut = 5, kWide = kOut + 1;
  constexpr int32_t kLog2 = 1488522236, kRoot = 1805811301, kSqrtHalf = 1518500250, kQuarter = 536870912;
  constexpr int32_t kAlphaN = 117049297, kAlphaD = 127690142, kAlphaI = 1057819769, kAlphaF = 638450708;
  const auto saturate = [](int64_t v) {
    return static_cast<int32_t>(
        std::clamp<int64_t>(v, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
  };
  const int32_t quarter = Rescale<int32_t>(kQuarter, 0, kWide);
  const int headroom = std::countl_zero(static_cast<uint32_t>(x));
  const int32_t near = HighMul(ShiftLeft(x, headroom - 1), kSqrtHalf);
  const int32_t r_a = ShiftLeft(near, 1);
  const int32_t n_a =
      saturate(static_cast<int64_t>(ShiftLeft(static_cast<int32_t>(kIn - headroom), 31 - kWide)) + quarter);
  const int32_t scaled = HighMul(x, kSqrtHalf);
  const int headroom_b = std::countl_zero(static_cast<uint32_t>(scaled)) - 1;
  const int32_t r_b = ShiftLeft(x, headroom_b);
  const int32_t n_b =
      saturate(static_cast<int64_t>(ShiftLeft(static_cast<int32_t>(kIn - headroom_b), 31 - kWide)) - quarter);
  const int32_t r = std::min(r_a, r_b), n = std::max(n_a, n_b);
  const int32_t p = HalfSum(r, kRoot);
  int32_t q = WrapSub(r, kRoot);
  q = WrapAdd(q, q);
  const int32_t square = HighMul(q, q);
  const int32_t numerator = WrapAdd(HighMul(q, r), HighMul(HighMul(q, square), kAlphaN));
  const int32_t denominator =
      WrapAdd(HighMul(p, WrapAdd(WrapAdd(kAlphaI, q), HighMul(kAlphaD, square))), HighMul(kAlphaF, q));
  const int32_t quotient = HighMul(Rescale<int32_t>(numerator, 0, kWide), OneOver(denominator));
  return Rescale<int32_t>(WrapAdd(HighMul(n, kLog2), quotient), kWide, kOut);
}

Multiplier InverseSqrt(int32_t x) {
  if (x <= 1) return {kOne, 0};
  int shift = 11;
  while (x >= (1 << 29)) {
    x /= 4;
    ++shift;
  }
  const int pairs = (std::countl_zero(static_cast<uint32_t>(x)) - 1) / 2 - 1;
  shift -= pairs;
  x <<= 2 * pairs;
  // Newton's method in Q3 on x / 2^29, from 1.
  const int32_t half = ShiftRight(x >> 1, 1);
  constexpr int32_t kThreeHalves = (1 << 28) + (1 << 27);
  int32_t y = 1 << 28;
  for (int i = 0; i < 5; ++i) {
    const int32_t cube = Rescale<int32_t>(HighMul(HighMul(y, y), y), 9, 3);
    y = Rescale<int32_t>(WrapSub(HighMul(kThreeHalves, y), HighMul(half, cube)), 6, 3);
  }
  y = HighMul(y, 1518500250);
  if (shift < 0) {
    y = static_cast<int32_t>(static_cast<uint32_t>(y) << -shift);
    shift = 0;
  }
  return {y, -shift};
}

template <int kIntegerBits>
int16_t Logistic(int16_t a) {
  if (a == 0) return 1 << 14;
  const auto size = static_cast<int16_t>(a > 0 ? a : -a);
  const int16_t result = OneOver(ExpOf<kIntegerBits, int16_t>(static_cast<int16_t>(-size)));
  return a > 0 ? result : static_cast<int16_t>(std::numeric_limits<int16_t>::max() - result);
}
template <int kIntegerBits>
int16_t Tanh(int16_t a) {
  if (a == 0) return 0;
  const auto negative = static_cast<int16_t>(a < 0 ? a : -a);
  const int16_t result = OneMinusOver(ExpOf<kIntegerBits + 1, int16_t>(negative));
  return a < 0 ? static_cast<int16_t>(-result) : result;
}
template int16_t Logistic<3>(int16_t);
#define GODWIT_TANH(m) template int16_t Tanh<m>(int16_t);
GODWIT_TANH(0)
GODWIT_TANH(1)
GODWIT_TANH(2)
GODWIT_TANH(3)
GODWIT_TANH(4)
GODWIT_TANH(5)
GODWIT_TANH(6)
#undef GODWIT_TANH

int InputRadius(int integer_bits, int left_shift, int total_bits) {
  const double largest = 1.0 * ((1 << integer_bits) - 1) *
                         static_cast<double>(int64_t{1} << (total_bits - integer_bits)) /
                         static_cast<double>(int64_t{1} << left_shift);
  return static_cast<int>(std::floor(largest));
}

}  // namespace godwit::fixed
