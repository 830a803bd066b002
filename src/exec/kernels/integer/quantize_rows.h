// Real data quantised to 8 bits by their own range, when an operator with stored weights runs.
#pragma once

#include <cstdint>

namespace godwit::kernels {

struct RowScale {
  float scale = 1;
  int32_t zero = 0;
};
/// By the largest magnitude, which becomes 127.
RowScale QuantizeSymmetric(const float* x, int64_t count, int8_t* y);
/// By the range, zero included, which becomes -128 to 127.
RowScale QuantizeAsymmetric(const float* x, int64_t count, int8_t* y);

}  // namespace godwit::kernels
