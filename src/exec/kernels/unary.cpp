#include "exec/kernels/unary.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/mathfn.h"
#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/unary.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/unary-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

bool UnaryFloat(const Unary& u, const float* x, float* y, std::int64_t count) { return UnaryVector(u, x, y, count); }
bool UnaryDouble(const Unary& u, const double* x, double* y, std::int64_t count) { return UnaryVector(u, x, y, count); }

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(UnaryFloat);
HWY_EXPORT(UnaryDouble);

bool Vector(const Unary& u, const float* x, float* y, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(UnaryFloat)(u, x, y, count);
}
bool Vector(const Unary& u, const double* x, double* y, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(UnaryDouble)(u, x, y, count);
}

double (*ScalarFunction(UnaryOp op))(double) {
  switch (op) {
    case UnaryOp::kExpm1: return mathfn::Expm1;
    case UnaryOp::kLog1p: return mathfn::Log1p;
    case UnaryOp::kTan: return mathfn::Tan;
    case UnaryOp::kAsin: return mathfn::Asin;
    case UnaryOp::kAcos: return mathfn::Acos;
    case UnaryOp::kAtan: return mathfn::Atan;
    case UnaryOp::kSinh: return mathfn::Sinh;
    case UnaryOp::kCosh: return mathfn::Cosh;
    case UnaryOp::kAsinh: return mathfn::Asinh;
    case UnaryOp::kAcosh: return mathfn::Acosh;
    case UnaryOp::kAtanh: return mathfn::Atanh;
    default: return nullptr;
  }
}

template <class T>
void Span(const Unary& f, const T* x, T* y, std::int64_t count) {
  if (f.op == UnaryOp::kIdentity) {
    if (x != y && count > 0) std::memmove(y, x, static_cast<std::size_t>(count) * sizeof(T));
    return;
  }
  if (Vector(f, x, y, count)) return;
  const auto function = ScalarFunction(f.op);
  for (std::int64_t i = 0; i < count; ++i) y[i] = static_cast<T>(function(static_cast<double>(x[i])));
}

}  // namespace

template <class T>
void ApplyUnary(const Unary& f, const T* x, T* y, std::int64_t count, ThreadPool* pool) {
  PrepareSimd();
  ParallelFor(pool, count, 16384,
              [&](std::int64_t begin, std::int64_t end) { Span(f, x + begin, y + begin, end - begin); });
}

template <class T>
void ApplyUnaryRows(const Unary& f, T* x, std::int64_t rows, std::int64_t columns, std::int64_t row_stride) {
  if (f.op == UnaryOp::kIdentity) return;
  PrepareSimd();
  if (row_stride == columns) return Span(f, x, x, rows * columns);
  for (std::int64_t row = 0; row < rows; ++row) Span(f, x + row * row_stride, x + row * row_stride, columns);
}

template void ApplyUnary<float>(const Unary&, const float*, float*, std::int64_t, ThreadPool*);
template void ApplyUnary<double>(const Unary&, const double*, double*, std::int64_t, ThreadPool*);
template void ApplyUnaryRows<float>(const Unary&, float*, std::int64_t, std::int64_t, std::int64_t);
template void ApplyUnaryRows<double>(const Unary&, double*, std::int64_t, std::int64_t, std::int64_t);

}  // namespace godwit::kernels
#endif  // HWY_ONCE
