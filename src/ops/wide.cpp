#include "ops/wide.h"

#include "ops/broadcast.h"

namespace godwit::ops {

Status InferSame(InferCtx& ctx) {
  ctx.Out(0, ctx.In(0));
  return Ok{};
}

namespace {

// Loads element i of a tensor widened to T, computes, stores rounded: the loop all elementwise operators share.
template <class T, class Load, class Store, class Fn>
void MapUnary(const Tensor& in, Tensor* out, Load load, Store store, Fn fn) {
  const size_t step = ByteSize(in.dtype());
  const std::byte* src = in.raw();
  std::byte* dst = out->mutable_raw();
  for (int64_t i = 0; i < in.size(); ++i, src += step, dst += step)
    store(in.dtype(), fn(load(in.dtype(), src)), dst, {});
}

template <class Load, class Store, class Fn>
void MapBinary(const Tensor& a, const Tensor& b, Tensor* out, Load load, Store store, Fn fn) {
  const DType dtype = out->dtype();
  const size_t step = ByteSize(dtype);
  const Dims* shapes[] = {&a.dims(), &b.dims()};
  BroadcastWalk walk(out->dims(), shapes);
  std::byte* dst = out->mutable_raw();
  for (int64_t i = 0; i < walk.count(); ++i, walk.Next(), dst += step) {
    const std::byte* x = a.raw() + static_cast<size_t>(walk.offset(0)) * step;
    const std::byte* y = b.raw() + static_cast<size_t>(walk.offset(1)) * step;
    store(dtype, fn(load(dtype, x), load(dtype, y)), dst, {});
  }
}

}  // namespace

Status EvalUnary(EvalCtx& ctx, const UnaryKernels& k) {
  const Tensor& in = ctx.In(0);
  TRY(Tensor * out, ctx.Make(0, in.dtype(), in.dims()));
  if (IsFloat(in.dtype()) && k.f64) {
    MapUnary<double>(in, out, LoadF64, StoreF64, k.f64);
  } else if (IsSigned(in.dtype()) && k.i64) {
    MapUnary<int64_t>(in, out, LoadI64, StoreI64, k.i64);
  } else if (IsUnsigned(in.dtype()) && k.u64) {
    MapUnary<uint64_t>(in, out, LoadU64, StoreU64, k.u64);
  } else if (IsComplex(in.dtype()) && k.c128) {
    MapUnary<std::complex<double>>(in, out, LoadComplex, StoreComplex, k.c128);
  } else {
    return ctx.NoKernel(std::string(Name(in.dtype())));
  }
  return Ok{};
}

Status InferBinary(InferCtx& ctx) {
  TRY(Type type, InferBroadcast(ctx, ctx.DtypeOf(0), 0, 2, "c1"));
  ctx.Out(0, std::move(type));
  return Ok{};
}

Status EvalBinary(EvalCtx& ctx, const BinaryKernels& k) {
  const Tensor& a = ctx.In(0);
  const Tensor& b = ctx.In(1);
  const Dims* shapes[] = {&a.dims(), &b.dims()};
  TRY(Dims dims, BroadcastDims(ctx, shapes, "c1"));
  TRY(Tensor * out, ctx.Make(0, a.dtype(), std::move(dims)));
  if (IsFloat(a.dtype()) && k.f64) {
    MapBinary(a, b, out, LoadF64, StoreF64, k.f64);
  } else if (IsSigned(a.dtype()) && k.i64) {
    MapBinary(a, b, out, LoadI64, StoreI64, k.i64);
  } else if (IsUnsigned(a.dtype()) && k.u64) {
    MapBinary(a, b, out, LoadU64, StoreU64, k.u64);
  } else if (IsComplex(a.dtype()) && k.c128) {
    MapBinary(a, b, out, LoadComplex, StoreComplex, k.c128);
  } else {
    return ctx.NoKernel(std::string(Name(a.dtype())));
  }
  return Ok{};
}

}  // namespace godwit::ops
