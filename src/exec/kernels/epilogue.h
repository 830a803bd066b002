// What a matrix product or convolution does to a finished sum before it is stored: scale, bias, residual, activation,
// in that order, each with its own rounding. The result has the bits that separate operators would have given.
#pragma once

#include "exec/kernels/unary.h"

namespace godwit::kernels {

template <class T>
struct Epilogue {
  T scale = 1;                  // multiplies the sum unless it is 1
  const T* bias = nullptr;      // one value for each output column (GEMM) or output channel (convolution)
  const T* row_bias = nullptr;  // GEMM only: one value for each row
  const T* residual = nullptr;  // same layout as the output; may be the output itself
  Unary activation;
};

}  // namespace godwit::kernels
