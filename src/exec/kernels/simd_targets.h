// Which instruction sets the kernels are compiled for. Include before any Highway header, in kernel sources only.
//
// One set of each generation is enough: compile time grows with every entry, results never change. Scalable vectors are
// left out because the kernels keep arrays of vectors.
#pragma once

#define HWY_DISABLED_TARGETS                                                                              \
  (HWY_SSE2 | HWY_SSSE3 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_AVX10_2 | HWY_SVE | HWY_SVE2 | \
   HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_NEON_BF16)

#include <hwy/detect_targets.h>

// Names that the installed Highway does not know select nothing.
#ifndef HWY_SSE2
#define HWY_SSE2 0
#endif
#ifndef HWY_AVX3_ZEN4
#define HWY_AVX3_ZEN4 0
#endif
#ifndef HWY_AVX3_SPR
#define HWY_AVX3_SPR 0
#endif
#ifndef HWY_AVX10_2
#define HWY_AVX10_2 0
#endif
#ifndef HWY_NEON_BF16
#define HWY_NEON_BF16 0
#endif
#ifndef HWY_SVE_256
#define HWY_SVE_256 0
#endif
#ifndef HWY_SVE2_128
#define HWY_SVE2_128 0
#endif
#ifndef HWY_EMU128
#define HWY_EMU128 0
#endif
