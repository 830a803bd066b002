// Sums of products of stored integers, scaled and quantised again, as what the integers stand for: the form that
// targets with an arithmetic of integers of their own are written from.
#include <algorithm>
#include <cmath>
#include <optional>

#include "ir/convert.h"
#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// The scale with which integers were made; what only moves or compares them keeps it.
std::optional<float> ScaleOf(RewriteCtx& ctx, ValueId v) {
  static constexpr const OpDef* kKeep[] = {&ops::kReshape, &ops::kTranspose, &ops::kSqueeze, &ops::kUnsqueeze,
                                           &ops::kFlatten, &ops::kIdentity,  &ops::kMaxPool, &ops::kSlice,
                                           &ops::kGather,  &ops::kResize,    &ops::kExpand};
  constexpr int kFar = 16;
  for (int steps = 0; steps < kFar; ++steps) {
    const Node* node = ctx.Def(v);
    if (node == nullptr) return std::nullopt;
    if (node->op == &ops::kQuantize) {
      const Tensor* scale = ctx.Small(node->in[1]);
      if (scale == nullptr || scale->size() != 1 || scale->dtype() != DType::kF32) return std::nullopt;
      return scale->data<float>()[0];
    }
    if (std::find(std::begin(kKeep), std::end(kKeep), node->op) == std::end(kKeep)) return std::nullopt;
    v = node->in[0];
  }
  return std::nullopt;
}

bool IsByte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

// One zero point of a product, or one for each of `count` channels. False where it cannot be told.
bool ReadZeros(RewriteCtx& ctx, ValueId zero, size_t count, std::optional<Tensor>* out) {
  if (!zero) return true;
  const Tensor* known = ctx.Small(zero);
  if (known == nullptr) return false;
  const std::vector<int64_t> values = ToI64(*known);
  if (values.size() != 1 && values.size() != count) return false;
  if (std::all_of(values.begin(), values.end(), [](int64_t z) { return z == 0; })) return true;
  const size_t n = count > 1 ? count : 1;
  Tensor t(known->dtype(), n > 1 ? Dims{static_cast<int64_t>(n)} : Dims{});
  for (size_t i = 0; i < n; ++i) {
    StoreI64(t.dtype(), values[values.size() == 1 ? 0 : i], t.mutable_raw() + i * ByteSize(t.dtype()));
  }
  *out = std::move(t);
  return true;
}

ValueId Numbers(RewriteCtx& ctx, const std::vector<float>& values) {
  Tensor t(DType::kF32, values.size() == 1 ? Dims{} : Dims{static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), t.mutable_data<float>());
  return ctx.Constant(std::move(t));
}

Result<ValueId> Real(RewriteCtx& ctx, ValueId stored, const std::vector<float>& scales, std::optional<Tensor> zeros,
                     int64_t axis) {
  std::vector<ValueId> in{stored, Numbers(ctx, scales)};
  if (zeros) in.push_back(ctx.Constant(*std::move(zeros)));
  return ctx.Emit(ops::kDequantize, std::move(in), {{"to", DType::kF32}, {"axis", axis}});
}

// The place of the only axis of more than one element, counted from the last one; -1 where there are more.
int64_t OnlyAxis(const Tensor& t) {
  int64_t axis = -1;
  for (size_t k = 0; k < t.dims().size(); ++k) {
    if (t.dims()[k] == 1) continue;
    if (axis >= 0) return -1;
    axis = static_cast<int64_t>(t.dims().size() - 1 - k);
  }
  return axis;
}

// quantize(cast(product of integers, perhaps with a sum of them) * scale)
Result<bool> RealSums(RewriteCtx& ctx) {
  const Node* scaled = ctx.Def(ctx.In(0), ops::kMul);
  if (scaled == nullptr || !ctx.SingleUse(ctx.In(0))) return false;
  const Node* cast = nullptr;
  const Tensor* scale = nullptr;
  for (size_t k = 0; k < 2 && scale == nullptr; ++k) {
    cast = ctx.Def(scaled->in[k], ops::kCast);
    if (cast != nullptr && ctx.SingleUse(scaled->in[k])) scale = ctx.Small(scaled->in[1 - k]);
  }
  if (scale == nullptr || scale->dtype() != DType::kF32 || scale->size() == 0) return false;
  ValueId sum = cast->in[0], bias;
  const Node* product = ctx.SingleUse(sum) ? ctx.Def(sum) : nullptr;
  for (size_t k = 0; product != nullptr && product->op == &ops::kAdd && k < 2; ++k) {
    if (!ctx.IsConstant(product->in[k]) || !ctx.SingleUse(product->in[1 - k])) continue;
    bias = product->in[k];
    product = ctx.Def(product->in[1 - k]);
  }
  if (product == nullptr || (product->op != &ops::kConv && product->op != &ops::kMatMul)) return false;
  const Node p = *product;
  const bool conv = p.op == &ops::kConv;
  const ValueId out = p.out[0];
  if (!IsByte(ctx.DtypeOf(p.in[0])) || !IsByte(ctx.DtypeOf(p.in[1])) || !ctx.Ranked(out)) return false;
  if (!ctx.Ranked(p.in[1]) || (conv && (bias || p.attrs.Int("channel_axis", 1) != 1))) return false;
  const int64_t channel = conv ? static_cast<int64_t>(ctx.Rank(out)) - 2 : 0;
  if (scale->size() != 1 && OnlyAxis(*scale) != channel) return false;
  const std::optional<float> data = ScaleOf(ctx, p.in[0]);
  if (!data || !(*data > 0)) return false;
  std::vector<float> weights(scale->data<float>(), scale->data<float>() + scale->size()), sums = weights;
  for (float& w : weights) w /= *data;
  if (!std::all_of(weights.begin(), weights.end(), [](float w) { return std::isfinite(w) && w > 0; })) return false;
  // Data that were made with a scale of their own go with that one.
  if (const std::optional<float> other = ScaleOf(ctx, p.in[1]); other && weights.size() == 1) weights = {*other};
  const size_t zero_at = conv ? 3 : 2;
  const auto zero = [&](size_t i) { return zero_at + i < p.in.size() ? p.in[zero_at + i] : ValueId(); };
  std::optional<Tensor> data_zero, weight_zeros;
  if (!ReadZeros(ctx, zero(0), 1, &data_zero) || !ReadZeros(ctx, zero(1), weights.size(), &weight_zeros)) return false;
  if (conv && p.in.size() > 2) bias = p.in[2];
  const int w_rank = ctx.Rank(p.in[1]);
  const int64_t w_axis = conv ? 0 : p.attrs.Flag("transpose_b") ? std::max(0, w_rank - 2) : w_rank - 1;
  TRY(const ValueId x, Real(ctx, p.in[0], {*data}, std::move(data_zero), 1));
  TRY(const ValueId w, Real(ctx, p.in[1], weights, std::move(weight_zeros), w_axis));
  std::vector<ValueId> in{x, w};
  ValueId real_bias;
  if (bias) {
    TRY(real_bias, Real(ctx, bias, sums, std::nullopt, std::max(0, ctx.Rank(bias) - 1)));
    if (conv) in.push_back(real_bias);
  }
  TRY(ValueId y, ctx.Emit(*p.op, std::move(in), p.attrs));
  if (bias && !conv) {
    TRY(y, ctx.Emit(ops::kAdd, {y, real_bias}));
  }
  return ctx.Rewire(0, y);
}

const OpDef* const kQuantizes[] = {&ops::kQuantize};

const Rule kRules[] = {
    {"real-sums", "Scaled sums of products of stored integers are sums of products of what those stand for.",
     Numerics::kReassociating, kQuantizes, RealSums},
};

}  // namespace

RuleTable RealSumsRules() { return kRules; }

}  // namespace godwit
