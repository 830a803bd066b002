#include "ops/fft.h"

#include "base/mathfn.h"

namespace godwit::ops {

namespace {

using Complex = std::complex<double>;
constexpr double kPi = 3.14159265358979323846;

// exp(-i pi k / n)
Complex Turn(uint64_t k, uint64_t n) {
  const double angle = kPi * static_cast<double>(k) / static_cast<double>(n);
  return {mathfn::Cos(angle), -mathfn::Sin(angle)};
}

// std::complex's own product may call a library routine for infinities.
Complex Times(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

// Lengths that are powers of two: bit reversal, then butterflies.
void Radix2(std::vector<Complex>* signal) {
  std::vector<Complex>& x = *signal;
  const size_t n = x.size();
  for (size_t i = 1, j = 0; i < n; ++i) {
    size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  std::vector<Complex> turns(n / 2);
  for (size_t k = 0; k < turns.size(); ++k) turns[k] = Turn(2 * k, n);
  for (size_t half = 1; half < n; half *= 2) {
    const size_t stride = n / (2 * half);
    for (size_t start = 0; start < n; start += 2 * half) {
      for (size_t k = 0; k < half; ++k) {
        const Complex odd = Times(x[start + half + k], turns[k * stride]);
        x[start + half + k] = x[start + k] - odd;
        x[start + k] += odd;
      }
    }
  }
}

void Conjugate(std::vector<Complex>* x) {
  for (Complex& v : *x) v = std::conj(v);
}

// Any length as a convolution with a chirp, done at a power of two (Bluestein).
void Chirp(std::vector<Complex>* signal) {
  std::vector<Complex>& x = *signal;
  const size_t n = x.size();
  size_t m = 1;
  while (m < 2 * n - 1) m *= 2;
  std::vector<Complex> chirp(n);
  for (size_t k = 0; k < n; ++k) chirp[k] = Turn(static_cast<uint64_t>(k) * k % (2 * n), n);
  std::vector<Complex> a(m), b(m);
  for (size_t k = 0; k < n; ++k) a[k] = Times(x[k], chirp[k]);
  b[0] = std::conj(chirp[0]);
  for (size_t k = 1; k < n; ++k) b[k] = b[m - k] = std::conj(chirp[k]);
  Radix2(&a);
  Radix2(&b);
  for (size_t k = 0; k < m; ++k) a[k] = std::conj(Times(a[k], b[k]));
  Radix2(&a);
  for (size_t k = 0; k < n; ++k) x[k] = Times(std::conj(a[k]) / static_cast<double>(m), chirp[k]);
}

}  // namespace

void Fft(std::vector<Complex>* x, bool inverse) {
  const size_t n = x->size();
  if (n < 2) return;
  if (inverse) Conjugate(x);
  if ((n & (n - 1)) == 0) {
    Radix2(x);
  } else {
    Chirp(x);
  }
  if (!inverse) return;
  Conjugate(x);
  for (Complex& v : *x) v /= static_cast<double>(n);
}

}  // namespace godwit::ops
