#include "exec/kernels/integer/depthwise.h"

#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/integer/depthwise.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

template <class E>
HWY_INLINE void Tap(const E* x, std::int32_t zero, const std::int32_t* w, std::int64_t channels, std::int64_t multiple,
                    std::int32_t* sums) {
  const Tag<std::int32_t> d;
  const hn::Rebind<E, decltype(d)> narrow;
  constexpr std::int64_t kLanes = LanesOf<std::int32_t>();
  std::int64_t c = 0;
  const auto z = hn::Set(d, zero);
  for (; multiple == 1 && c + kLanes <= channels; c += kLanes) {
    const auto value = hn::Sub(hn::PromoteTo(d, hn::LoadU(narrow, x + c)), z);
    hn::StoreU(hn::Add(hn::LoadU(d, sums + c), hn::Mul(value, hn::LoadU(d, w + c))), d, sums + c);
  }
  for (; c < channels; ++c) {
    const auto product = static_cast<std::uint32_t>((x[c / multiple] - zero) * w[c]);
    sums[c] = static_cast<std::int32_t>(static_cast<std::uint32_t>(sums[c]) + product);
  }
}

void TapU8(const std::uint8_t* x, std::int32_t zero, const std::int32_t* w, std::int64_t channels,
           std::int64_t multiple, std::int32_t* sums) {
  Tap(x, zero, w, channels, multiple, sums);
}
void TapI8(const std::int8_t* x, std::int32_t zero, const std::int32_t* w, std::int64_t channels, std::int64_t multiple,
           std::int32_t* sums) {
  Tap(x, zero, w, channels, multiple, sums);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {
HWY_EXPORT(TapU8);
HWY_EXPORT(TapI8);
}  // namespace

void AddDepthwiseTap(const uint8_t* x, int32_t zero, const int32_t* w, int64_t channels, int64_t multiple,
                     int32_t* sums) {
  PrepareSimd();
  HWY_DYNAMIC_DISPATCH(TapU8)(x, zero, w, channels, multiple, sums);
}
void AddDepthwiseTap(const int8_t* x, int32_t zero, const int32_t* w, int64_t channels, int64_t multiple,
                     int32_t* sums) {
  PrepareSimd();
  HWY_DYNAMIC_DISPATCH(TapI8)(x, zero, w, channels, multiple, sums);
}

}  // namespace godwit::kernels
#endif  // HWY_ONCE
