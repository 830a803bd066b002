// Random numbers by counting: element i of a tensor is a hash of (seed, i), so that results depend on nothing but the
// seed, whatever the order or the number of threads in which they are made.
#pragma once

#include <cstdint>

namespace godwit::ops {

/// 64 well-mixed bits for each pair.
inline uint64_t RandomBits(uint64_t seed, uint64_t counter) {
  const auto mix = [](uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  };
  return mix(mix(seed + 0x9E3779B97F4A7C15ULL) + counter * 0x9E3779B97F4A7C15ULL);
}

/// A number in [0, 1) with `bits` random binary digits (at most 53), exact in types of that precision.
inline double RandomUnit(uint64_t seed, uint64_t counter, int bits = 53) {
  return static_cast<double>(RandomBits(seed, counter) >> (64 - bits)) / static_cast<double>(uint64_t{1} << bits);
}

}  // namespace godwit::ops
