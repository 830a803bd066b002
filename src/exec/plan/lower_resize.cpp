// Nearest and linear resizing of two neighbouring axes, in whichever layout the operand has.
#include "exec/kernels/resize.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/lower_rules.h"
#include "exec/plan/reorder_step.h"
#include "ops/ops.h"
#include "ops/resize.h"

namespace godwit::plan {

namespace {

/// One axis' taps as the kernels take them.
template <class T>
struct Axis {
  std::vector<int32_t> low, high;
  std::vector<T> weight;

  explicit Axis(const ops::ResizeTaps& taps) {
    const size_t n = static_cast<size_t>(taps.n);
    for (size_t i = 0; i < taps.index.size(); i += n) {
      low.push_back(static_cast<int32_t>(taps.index[i]));
      high.push_back(static_cast<int32_t>(taps.index[i + n - 1]));
      if (n == 2) weight.push_back(static_cast<T>(taps.weight[i + 1]));
    }
  }
  [[nodiscard]] kernels::AxisSamples<T> samples() const { return {low.data(), high.data(), weight.data()}; }
};

template <class T>
class ResizeStep final : public Step {
 public:
  /// The tensor as outer x height x width x inner.
  ResizeStep(const Dims& dims, const ops::PlaneResize& plane)
      : outer_(dims[0]),
        height_(dims[1]),
        width_(dims[2]),
        out_height_(plane.out_height),
        out_width_(plane.out_width),
        inner_(dims[3]),
        linear_(plane.linear),
        rows_(plane.rows),
        columns_(plane.columns) {}
  Status Run(Frame& frame) const override {
    const T* x = frame.In<T>(reads[0]);
    T* y = frame.Out<T>(writes[0]);
    if (linear_) {
      kernels::ResizeLinear<T>(x, outer_, height_, width_, inner_, rows_.samples(), out_height_, columns_.samples(),
                               out_width_, y, frame.threads);
    } else {
      kernels::ResizeNearest<T>(x, outer_, height_, width_, inner_, rows_.low.data(), out_height_, columns_.low.data(),
                                out_width_, y, frame.threads);
    }
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return linear_ ? "resize linear" : "resize nearest"; }

 private:
  int64_t outer_, height_, width_, out_height_, out_width_, inner_;
  bool linear_;
  Axis<T> rows_, columns_;
};

Result<bool> LowerResize(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId x = node.in[0], y = node.out[0];
  if (!y || !l.IsStatic(x) || !l.IsStatic(y) || !IsPlanFloat(l.TypeOf(x).dtype())) return false;
  const Dims dims = l.DimsOf(x);
  if (ElementCount(dims) == 0 || ElementCount(l.DimsOf(y)) == 0) return false;
  std::vector<RtValue> operands = {RtValue(Tensor(l.TypeOf(x).dtype(), dims, nullptr, nullptr))};
  for (size_t i = 1; i < node.in.size(); ++i) {
    if (!node.in[i]) {
      operands.emplace_back();
      continue;
    }
    const Tensor* known = l.Known(node.in[i]);
    if (known == nullptr) return false;
    operands.emplace_back(*known);
  }
  const EvalCtx ctx(*node.op, l.AttrsOf(id), std::move(operands), 1);
  // The plane lies in the last two axes, or in those before channels that come last.
  const Dims out = l.DimsOf(y);
  const size_t rank = dims.size();
  for (const size_t height : {rank - 2, rank - 3}) {
    if (height < 1 || height >= rank) continue;
    const bool last = height + 3 == rank;
    TRY(const std::optional<ops::PlaneResize> plane, ops::AsPlaneResize(ctx, static_cast<int>(height)));
    if (!plane || out[height] != plane->out_height || out[height + 1] != plane->out_width) continue;
    const Layout blocks = last ? Layout::kBlockedLast : Layout::kBlocked;
    const bool blocked = rank == 4 && l.Has(x, blocks);
    const int64_t inner = blocked ? 16 : last ? dims.back() : 1;
    const Layout layout = blocked ? blocks : Layout::kPlain;
    const int64_t outer = ElementsIn(dims, layout) / (dims[height] * dims[height + 1] * inner);
    auto step = MakeStep<ResizeStep>(l.TypeOf(x).dtype(), Dims{outer, dims[height], dims[height + 1], inner}, *plane);
    step->reads = {l.In(x, layout)};
    step->writes = {l.Define(y, layout)};
    l.Emit(std::move(step), id);
    return true;
  }
  return false;
}

constexpr LowerRule kRules[] = {{&ops::kResize, LowerResize}};

}  // namespace

std::span<const LowerRule> ResizeRules() { return kRules; }

}  // namespace godwit::plan
