// Functions of one stored operand, as the source computes them: a whole number for every stored number. What has 8 or
// 16 bits is looked up in a table made when the plan is.
#pragma once

#include <cstdint>
#include <functional>

#include "exec/plan/integer/cluster.h"

namespace godwit::plan {

using StoredFunction = std::function<int32_t(int32_t)>;

/// f on real numbers in f32, by way of a table of all 256 stored numbers, or of 513 samples between which 16-bit
/// numbers are interpolated.
StoredFunction RealFunction(const Stored& x, const Stored& y, const std::function<float(float)>& f);
/// The same samples in f64, with the ends of the scales given.
std::vector<int16_t> SampleTable(double x_scale, int32_t x_zero, double y_scale, int32_t y_zero,
                                 const std::function<double(double)>& f);
/// Between the samples of a table of 513.
int16_t Interpolate(const std::vector<int16_t>& table, int16_t x);

/// 1 / (1 + exp(-x)) and tanh(x) of 16-bit numbers.
StoredFunction Logistic16(const Stored& x);
StoredFunction Tanh16(const Stored& x);

/// Whether the scales are ones that the 16-bit arithmetic holds.
bool HasHardSwish(const Stored& x, const Stored& y);
StoredFunction HardSwish(const Stored& x, const Stored& y);
StoredFunction RsqrtFunction(const Stored& x, const Stored& y);

}  // namespace godwit::plan
