#include "ops/known_shapes.h"

namespace godwit::ops {

std::optional<EvalCtx> KnownShapes(DecomposeCtx& ctx) {
  std::vector<RtValue> in;
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    if (!ctx.Has(i)) {
      in.emplace_back();
      continue;
    }
    if (const Tensor* known = ctx.Const(i)) {
      in.emplace_back(*known);
      continue;
    }
    const Type& type = ctx.TypeOfIn(i);
    if (!type.ranked() || !type.tensor().is_static()) return std::nullopt;
    if (const auto ints = ctx.Ints(i); ints && type.dtype() == DType::kI64) {
      Dims dims;
      if (type.rank() == 1) dims.push_back(static_cast<int64_t>(ints->size()));
      in.emplace_back(Tensor::I64(dims, *ints));
      continue;
    }
    Dims dims;
    for (const Dim& d : type.shape()) dims.push_back(d.value());
    in.emplace_back(Tensor(type.dtype(), std::move(dims), nullptr, nullptr));
  }
  return std::optional<EvalCtx>(std::in_place, ctx.op(), ctx.attrs, std::move(in), ctx.n_out());
}

}  // namespace godwit::ops
