// reshape and shape_of: the two ends of most shape arithmetic.
#include <fmt/format.h>

#include "base/checked.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kReshapeIn[] = {{"data"}, {"shape", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kReshapeOut[] = {{"y"}};
constexpr AttrDef kReshapeAttrs[] = {
    {"allow_zero", AttrKind::kInt, "0", "1: a 0 in `shape` is an extent of zero; 0: it copies the operand's dim."}};
constexpr std::string_view kReshapeRules[] = {
    "c1: shape is rank 1 and holds at most one -1",
    "c2: the element count stays the same",
    "c3: a copied dim exists in the operand",
};

// The wanted shape with its zeros copied and its -1 worked out; nullopt where -1 cannot be known.
Result<Shape> Resolve(InferCtx& ctx, const std::vector<Dim>& wanted) {
  Shape out;
  int hole = -1;
  const bool copy_zeros = !ctx.attrs.Flag("allow_zero");
  Dim known(1);
  for (size_t i = 0; i < wanted.size(); ++i) {
    Dim d = wanted[i];
    if (d == Dim(-1)) {
      if (hole >= 0) return ctx.Fail("c1", "two dims are -1");
      hole = static_cast<int>(i);
      out.emplace_back(1);
      continue;
    }
    if (d.is_static() && d.value() < -1) return ctx.Fail("c1", fmt::format("dim {} is {}", i, d.value()));
    if (d == Dim(0) && copy_zeros) {
      if (ctx.Ranked(0)) {
        if (static_cast<int>(i) >= ctx.Rank(0))
          return ctx.Fail("c3", fmt::format("dim {} is copied, rank {}", i, ctx.Rank(0)));
        d = ctx.ShapeOf(0)[i];
      } else {
        d = ctx.Fresh("reshape");
      }
    }
    known = known * d;
    out.push_back(d);
  }
  if (!ctx.Ranked(0)) {
    if (hole >= 0) out[static_cast<size_t>(hole)] = ctx.Fresh("reshape");
    return out;
  }
  const Dim total = ElementCount(ctx.ShapeOf(0));
  if (hole >= 0) {
    if (known == Dim(0)) {
      out[static_cast<size_t>(hole)] = Dim(0);
    } else if (known.is_static() && total.is_static()) {
      if (total.value() % known.value() != 0) {
        return ctx.Fail("c2", fmt::format("{} elements do not divide by {}", total.value(), known.value()));
      }
      out[static_cast<size_t>(hole)] = Dim(total.value() / known.value());
    } else {
      out[static_cast<size_t>(hole)] = Dim::FloorDiv(total, known);
    }
  } else if (known.is_static() && total.is_static() && known.value() != total.value()) {
    return ctx.Fail("c2", fmt::format("{} to {}", ToString(ctx.ShapeOf(0)), ToString(out)));
  }
  return out;
}

Status InferReshape(InferCtx& ctx) {
  if (auto wanted = ctx.Contents(1)) {
    TRY(Shape out, Resolve(ctx, *wanted));
    if (auto contents = ctx.Contents(0); contents && out.size() <= 1) ctx.OutContents(0, *std::move(contents));
    ctx.Out(0, ctx.DtypeOf(0), std::move(out));
    return Ok{};
  }
  // Contents unknown: the length of `shape` still gives the rank.
  if (ctx.Ranked(1) && ctx.Rank(1) == 1 && ctx.ShapeOf(1)[0].is_static() && ctx.ShapeOf(1)[0].value() <= 32) {
    Shape out;
    for (int64_t i = 0; i < ctx.ShapeOf(1)[0].value(); ++i) out.push_back(ctx.Fresh("reshape"));
    ctx.Out(0, ctx.DtypeOf(0), std::move(out));
    return Ok{};
  }
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  return Ok{};
}

Status EvalReshape(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  Dims out = ctx.Ints(1);
  int64_t known = 1;
  int hole = -1;
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] == 0 && !ctx.attrs.Flag("allow_zero")) {
      if (static_cast<int>(i) >= in.rank())
        return ctx.Fail("c3", fmt::format("dim {} is copied, rank {}", i, in.rank()));
      out[i] = in.dims()[i];
    }
    if (out[i] == -1) {
      if (hole >= 0) return ctx.Fail("c1", "two dims are -1");
      hole = static_cast<int>(i);
    } else {
      const auto product = out[i] < 0 ? std::nullopt : CheckedMul(known, out[i]);
      if (!product) return ctx.Fail("c2", fmt::format("{} to {}", ToString(in.dims()), ToString(out)));
      known = *product;
    }
  }
  if (hole >= 0) out[static_cast<size_t>(hole)] = known == 0 ? 0 : in.size() / known;
  if ((hole >= 0 ? known * out[static_cast<size_t>(hole)] : known) != in.size()) {
    return ctx.Fail("c2", fmt::format("{} to {}", ToString(in.dims()), ToString(out)));
  }
  ctx.Set(0, in.Reshaped(std::move(out)));
  return Ok{};
}

std::span<const Sample> ReshapeSamples() {
  static const Sample samples[] = {{{"f32[2,3,4]", "i64[2] = 6,4"}, {}},
                                   {{"f32[2,3,4]", "i64[3] = 0,-1,2"}, {}},
                                   {{"f32[0,3]", "i64[2] = 3,0"}, {{"allow_zero", int64_t{1}}}},
                                   {{"f32[1]", "i64[0] = "}, {}}};
  return samples;
}

constexpr OperandDef kShapeIn[] = {{"data"}};
constexpr OperandDef kShapeOut[] = {{"shape", TypeSet(DType::kI64)}};
constexpr AttrDef kShapeAttrs[] = {
    {"start", AttrKind::kInt, "0", "First dim taken; negative counts from the end; clamped."},
    {"end", AttrKind::kInt, "none", "One past the last dim taken; negative counts from the end; absent: all."}};

std::pair<int, int> TakenDims(const Attrs& attrs, int rank) {
  const auto clamp = [rank](int64_t v) {
    if (v < 0) v += rank;
    return static_cast<int>(v < 0 ? 0 : v > rank ? rank : v);
  };
  const int start = clamp(attrs.Int("start"));
  const int end = clamp(attrs.Int("end", rank));
  return {start, end < start ? start : end};
}

Status InferShapeOf(InferCtx& ctx) {
  if (!ctx.Ranked(0)) {
    ctx.Out(0, DType::kI64, {ctx.Fresh("rank")});
    return Ok{};
  }
  const auto [start, end] = TakenDims(ctx.attrs, ctx.Rank(0));
  ctx.Out(0, DType::kI64, {Dim(end - start)});
  ctx.OutContents(0, std::vector<Dim>(ctx.ShapeOf(0).begin() + start, ctx.ShapeOf(0).begin() + end));
  return Ok{};
}

Status EvalShapeOf(EvalCtx& ctx) {
  const Dims& dims = ctx.In(0).dims();
  const auto [start, end] = TakenDims(ctx.attrs, ctx.In(0).rank());
  ctx.Set(0, Tensor::I64({end - start}, Dims(dims.begin() + start, dims.begin() + end)));
  return Ok{};
}

std::span<const Sample> ShapeSamples() {
  static const Sample samples[] = {{{"f32[2,3,4]"}, {}},
                                   {{"f32[2,3,4]"}, {{"start", int64_t{1}}}},
                                   {{"f32[2,3,4]"}, {{"start", int64_t{-9}}, {"end", int64_t{-1}}}},
                                   {{"u8[]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kReshape{.name = "reshape",
                            .doc = "The same elements in row-major order under another shape.",
                            .operands = kReshapeIn,
                            .results = kReshapeOut,
                            .attrs = kReshapeAttrs,
                            .constraints = kReshapeRules,
                            .infer = InferReshape,
                            .eval = EvalReshape,
                            .samples = ReshapeSamples};

extern const OpDef kShapeOf{.name = "shape_of",
                            .doc = "The dims of its operand, or a range of them.",
                            .operands = kShapeIn,
                            .results = kShapeOut,
                            .attrs = kShapeAttrs,
                            .infer = InferShapeOf,
                            .eval = EvalShapeOf,
                            .samples = ShapeSamples};

}  // namespace godwit::ops
