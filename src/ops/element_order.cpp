#include "ops/element_order.h"

#include "ir/convert.h"
#include "ir/tensor.h"

namespace godwit::ops {

namespace {

template <class T>
int Order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

int OrderReal(double a, double b) {
  if (a != a || b != b) return static_cast<int>(a != a) - static_cast<int>(b != b);
  return Order(a, b);
}

int CompareF32(DType, const std::byte* a, const std::byte* b) {
  return OrderReal(static_cast<double>(*reinterpret_cast<const float*>(a)),
                   static_cast<double>(*reinterpret_cast<const float*>(b)));
}
int CompareFloat(DType dtype, const std::byte* a, const std::byte* b) {
  return OrderReal(LoadF64(dtype, a), LoadF64(dtype, b));
}
int CompareSigned(DType dtype, const std::byte* a, const std::byte* b) {
  return Order(LoadI64(dtype, a), LoadI64(dtype, b));
}
int CompareUnsigned(DType dtype, const std::byte* a, const std::byte* b) {
  return Order(LoadU64(dtype, a), LoadU64(dtype, b));
}
int CompareBool(DType, const std::byte* a, const std::byte* b) {
  return static_cast<int>(*a != std::byte{0}) - static_cast<int>(*b != std::byte{0});
}
int CompareComplex(DType dtype, const std::byte* a, const std::byte* b) {
  const std::complex<double> x = LoadComplex(dtype, a);
  const std::complex<double> y = LoadComplex(dtype, b);
  const int real = OrderReal(x.real(), y.real());
  return real != 0 ? real : OrderReal(x.imag(), y.imag());
}
int CompareString(DType, const std::byte* a, const std::byte* b) {
  return (*reinterpret_cast<const StringRef*>(a))->compare(**reinterpret_cast<const StringRef*>(b));
}

}  // namespace

ElementCompare CompareFor(DType dtype) {
  switch (Info(dtype).kind) {
    case DKind::kFloat: return dtype == DType::kF32 ? CompareF32 : CompareFloat;
    case DKind::kSigned: return CompareSigned;
    case DKind::kUnsigned: return CompareUnsigned;
    case DKind::kComplex: return CompareComplex;
    case DKind::kString: return CompareString;
    default: return CompareBool;
  }
}

}  // namespace godwit::ops
