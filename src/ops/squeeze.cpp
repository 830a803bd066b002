// squeeze, unsqueeze, flatten: reshapes whose result shape follows from the operand's alone.
#include <fmt/format.h>

#include <algorithm>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kSqueezeIn[] = {{"data"}, {"axes", kIndex, OperandDef::kOptional | OperandDef::kShapeLike}};
constexpr OperandDef kUnsqueezeIn[] = {{"data"}, {"axes", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kFlattenIn[] = {{"data"}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr std::string_view kSqueezeRules[] = {"c1: axes are axes of the operand", "c2: removed dims are 1"};
constexpr std::string_view kUnsqueezeRules[] = {"c1: axes are distinct axes of the result"};
constexpr AttrDef kFlattenAttrs[] = {{"axis", AttrKind::kInt, "1", "Dims before it become rows, the others columns."}};
constexpr std::string_view kFlattenRules[] = {"c1: -rank <= axis <= rank"};

// Marks the axes; the constraint's failure for one out of range.
template <class Ctx>
Result<std::vector<bool>> Marked(const Ctx& ctx, const std::vector<int64_t>& axes, int rank, bool distinct) {
  std::vector<bool> marked(static_cast<size_t>(rank), false);
  for (int64_t a : axes) {
    TRY(int axis, ctx.Axis("c1", a, rank));
    if (distinct && marked[static_cast<size_t>(axis)]) return ctx.Fail("c1", fmt::format("axis {} occurs twice", axis));
    marked[static_cast<size_t>(axis)] = true;
  }
  return marked;
}

Status InferSqueeze(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  const Shape& in = ctx.ShapeOf(0);
  std::vector<bool> drop(in.size(), false);
  if (ctx.Has(1)) {
    auto axes = ctx.Ints(1);
    if (!axes) return Ok{};
    TRY(drop, Marked(ctx, *axes, ctx.Rank(0), false));
  } else {
    if (!IsStatic(in)) return Ok{};
    for (size_t k = 0; k < in.size(); ++k) drop[k] = in[k] == Dim(1);
  }
  Shape out;
  for (size_t k = 0; k < in.size(); ++k) {
    if (!drop[k]) {
      out.push_back(in[k]);
    } else if (in[k].is_static() && in[k].value() != 1) {
      return ctx.Fail("c2", fmt::format("dim {} is {}", k, in[k].value()));
    }
  }
  if (auto contents = ctx.Contents(0)) ctx.OutContents(0, *std::move(contents));
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status EvalSqueeze(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  std::vector<bool> drop(in.dims().size(), false);
  if (ctx.Has(1)) {
    TRY(drop, Marked(ctx, ctx.Ints(1), in.rank(), false));
  } else {
    for (size_t k = 0; k < drop.size(); ++k) drop[k] = in.dims()[k] == 1;
  }
  Dims out;
  for (size_t k = 0; k < drop.size(); ++k) {
    if (!drop[k]) {
      out.push_back(in.dims()[k]);
    } else if (in.dims()[k] != 1) {
      return ctx.Fail("c2", fmt::format("dim {} is {}", k, in.dims()[k]));
    }
  }
  ctx.Set(0, in.Reshaped(std::move(out)));
  return Ok{};
}

// The operand's dims in order, with ones where the axes are.
template <class DimType, class Ctx>
Result<std::vector<DimType>> Unsqueezed(const Ctx& ctx, const std::vector<DimType>& in,
                                        const std::vector<int64_t>& axes) {
  TRY(std::vector<bool> added, Marked(ctx, axes, static_cast<int>(in.size() + axes.size()), true));
  std::vector<DimType> out;
  size_t next = 0;
  for (bool one : added) out.push_back(one ? DimType(1) : in[next++]);
  return out;
}

Status InferUnsqueeze(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  auto axes = ctx.Ints(1);
  if (!axes) {
    if (!ctx.Ranked(1) || !IsStatic(ctx.ShapeOf(1)) || ctx.Rank(1) > 1) return Ok{};
    const int64_t added = ElementCount(ctx.ShapeOf(1)).value();
    if (added > 32) return Ok{};
    Shape out;
    for (int64_t k = 0; k < ctx.Rank(0) + added; ++k) out.push_back(ctx.Fresh("unsqueeze"));
    ctx.Out(0, ctx.DtypeOf(0), std::move(out));
    return Ok{};
  }
  TRY(Shape out, Unsqueezed<Dim>(ctx, ctx.ShapeOf(0), *axes));
  if (out.size() <= 1) {
    if (auto contents = ctx.Contents(0)) ctx.OutContents(0, *std::move(contents));
  }
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status EvalUnsqueeze(EvalCtx& ctx) {
  TRY(Dims out, Unsqueezed<int64_t>(ctx, ctx.In(0).dims(), ctx.Ints(1)));
  ctx.Set(0, ctx.In(0).Reshaped(std::move(out)));
  return Ok{};
}

template <class Ctx>
Result<size_t> FlattenAxis(const Ctx& ctx, int rank) {
  const int64_t axis = ctx.attrs.Int("axis", 1);
  if (axis < -rank || axis > rank) return ctx.Fail("c1", fmt::format("axis {} with rank {}", axis, rank));
  return static_cast<size_t>(axis < 0 ? axis + rank : axis);
}

Status InferFlatten(InferCtx& ctx) {
  if (!ctx.Ranked(0)) {
    ctx.Out(0, ctx.DtypeOf(0), {ctx.Fresh("flatten"), ctx.Fresh("flatten")});
    return Ok{};
  }
  TRY(size_t axis, FlattenAxis(ctx, ctx.Rank(0)));
  Dim rows(1);
  Dim cols(1);
  for (size_t k = 0; k < ctx.ShapeOf(0).size(); ++k) {
    Dim& side = k < axis ? rows : cols;
    side = side * ctx.ShapeOf(0)[k];
  }
  ctx.Out(0, ctx.DtypeOf(0), {rows, cols});
  return Ok{};
}

Status EvalFlatten(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(size_t axis, FlattenAxis(ctx, in.rank()));
  Dims out = {1, 1};
  for (size_t k = 0; k < in.dims().size(); ++k) out[k < axis ? 0 : 1] *= in.dims()[k];
  ctx.Set(0, in.Reshaped(std::move(out)));
  return Ok{};
}

std::span<const Sample> SqueezeSamples() {
  static const Sample samples[] = {{{"f32[1,3,1,2]"}, {}},
                                   {{"f32[1,3,1,2]", "i64[1] = -2"}, {}},
                                   {{"bool[1]", "i64[1] = 0"}, {}},
                                   {{"f32[2]", "i64[0] = "}, {}}};
  return samples;
}
std::span<const Sample> UnsqueezeSamples() {
  static const Sample samples[] = {
      {{"f32[3,2]", "i64[2] = 0,-1"}, {}}, {{"f32[]", "i64[1] = 0"}, {}}, {{"i8[0]", "i64[1] = 1"}, {}}};
  return samples;
}
std::span<const Sample> FlattenSamples() {
  static const Sample samples[] = {{{"f32[2,3,4]"}, {}},
                                   {{"f32[2,3,4]"}, {{"axis", int64_t{0}}}},
                                   {{"f32[2,3,4]"}, {{"axis", int64_t{-1}}}},
                                   {{"f32[0,3,4]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kSqueeze{.name = "squeeze",
                            .doc = "Removes dims of 1: those named, or all.",
                            .operands = kSqueezeIn,
                            .results = kOut,
                            .constraints = kSqueezeRules,
                            .infer = InferSqueeze,
                            .eval = EvalSqueeze,
                            .commute = CommuteSqueeze,
                            .decompose = DecomposeSqueeze,
                            .samples = SqueezeSamples};
extern const OpDef kUnsqueeze{.name = "unsqueeze",
                              .doc = "Inserts dims of 1 so that they are the named axes of the result.",
                              .operands = kUnsqueezeIn,
                              .results = kOut,
                              .constraints = kUnsqueezeRules,
                              .infer = InferUnsqueeze,
                              .eval = EvalUnsqueeze,
                              .commute = CommuteUnsqueeze,
                              .decompose = DecomposeUnsqueeze,
                              .samples = UnsqueezeSamples};
extern const OpDef kFlatten{.name = "flatten",
                            .doc = "Joins the dims before an axis into rows and the others into columns.",
                            .operands = kFlattenIn,
                            .results = kOut,
                            .attrs = kFlattenAttrs,
                            .constraints = kFlattenRules,
                            .infer = InferFlatten,
                            .eval = EvalFlatten,
                            .samples = FlattenSamples};

}  // namespace godwit::ops
