// Reference arithmetic: elements are widened to f64, i64, u64 or a complex of f64, computed on, and rounded once when
// stored, so one piece of code is the semantics for every element type.
#pragma once

#include <complex>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"

namespace godwit::ops {

using F64Unary = double (*)(double);
using I64Unary = int64_t (*)(int64_t);
using U64Unary = uint64_t (*)(uint64_t);
using C128Unary = std::complex<double> (*)(std::complex<double>);

/// An elementwise operator's arithmetic in each class of types; null where it has none.
struct UnaryKernels {
  F64Unary f64 = nullptr;
  I64Unary i64 = nullptr;
  U64Unary u64 = nullptr;
  C128Unary c128 = nullptr;
};
struct BinaryKernels {
  double (*f64)(double, double) = nullptr;
  int64_t (*i64)(int64_t, int64_t) = nullptr;  ///< wraps; the result is cut to the type's width when stored
  uint64_t (*u64)(uint64_t, uint64_t) = nullptr;
  std::complex<double> (*c128)(std::complex<double>, std::complex<double>) = nullptr;
};

/// Result 0 has the type of operand 0.
Status InferSame(InferCtx& ctx);
Status EvalUnary(EvalCtx& ctx, const UnaryKernels& kernels);

/// Result 0 is the broadcast of operands 0 and 1, with their dtype ("c1" fails where shapes do not broadcast).
Status InferBinary(InferCtx& ctx);
Status EvalBinary(EvalCtx& ctx, const BinaryKernels& kernels);

}  // namespace godwit::ops
