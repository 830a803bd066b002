// Reductions over neighbouring axes, softmax and normalisation.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "exec/kernels/reduce.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/lower_rules.h"
#include "exec/plan/reorder_step.h"
#include "exec/plan/unary_of.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

/// A tensor as outer x count x inner around the axes that an operator works along.
struct Lines {
  int64_t outer = 1, count = 1, inner = 1;
};

Lines LinesOf(const Dims& dims, int first, int last) {
  Lines lines;
  for (int i = 0; i < static_cast<int>(dims.size()); ++i) {
    (i < first ? lines.outer : i < last ? lines.count : lines.inner) *= dims[static_cast<size_t>(i)];
  }
  return lines;
}

bool Ready(Lowering& l, const Node& node) {
  const ValueId x = node.in[0], y = node.out[0];
  if (!y || !l.IsStatic(x) || !l.IsStatic(y) || !IsPlanFloat(l.TypeOf(x).dtype())) return false;
  if (l.TypeOf(y).dtype() != l.TypeOf(x).dtype() || ElementCount(l.DimsOf(x)) == 0) return false;
  for (size_t i = 1; i < node.out.size(); ++i) {
    if (node.out[i] && l.Uses(node.out[i]) > 0) return false;
  }
  return true;
}

template <class T>
class ReduceStep final : public Step {
 public:
  ReduceStep(kernels::ReduceOp op, const Lines& lines) : op_(op), lines_(lines) {}
  Status Run(Frame& frame) const override {
    kernels::Reduce(op_, frame.In<T>(reads[0]), lines_.outer, lines_.count, lines_.inner, frame.Out<T>(writes[0]),
                    frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return "reduce"; }

 private:
  kernels::ReduceOp op_;
  Lines lines_;
};

std::optional<kernels::ReduceOp> ReduceOf(std::string_view mode) {
  using kernels::ReduceOp;
  if (mode == "sum") return ReduceOp::kSum;
  if (mode == "mean") return ReduceOp::kMean;
  if (mode == "max") return ReduceOp::kMax;
  if (mode == "min") return ReduceOp::kMin;
  if (mode == "prod") return ReduceOp::kProd;
  if (mode == "sum_square") return ReduceOp::kSumSquare;
  if (mode == "l1") return ReduceOp::kL1;
  if (mode == "l2") return ReduceOp::kL2;
  return std::nullopt;
}

Result<bool> LowerReduce(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  const auto op = ReduceOf(attrs.Str("mode"));
  if (!op || !Ready(l, node)) return false;
  const Dims dims = l.DimsOf(node.in[0]);
  const int rank = static_cast<int>(dims.size());
  std::vector<bool> reduced(dims.size(), true);
  if (node.in.size() > 1 && node.in[1]) {
    const Tensor* axes = l.Known(node.in[1]);
    if (axes == nullptr || axes->dtype() != DType::kI64) return false;
    if (axes->size() > 0) std::fill(reduced.begin(), reduced.end(), false);
    if (axes->size() == 0 && attrs.Flag("empty_axes_is_none")) return false;
    for (int64_t a : axes->span<int64_t>()) reduced[static_cast<size_t>(a < 0 ? a + rank : a)] = true;
  } else if (attrs.Flag("empty_axes_is_none")) {
    return false;
  }
  // Axes of extent 1 belong to either side; what remains must be neighbours.
  int first = rank, last = 0;
  for (int i = 0; i < rank; ++i) {
    if (!reduced[static_cast<size_t>(i)] || dims[static_cast<size_t>(i)] == 1) continue;
    first = std::min(first, i);
    last = i + 1;
  }
  if (first >= last) return false;
  for (int i = first; i < last; ++i) {
    if (!reduced[static_cast<size_t>(i)] && dims[static_cast<size_t>(i)] != 1) return false;
  }
  const ValueId x = node.in[0], y = node.out[0];
  // All of the plane of each channel: blocks are read as they are.
  Lines lines = LinesOf(dims, first, last);
  Layout layout = Layout::kPlain;
  if (rank >= 3 && attrs.Flag("keep_dims", true)) {
    for (const Layout blocks : {Layout::kBlocked, Layout::kBlockedLast}) {
      const Image image = ImageOf(dims, blocks);
      const bool inside = blocks == Layout::kBlocked ? first >= 2 : first >= 1 && last < rank;
      if (!l.Has(x, blocks) || !inside || lines.count != image.spatial) continue;
      layout = blocks;
      lines = {image.batch * ((image.channels + 15) / 16), image.spatial, 16};
      break;
    }
  }
  auto step = MakeStep<ReduceStep>(l.TypeOf(x).dtype(), *op, lines);
  step->reads = {l.In(x, layout)};
  step->writes = {l.Define(y, layout)};
  l.Emit(std::move(step), id);
  return true;
}

template <class T>
class SoftmaxStep final : public Step {
 public:
  SoftmaxStep(const Lines& lines, bool logarithm) : lines_(lines), logarithm_(logarithm) {}
  Status Run(Frame& frame) const override {
    kernels::Softmax(frame.In<T>(reads[0]), lines_.outer, lines_.count, lines_.inner, logarithm_,
                     frame.Out<T>(writes[0]), frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return "softmax"; }

 private:
  Lines lines_;
  bool logarithm_;
};

Result<bool> LowerSoftmax(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  const std::string_view mode = attrs.Str("mode", "soft");
  if (!Ready(l, node) || mode == "hard") return false;
  const Dims dims = l.DimsOf(node.in[0]);
  if (dims.empty()) return false;
  const int64_t axis = attrs.Int("axis", -1);
  const int at = static_cast<int>(axis < 0 ? axis + static_cast<int64_t>(dims.size()) : axis);
  auto step = MakeStep<SoftmaxStep>(l.TypeOf(node.in[0]).dtype(), LinesOf(dims, at, at + 1), mode == "log");
  step->reads = {l.Plain(node.in[0])};
  step->writes = {l.Define(node.out[0], Layout::kPlain)};
  l.Emit(std::move(step), id);
  return true;
}

template <class T>
class NormRowsStep final : public Step {
 public:
  NormRowsStep(const Lines& lines, double epsilon, bool centred)
      : lines_(lines), epsilon_(epsilon), centred_(centred) {}
  Status Run(Frame& frame) const override {
    kernels::Affine<T> affine;
    if (reads[1]) affine.scale = frame.In<T>(reads[1]);
    if (reads[2]) affine.offset = frame.In<T>(reads[2]);
    kernels::NormRows<T>(frame.In<T>(reads[0]), lines_.outer, lines_.count, epsilon_, centred_, affine,
                         frame.Out<T>(writes[0]), nullptr, nullptr, frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return centred_ ? "layer norm" : "rms norm"; }

 private:
  Lines lines_;
  double epsilon_;
  bool centred_;
};

Result<bool> LowerNormRows(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  if (!Ready(l, node)) return false;
  const Dims dims = l.DimsOf(node.in[0]);
  const int rank = static_cast<int>(dims.size());
  const int64_t axis = attrs.Int("axis", -1);
  const Lines lines = LinesOf(dims, static_cast<int>(axis < 0 ? axis + rank : axis), rank);
  std::vector<SlotId> affine(2);
  for (size_t i = 1; i < node.in.size() && i < 3; ++i) {
    if (!node.in[i]) continue;
    if (!l.IsStatic(node.in[i]) || ElementCount(l.DimsOf(node.in[i])) != lines.count ||
        l.TypeOf(node.in[i]).dtype() != l.TypeOf(node.in[0]).dtype()) {
      return false;
    }
  }
  for (size_t i = 1; i < node.in.size() && i < 3; ++i) affine[i - 1] = l.Plain(node.in[i]);
  auto step = MakeStep<NormRowsStep>(l.TypeOf(node.in[0]).dtype(), lines, attrs.Float("epsilon", 1e-5),
                                     node.op == &ops::kLayerNorm);
  step->reads = {l.Plain(node.in[0]), affine[0], affine[1]};
  step->writes = {l.Define(node.out[0], Layout::kPlain)};
  l.Emit(std::move(step), id);
  return true;
}

template <class T>
class NormGroupsStep final : public Step {
 public:
  NormGroupsStep(const Dims& dims, int64_t groups, double epsilon)
      : batch_(dims[0]), channels_(dims[1]), groups_(groups), epsilon_(epsilon) {
    for (size_t i = 2; i < dims.size(); ++i) spatial_ *= dims[i];
  }
  Status Run(Frame& frame) const override {
    const kernels::Affine<T> affine{frame.In<T>(reads[1]), frame.In<T>(reads[2])};
    kernels::NormGroups<T>(frame.In<T>(reads[0]), batch_, channels_, groups_, spatial_, epsilon_, affine,
                           frame.Out<T>(writes[0]), frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return "group norm"; }

 private:
  int64_t batch_, channels_, groups_, spatial_ = 1;
  double epsilon_;
};

Result<bool> LowerNormGroups(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  if (!Ready(l, node) || attrs.Int("channel_axis", 1) != 1) return false;
  const Dims dims = l.DimsOf(node.in[0]);
  for (size_t i = 1; i < 3; ++i) {
    if (!l.IsStatic(node.in[i]) || ElementCount(l.DimsOf(node.in[i])) != dims[1] ||
        l.TypeOf(node.in[i]).dtype() != l.TypeOf(node.in[0]).dtype()) {
      return false;
    }
  }
  const int64_t groups = node.op == &ops::kInstanceNorm ? dims[1] : attrs.Int("groups", 1);
  const SlotId scale = l.Plain(node.in[1]), offset = l.Plain(node.in[2]);
  auto step = MakeStep<NormGroupsStep>(l.TypeOf(node.in[0]).dtype(), dims, groups, attrs.Float("epsilon", 1e-5));
  step->reads = {l.Plain(node.in[0]), scale, offset};
  step->writes = {l.Define(node.out[0], Layout::kPlain)};
  l.Emit(std::move(step), id);
  return true;
}

/// Batch norm of known statistics, and a function of each element after it. Worked on piece by piece, so that what
/// follows finds the piece in cache.
template <class T>
class NormChannelsStep final : public Step {
 public:
  /// `inner` places share a channel; blocks are [outer][block of channels][place][16].
  NormChannelsStep(const Lines& lines, bool blocked) : lines_(lines), blocked_(blocked) {}
  Status Run(Frame& frame) const override {
    const int64_t channels = blocked_ ? (lines_.count + 15) / 16 : lines_.count;
    const bool rows = !blocked_ && lines_.inner == 1;
    const int64_t at_once = rows ? 1 + 4096 / lines_.count : 1;
    const int64_t pieces = rows ? (lines_.outer + at_once - 1) / at_once : lines_.outer * channels;
    const int64_t width = rows ? lines_.count : blocked_ ? 16 : 1;  // channels of a piece
    ParallelFor(frame.threads, pieces, 1 + 16384 / (lines_.inner * width * at_once), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t channel = rows ? 0 : i % channels * width;
        const int64_t size = rows ? std::min(at_once, lines_.outer - i * at_once) * width : lines_.inner * width;
        const int64_t from = rows ? i * at_once * width : i * size;
        const bool last = rows || blocked_;
        T* y = frame.Out<T>(writes[0]) + from;
        kernels::NormChannels<T>(frame.In<T>(reads[0]) + from, last ? size / width : 1, width, last ? 1 : size,
                                 frame.In<T>(reads[1]) + channel, frame.In<T>(reads[2]) + channel,
                                 frame.In<T>(reads[3]) + channel, y);
        kernels::ApplyUnary(activation_, y, y, size);
      }
    });
    return Ok{};
  }
  bool FuseUnary(const kernels::Unary& f) override {
    if (activation_.op != kernels::UnaryOp::kIdentity) return false;
    activation_ = f;
    return true;
  }
  [[nodiscard]] std::string Label() const override {
    if (activation_.op == kernels::UnaryOp::kIdentity) return "batch norm";
    return fmt::format("batch norm + {}", UnaryName(activation_.op));
  }

 private:
  Lines lines_;
  bool blocked_;
  kernels::Unary activation_;
};

// With zeros behind, as many as fill the last block.
Tensor Filled(const Tensor& values) {
  Tensor out(values.dtype(), {(values.size() + 15) / 16 * 16});
  std::memset(out.mutable_raw(), 0, out.bytes());
  std::memcpy(out.mutable_raw(), values.raw(), values.bytes());
  return out;
}

template <class T>
Tensor ScaleOf(const Tensor& scale, const Tensor& variance, double epsilon) {
  Tensor out(scale.dtype(), scale.dims());
  for (int64_t i = 0; i < scale.size(); ++i) {
    const T deviation = std::sqrt(variance.data<T>()[i] + static_cast<T>(epsilon));
    out.mutable_data<T>()[i] = scale.data<T>()[i] / deviation;
  }
  return out;
}

Result<bool> LowerBatchNorm(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  if (!Ready(l, node) || attrs.Flag("training")) return false;
  const Dims dims = l.DimsOf(node.in[0]);
  const auto rank = static_cast<int64_t>(dims.size());
  const int64_t given = attrs.Int("channel_axis", 1), channel = given < 0 ? given + rank : given;
  if (rank < 2 || channel < 1 || channel >= rank) return false;
  const Lines lines = LinesOf(dims, static_cast<int>(channel), static_cast<int>(channel) + 1);
  const Layout layout = l.LayoutOf(node.in[0]);
  const bool blocked =
      (layout == Layout::kBlocked && channel == 1) || (layout == Layout::kBlockedLast && channel == rank - 1);
  const DType dtype = l.TypeOf(node.in[0]).dtype();
  const Tensor* statistics[4];
  for (size_t i = 0; i < 4; ++i) {
    statistics[i] = l.Known(node.in[i + 1]);
    if (statistics[i] == nullptr || statistics[i]->dtype() != dtype || statistics[i]->size() != lines.count)
      return false;
  }
  const double epsilon = attrs.Float("epsilon", 1e-5);
  Tensor scale = dtype == DType::kF64 ? ScaleOf<double>(*statistics[0], *statistics[3], epsilon)
                                      : ScaleOf<float>(*statistics[0], *statistics[3], epsilon);
  // In blocks, every image is one of its own; in the plain layout, what lies before the channels is.
  const Image image = ImageOf(dims, blocked ? layout : Layout::kBlocked);
  auto step =
      MakeStep<NormChannelsStep>(dtype, blocked ? Lines{image.batch, lines.count, image.spatial} : lines, blocked);
  step->reads = {l.In(node.in[0], blocked ? layout : Layout::kPlain), l.AddConstant(Filled(*statistics[2])),
                 l.AddConstant(Filled(scale)), l.AddConstant(Filled(*statistics[1]))};
  step->writes = {l.Define(node.out[0], blocked ? layout : Layout::kPlain)};
  l.Emit(std::move(step), id);
  return true;
}

constexpr LowerRule kRules[] = {
    {&ops::kReduce, LowerReduce},       {&ops::kSoftmax, LowerSoftmax},      {&ops::kLayerNorm, LowerNormRows},
    {&ops::kRmsNorm, LowerNormRows},    {&ops::kGroupNorm, LowerNormGroups}, {&ops::kInstanceNorm, LowerNormGroups},
    {&ops::kBatchNorm, LowerBatchNorm},
};

}  // namespace

std::span<const LowerRule> ReduceRules() { return kRules; }

}  // namespace godwit::plan
