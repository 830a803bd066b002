// Pooling in whichever layout the operand has, and reductions over whole planes in blocks.
#include <fmt/format.h>

#include "exec/kernels/pool.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/lower_rules.h"
#include "ops/ops.h"
#include "ops/pool_common.h"

namespace godwit::plan {

namespace {

template <class T>
class PoolStep final : public Step {
 public:
  PoolStep(kernels::PoolOp op, const kernels::PoolShape& shape, bool blocked)
      : op_(op), shape_(shape), layout_(blocked ? kernels::DataLayout::kBlocked : kernels::DataLayout::kPlain) {}
  Status Run(Frame& frame) const override {
    kernels::Pool(op_, shape_, layout_, frame.In<T>(reads[0]), frame.Out<T>(writes[0]), frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override {
    return fmt::format("{} pool {}x{}", op_ == kernels::PoolOp::kMax ? "max" : "average", shape_.kernel[1],
                       shape_.kernel[2]);
  }

 private:
  kernels::PoolOp op_;
  kernels::PoolShape shape_;
  kernels::DataLayout layout_;
};

Result<bool> LowerPool(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  const ValueId x = node.in[0], y = node.out[0];
  if (!y || (node.out.size() > 1 && node.out[1] && l.Uses(node.out[1]) > 0)) return false;
  if (!l.IsStatic(x) || !l.IsStatic(y) || !IsPlanFloat(l.TypeOf(x).dtype())) return false;
  const int rank = l.TypeOf(x).rank();
  if (rank < 3 || rank > 5) return false;
  const int64_t given = attrs.Int("channel_axis", 1), channel = given < 0 ? given + rank : given;
  if (channel != 1 && channel != rank - 1) return false;
  const Tensor shape_only(l.TypeOf(x).dtype(), l.DimsOf(x), nullptr, nullptr);
  EvalCtx ctx(*node.op, attrs, {RtValue(shape_only)}, 1);
  TRY(const ops::PoolGeometry geometry, ops::ResolvePool(ctx));
  if (ElementCount(geometry.out) == 0 || geometry.out != l.DimsOf(y)) return false;
  kernels::PoolShape shape;
  shape.batch = shape_only.dim(0);
  shape.channels = shape_only.dim(static_cast<int>(channel));
  for (size_t k = 0; k < geometry.slides.size(); ++k) {
    const ops::Slide& s = geometry.slides[k];
    const size_t at = 3 - geometry.slides.size() + k;
    shape.in[at] = s.in, shape.out[at] = s.out, shape.kernel[at] = s.kernel, shape.stride[at] = s.stride;
    shape.dilation[at] = s.dilation, shape.pad[at] = s.pad_begin, shape.pad_end[at] = s.pad_end;
  }
  kernels::PoolOp op = kernels::PoolOp::kMax;
  if (node.op == &ops::kAvgPool) {
    op = attrs.Flag("count_pads") ? kernels::PoolOp::kAverageWithPadding : kernels::PoolOp::kAverage;
  }
  // The kernel takes channels on axis 1 in either layout, and blocks whatever their axis.
  const Layout blocks = channel == 1 ? Layout::kBlocked : Layout::kBlockedLast;
  const Layout layout = channel != 1 || l.Has(x, blocks) ? blocks : Layout::kPlain;
  auto step = MakeStep<PoolStep>(l.TypeOf(x).dtype(), op, shape, layout != Layout::kPlain);
  step->reads = {l.In(x, layout)};
  step->writes = {l.Define(y, layout)};
  l.Emit(std::move(step), id);
  return true;
}

constexpr LowerRule kRules[] = {{&ops::kMaxPool, LowerPool}, {&ops::kAvgPool, LowerPool}};

}  // namespace

std::span<const LowerRule> PoolRules() { return kRules; }

}  // namespace godwit::plan
