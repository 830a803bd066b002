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
HWY_INLINE void Sum(const DepthwiseTap<E>* taps, std::int64_t count, std::int32_t zero, const std::int32_t* bias,
                    std::int64_t channels, std::int64_t multiple, std::int32_t* sums) {
  const Tag<std::int32_t> d;
  const hn::Rebind<E, decltype(d)> narrow;
  constexpr std::int64_t kLanes = LanesOf<std::int32_t>();
  std::int64_t c = 0;
  const auto z = hn::Set(d, zero);
  const auto start = [&](std::int64_t at) HWY_ATTR { return bias != nullptr ? hn::LoadU(d, bias + at) : hn::Zero(d); };
  const auto product = [&](const DepthwiseTap<E>& tap, std::int64_t at) HWY_ATTR {
    return hn::Mul(hn::Sub(hn::PromoteTo(d, hn::LoadU(narrow, tap.x + at)), z), hn::LoadU(d, tap.w + at));
  };
  for (; multiple == 1 && c + 2 * kLanes <= channels; c += 2 * kLanes) {
    auto first = start(c), second = start(c + kLanes);
    for (std::int64_t k = 0; k < count; ++k) {
      first = hn::Add(first, product(taps[k], c));
      second = hn::Add(second, product(taps[k], c + kLanes));
    }
    hn::StoreU(first, d, sums + c);
    hn::StoreU(second, d, sums + c + kLanes);
  }
  for (; multiple == 1 && c + kLanes <= channels; c += kLanes) {
    auto sum = start(c);
    for (std::int64_t k = 0; k < count; ++k) sum = hn::Add(sum, product(taps[k], c));
    hn::StoreU(sum, d, sums + c);
  }
  for (; c < channels; ++c) {
    std::uint32_t sum = bias != nullptr ? static_cast<std::uint32_t>(bias[c]) : 0;
    for (std::int64_t k = 0; k < count; ++k) {
      sum += static_cast<std::uint32_t>((taps[k].x[c / multiple] - zero) * taps[k].w[c]);
    }
    sums[c] = static_cast<std::int32_t>(sum);
  }
}

void SumU8(const DepthwiseTap<std::uint8_t>* taps, std::int64_t count, std::int32_t zero, const std::int32_t* bias,
           std::int64_t channels, std::int64_t multiple, std::int32_t* sums) {
  Sum(taps, count, zero, bias, channels, multiple, sums);
}
void SumI8(const DepthwiseTap<std::int8_t>* taps, std::int64_t count, std::int32_t zero, const std::int32_t* bias,
           std::int64_t channels, std::int64_t multiple, std::int32_t* sums) {
  Sum(taps, count, zero, bias, channels, multiple, sums);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {
HWY_EXPORT(SumU8);
HWY_EXPORT(SumI8);
}  // namespace

void SumDepthwise(const DepthwiseTap<uint8_t>* taps, int64_t count, int32_t zero, const int32_t* bias, int64_t channels,
                  int64_t multiple, int32_t* sums) {
  PrepareSimd();
  HWY_DYNAMIC_DISPATCH(SumU8)(taps, count, zero, bias, channels, multiple, sums);
}
void SumDepthwise(const DepthwiseTap<int8_t>* taps, int64_t count, int32_t zero, const int32_t* bias, int64_t channels,
                  int64_t multiple, int32_t* sums) {
  PrepareSimd();
  HWY_DYNAMIC_DISPATCH(SumI8)(taps, count, zero, bias, channels, multiple, sums);
}

}  // namespace godwit::kernels
#endif  // HWY_ONCE
