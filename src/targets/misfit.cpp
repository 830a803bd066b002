#include "targets/misfit.h"

#include <span>

namespace godwit::targets {

namespace {

using enum DType;

// For each type those that hold all its values, narrowest first; integers before floating-point types.
std::span<const DType> Wider(DType from) {
  static constexpr DType kOfF16[] = {kF32, kF64};
  static constexpr DType kOfF32[] = {kF64};
  static constexpr DType kOfF8[] = {kF16, kF32, kF64};
  static constexpr DType kOfF8Wide[] = {kBF16, kF32, kF64};
  static constexpr DType kOfBool[] = {kU8, kI32, kI64, kI8, kF32};
  static constexpr DType kOfI8[] = {kI16, kI32, kI64, kF16, kF32, kF64};
  static constexpr DType kOfU8[] = {kU16, kI16, kI32, kI64, kU32, kU64, kF16, kF32, kF64};
  static constexpr DType kOfI16[] = {kI32, kI64, kF32, kF64};
  static constexpr DType kOfU16[] = {kU32, kI32, kI64, kU64, kF32, kF64};
  static constexpr DType kOfI32[] = {kI64, kF64};
  static constexpr DType kOfU32[] = {kU64, kI64, kF64};
  static constexpr DType kOfI4[] = {kI8, kI16, kI32, kI64, kF16, kF32, kF64};
  static constexpr DType kOfU4[] = {kU8, kU16, kI8, kI32, kI64, kF16, kF32, kF64};
  static constexpr DType kOfC64[] = {kC128};
  switch (from) {
    case kF16:
    case kBF16: return kOfF16;
    case kF32: return kOfF32;
    case kF8E4M3FN:
    case kF8E4M3FNUZ:
    case kF8E5M2:
    case kF8E5M2FNUZ:
    case kF4E2M1: return kOfF8;
    case kF8E8M0: return kOfF8Wide;
    case kBool: return kOfBool;
    case kI8: return kOfI8;
    case kU8: return kOfU8;
    case kI16: return kOfI16;
    case kU16: return kOfU16;
    case kI32: return kOfI32;
    case kU32: return kOfU32;
    case kI4:
    case kI2: return kOfI4;
    case kU4:
    case kU2: return kOfU4;
    case kC64: return kOfC64;
    default: return {};
  }
}

}  // namespace

DType WiderType(DType from, TypeSet allowed, bool through_float) {
  for (const DType d : Wider(from)) {
    if (allowed.Has(d) && (through_float || IsFloat(d) == IsFloat(from) || from == kBool)) return d;
  }
  return kNone;
}

}  // namespace godwit::targets
