// Quantisation that is undone at once, and resizing to the size that is there.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

bool SameParameters(const Node& a, const Node& b) {
  const auto operand = [](const Node& n, size_t i) { return i < n.in.size() ? n.in[i] : ValueId(); };
  return operand(a, 1) == operand(b, 1) && operand(a, 2) == operand(b, 2) &&
         a.attrs.Int("axis", 1) == b.attrs.Int("axis", 1) && a.attrs.Int("block") == b.attrs.Int("block");
}

// Scales with which x * scale / scale rounds back to a small whole number.
bool PlainScales(RewriteCtx& ctx, ValueId scale) {
  const Tensor* t = ctx.Small(scale);
  if (t == nullptr || t->dtype() != DType::kF32) return false;
  return std::all_of(t->data<float>(), t->data<float>() + t->size(),
                     [](float s) { return std::isfinite(s) && s > 1e-30F && s < 1e30F; });
}

// quantize(dequantize(q)) with the same parameters. Numbers of at most 16 bits come back exactly.
Result<bool> Requantize(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0), ops::kDequantize);
  if (inner == nullptr || !SameParameters(*inner, ctx.node())) return false;
  const DType stored = ctx.DtypeOf(inner->in[0]);
  if (stored != ctx.attrs().Dtype("to") || !IsInteger(stored) || Info(stored).bits > 16) return false;
  if (ctx.DtypeOf(ctx.In(0)) != DType::kF32 || ctx.attrs().Has("precision")) return false;
  if (!PlainScales(ctx, ctx.In(1))) return false;
  return ctx.Replace(inner->in[0]);
}

// Every place of the result is a place of the operand; interpolation there spreads NaN and may cost a zero its sign.
Result<bool> SameSize(RewriteCtx& ctx) {
  const Attrs& attrs = ctx.attrs();
  if (attrs.Str("coordinates", "half_pixel") == "tf_crop_and_resize") return false;
  if (attrs.Str("keep_aspect", "stretch") != "stretch" || attrs.Flag("antialias")) return false;
  if (!SameShape(ctx.TypeOf(ctx.In(0)), ctx.TypeOf(ctx.Out()))) return false;
  if (!ctx.Has(1) && !ctx.IsSplat(ctx.In(2), 1)) return false;
  return ctx.Replace(ctx.In(0));
}
Result<bool> SameSizeNearest(RewriteCtx& ctx) {
  return ctx.attrs().Str("mode", "nearest") == "nearest" ? SameSize(ctx) : false;
}

const OpDef* const kQuantizes[] = {&ops::kQuantize};
const OpDef* const kResizes[] = {&ops::kResize};

const Rule kRules[] = {
    {"requantize", "What was quantised, restored and quantised again in the same way is what it was at first.",
     Numerics::kExact, kQuantizes, Requantize},
    {"drop-nearest-resize", "A nearest resize to the operand's own size is its operand.", Numerics::kExact, kResizes,
     SameSizeNearest},
    {"drop-resize", "An interpolation to the operand's own size is its operand.", Numerics::kReassociating, kResizes,
     SameSize},
};

}  // namespace

RuleTable QuantizeRules() { return kRules; }

}  // namespace godwit
