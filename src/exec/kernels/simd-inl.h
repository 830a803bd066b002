// Vector helpers shared by the kernels of one instruction set. Included once for each set.
#include <cstddef>

#include "exec/kernels/fused.h"
#include "exec/kernels/simd_targets.h"

#include <hwy/highway.h>

#if defined(GODWIT_EXEC_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GODWIT_EXEC_KERNELS_SIMD_INL_H_
#undef GODWIT_EXEC_KERNELS_SIMD_INL_H_
#else
#define GODWIT_EXEC_KERNELS_SIMD_INL_H_
#endif

#undef GODWIT_NATIVE_FMA
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || \
    (HWY_ARCH_ARM_A64 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128)
#define GODWIT_NATIVE_FMA 1
#else
#define GODWIT_NATIVE_FMA 0
#endif

// Whether masked loads and stores are there and leave the memory under false lanes alone.
#undef GODWIT_MASKED_MEMORY
#if HWY_MAJOR >= 1 && (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3)
#define GODWIT_MASKED_MEMORY 1
#else
#define GODWIT_MASKED_MEMORY 0
#endif

#undef GODWIT_UNROLL
#if defined(__clang__)
#if __has_feature(address_sanitizer)
#define GODWIT_UNROLL  // every copy would be checked anew: minutes to build, nothing to find
#else
#define GODWIT_UNROLL _Pragma("clang loop unroll(full)")
#endif
#else
#define GODWIT_UNROLL _Pragma("GCC unroll 32")
#endif

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// At most 16 lanes: the channel block of the blocked layout and the width of the reduction tree.
template <class T>
using Tag = hn::CappedTag<T, 16>;

template <class T>
constexpr int LanesOf() {
  return static_cast<int>(hn::MaxLanes(Tag<T>()));
}

template <class D, class V>
HWY_INLINE V Fma(D d, V a, V b, V c) {
#if GODWIT_NATIVE_FMA
  (void)d;
  return hn::MulAdd(a, b, c);
#else
  using T = hn::TFromD<D>;
  constexpr std::size_t kLanes = hn::MaxLanes(D());
  HWY_ALIGN T x[kLanes];
  HWY_ALIGN T y[kLanes];
  HWY_ALIGN T z[kLanes];
  hn::Store(a, d, x);
  hn::Store(b, d, y);
  hn::Store(c, d, z);
  for (std::size_t i = 0; i < kLanes; ++i) z[i] = FusedMulAdd(x[i], y[i], z[i]);
  return hn::Load(d, z);
#endif
}

/// The first `count` lanes from x, the others zero; touches no memory past them.
template <class D, class T>
HWY_INLINE hn::Vec<D> LoadFirst(D d, const T* x, std::int64_t count) {
#if GODWIT_MASKED_MEMORY
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count)), d, x);
#else
  HWY_ALIGN T lanes[hn::MaxLanes(D())] = {};
  for (std::int64_t i = 0; i < count; ++i) lanes[i] = x[i];
  return hn::Load(d, lanes);
#endif
}

template <class D, class T>
HWY_INLINE void StoreFirst(hn::Vec<D> v, D d, T* y, std::int64_t count) {
#if GODWIT_MASKED_MEMORY
  hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(count)), d, y);
#else
  HWY_ALIGN T lanes[hn::MaxLanes(D())];
  hn::Store(v, d, lanes);
  for (std::int64_t i = 0; i < count; ++i) y[i] = lanes[i];
#endif
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
