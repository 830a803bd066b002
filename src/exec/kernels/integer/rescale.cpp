#include "exec/kernels/integer/rescale.h"

#include <type_traits>

#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/integer/rescale.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

using I = Tag<std::int32_t>;
using V = hn::Vec<I>;

/// a * b / 2^31, ties up. The significands are positive, so that every product fits.
HWY_INLINE V HighMul(V a, V b) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(I(), fixed::HighMul(hn::GetLane(a), hn::GetLane(b)));
#else
  const hn::Repartition<std::int64_t, I> wide;
  const I d;
  const auto half = hn::Set(wide, std::int64_t{1} << 30);
  const auto even = hn::Add(hn::MulEven(a, b), half);
  const auto odd = hn::Add(hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))),
                                       hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, b)))),
                           half);
  // Bits 31 to 62 of either, the odd ones moved to the high half.
  const auto low = hn::BitCast(d, hn::ShiftRight<31>(even));
  const auto high = hn::BitCast(d, hn::ShiftLeft<1>(odd));
  return hn::OddEven(high, low);
#endif
}

template <class E>
HWY_INLINE void RescaleTo(const Rescale& r, std::int64_t channel, std::int64_t count, const std::int32_t* sums, E* y) {
  const I d;
  constexpr std::int64_t kLanes = LanesOf<std::int32_t>();
  const hn::Rebind<E, I> narrow;
  const auto one = hn::Set(d, 1), zero = hn::Set(d, r.zero), low = hn::Set(d, r.low), high = hn::Set(d, r.high);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto right = hn::LoadU(d, r.rights.data() + channel + i);
    const auto x = hn::Shl(hn::LoadU(d, sums + i), hn::LoadU(d, r.lefts.data() + channel + i));
    const auto h = HighMul(x, hn::LoadU(d, r.significands.data() + channel + i));
    // Ties go away from zero.
    const auto mask = hn::Sub(hn::Shl(one, right), one);
    const auto threshold = hn::Sub(hn::ShiftRight<1>(mask), hn::VecFromMask(d, hn::Lt(h, hn::Zero(d))));
    const auto up = hn::VecFromMask(d, hn::Gt(hn::And(h, mask), threshold));
    const auto q = hn::Add(hn::Sub(hn::Shr(h, right), up), zero);
    hn::StoreU(hn::DemoteTo(narrow, hn::Min(hn::Max(q, low), high)), narrow, y + i);
  }
  for (; i < count; ++i) y[i] = static_cast<E>(r.Of(sums[i], static_cast<std::size_t>(channel + i)));
}

void RescaleU8(const Rescale& r, std::int64_t channel, std::int64_t n, const std::int32_t* sums, std::uint8_t* y) {
  RescaleTo(r, channel, n, sums, y);
}
void RescaleI8(const Rescale& r, std::int64_t channel, std::int64_t n, const std::int32_t* sums, std::int8_t* y) {
  RescaleTo(r, channel, n, sums, y);
}
void RescaleI16(const Rescale& r, std::int64_t channel, std::int64_t n, const std::int32_t* sums, std::int16_t* y) {
  RescaleTo(r, channel, n, sums, y);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(RescaleU8);
HWY_EXPORT(RescaleI8);
HWY_EXPORT(RescaleI16);

}  // namespace

void Rescale::Prepare() {
  significands.clear(), lefts.clear(), rights.clear();
  for (const double factor : factors) {
    const fixed::Multiplier m = fixed::Multiplier::Of(factor);
    significands.push_back(m.significand);
    lefts.push_back(std::max(m.shift, 0));
    rights.push_back(std::max(-m.shift, 0));
  }
}

int32_t Rescale::Of(int64_t sum, size_t c) const {
  int64_t y = 0;
  if (rounding == Rounding::kOnce) {
    const double exact = std::round(static_cast<double>(sum) * factors[c]);
    y = static_cast<int64_t>(std::clamp(exact, -2147483648.0, 2147483647.0));
  } else {
    const fixed::Multiplier m{significands[c], lefts[c] - rights[c]};
    y = rounding == Rounding::kWide ? m.ApplyWide(sum) : m.Apply(static_cast<int32_t>(sum));
  }
  return static_cast<int32_t>(std::clamp<int64_t>(y + zero, low, high));
}

template <class E>
void RescaleRow(const Rescale& r, int64_t channel, int64_t n, const int32_t* sums, E* y) {
  if (r.rounding != Rescale::Rounding::kTwice) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<E>(r.Of(sums[i], static_cast<size_t>(channel + i)));
    return;
  }
  PrepareSimd();
  if constexpr (std::is_same_v<E, uint8_t>) HWY_DYNAMIC_DISPATCH(RescaleU8)(r, channel, n, sums, y);
  if constexpr (std::is_same_v<E, int8_t>) HWY_DYNAMIC_DISPATCH(RescaleI8)(r, channel, n, sums, y);
  if constexpr (std::is_same_v<E, int16_t>) HWY_DYNAMIC_DISPATCH(RescaleI16)(r, channel, n, sums, y);
}

template void RescaleRow<uint8_t>(const Rescale&, int64_t, int64_t, const int32_t*, uint8_t*);
template void RescaleRow<int8_t>(const Rescale&, int64_t, int64_t, const int32_t*, int8_t*);
template void RescaleRow<int16_t>(const Rescale&, int64_t, int64_t, const int32_t*, int16_t*);

}  // namespace godwit::kernels
#endif  // HWY_ONCE
