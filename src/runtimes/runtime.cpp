#include "runtimes/runtime.h"

namespace godwit::runtimes {

int BitsOf(Element element) {
  switch (element) {
    case Element::kNone:
    case Element::kString: return 0;
    case Element::kU2:
    case Element::kI2: return 2;
    case Element::kU4:
    case Element::kI4:
    case Element::kF4E2M1: return 4;
    case Element::kU8:
    case Element::kI8:
    case Element::kBool:
    case Element::kF8E4M3FN:
    case Element::kF8E4M3FNUZ:
    case Element::kF8E5M2:
    case Element::kF8E5M2FNUZ: return 8;
    case Element::kU16:
    case Element::kI16:
    case Element::kF16:
    case Element::kBF16: return 16;
    case Element::kF32:
    case Element::kI32:
    case Element::kU32: return 32;
    case Element::kI64:
    case Element::kU64:
    case Element::kF64:
    case Element::kC64: return 64;
    case Element::kC128: return 128;
  }
  return 0;
}

}  // namespace godwit::runtimes
