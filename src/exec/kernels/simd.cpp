#include "exec/kernels/simd.h"

#include <cstdint>
#include <cstdlib>

#include "exec/kernels/simd_targets.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

namespace godwit::kernels {
namespace {

// The set that any processor this build runs on must have.
#if HWY_ARCH_X86
constexpr std::int64_t kFloor = HWY_STATIC_TARGET;
#endif

std::int64_t TargetOf(SimdLevel level) {
  switch (level) {
#if HWY_ARCH_X86
    case SimdLevel::kScalar: return kFloor;
    case SimdLevel::kSse4: return HWY_SSE4;
    case SimdLevel::kAvx2: return HWY_AVX2;
    case SimdLevel::kAvx512: return HWY_AVX3;
#endif
    default: return 0;
  }
}

// Highway grew the argument of Update over time.
template <class Chosen>
void Refresh(Chosen& chosen) {
  if constexpr (requires { chosen.Update(hwy::SupportedTargets()); }) {
    chosen.Update(hwy::SupportedTargets());
  } else {
    chosen.Update();
  }
}

void Choose(std::int64_t target) {
  hwy::SetSupportedTargetsForTest(static_cast<decltype(hwy::SupportedTargets())>(target));
  Refresh(hwy::GetChosenTarget());
}

bool ApplyEnvironment() {
  const char* wanted = std::getenv("GODWIT_SIMD");  // NOLINT(concurrency-mt-unsafe)
  if (wanted == nullptr) return false;
  for (const SimdLevel level : {SimdLevel::kScalar, SimdLevel::kSse4, SimdLevel::kAvx2, SimdLevel::kAvx512}) {
    if (SimdName(level) == wanted) LimitSimd(level);
  }
  return true;
}

}  // namespace

std::vector<SimdLevel> AvailableSimd() {
  static const std::int64_t supported = [] {
    hwy::SetSupportedTargetsForTest(0);
    const auto targets = static_cast<std::int64_t>(hwy::SupportedTargets());
    return targets & static_cast<std::int64_t>(HWY_TARGETS);
  }();
  std::vector<SimdLevel> levels;
  for (const SimdLevel level : {SimdLevel::kScalar, SimdLevel::kSse4, SimdLevel::kAvx2, SimdLevel::kAvx512}) {
    const std::int64_t target = TargetOf(level);
    if (target != 0 && (supported & target) != 0) levels.push_back(level);
  }
  levels.push_back(SimdLevel::kNative);
  return levels;
}

void LimitSimd(SimdLevel level) {
  std::int64_t target = 0;
  for (const SimdLevel available : AvailableSimd()) {
    if (available <= level && available != SimdLevel::kNative) target = TargetOf(available);
  }
  Choose(level == SimdLevel::kNative ? 0 : target);
}

std::string_view SimdName(SimdLevel level) {
  switch (level) {
    case SimdLevel::kScalar: return "scalar";
    case SimdLevel::kSse4: return "sse4";
    case SimdLevel::kAvx2: return "avx2";
    case SimdLevel::kAvx512: return "avx512";
    case SimdLevel::kNative: return "native";
  }
  return "";
}

void PrepareSimd() {
  static const bool prepared = ApplyEnvironment();
  (void)prepared;
}

}  // namespace godwit::kernels
