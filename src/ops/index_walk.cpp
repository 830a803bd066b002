#include "ops/index_walk.h"

#include <fmt/format.h>

#include "ops/strided_copy.h"

namespace godwit::ops {

Result<ElementIndices> ElementIndices::Check(const EvalCtx& ctx, const Tensor& data, const Tensor& indices,
                                             std::vector<int64_t> values, int axis, std::string_view range,
                                             std::string_view shape) {
  if (indices.rank() != data.rank()) {
    return ctx.Fail(shape, fmt::format("ranks {} and {}", data.rank(), indices.rank()));
  }
  if (!values.empty()) {
    for (int k = 0; k < data.rank(); ++k) {
      if (k != axis && indices.dim(k) > data.dim(k)) {
        return ctx.Fail(shape, fmt::format("{} into {}", ToString(indices.dims()), ToString(data.dims())));
      }
    }
  }
  const int64_t n = data.dim(axis);
  for (int64_t& v : values) {
    if (v < -n || v >= n) return ctx.Fail(range, fmt::format("index {} of {}", v, n));
    if (v < 0) v += n;
  }
  ElementIndices out;
  out.dims_ = indices.dims();
  out.strides_ = RowMajorStrides(data.dims());
  out.axis_stride_ = out.strides_[static_cast<size_t>(axis)];
  out.strides_[static_cast<size_t>(axis)] = 0;
  out.values_ = std::move(values);
  return out;
}

Result<SliceIndices> SliceIndices::Check(const EvalCtx& ctx, const Dims& data, const Dims& indices,
                                         const std::vector<int64_t>& values, size_t batch_dims, std::string_view range,
                                         std::string_view depth_rule) {
  SliceIndices out;
  const int64_t depth = indices.back();
  if (depth > static_cast<int64_t>(data.size() - batch_dims)) {
    return ctx.Fail(depth_rule, fmt::format("{} indices into rank {}", depth, data.size() - batch_dims));
  }
  out.depth = static_cast<size_t>(depth);
  out.run = InnerCount(data, static_cast<int>(batch_dims + out.depth) - 1);
  const Dims tuples(indices.begin(), indices.end() - 1);
  const int64_t count = ElementCount(tuples);
  // With no entries in a tuple there may be any number of them and no values to prove it.
  RETURN_IF_ERROR(CheckedByteSize(DType::kI64, tuples));
  const std::vector<int64_t> strides = RowMajorStrides(data);
  const int64_t batches = OuterCount(tuples, static_cast<int>(batch_dims));
  const int64_t per_batch = batches == 0 ? 0 : count / batches;
  const int64_t batch_stride = batch_dims == 0 ? 0 : strides[batch_dims - 1];
  out.offsets.resize(static_cast<size_t>(count));
  size_t next = 0;
  for (size_t i = 0; i < out.offsets.size(); ++i) {
    int64_t offset = per_batch == 0 ? 0 : static_cast<int64_t>(i) / per_batch * batch_stride;
    for (size_t k = 0; k < out.depth; ++k) {
      int64_t v = values[next++];
      const int64_t n = data[batch_dims + k];
      if (v < -n || v >= n) return ctx.Fail(range, fmt::format("index {} of {}", v, n));
      if (v < 0) v += n;
      offset += v * strides[batch_dims + k];
    }
    out.offsets[i] = offset;
  }
  return out;
}

}  // namespace godwit::ops
