// split: cuts a tensor into parts along an axis.
#include <fmt/format.h>

#include <algorithm>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"data", kAnyType, OperandDef::kPlain, 'T'},
                              {"sizes", kIndex, OperandDef::kOptional | OperandDef::kShapeLike}};
constexpr OperandDef kOut[] = {{"parts", kAnyType, OperandDef::kVariadic, 'T'}};
constexpr AttrDef kAttrs[] = {{"axis", AttrKind::kInt, "0", "The axis that is cut."}};
constexpr std::string_view kRules[] = {"c1: -rank <= axis < rank",
                                       "c2: sizes are one for each result, not negative, and sum to the axis' dim"};

// Without sizes: equal parts, the last of which may be smaller.
std::vector<int64_t> EqualParts(int64_t dim, size_t n) {
  const int64_t count = static_cast<int64_t>(n);
  const int64_t part = (dim + count - 1) / std::max<int64_t>(count, 1);
  std::vector<int64_t> sizes(n);
  for (int64_t& s : sizes) {
    s = std::min(part, dim);
    dim -= s;
  }
  return sizes;
}

Status Infer(InferCtx& ctx) {
  const size_t n = ctx.n_out();
  const Type unranked = Type::Tensor(ctx.DtypeOf(0));
  if (!ctx.Ranked(0)) {
    for (size_t i = 0; i < n; ++i) ctx.Out(i, unranked);
    return Ok{};
  }
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), ctx.Rank(0)));
  const Dim dim = ctx.ShapeOf(0)[static_cast<size_t>(axis)];
  std::vector<Dim> sizes;
  if (!ctx.Has(1)) {
    if (dim.is_static()) {
      for (int64_t s : EqualParts(dim.value(), n)) sizes.emplace_back(s);
    } else {
      const Dim part = Dim::CeilDiv(dim, Dim(static_cast<int64_t>(n)));
      sizes.assign(n, part);
      if (n > 1) sizes[n - 1] = dim - part * Dim(static_cast<int64_t>(n - 1));
    }
  } else if (auto given = ctx.Contents(1)) {
    sizes = *std::move(given);
    if (sizes.size() != n) return ctx.Fail("c2", fmt::format("{} sizes for {} results", sizes.size(), n));
    Dim total(0);
    for (const Dim& s : sizes) {
      if (s.is_static() && s.value() < 0) return ctx.Fail("c2", fmt::format("a size is {}", s.value()));
      total = total + s;
    }
    if (total.is_static() && dim.is_static() && !(total == dim)) {
      return ctx.Fail("c2", fmt::format("sizes sum to {}, the dim is {}", total.value(), dim.value()));
    }
  } else {
    for (size_t i = 0; i < n; ++i) sizes.push_back(ctx.Fresh("split"));
  }
  const auto contents = ctx.Contents(0);
  int64_t start = 0;
  bool exact = contents.has_value() && ctx.Rank(0) == 1;
  for (size_t i = 0; i < n; ++i) {
    Shape out = ctx.ShapeOf(0);
    out[static_cast<size_t>(axis)] = sizes[i];
    ctx.Out(i, ctx.DtypeOf(0), std::move(out));
    exact = exact && sizes[i].is_static() && sizes[i].value() >= 0 &&
            sizes[i].value() <= static_cast<int64_t>(contents->size()) - start;
    if (!exact) continue;
    ctx.OutContents(i, std::vector<Dim>(contents->begin() + start, contents->begin() + start + sizes[i].value()));
    start += sizes[i].value();
  }
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), in.rank()));
  const int64_t dim = in.dim(axis);
  std::vector<int64_t> sizes = ctx.Has(1) ? ctx.Ints(1) : EqualParts(dim, ctx.n_out());
  if (sizes.size() != ctx.n_out()) {
    return ctx.Fail("c2", fmt::format("{} sizes for {} results", sizes.size(), ctx.n_out()));
  }
  int64_t left = dim;
  for (int64_t s : sizes) {
    if (s < 0 || s > left) return ctx.Fail("c2", fmt::format("a part of {} where {} of {} are left", s, left, dim));
    left -= s;
  }
  if (left != 0) return ctx.Fail("c2", fmt::format("{} of {} are left over", left, dim));
  const int64_t outer = OuterCount(in.dims(), axis);
  const int64_t inner = InnerCount(in.dims(), axis);
  const size_t step = ByteSize(in.dtype());
  const std::byte* src = in.raw();
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t run = sizes[i] * inner;
    if (ctx.Wants(i)) {
      Dims dims = in.dims();
      dims[static_cast<size_t>(axis)] = sizes[i];
      TRY(Tensor * out, ctx.Make(i, in.dtype(), std::move(dims)));
      StridedCopy({{outer, run}, {dim * inner, 1}, {run, 1}}, step, src, out->mutable_raw());
    }
    src += static_cast<size_t>(run) * step;
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[4,6]"}, {{"axis", int64_t{1}}}, 3},
                                   {{"f32[7,2]"}, {{"axis", int64_t{0}}}, 3},
                                   {{"f32[2,6]", "i64[3] = 1,0,5"}, {{"axis", int64_t{-1}}}, 3},
                                   {{"u8[4]"}, {}, 2},
                                   {{"f32[2,1,3,2,1,2,2]"}, {{"axis", int64_t{2}}}, 3}};
  return samples;
}

}  // namespace

extern const OpDef kSplit{.name = "split",
                          .doc = "Cuts a tensor into parts along an axis, of the given sizes or equal ones.",
                          .operands = kIn,
                          .results = kOut,
                          .attrs = kAttrs,
                          .constraints = kRules,
                          .infer = Infer,
                          .eval = Eval,
                          .commute = CommuteSplit,
                          .decompose = DecomposeSplit,
                          .samples = Samples};

}  // namespace godwit::ops
