#include "ops/elementwise.h"

#include "ir/commute.h"
#include "ops/broadcast.h"
#include "ops/samples.h"

namespace godwit::ops {

Status EvalFloat(EvalCtx& ctx, const std::function<double(double)>& fn) {
  const Tensor& in = ctx.In(0);
  if (!IsFloat(in.dtype())) return ctx.NoKernel(std::string(Name(in.dtype())));
  TRY(Tensor * out, ctx.Make(0, in.dtype(), in.dims()));
  const size_t step = ByteSize(in.dtype());
  const std::byte* src = in.raw();
  std::byte* dst = out->mutable_raw();
  for (int64_t i = 0; i < in.size(); ++i, src += step, dst += step) {
    StoreF64(in.dtype(), fn(LoadF64(in.dtype(), src)), dst);
  }
  return Ok{};
}

Status EvalFloatTest(EvalCtx& ctx, const std::function<bool(double)>& fn) {
  const Tensor& in = ctx.In(0);
  if (!IsFloat(in.dtype())) return ctx.NoKernel(std::string(Name(in.dtype())));
  TRY(Tensor * out, ctx.Make(0, DType::kBool, in.dims()));
  const size_t step = ByteSize(in.dtype());
  const std::byte* src = in.raw();
  auto* dst = out->mutable_data<uint8_t>();
  for (int64_t i = 0; i < in.size(); ++i, src += step) dst[i] = fn(LoadF64(in.dtype(), src)) ? 1 : 0;
  return Ok{};
}

bool CommuteElementwise(CommuteCtx& ctx) { return ctx.operand == 0; }

Status InferTest(InferCtx& ctx) {
  Type type = ctx.In(0);
  if (type.is_tensor()) {
    type.tensor().dtype = DType::kBool;
    type.tensor().quant = nullptr;
  }
  ctx.Out(0, std::move(type));
  return Ok{};
}

Status InferBinaryContents(InferCtx& ctx, DType dtype, DimFn fn) {
  TRY(Type type, InferBroadcast(ctx, dtype, 0, 2, "c1"));
  ctx.Out(0, std::move(type));
  if (!ctx.Ranked(0) || !ctx.Ranked(1) || ctx.Rank(0) > 1 || ctx.Rank(1) > 1) return Ok{};
  const auto a = ctx.Contents(0);
  const auto b = ctx.Contents(1);
  if (!a || !b) return Ok{};
  const size_t n = a->size() == 1 ? b->size() : a->size();
  if ((a->size() != n && a->size() != 1) || (b->size() != n && b->size() != 1)) return Ok{};
  std::vector<Dim> out;
  for (size_t i = 0; i < n; ++i) {
    std::optional<Dim> d = fn((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]);
    if (!d) return Ok{};
    out.push_back(*std::move(d));
  }
  ctx.OutContents(0, std::move(out));
  return Ok{};
}

namespace {
// Whether a >= b whatever the symbols are: then the larger of the two is a.
bool AtLeast(const Dim& a, const Dim& b) { return Dim::Max(a, b) == a; }
}  // namespace

std::optional<bool> DimsEqual(const Dim& a, const Dim& b) {
  if (a.is_static() && b.is_static()) return a.value() == b.value();
  if (a == b) return true;
  if (AtLeast(a, b + Dim(1)) || AtLeast(b, a + Dim(1))) return false;
  return std::nullopt;
}

std::optional<bool> DimLess(const Dim& a, const Dim& b) {
  if (a.is_static() && b.is_static()) return a.value() < b.value();
  if (AtLeast(a, b)) return false;
  if (AtLeast(b, a + Dim(1))) return true;
  return std::nullopt;
}

namespace {

template <class Load, class Fn>
void Compare(const Tensor& a, const Tensor& b, Tensor* out, Load load, Fn fn) {
  const DType dtype = a.dtype();
  const size_t step = ByteSize(dtype);
  const Dims* shapes[] = {&a.dims(), &b.dims()};
  BroadcastWalk walk(out->dims(), shapes);
  auto* dst = out->mutable_data<uint8_t>();
  for (int64_t i = 0; i < walk.count(); ++i, walk.Next()) {
    const std::byte* x = a.raw() + static_cast<size_t>(walk.offset(0)) * step;
    const std::byte* y = b.raw() + static_cast<size_t>(walk.offset(1)) * step;
    dst[i] = fn(load(dtype, x), load(dtype, y)) ? 1 : 0;
  }
}

}  // namespace

Status EvalCompare(EvalCtx& ctx, const CompareKernels& k) {
  const Tensor& a = ctx.In(0);
  const Tensor& b = ctx.In(1);
  const Dims* shapes[] = {&a.dims(), &b.dims()};
  TRY(Dims dims, BroadcastDims(ctx, shapes, "c1"));
  TRY(Tensor * out, ctx.Make(0, DType::kBool, std::move(dims)));
  if (IsFloat(a.dtype())) {
    Compare(a, b, out, LoadF64, k.f64);
  } else if (IsSigned(a.dtype())) {
    Compare(a, b, out, LoadI64, k.i64);
  } else if (IsUnsigned(a.dtype())) {
    Compare(a, b, out, LoadU64, k.u64);
  } else {
    return ctx.NoKernel(std::string(Name(a.dtype())));
  }
  return Ok{};
}

std::span<const Sample> FloatUnarySamples() {
  static const Sample samples[] = {{{"f32[2,3,4]"}, {}}, {{"f64[5]"}, {}}, {{"f16[1,7]"}, {}},
                                   {{"bf16[6]"}, {}},    {{"f32[]"}, {}},  {{"f32[0,2]"}, {}}};
  return samples;
}

}  // namespace godwit::ops
