// A total order of the elements of any type: numbers by value with NaN last and equal to itself, strings by bytes,
// complex by real part first.
#pragma once

#include <cstddef>

#include "ir/dtype.h"

namespace godwit::ops {

/// Negative, zero or positive as *a is before, equal to or after *b.
using ElementCompare = int (*)(DType dtype, const std::byte* a, const std::byte* b);
ElementCompare CompareFor(DType dtype);

}  // namespace godwit::ops
