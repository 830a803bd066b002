#include "exec/plan/conv_shape.h"

#include <algorithm>

#include "exec/kernels/layout.h"
#include "ops/conv_common.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

Result<std::vector<ops::Slide>> SlidesOf(const EvalCtx& ctx, bool transposed, const Tensor& x, const Tensor& w) {
  if (transposed) return ops::ConvTransposeSlides(ctx, x, w);
  TRY(const ops::ConvGeometry geometry, ops::ResolveConv(ctx, ToShape(x.dims()), ToShape(w.dims()), "oihw"));
  return ops::ConvSlides(ctx, geometry, x, w);
}

}  // namespace

Result<std::optional<ConvNode>> ConvOf(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  std::optional<ConvNode> none;
  const bool transposed = node.op == &ops::kConvTranspose;
  const Tensor x(l.TypeOf(node.in[0]).dtype(), l.DimsOf(node.in[0]), nullptr, nullptr);
  const Tensor w(l.TypeOf(node.in[1]).dtype(), l.DimsOf(node.in[1]), nullptr, nullptr);
  if (x.rank() < 3 || x.rank() > 5) return none;
  if (ElementCount(l.DimsOf(node.out[0])) == 0 || x.size() == 0 || w.size() == 0) return none;
  const EvalCtx ctx(*node.op, attrs, {RtValue(x), RtValue(w)}, 1);
  TRY(const std::vector<ops::Slide> slides, SlidesOf(ctx, transposed, x, w));
  TRY(const ops::DataAxes data, ops::ReadDataAxes(ctx, "c1", x.rank()));
  TRY(const ops::WeightAxes weights, ops::ReadWeightAxes(ctx, "c2", transposed ? "iohw" : "oihw", w.rank()));
  if (data.channel != 1 && data.channel != x.rank() - 1) return none;
  ConvNode conv;
  conv.blocks = data.channel == 1 ? Layout::kBlocked : Layout::kBlockedLast;
  conv.weight_order = transposed ? std::vector<int>{weights.i, weights.o} : std::vector<int>{weights.o, weights.i};
  conv.weight_order.insert(conv.weight_order.end(), weights.spatial.begin(), weights.spatial.end());
  kernels::ConvShape& shape = conv.shape;
  shape.batch = x.dim(0);
  shape.groups = attrs.Int("group", 1);
  shape.in_channels = x.dim(data.channel);
  shape.out_channels = w.dim(weights.o) * (transposed ? shape.groups : 1);
  for (size_t k = 0; k < slides.size(); ++k) {
    const size_t at = 3 - slides.size() + k;
    shape.in[at] = slides[k].in;
    shape.out[at] = slides[k].out;
    shape.kernel[at] = slides[k].kernel;
    shape.stride[at] = slides[k].stride;
    shape.dilation[at] = slides[k].dilation;
    shape.pad[at] = slides[k].pad_begin;
  }
  return std::optional(std::move(conv));
}

Result<Tensor> OrderedWeights(const ConvNode& conv, const Tensor& weights) {
  if (std::is_sorted(conv.weight_order.begin(), conv.weight_order.end())) return weights;
  Dims dims;
  for (const int axis : conv.weight_order) dims.push_back(weights.dim(axis));
  TRY(Tensor out, Tensor::Make(weights.dtype(), std::move(dims)));
  kernels::Transpose(weights.raw(), weights.dims(), conv.weight_order, static_cast<int>(ByteSize(weights.dtype())),
                     out.mutable_raw());
  return out;
}

}  // namespace godwit::plan
