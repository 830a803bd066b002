// Normalisations.
#include <fmt/format.h>

#include "backends/onnx/emit.h"
#include "ir/convert.h"

namespace godwit::to_onnx {

namespace {

Status EmitBatchNorm(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsSecond(n));
  OnnxAttrs attrs;
  attrs.SetFloat("epsilon", n.attrs().Float("epsilon", 1e-5), 1e-5);
  attrs.SetFloat("momentum", n.attrs().Float("momentum", 0.9), 0.9);
  const bool training = n.attrs().Flag("training");
  if (!training) {
    n.EmitTo(0, "BatchNormalization", n.Ins(), attrs);
    return Ok{};
  }
  if (n.opset() >= 14) {
    attrs.Set("training_mode", int64_t{1});
    n.EmitAs("BatchNormalization", n.Ins(), {n.Out(0), n.Out(1), n.Out(2)}, attrs);
    return Ok{};
  }
  // Before version 14 asking for all statistics is what makes it training.
  n.EmitAs("BatchNormalization", n.Ins(), {n.Out(0), n.Out(1), n.Out(2), n.NewName("mean"), n.NewName("variance")},
           attrs);
  return Ok{};
}

Status EmitInstanceNorm(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsSecond(n));
  OnnxAttrs attrs;
  attrs.SetFloat("epsilon", n.attrs().Float("epsilon", 1e-5), 1e-5);
  n.Emit("InstanceNormalization", n.Ins(), attrs);
  return Ok{};
}

Status EmitGroupNorm(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsSecond(n));
  const int64_t groups = n.attrs().Int("groups");
  const auto dim = [&](size_t i, size_t k) {
    const Type& t = n.TypeOf(i);
    return t.ranked() && t.shape().size() > k ? t.shape()[k] : Dim::Symbol("?");
  };
  // Version 18 scales groups, version 21 channels.
  const Dim wanted = n.opset() < 21 ? Dim(groups) : dim(0, 1);
  if (!(dim(1, 0) == wanted)) {
    return n.LacksForm(fmt::format("GroupNormalization of opset {} has one scale for each {}", n.opset(),
                                   n.opset() < 21 ? "group" : "channel"));
  }
  OnnxAttrs attrs{{"num_groups", groups}};
  attrs.SetFloat("epsilon", n.attrs().Float("epsilon", 1e-5), 1e-5);
  n.Emit("GroupNormalization", n.Ins(), attrs);
  return Ok{};
}

// A scale of ones, for those that may be absent with us.
Result<Name> Ones(NodeExport& n, int64_t axis) {
  TRY(const int rank, n.Rank(0));
  if (axis < 0) axis += rank;
  Dims dims;
  for (int64_t k = axis; k < rank; ++k) {
    const Dim& d = n.TypeOf(0).shape()[static_cast<size_t>(k)];
    if (!d.is_static()) return n.LacksForm("a scale must be given where dims are not known");
    dims.push_back(d.value());
  }
  TRY(Tensor ones, Tensor::Make(n.DtypeOf(0), std::move(dims)));
  for (int64_t i = 0; i < ones.size(); ++i) {
    StoreF64(ones.dtype(), 1, ones.mutable_raw() + static_cast<size_t>(i) * ByteSize(ones.dtype()));
  }
  return n.Const(std::move(ones));
}

// The two layer norms: axis, epsilon, and the type of the statistics.
Status EmitLayerNorm(NodeExport& n) {
  const bool rms = &n.op() == &ops::kRmsNorm;
  const DType to = n.attrs().Dtype("to", n.DtypeOf(0));
  const DType gives = rms && n.Has(1) ? n.DtypeOf(1) : n.DtypeOf(0);
  if (to != gives)
    return n.LacksForm(fmt::format("{} gives {}, not {}", n.row().onnx, godwit::Name(gives), godwit::Name(to)));
  if (!rms && n.Has(1) && n.DtypeOf(1) != n.DtypeOf(0)) return n.LacksForm("scale and x are of one type");
  if (rms && n.Wants(1)) return n.LacksForm("RMSNormalization does not give the statistics");
  const int64_t axis = n.attrs().Int("axis", -1);
  Names in = n.Ins();
  if (!n.Has(1)) {
    TRY(const Name ones, Ones(n, axis));
    if (in.size() < 2) in.resize(2);
    in[1] = ones;
  }
  OnnxAttrs attrs;
  attrs.SetInt("axis", axis, -1);
  attrs.SetFloat("epsilon", n.attrs().Float("epsilon", 1e-5), 1e-5);
  const DType statistics = n.attrs().Dtype("statistics", DType::kF32);
  if (statistics != DType::kF32) attrs.Set("stash_type", statistics);
  n.Emit(n.row().onnx, std::move(in), attrs);
  return Ok{};
}

Status EmitLpNorm(NodeExport& n) {
  const double p = n.attrs().Float("p", 2);
  if (p != 1 && p != 2) return n.LacksForm(fmt::format("LpNormalization knows the norms 1 and 2, not {}", p));
  if (n.attrs().Float("epsilon", 0) != 0) return n.LacksForm("LpNormalization has no smallest norm");
  TRY(const int64_t axis, Axis(n, 0, n.attrs().Int("axis", -1)));
  OnnxAttrs attrs;
  attrs.SetInt("axis", axis, -1);
  attrs.SetInt("p", static_cast<int64_t>(p), 2);
  n.Emit("LpNormalization", n.Ins(), attrs);
  return Ok{};
}

Status EmitLrn(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsSecond(n));
  OnnxAttrs attrs{{"size", n.attrs().Int("size")}};
  attrs.SetFloat("alpha", n.attrs().Float("alpha", 1e-4), 1e-4);
  attrs.SetFloat("beta", n.attrs().Float("beta", 0.75), 0.75);
  attrs.SetFloat("bias", n.attrs().Float("bias", 1), 1);
  n.Emit("LRN", n.Ins(), attrs);
  return Ok{};
}

// What the source's operator was imported as: (x - mean) / (sqrt(mean of the square) + 1e-9).
Status EmitMeanVarianceNorm(NodeExport& n) {
  const auto other = [&] { return n.NotThis(); };
  if (n.source_op() != "MeanVarianceNormalization") return other();
  const auto by = [&](ValueId v, const OpDef& op) { return n.Sibling(v, op); };
  const Node* divisor = by(n.Operand(1), ops::kAdd);
  const Node* deviation = divisor == nullptr ? nullptr : by(divisor->in[0], ops::kSqrt);
  const Node* variance = deviation == nullptr ? nullptr : by(deviation->in[0], ops::kReduce);
  const Node* squares = variance == nullptr ? nullptr : by(variance->in[0], ops::kMul);
  if (squares == nullptr || squares->in[0] != n.Operand(0) || squares->in[1] != n.Operand(0)) return other();
  const Node* centred = n.SiblingOf(n.Operand(0), ops::kSub);
  const Node* mean = centred == nullptr ? nullptr : by(centred->in[1], ops::kReduce);
  if (mean == nullptr || mean->in[0] != centred->in[0] || mean->in[1] != variance->in[1] ||
      mean->attrs.Str("mode") != "mean" || variance->attrs.Str("mode") != "mean") {
    return other();
  }
  const auto axes = n.Ints(mean->in[1]);
  if (!axes) return other();
  OnnxAttrs attrs;
  if (*axes != std::vector<int64_t>{0, 2, 3}) attrs.Set("axes", *axes);
  n.Emit("MeanVarianceNormalization", {n.Of(centred->in[0])}, attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kBatchNorm, "BatchNormalization", 7, EmitBatchNorm},
    {&ops::kDiv, "MeanVarianceNormalization", 9, EmitMeanVarianceNorm},
    {&ops::kGroupNorm, "GroupNormalization", 18, EmitGroupNorm},
    {&ops::kInstanceNorm, "InstanceNormalization", 7, EmitInstanceNorm},
    {&ops::kLayerNorm, "LayerNormalization", 17, EmitLayerNorm},
    {&ops::kLpNorm, "LpNormalization", 7, EmitLpNorm},
    {&ops::kLrn, "LRN", 7, EmitLrn},
    {&ops::kRmsNorm, "RMSNormalization", 23, EmitLayerNorm},
};

}  // namespace

extern const RowSet kNormRows{kRows};

}  // namespace godwit::to_onnx
