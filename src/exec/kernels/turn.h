// Turning a matrix over: the inner step of transposes, layout moves and packing.
#pragma once

#include <cstdint>

namespace godwit::kernels {

/// y[j * y_row + i] = x[i * x_row + j] for i < rows, j < columns, in the calling thread. Elements of 1 to 16 bytes.
void Turn(const std::uint8_t* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, std::uint8_t* y,
          std::int64_t y_row);
void Turn(const std::uint16_t* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, std::uint16_t* y,
          std::int64_t y_row);
void Turn(const std::uint64_t* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, std::uint64_t* y,
          std::int64_t y_row);
void Turn(const float* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, float* y, std::int64_t y_row);
void Turn(const double* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, double* y, std::int64_t y_row);

}  // namespace godwit::kernels
