#include "exec/plan/conv_shape.h"

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

Result<std::optional<kernels::ConvShape>> ConvShapeOf(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  std::optional<kernels::ConvShape> none;
  const bool transposed = node.op == &ops::kConvTranspose;
  const std::string_view layout = transposed ? "iohw" : "oihw";
  if (attrs.Int("channel_axis", 1) != 1 || attrs.Str("weight_layout", layout) != layout) return none;
  const Tensor x(l.TypeOf(node.in[0]).dtype(), l.DimsOf(node.in[0]), nullptr, nullptr);
  const Tensor w(l.TypeOf(node.in[1]).dtype(), l.DimsOf(node.in[1]), nullptr, nullptr);
  if (x.rank() < 3 || x.rank() > 5) return none;
  if (ElementCount(l.DimsOf(node.out[0])) == 0 || x.size() == 0 || w.size() == 0) return none;
  const EvalCtx ctx(*node.op, attrs, {RtValue(x), RtValue(w)}, 1);
  TRY(const std::vector<ops::Slide> slides, SlidesOf(ctx, transposed, x, w));
  kernels::ConvShape shape;
  shape.batch = x.dim(0);
  shape.groups = attrs.Int("group", 1);
  shape.in_channels = x.dim(1);
  shape.out_channels = transposed ? w.dim(1) * shape.groups : w.dim(0);
  for (size_t k = 0; k < slides.size(); ++k) {
    const size_t at = 3 - slides.size() + k;
    shape.in[at] = slides[k].in;
    shape.out[at] = slides[k].out;
    shape.kernel[at] = slides[k].kernel;
    shape.stride[at] = slides[k].stride;
    shape.dilation[at] = slides[k].dilation;
    shape.pad[at] = slides[k].pad_begin;
  }
  return std::optional(shape);
}

}  // namespace godwit::plan
