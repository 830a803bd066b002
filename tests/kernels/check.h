// What the kernel tests share: random data, comparison of bits, and the walk over instruction sets and thread counts.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/threads.h"
#include "exec/kernels/simd.h"

namespace godwit::kernels {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::int64_t Int(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  /// Full mantissas, with a zero, a negative zero or a large value now and then.
  template <class T>
  std::vector<T> Values(std::int64_t count) {
    std::vector<T> values(static_cast<std::size_t>(count));
    for (T& value : values) {
      const std::int64_t kind = Int(0, 63);
      value = static_cast<T>(static_cast<double>(static_cast<std::int64_t>(engine_())) * 0x1p-62);
      if (kind == 0) value = static_cast<T>(kind % 2 == 0 ? 0.0 : -0.0);
      if (kind == 1) value *= static_cast<T>(1000);
    }
    return values;
  }

 private:
  std::mt19937_64 engine_;
};

/// Equal bits, or NaN on both sides.
template <class T>
::testing::AssertionResult SameBits(const std::vector<T>& got, const std::vector<T>& want) {
  if (got.size() != want.size()) return ::testing::AssertionFailure() << "sizes " << got.size() << " " << want.size();
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::memcmp(&got[i], &want[i], sizeof(T)) == 0 || (got[i] != got[i] && want[i] != want[i])) continue;
    return ::testing::AssertionFailure() << "at " << i << ": got " << got[i] << ", want " << want[i];
  }
  return ::testing::AssertionSuccess();
}

/// Runs `body(pool)` on every instruction set with one thread, and on the native one with three.
template <class F>
void OnEverySimd(F body) {
  for (const SimdLevel level : AvailableSimd()) {
    SCOPED_TRACE("GODWIT_SIMD=" + std::string(SimdName(level)));
    LimitSimd(level);
    body(static_cast<ThreadPool*>(nullptr));
  }
  LimitSimd(SimdLevel::kNative);
  SCOPED_TRACE("three threads");
  ThreadPool pool(3);
  body(&pool);
}

}  // namespace godwit::kernels
