#include "ops/broadcast.h"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::ops {

Result<Type> InferBroadcast(InferCtx& ctx, DType dtype, size_t first, size_t last, std::string_view constraint) {
  int rank = 0;
  for (size_t i = first; i < last; ++i) {
    if (!ctx.Has(i)) continue;
    if (!ctx.Ranked(i)) return Type::Tensor(dtype);
    rank = std::max(rank, ctx.Rank(i));
  }
  Shape out(static_cast<size_t>(rank), Dim(1));
  for (size_t i = first; i < last; ++i) {
    if (!ctx.Has(i)) continue;
    const Shape& in = ctx.ShapeOf(i);
    const size_t lead = out.size() - in.size();
    for (size_t k = 0; k < in.size(); ++k) {
      Dim& have = out[lead + k];
      if (in[k] == have || in[k] == Dim(1)) continue;
      if (have == Dim(1)) {
        have = in[k];
      } else if (have.is_static() && in[k].is_static()) {
        return ctx.Fail(constraint, fmt::format("operands of shapes that do not broadcast: {} against {} at dim {}",
                                                ToString(in), ToString(out), lead + k));
      } else if (in[k].is_static()) {
        have = in[k];  // the symbolic side is 1 or equal to it
      } else if (!have.is_static()) {
        have = ctx.Fresh("bcast");  // two unlike symbols: either may be 1
      }
    }
  }
  return Type::Tensor(dtype, std::move(out));
}

Result<Dims> BroadcastDims(const EvalCtx& ctx, std::span<const Dims* const> shapes, std::string_view constraint) {
  size_t rank = 0;
  for (const Dims* s : shapes) rank = std::max(rank, s->size());
  Dims out(rank, 1);
  for (const Dims* s : shapes) {
    const size_t lead = rank - s->size();
    for (size_t k = 0; k < s->size(); ++k) {
      const int64_t d = (*s)[k];
      int64_t& have = out[lead + k];
      if (d == have || d == 1) continue;
      if (have != 1) {
        return ctx.Fail(constraint, fmt::format("operands of shapes that do not broadcast: {} against {}", ToString(*s),
                                                ToString(out)));
      }
      have = d;
    }
  }
  return out;
}

BroadcastWalk::BroadcastWalk(const Dims& out, std::span<const Dims* const> operands)
    : out_(out), index_(out.size(), 0), offsets_(operands.size(), 0), count_(ElementCount(out)) {
  for (const Dims* dims : operands) {
    std::vector<int64_t> strides(out.size(), 0);
    const size_t lead = out.size() - dims->size();
    int64_t stride = 1;
    for (size_t k = dims->size(); k-- > 0;) {
      if ((*dims)[k] != 1) strides[lead + k] = stride;
      stride *= (*dims)[k];
    }
    strides_.push_back(std::move(strides));
  }
}

void BroadcastWalk::Next() {
  for (size_t k = out_.size(); k-- > 0;) {
    if (++index_[k] < out_[k]) {
      for (size_t i = 0; i < offsets_.size(); ++i) offsets_[i] += strides_[i][k];
      return;
    }
    index_[k] = 0;
    for (size_t i = 0; i < offsets_.size(); ++i) offsets_[i] -= strides_[i][k] * (out_[k] - 1);
  }
}

}  // namespace godwit::ops
