#include "ops/region_types.h"

#include <fmt/format.h>

#include "base/checked.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

Type JoinTypes(InferCtx& ctx, const Type& a, const Type& b, std::string_view hint) {
  if (a == b) return a;
  return Join(a, b, ctx.Fresh(hint).ToString());
}

Result<std::vector<Type>> InferCarried(InferCtx& ctx, std::vector<Type>* params, size_t first, size_t count,
                                       size_t from, std::string_view hint) {
  // Each turn can only lose precision: static dims become symbols, then ranks are lost. Few turns reach the end.
  constexpr int kTurns = 4;
  for (int turn = 0;; ++turn) {
    TRY(std::vector<Type> results, ctx.InferRegion(0, *params));
    if (turn == kTurns) return results;
    bool stable = true;
    for (size_t i = 0; i < count && from + i < results.size(); ++i) {
      Type& have = (*params)[first + i];
      Type joined = JoinTypes(ctx, have, results[from + i], hint);
      // A dim that stays symbolic gets a new name each time; only a loss of knowledge counts as a change.
      const bool same =
          joined == have || (turn > 0 && joined.ranked() && have.ranked() && joined.rank() == have.rank() &&
                             joined.dtype() == have.dtype() && !have.is_unknown() && [&] {
                               for (size_t k = 0; k < have.shape().size(); ++k) {
                                 if (have.shape()[k].is_static() && !(joined.shape()[k] == have.shape()[k]))
                                   return false;
                               }
                               return true;
                             }());
      if (same) continue;
      stable = false;
      if (turn + 1 == kTurns) joined = joined.is_tensor() ? Type::Tensor(joined.dtype()) : Type();
      have = std::move(joined);
    }
    if (stable) return results;
  }
}

Status Stack::Push(const EvalCtx& ctx, std::string_view constraint, RtValue value) {
  if (!value.is_tensor()) return ctx.Fail(constraint, "a result that is no tensor");
  Tensor& part = value.tensor;
  if (!parts_.empty() && (part.dims() != parts_[0].dims() || part.dtype() != parts_[0].dtype())) {
    return ctx.Fail(constraint, fmt::format("{} {} after {} {}", Name(part.dtype()), ToString(part.dims()),
                                            Name(parts_[0].dtype()), ToString(parts_[0].dims())));
  }
  Dims all = part.dims();
  all.insert(all.begin(), static_cast<int64_t>(parts_.size()) + 1);
  RETURN_IF_ERROR(CheckedByteSize(part.dtype(), all));
  parts_.push_back(std::move(part));
  return Ok{};
}

Result<Tensor> Stack::Join(const EvalCtx& ctx, std::string_view constraint, int64_t axis, bool reversed,
                           const Type& type) const {
  Dims dims;
  DType dtype = DType::kF32;
  if (!parts_.empty()) {
    dims = parts_[0].dims();
    dtype = parts_[0].dtype();
  } else if (type.is_tensor() && type.dtype() != DType::kNone) {
    dtype = type.dtype();
    for (const Dim& d : type.shape()) dims.push_back(d.is_static() ? d.value() : 0);
  }
  TRY(int at, ctx.Axis(constraint, axis, static_cast<int>(dims.size()) + 1));
  const int64_t n = static_cast<int64_t>(parts_.size());
  dims.insert(dims.begin() + at, n);
  TRY(Tensor out, Tensor::Make(dtype, dims));
  if (out.size() == 0) return out;
  const int64_t outer = OuterCount(dims, at);
  const int64_t inner = InnerCount(dims, at);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t slot = reversed ? n - 1 - i : i;
    StridedCopy({{outer, inner}, {inner, 1}, {n * inner, 1}}, ByteSize(dtype), parts_[static_cast<size_t>(i)].raw(),
                out.mutable_raw() + static_cast<size_t>(slot * inner) * ByteSize(dtype));
  }
  return out;
}

Type ListedType(const Attrs& attrs, std::string_view name, size_t i) {
  const std::vector<std::string>& list = attrs.Strs(name);
  if (i >= list.size()) return {};
  auto type = Type::Parse(list[i]);
  return type.ok() ? *std::move(type) : Type();
}

}  // namespace godwit::ops
