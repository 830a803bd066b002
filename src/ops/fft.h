// The discrete Fourier transform of one signal in f64, of any length.
#pragma once

#include <complex>
#include <vector>

namespace godwit::ops {

/// In place: X[k] = sum over n of x[n] exp(-+ 2 pi i k n / N); `inverse` takes the plus and divides by N.
void Fft(std::vector<std::complex<double>>* x, bool inverse);

}  // namespace godwit::ops
