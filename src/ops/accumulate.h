// The inner loop of operators that are matrix products inside: over outputs, so that it vectorises and each output
// still has one accumulator with its terms in order.
#pragma once

#include <cstdint>

namespace godwit::ops {

/// out[j] += sum over i of v[i] * m[i * n + j], i in order: m has `k` rows of `n`.
inline void AccumulateRow(const double* v, const double* m, int64_t k, int64_t n, double* out) {
  for (int64_t i = 0; i < k; ++i) {
    const double vi = v[i];
    const double* row = m + i * n;
    for (int64_t j = 0; j < n; ++j) out[j] += vi * row[j];
  }
}

}  // namespace godwit::ops
