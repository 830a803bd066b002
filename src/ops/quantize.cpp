// quantize and dequantize: real numbers to low-precision ones and back, by scales and zero points that speak for the
// whole tensor, for each index along an axis, or for blocks along an axis.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ir/commute.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr TypeSet kLow = TypeSet(DType::kI16) | DType::kI8 | DType::kU16 | DType::kU8 | kSmallInts | kSmallFloats;
constexpr TypeSet kScales = kFloats | DType::kI32 | DType::kF8E8M0;
constexpr OperandDef kQuantizeIn[] = {
    {"x", kFloats | DType::kI32}, {"scale", kScales}, {"zero_point", kLow | DType::kI32, OperandDef::kOptional, 'Q'}};
constexpr OperandDef kQuantizeOut[] = {{"y", kLow | DType::kI32, OperandDef::kPlain, 'Q'}};
constexpr std::string_view kArithmeticDoc =
    "How the source computes the operator that this node is a part of: litert, litert_hybrid, "
    "litert_hybrid_asymmetric; absent: it is a step of its own.";
constexpr AttrDef kQuantizeAttrs[] = {
    {"to", AttrKind::kDType, "", "Element type of the result."},
    {"axis", AttrKind::kInt, "1", "Axis of the scales; without meaning for a single scale."},
    {"block", AttrKind::kInt, "0", "Elements a block along the axis; 0: one scale for each index."},
    {"saturate", AttrKind::kInt, "1", "For 8-bit floats: out of range gives the largest finite number."},
    {"precision", AttrKind::kDType, "none", "Type in which x / scale is rounded; absent: that of scale."},
    {"rounding", AttrKind::kString, "even",
     "Where a quotient halfway between two integers goes: even, or away from 0."},
    {"arithmetic", AttrKind::kString, "none", kArithmeticDoc}};
constexpr OperandDef kDequantizeIn[] = {{"x", kLow | DType::kI32 | DType::kI64, OperandDef::kPlain, 'Q'},
                                        {"scale", kScales},
                                        {"zero_point", kLow | DType::kI32 | DType::kI64, OperandDef::kOptional, 'Q'}};
constexpr OperandDef kDequantizeOut[] = {{"y", kFloats | DType::kF8E8M0}};
constexpr AttrDef kDequantizeAttrs[] = {
    {"to", AttrKind::kDType, "", "Element type of the result."},
    {"axis", AttrKind::kInt, "1", "Axis of the scales; without meaning for a single scale."},
    {"block", AttrKind::kInt, "0", "Elements a block along the axis; 0: one scale for each index."},
    {"arithmetic", AttrKind::kString, "none", kArithmeticDoc}};
constexpr std::string_view kRules[] = {
    "c1: the axis is one of x's, where there is more than one scale",
    "c2: one scale, or one for each index along the axis, or x's shape with the axis divided by `block`, rounded up",
    "c3: the zero points have the shape of the scales"};
constexpr std::string_view kQuantizeRules[] = {kRules[0], kRules[1], kRules[2], "c4: rounding is even or away"};

// Which scale an element of x goes by.
struct Grain {
  int64_t inner = 1;  ///< elements between neighbours along the axis
  int64_t extent = 1;
  int64_t block = 0;
  int64_t blocks = 1;
  bool single = true;

  [[nodiscard]] int64_t At(int64_t i) const {
    if (single) return 0;
    const int64_t along = i / inner % extent;
    if (block == 0) return along;
    return (i / inner / extent * blocks + along / block) * inner + i % inner;
  }
};

Result<Grain> GrainOf(const EvalCtx& ctx) {
  const Dims& x = ctx.In(0).dims();
  const Dims& s = ctx.In(1).dims();
  if (ctx.Has(2) && ctx.In(2).size() != ctx.In(1).size()) {
    return ctx.Fail("c3", fmt::format("zero points {}, scales {}", ToString(ctx.In(2).dims()), ToString(s)));
  }
  Grain g;
  g.block = std::max<int64_t>(ctx.attrs.Int("block"), 0);
  if (ctx.In(1).size() == 1 && s.size() <= 1) return g;
  TRY(const int axis, ctx.Axis("c1", ctx.attrs.Int("axis", 1), static_cast<int>(x.size())));
  const auto a = static_cast<size_t>(axis);
  g.single = false;
  g.extent = x[a];
  for (size_t k = a + 1; k < x.size(); ++k) g.inner *= x[k];
  bool fits = false;
  if (g.block == 0) {
    fits = s.size() == 1 && s[0] == x[a];
  } else if (s.size() == x.size()) {
    g.blocks = x[a] / g.block + (x[a] % g.block != 0 ? 1 : 0);
    Dims want = x;
    want[a] = g.blocks;
    fits = want == s;
  }
  if (!fits) return ctx.Fail("c2", fmt::format("scales {} for x {} along {}", ToString(s), ToString(x), axis));
  return g;
}

Status Infer(InferCtx& ctx) {
  Type type = ctx.In(0);
  if (type.is_tensor()) {
    type.tensor().dtype = ctx.attrs.Dtype("to");
    type.tensor().quant = nullptr;
  }
  if (ctx.attrs.Int("block") < 0) return ctx.Fail("c2", fmt::format("block {}", ctx.attrs.Int("block")));
  if (ctx.Ranked(0) && ctx.Ranked(1)) {
    const Shape& x = ctx.ShapeOf(0);
    const Shape& s = ctx.ShapeOf(1);
    const bool single = s.empty() || (s.size() == 1 && (s[0] == Dim(1) || (x.size() == 1 && !s[0].is_static())));
    if (!single) {
      TRY(const int axis, ctx.Axis("c1", ctx.attrs.Int("axis", 1), ctx.Rank(0)));
      const bool blocked = ctx.attrs.Int("block") > 0;
      const Dim& d = x[static_cast<size_t>(axis)];
      const bool clash = !blocked && s.size() == 1 && d.is_static() && s[0].is_static() && !(d == s[0]);
      if (clash || s.size() != (blocked ? x.size() : 1)) {
        return ctx.Fail("c2", fmt::format("scales {} for x {} along {}", ToString(s), ToString(x), axis));
      }
    }
  }
  ctx.Out(0, std::move(type));
  return Ok{};
}

Status InferQuantize(InferCtx& ctx) {
  const std::string_view rounding = ctx.attrs.Str("rounding", "even");
  if (rounding != "even" && rounding != "away") return ctx.Fail("c4", fmt::format("rounding '{}'", rounding));
  return Infer(ctx);
}

// Blocks lie along an axis of the scales too, which stay as they are.
bool Commute(CommuteCtx& ctx) { return ctx.operand == 0 && ctx.attrs.Int("block") == 0 && ctx.MoveAxis("axis", 1); }

Status EvalQuantize(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor& scale = ctx.In(1);
  const DType to = ctx.attrs.Dtype("to");
  TRY(const Grain grain, GrainOf(ctx));
  TRY(Tensor * out, ctx.Make(0, to, x.dims()));
  // The quotient's rounding is part of the meaning: it decides which way a tie falls. Where the scale's type is not one
  // to compute in, the quotient is taken as it is.
  DType precision = ctx.attrs.Dtype("precision", kFloats.Has(scale.dtype()) ? scale.dtype() : DType::kNone);
  if (precision == DType::kNone) precision = DType::kF64;
  const bool away = ctx.attrs.Str("rounding", "even") == "away";
  const ConvertOptions options{.saturate = ctx.attrs.Flag("saturate", true)};
  const auto scales = ToF64(scale);
  const auto zeros = ctx.Has(2) ? ToF64(ctx.In(2)) : std::vector<double>(scales.size(), 0.0);
  const double low = IsInteger(to) ? static_cast<double>(IntMin(to)) : 0;
  const double high = IsInteger(to) ? static_cast<double>(IntMax(to)) : 0;
  const size_t x_step = ByteSize(x.dtype());
  const size_t y_step = ByteSize(to);
  for (int64_t i = 0; i < x.size(); ++i) {
    const auto k = static_cast<size_t>(grain.At(i));
    const double v = RoundTo(precision, LoadF64(x.dtype(), x.raw() + static_cast<size_t>(i) * x_step));
    const double q = RoundTo(precision, v / RoundTo(precision, scales[k]));
    std::byte* y = out->mutable_raw() + static_cast<size_t>(i) * y_step;
    if (IsInteger(to)) {
      const double whole = std::isnan(q) ? zeros[k] : (away ? std::round(q) : std::rint(q)) + zeros[k];
      StoreI64(to, static_cast<int64_t>(std::clamp(whole, low, high)), y);
    } else {
      StoreF64(to, q + zeros[k], y, options);
    }
  }
  return Ok{};
}

Status EvalDequantize(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const DType to = ctx.attrs.Dtype("to");
  TRY(const Grain grain, GrainOf(ctx));
  TRY(Tensor * out, ctx.Make(0, to, x.dims()));
  const auto scales = ToF64(ctx.In(1));
  const auto zeros = ctx.Has(2) ? ToF64(ctx.In(2)) : std::vector<double>(scales.size(), 0.0);
  const size_t x_step = ByteSize(x.dtype());
  const size_t y_step = ByteSize(to);
  for (int64_t i = 0; i < x.size(); ++i) {
    const auto k = static_cast<size_t>(grain.At(i));
    const double v = LoadF64(x.dtype(), x.raw() + static_cast<size_t>(i) * x_step);
    StoreF64(to, (v - zeros[k]) * scales[k], out->mutable_raw() + static_cast<size_t>(i) * y_step);
  }
  return Ok{};
}

std::span<const Sample> QuantizeSamples() {
  static const Sample samples[] = {
      {{"f32[2,3]", "f32[] = 0.02", "u8[] = 128"}, {{"to", DType::kU8}}},
      {{"f32[2,3,2]", "f32[3] = 0.1,0.2,0.5", "i8[3] = 0,3,-4"}, {{"to", DType::kI8}}},
      {{"f32[2,5]", "f32[2,3] = 1,2,3,4,5,6"}, {{"to", DType::kI4}, {"block", int64_t{2}}}},
      {{"f32[6]", "f32[] = 0.25"}, {{"to", DType::kI8}, {"rounding", "away"}}},
      {{"f32[6]", "f32[] = 0.0000001", "i32[] = -7"}, {{"to", DType::kI32}, {"rounding", "away"}}},
      {{"f16[4]", "f16[] = 0.5"}, {{"to", DType::kF8E4M3FN}}}};
  return samples;
}
std::span<const Sample> DequantizeSamples() {
  static const Sample samples[] = {
      {{"u8[2,3]", "f32[] = 0.02", "u8[] = 128"}, {{"to", DType::kF32}}},
      {{"i8[2,3,2]", "f32[3] = 0.1,0.2,0.5", "i8[3] = 0,3,-4"}, {{"to", DType::kF32}}},
      {{"u4[2,5]", "f16[2,3] = 1,2,3,4,5,6"}, {{"to", DType::kF16}, {"block", int64_t{2}}}},
      {{"f8e5m2[4]", "f32[] = 0.5"}, {{"to", DType::kF32}}},
      {{"i32[2,2]", "f32[] = 0.001"}, {{"to", DType::kF32}}}};
  return samples;
}

}  // namespace

extern const OpDef kQuantize{.name = "quantize",
                             .doc = "x / scale, rounded, plus zero_point, cut to what `to` holds.",
                             .operands = kQuantizeIn,
                             .results = kQuantizeOut,
                             .attrs = kQuantizeAttrs,
                             .constraints = kQuantizeRules,
                             .infer = InferQuantize,
                             .eval = EvalQuantize,
                             .commute = Commute,
                             .decompose = DecomposeQuantize,
                             .samples = QuantizeSamples};
extern const OpDef kDequantize{.name = "dequantize",
                               .doc = "(x - zero_point) * scale.",
                               .operands = kDequantizeIn,
                               .results = kDequantizeOut,
                               .attrs = kDequantizeAttrs,
                               .constraints = kRules,
                               .infer = Infer,
                               .eval = EvalDequantize,
                               .commute = Commute,
                               .decompose = DecomposeDequantize,
                               .samples = DequantizeSamples};

}  // namespace godwit::ops
