// Which vector instruction set the kernels run on. It changes time and nothing else.
#pragma once

#include <string_view>
#include <vector>

namespace godwit::kernels {

enum class SimdLevel { kScalar, kSse4, kAvx2, kAvx512, kNative };

/// The levels that this build and this processor have, narrowest first; kNative is the last.
std::vector<SimdLevel> AvailableSimd();

/// Keeps all kernels called from now on to `level`, or to the widest set below it that is there. No kernel may be
/// running.
void LimitSimd(SimdLevel level);

std::string_view SimdName(SimdLevel level);

/// Applies the environment's GODWIT_SIMD=scalar|sse4|avx2|avx512, once. Every kernel's entry calls this.
void PrepareSimd();

}  // namespace godwit::kernels
