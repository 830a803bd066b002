// Convolutions and transposed ones on the blocked layout, with weights packed once.
#include <fmt/format.h>

#include "exec/kernels/conv.h"
#include "exec/kernels/conv_transpose.h"
#include "exec/plan/conv_shape.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/lower_rules.h"
#include "exec/plan/reorder_step.h"
#include "exec/plan/unary_of.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

template <class T>
class ConvStep final : public Step {
 public:
  ConvStep(const kernels::ConvShape& shape, bool transposed, bool plain_input)
      : shape_(shape), transposed_(transposed), plain_input_(plain_input) {}

  // reads: x, packed weights, then bias and residual where there are any.
  Status Run(Frame& frame) const override {
    kernels::ConvArgs<T> args;
    args.shape = shape_;
    args.x = frame.In<T>(reads[0]);
    args.x_layout = plain_input_ ? kernels::DataLayout::kPlain : kernels::DataLayout::kBlocked;
    args.packed_weights = frame.In<T>(reads[1]);
    args.y = frame.Out<T>(writes[0]);
    if (bias_ != 0) args.epilogue.bias = frame.In<T>(reads[bias_]);
    if (residual_ != 0) args.epilogue.residual = frame.In<T>(reads[residual_]);
    args.epilogue.activation = activation_;
    if (transposed_)
      kernels::ConvTranspose(args, frame.threads);
    else
      kernels::Conv(args, frame.threads);
    return Ok{};
  }

  bool FuseUnary(const kernels::Unary& f) override {
    if (activation_.op != kernels::UnaryOp::kIdentity) return false;
    activation_ = f;
    return true;
  }
  bool FuseResidual(SlotId slot) override { return !transposed_ && AddRead(slot, &residual_); }
  bool FuseBias(SlotId slot) override { return residual_ == 0 && AddRead(slot, &bias_); }

  [[nodiscard]] std::string Label() const override {
    const bool depthwise = kernels::IsDepthwise(shape_);
    std::string label =
        fmt::format("conv{} {}x{}{}", transposed_ ? " transposed" : "", shape_.kernel[1], shape_.kernel[2],
                    depthwise           ? " depthwise"
                    : shape_.groups > 1 ? " grouped"
                                        : "");
    if (residual_ != 0) label += " + add";
    if (activation_.op != kernels::UnaryOp::kIdentity) label += fmt::format(" + {}", UnaryName(activation_.op));
    return label;
  }

 private:
  // The epilogue is bias, residual, activation in that order: nothing may be added once a later part is there.
  bool AddRead(SlotId slot, size_t* place) {
    if (*place != 0 || activation_.op != kernels::UnaryOp::kIdentity) return false;
    *place = reads.size();
    reads.push_back(slot);
    return true;
  }

  kernels::ConvShape shape_;
  bool transposed_, plain_input_;
  size_t bias_ = 0, residual_ = 0;
  kernels::Unary activation_;
};

template <class T>
Result<Tensor> PackWeights(const kernels::ConvShape& shape, bool transposed, const Tensor& weights) {
  const int64_t size = transposed ? kernels::PackedConvTransposeSize(shape) : kernels::PackedConvWeightsSize(shape);
  TRY(Tensor packed, Tensor::Make(weights.dtype(), {size}));
  if (transposed)
    kernels::PackConvTransposeWeights(shape, weights.data<T>(), packed.mutable_data<T>());
  else
    kernels::PackConvWeights(shape, weights.data<T>(), packed.mutable_data<T>());
  return packed;
}

// Channels up to here fill so little of a block that a first layer reads the plain layout instead.
constexpr int64_t kFewChannels = 8;

// A first layer reads the plain layout of channels on axis 1, which few channels in the last are turned into.
SlotId InputOf(Lowering& l, ValueId x, const ConvNode& conv, NodeId id, bool* plain) {
  const bool last = conv.blocks == Layout::kBlockedLast;
  *plain = !l.Has(x, conv.blocks) && (!last || conv.shape.in_channels <= kFewChannels);
  if (!*plain) return l.In(x, conv.blocks);
  const SlotId source = l.Plain(x);
  if (!last) return source;
  const Dims dims = l.DimsOf(x);
  const int rank = static_cast<int>(dims.size());
  std::vector<int> order{0, rank - 1};
  Dims turned{dims[0], dims.back()};
  for (int i = 1; i + 1 < rank; ++i) order.push_back(i), turned.push_back(dims[static_cast<size_t>(i)]);
  const DType dtype = l.TypeOf(x).dtype();
  const SlotId to = l.AddTemporary(dtype, turned);
  auto step = MakeTranspose(dims, order, dtype);
  step->reads = {source};
  step->writes = {to};
  l.Emit(std::move(step), id);
  return to;
}

Result<bool> LowerConv(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId x = node.in[0], y = node.out[0];
  if (!y || !l.IsStatic(x) || !l.IsStatic(y) || !l.IsStatic(node.in[1])) return false;
  const DType dtype = l.TypeOf(x).dtype();
  if (!IsPlanFloat(dtype) || l.TypeOf(y).dtype() != dtype) return false;
  for (size_t i = 3; i < node.in.size(); ++i) {
    if (node.in[i]) return false;  // zero points: integer arithmetic
  }
  const Tensor* weights = l.Known(node.in[1]);
  const ValueId bias = node.in.size() > 2 ? node.in[2] : ValueId();
  if (weights == nullptr || (bias && l.Known(bias) == nullptr)) return false;
  TRY(const std::optional<ConvNode> conv, ConvOf(l, id));
  if (!conv) return false;
  const bool transposed = node.op == &ops::kConvTranspose;
  TRY(const Tensor ordered, OrderedWeights(*conv, *weights));
  TRY(Tensor packed, dtype == DType::kF64 ? PackWeights<double>(conv->shape, transposed, ordered)
                                          : PackWeights<float>(conv->shape, transposed, ordered));
  bool plain = false;
  const SlotId input = InputOf(l, x, *conv, id, &plain);
  auto step = MakeStep<ConvStep>(dtype, conv->shape, transposed, plain);
  step->reads = {input, l.AddConstant(std::move(packed))};
  if (bias) step->FuseBias(l.Plain(bias));
  step->writes = {l.Define(y, conv->blocks)};
  l.Emit(std::move(step), id);
  return true;
}

constexpr LowerRule kRules[] = {{&ops::kConv, LowerConv}, {&ops::kConvTranspose, LowerConv}};

}  // namespace

std::span<const LowerRule> ConvRules() { return kRules; }

}  // namespace godwit::plan
