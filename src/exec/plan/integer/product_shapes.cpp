#include "exec/kernels/layout.h"
#include "exec/plan/conv_shape.h"
#include "exec/plan/integer/products.h"

namespace godwit::plan {

Result<Tensor> Ordered(const Tensor& t, const std::vector<int>& order) {
  if (std::is_sorted(order.begin(), order.end())) return t;
  Dims dims;
  for (const int axis : order) dims.push_back(t.dim(axis));
  TRY(Tensor out, Tensor::Make(t.dtype(), std::move(dims)));
  kernels::Transpose(t.raw(), t.dims(), order, static_cast<int>(ByteSize(t.dtype())), out.mutable_raw());
  return out;
}

Result<std::optional<StoredConv>> StoredConvOf(Lowering& l, NodeId id, const Stored& w) {
  std::optional<StoredConv> none;
  TRY(const std::optional<ConvNode> conv, ConvOf(l, id));
  const Tensor* known = l.Known(w.value);
  if (!conv || conv->blocks != Layout::kBlockedLast || known == nullptr) return none;
  const std::vector<int>& from = conv->weight_order;  // out, in, spatial
  if (!w.single() && w.axis != from[0]) return none;
  StoredConv out;
  out.shape.conv = conv->shape;
  out.shape.depthwise = kernels::IsDepthwiseProduct(conv->shape);
  std::vector<int> order(from.begin() + 2, from.end());
  order.push_back(from[1]);
  order.insert(out.shape.depthwise ? order.end() : order.begin(), from[0]);
  TRY(out.weights, Ordered(*known, order));
  return std::optional(std::move(out));
}

Result<Tensor> PackedWeights(const kernels::ProductShape& shape, const Stored& w, const Tensor& ordered) {
  TRY(Tensor packed, Tensor::Make(DType::kI32, {kernels::PackedProductSize(shape)}));
  const int64_t step = w.single() ? 0 : 1;
  if (w.dtype == DType::kU8) {
    kernels::PackProduct(shape, ordered.data<uint8_t>(), w.zeros.data(), step, packed.mutable_data<int32_t>());
  } else {
    kernels::PackProduct(shape, ordered.data<int8_t>(), w.zeros.data(), step, packed.mutable_data<int32_t>());
  }
  return packed;
}

std::optional<MatrixStack> MatrixStackOf(const Dims& a, const Dims& b, const Attrs& attrs) {
  if (a.size() < 2 || b.size() < 2) return std::nullopt;
  const bool ta = attrs.Flag("transpose_a"), tb = attrs.Flag("transpose_b");
  MatrixStack s;
  const int64_t a0 = a[a.size() - 2], a1 = a.back(), b0 = b[b.size() - 2], b1 = b.back();
  s.m = ta ? a1 : a0, s.k = ta ? a0 : a1, s.n = tb ? b0 : b1;
  if ((tb ? b1 : b0) != s.k) return std::nullopt;
  s.a_row = ta ? 1 : a1, s.a_step = ta ? a1 : 1;
  s.b_column = tb ? b1 : 1, s.b_step = tb ? 1 : b1;
  const size_t rank = std::max(a.size(), b.size()) - 2;
  const auto dim = [&](const Dims& d, size_t i) {
    const size_t own = d.size() - 2;
    return i + own < rank ? int64_t{1} : d[i + own - rank];
  };
  Dims stack;
  int64_t count = 1;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t da = dim(a, i), db = dim(b, i);
    if (da != db && da != 1 && db != 1) return std::nullopt;
    stack.push_back(std::max(da, db));
    count *= stack.back();
  }
  for (int64_t at = 0; at < count; ++at) {
    int64_t rest = at, place_a = 0, place_b = 0, step_a = a0 * a1, step_b = b0 * b1;
    for (size_t i = rank; i-- > 0;) {
      const int64_t index = rest % stack[i];
      rest /= stack[i];
      if (dim(a, i) != 1) place_a += index * step_a;
      if (dim(b, i) != 1) place_b += index * step_b;
      step_a *= dim(a, i);
      step_b *= dim(b, i);
    }
    s.a_at.push_back(place_a);
    s.b_at.push_back(place_b);
  }
  return s;
}

}  // namespace godwit::plan
