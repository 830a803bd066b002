// Normalisations.
#include <fmt/format.h>

#include "frontends/onnx/window_import.h"

namespace godwit::from_onnx {

namespace {

// y, running mean and variance of the node's five operands.
Result<std::vector<ValueId>> EmitBatchNorm(NodeImport& n, std::vector<ValueId> in, Attrs attrs, bool training) {
  if (training) attrs.Set("training", int64_t{1});
  return n.EmitN(ops::kBatchNorm, std::move(in), training ? 3 : 1, std::move(attrs));
}

// spatial = 0 (until version 8): a value of its own for each position, so positions are channels.
Result<std::vector<ValueId>> PerPosition(NodeImport& n, std::vector<ValueId> in, Attrs attrs, bool training) {
  TRY(ValueId shape, n.Emit(ops::kShapeOf, {in[0]}));
  TRY(ValueId parameters, n.Emit(ops::kShapeOf, {in[1]}));
  TRY(in[0], n.Emit(ops::kReshape, {in[0], n.I64s({0, -1})}));
  for (size_t i = 1; i < 5; ++i) {
    TRY(in[i], n.Emit(ops::kReshape, {in[i], n.I64s({-1})}));
  }
  TRY(std::vector<ValueId> out, EmitBatchNorm(n, std::move(in), std::move(attrs), training));
  for (size_t i = 0; i < out.size(); ++i) {
    TRY(out[i], n.Emit(ops::kReshape, {out[i], i == 0 ? shape : parameters}, {{"allow_zero", int64_t{1}}}));
  }
  return out;
}

Status ImportBatchNorm(NodeImport& n) {
  std::vector<ValueId> in(5);
  for (size_t i = 0; i < 5; ++i) {
    TRY(in[i], n.In(i));
  }
  Attrs attrs;
  RETURN_IF_ERROR(CopyFloat(n, "epsilon", "epsilon", 1e-5, &attrs));
  RETURN_IF_ERROR(CopyFloat(n, "momentum", "momentum", 0.9, &attrs));
  bool training = false, spatial = true;
  if (n.version() >= 14) {
    TRY(const int64_t flag, n.Int("training_mode", 0));
    training = flag != 0;
  } else {
    // Until version 13 asking for more than y is what makes it training.
    training = n.Wants(1) || n.Wants(2) || n.Wants(3) || n.Wants(4);
    if (n.version() < 7) {
      TRY(const int64_t test, n.Int("is_test", 0));
      training = training && test == 0;
    }
    TRY(const int64_t flag, n.Int("spatial", 1));
    spatial = flag != 0;
  }
  n.Ignore("consumed_inputs");
  const auto emit = spatial ? EmitBatchNorm : PerPosition;
  TRY(const std::vector<ValueId> out, emit(n, in, attrs, training));
  n.Out(0, out[0]);
  for (size_t i = 1; i < 3; ++i) {
    if (n.Wants(i)) n.Out(i, training ? out[i] : in[i + 2]);
  }
  if (!n.Wants(3) && !n.Wants(4)) return Ok{};
  if (!training) return n.Unsupported("saved statistics exist in training only");
  // With no memory of the old ones, the running statistics are those of the batch.
  attrs.Set("momentum", 0.0);
  TRY(const std::vector<ValueId> batch, emit(n, in, attrs, true));
  n.Out(3, batch[1]);
  n.Out(4, batch[2]);
  return Ok{};
}

Status ImportInstanceNorm(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(CopyFloat(n, "epsilon", "epsilon", 1e-5, &attrs));
  n.Ignore("consumed_inputs");
  return n.Same(ops::kInstanceNorm, std::move(attrs));
}

Status ImportGroupNorm(NodeImport& n) {
  TRY(const int64_t groups, n.Int("num_groups"));
  Attrs attrs = {{"groups", groups}};
  RETURN_IF_ERROR(CopyFloat(n, "epsilon", "epsilon", 1e-5, &attrs));
  n.Ignore("stash_type");  // statistics are never less precise here
  return n.Same(ops::kGroupNorm, std::move(attrs));
}

// Attributes of the two layer norms. `statistics` is the type of what they give beside y.
Status ReadLayerNorm(NodeImport& n, Attrs* attrs) {
  RETURN_IF_ERROR(CopyInt(n, "axis", "axis", -1, attrs));
  RETURN_IF_ERROR(CopyFloat(n, "epsilon", "epsilon", 1e-5, attrs));
  TRY(const DType stash, n.DtypeAttr("stash_type", DType::kF32));
  if (stash != DType::kF32) attrs->Set("statistics", stash);
  return Ok{};
}

Status ImportLayerNorm(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(ReadLayerNorm(n, &attrs));
  return n.Same(ops::kLayerNorm, std::move(attrs));
}

Status ImportRmsNorm(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(ReadLayerNorm(n, &attrs));
  // y has the type of the scale, which need not be that of x.
  TRY(ValueId scale, n.In(1));
  TRY(ValueId x, n.In(0));
  if (n.DtypeOf(scale) != n.DtypeOf(x) && n.DtypeOf(scale) != DType::kNone) attrs.Set("to", n.DtypeOf(scale));
  return n.Same(ops::kRmsNorm, std::move(attrs));
}

Status ImportLpNorm(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(CopyInt(n, "axis", "axis", -1, &attrs));
  TRY(const int64_t p, n.Int("p", 2));
  if (p != 1 && p != 2) return n.BadValue("p", fmt::format("{} is not 1 or 2", p));
  if (p != 2) attrs.Set("p", static_cast<double>(p));
  return n.Same(ops::kLpNorm, std::move(attrs));
}

Status ImportLrn(NodeImport& n) {
  TRY(const int64_t size, n.Int("size"));
  Attrs attrs = {{"size", size}};
  RETURN_IF_ERROR(CopyFloat(n, "alpha", "alpha", 1e-4, &attrs));
  RETURN_IF_ERROR(CopyFloat(n, "beta", "beta", 0.75, &attrs));
  RETURN_IF_ERROR(CopyFloat(n, "bias", "bias", 1, &attrs));
  return n.Same(ops::kLrn, std::move(attrs));
}

// (x - mean) / (deviation + 1e-9) over some axes, as the standard's function body has it.
Status ImportMeanVarianceNorm(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(std::vector<int64_t> listed, n.Ints("axes"));
  if (!n.HasAttr("axes")) listed = {0, 2, 3};
  const ValueId axes = n.I64s(listed);
  TRY(ValueId mean, n.Emit(ops::kReduce, {x, axes}, {{"mode", "mean"}}));
  TRY(ValueId centred, n.Emit(ops::kSub, {x, mean}));
  TRY(ValueId squares, n.Emit(ops::kMul, {centred, centred}));
  TRY(ValueId variance, n.Emit(ops::kReduce, {squares, axes}, {{"mode", "mean"}}));
  TRY(ValueId deviation, n.Emit(ops::kSqrt, {variance}));
  TRY(ValueId divisor, n.Emit(ops::kAdd, {deviation, n.ScalarLike(x, 1e-9)}));
  TRY(ValueId y, n.Emit(ops::kDiv, {centred, divisor}));
  n.Out(0, y);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"BatchNormalization", 1, ImportBatchNorm},
    {"BatchNormalization", 7, ImportBatchNorm},
    {"BatchNormalization", 14, ImportBatchNorm},
    {"GroupNormalization", 18, ImportGroupNorm},
    {"GroupNormalization", 21, ImportGroupNorm},
    {"InstanceNormalization", 1, ImportInstanceNorm},
    {"LRN", 1, ImportLrn},
    // ONNX Runtime writes the two layer norms into this domain whatever its version.
    {"LayerNormalization", 1, ImportLayerNorm},
    {"LpNormalization", 1, ImportLpNorm},
    {"MeanVarianceNormalization", 9, ImportMeanVarianceNorm},
    {"RMSNormalization", 23, ImportRmsNorm},
    {"SimplifiedLayerNormalization", 1, ImportRmsNorm},
};

}  // namespace

extern const RuleSet kNormRules{"", kRules};

}  // namespace godwit::from_onnx
