// Instantiates the register tile for each instruction set and row stride.
#include "exec/kernels/tile.h"

#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/tile.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

void TilesFloat16(const TileArgs<float>& t) { TileAll<16>(t); }
void TilesFloat4(const TileArgs<float>& t) { TileAll<4>(t); }
void TilesDouble16(const TileArgs<double>& t) { TileAll<16>(t); }
void TilesDouble4(const TileArgs<double>& t) { TileAll<4>(t); }

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {

HWY_EXPORT(TilesFloat16);
HWY_EXPORT(TilesFloat4);
HWY_EXPORT(TilesDouble16);
HWY_EXPORT(TilesDouble4);

void RunTiles(const TileArgs<float>& args, RowStride stride) {
  PrepareSimd();
  if (stride == RowStride::k4) return HWY_DYNAMIC_DISPATCH(TilesFloat4)(args);
  HWY_DYNAMIC_DISPATCH(TilesFloat16)(args);
}

void RunTiles(const TileArgs<double>& args, RowStride stride) {
  PrepareSimd();
  if (stride == RowStride::k4) return HWY_DYNAMIC_DISPATCH(TilesDouble4)(args);
  HWY_DYNAMIC_DISPATCH(TilesDouble16)(args);
}

}  // namespace godwit::kernels
#endif  // HWY_ONCE
