// attention: scaled dot-product attention in all its variants (grouped heads, caches, masks, windows, soft cap, sinks).
#include "ops/attention.h"

#include <fmt/format.h>

#include "ir/cost.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {
    {"q", kFloats, OperandDef::kPlain, 'T'},         {"k", kFloats, OperandDef::kPlain, 'T'},
    {"v", kFloats, OperandDef::kPlain, 'V'},         {"mask", kFloats | kInts | kBools, OperandDef::kOptional},
    {"past_k", kFloats, OperandDef::kOptional, 'T'}, {"past_v", kFloats, OperandDef::kOptional, 'V'},
    {"lengths", kIndex, OperandDef::kOptional},      {"offsets", kIndex, OperandDef::kOptional},
    {"sink", kFloats, OperandDef::kOptional}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'},
                               {"present_k", kFloats, OperandDef::kOptional, 'T'},
                               {"present_v", kFloats, OperandDef::kOptional, 'V'},
                               {"scores", kFloats, OperandDef::kOptional, 'T'}};
constexpr AttrDef kAttrs[] = {
    {"q_heads", AttrKind::kInt, "0", "Heads of q; needed only where no operand of rank 4 shows it."},
    {"kv_heads", AttrKind::kInt, "0", "Heads of k and v; needed only where no operand of rank 4 shows it."},
    {"scale", AttrKind::kFloat, "none", "Factor of q k^T; absent: 1 / sqrt(head size)."},
    {"causal", AttrKind::kInt, "0", "1: query i sees key j only where j <= i + offset."},
    {"left_window", AttrKind::kInt, "-1", "Keys seen before the query's own position; -1: all."},
    {"right_window", AttrKind::kInt, "-1", "Keys seen after the query's own position; -1: all."},
    {"softcap", AttrKind::kFloat, "0", "c > 0: scores become c * tanh(scores / c) before the mask."},
    {"softmax_type", AttrKind::kDType, "none", "Scores are rounded to this type before the softmax."},
    {"scores_stage", AttrKind::kString, "scaled", "Which scores result 3 is: scaled, capped, masked or softmax."}};
constexpr std::string_view kRules[] = {
    "c1: q, k and v are [batch, heads, rows, size] or [batch, rows, heads * size] and agree",
    "c2: the heads of k divide the heads of q, and packed operands divide by their heads",
    "c3: past_k and past_v come together and agree with k and v",
    "c4: mask broadcasts to [batch, heads, queries, keys]; its last dim may be shorter than the keys",
    "c5: lengths and offsets hold one number a batch row, sink one a query head",
    "c6: scores_stage is scaled, capped, masked or softmax",
};

// Heads, rows and head size of an operand of either form; unknown ones become fresh symbols.
struct Form {
  Dim batch, heads, rows, size;
};
Form FormOf(InferCtx& ctx, size_t operand, int64_t heads) {
  if (ctx.Ranked(operand) && ctx.Rank(operand) == 4) {
    const Shape& s = ctx.ShapeOf(operand);
    return {s[0], s[1], s[2], s[3]};
  }
  const Dim n = heads > 0 ? Dim(heads) : ctx.Fresh("heads");
  if (ctx.Ranked(operand) && ctx.Rank(operand) == 3) {
    const Shape& s = ctx.ShapeOf(operand);
    return {s[0], n, s[1], heads > 0 ? Dim::FloorDiv(s[2], n) : ctx.Fresh("head_size")};
  }
  return {ctx.Fresh("batch"), n, ctx.Fresh("rows"), ctx.Fresh("head_size")};
}

Status Infer(InferCtx& ctx) {
  for (size_t i : {attention::kQ, attention::kK, attention::kV}) {
    if (ctx.Ranked(i) && ctx.Rank(i) != 3 && ctx.Rank(i) != 4) {
      return ctx.Fail("c1", fmt::format("operand {} of rank {}", i, ctx.Rank(i)));
    }
  }
  const int64_t kv_heads = ctx.attrs.Int("kv_heads");
  const Form q = FormOf(ctx, attention::kQ, ctx.attrs.Int("q_heads"));
  const Form k = FormOf(ctx, attention::kK, kv_heads);
  const Form v = FormOf(ctx, attention::kV, kv_heads);
  Dim total = k.rows;
  if (ctx.Has(attention::kPastK)) {
    const bool known = ctx.Ranked(attention::kPastK) && ctx.Rank(attention::kPastK) == 4;
    total = known ? ctx.ShapeOf(attention::kPastK)[2] + k.rows : ctx.Fresh("total");
  }
  const DType dtype = ctx.DtypeOf(attention::kQ);
  if (!ctx.Ranked(attention::kQ)) {
    ctx.Out(attention::kY, Type::Tensor(dtype));
  } else if (ctx.Rank(attention::kQ) == 4) {
    ctx.Out(attention::kY, dtype, {q.batch, q.heads, q.rows, v.size});
  } else {
    ctx.Out(attention::kY, dtype, {q.batch, q.rows, q.heads * v.size});
  }
  ctx.Out(attention::kPresentK, dtype, {q.batch, k.heads, total, k.size});
  ctx.Out(attention::kPresentV, ctx.DtypeOf(attention::kV), {q.batch, v.heads, total, v.size});
  ctx.Out(attention::kScores, dtype, {q.batch, q.heads, q.rows, total});
  return Ok{};
}

double Macs(const CostCtx& ctx) {
  const auto rows = [&ctx](size_t operand) {
    const Type* t = ctx.In(operand);
    if (t == nullptr || !t->ranked() || t->rank() < 3) return 0.0;
    return CostCtx::Extent(t->shape()[t->rank() == 4 ? 2 : 1]);
  };
  const double keys = rows(attention::kK) + rows(attention::kPastK);
  return keys * (CostCtx::Elements(ctx.In(attention::kQ)) + CostCtx::Elements(ctx.Out(attention::kY)));
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {
      {{"f32[2,3,4,8]", "f32[2,3,5,8]", "f32[2,3,5,6]"}, {}, 1},
      {{"f32[2,6,4,8]", "f32[2,2,5,8]", "f32[2,2,5,8]", "bool[4,5]"}, {{"softcap", 2.0}, {"scale", 0.5}}, 1},
      {{"f32[2,4,48]", "f32[2,4,16]", "f32[2,4,16]", "f32[2,1,4,6]", "f32[2,2,2,8]", "f32[2,2,2,8]"},
       {{"q_heads", int64_t{6}},
        {"kv_heads", int64_t{2}},
        {"causal", int64_t{1}},
        {"left_window", int64_t{2}},
        {"scores_stage", std::string("softmax")}},
       4},
      {{"f32[2,2,3,4]", "f32[2,2,6,4]", "f32[2,2,6,4]", "", "", "", "i64[2] = 4,2", "", "f32[2]"},
       {{"causal", int64_t{1}}},
       1},
      {{"f16[1,1,2,4]", "f16[1,1,3,4]", "f16[1,1,3,4]"}, {}, 1}};
  return samples;
}

}  // namespace

extern const OpDef kAttention{.name = "attention",
                              .doc = "softmax(q k^T * scale + mask) v, head by head, with an optional key-value cache.",
                              .operands = kIn,
                              .results = kOut,
                              .attrs = kAttrs,
                              .constraints = kRules,
                              .infer = Infer,
                              .eval = attention::Eval,
                              .decompose = DecomposeAttention,
                              .macs = Macs,
                              .samples = Samples};

}  // namespace godwit::ops
