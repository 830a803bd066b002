// unique: the distinct elements, or slices along an axis.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/element_order.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x"}};
constexpr OperandDef kOut[] = {
    {"y"}, {"first", TypeSet(DType::kI64)}, {"inverse", TypeSet(DType::kI64)}, {"counts", TypeSet(DType::kI64)}};
constexpr AttrDef kAttrs[] = {
    {"axis", AttrKind::kInt, "none", "Slices along it are compared; absent: the elements are."},
    {"sorted", AttrKind::kInt, "1", "1: in ascending order; 0: in order of first occurrence."}};
constexpr std::string_view kRules[] = {"c1: -rank <= axis < rank", "c2: slices have elements"};

Status Infer(InferCtx& ctx) {
  const Dim n = ctx.Fresh("unique");
  for (size_t i = 1; i < ctx.n_out(); ++i) ctx.Out(i, DType::kI64, {n});
  if (ctx.n_out() > 2) ctx.Out(2, DType::kI64, {ctx.Fresh("elements")});
  if (!ctx.attrs.Has("axis")) {
    ctx.Out(0, ctx.DtypeOf(0), {n});
    if (ctx.Ranked(0) && ctx.n_out() > 2) ctx.Out(2, DType::kI64, {ElementCount(ctx.ShapeOf(0))});
    return Ok{};
  }
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), ctx.Rank(0)));
  Shape out = ctx.ShapeOf(0);
  if (ctx.n_out() > 2) ctx.Out(2, DType::kI64, {out[static_cast<size_t>(axis)]});
  out[static_cast<size_t>(axis)] = n;
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const bool flat = !ctx.attrs.Has("axis");
  const Tensor data = flat ? ctx.In(0).Reshaped({ctx.In(0).size()}) : ctx.In(0);
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), data.rank()));
  const int64_t n = data.dim(axis);
  const int64_t outer = OuterCount(data.dims(), axis);
  const int64_t inner = InnerCount(data.dims(), axis);
  if (n > 0 && (outer == 0 || inner == 0)) return ctx.Fail("c2", ToString(data.dims()));
  const size_t step = ByteSize(data.dtype());
  const ElementCompare compare = CompareFor(data.dtype());
  const auto order_of = [&](int64_t a, int64_t b) {
    for (int64_t o = 0; o < outer; ++o) {
      const std::byte* x = data.raw() + static_cast<size_t>((o * n + a) * inner) * step;
      const std::byte* y = data.raw() + static_cast<size_t>((o * n + b) * inner) * step;
      for (int64_t i = 0; i < inner; ++i, x += step, y += step) {
        if (const int c = compare(data.dtype(), x, y); c != 0) return c;
      }
    }
    return 0;
  };
  std::vector<int64_t> sorted(static_cast<size_t>(n));
  std::iota(sorted.begin(), sorted.end(), 0);
  std::sort(sorted.begin(), sorted.end(), [&](int64_t a, int64_t b) {
    const int c = order_of(a, b);
    return c != 0 ? c < 0 : a < b;
  });
  // Runs of equal slices; each starts with its first occurrence.
  struct Group {
    int64_t first, count;
  };
  std::vector<Group> groups;
  std::vector<int64_t> group_of(static_cast<size_t>(n));
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || order_of(sorted[i - 1], sorted[i]) != 0) groups.push_back({sorted[i], 0});
    ++groups.back().count;
    group_of[static_cast<size_t>(sorted[i])] = static_cast<int64_t>(groups.size()) - 1;
  }
  std::vector<int64_t> order(groups.size());
  std::iota(order.begin(), order.end(), 0);
  if (!ctx.attrs.Flag("sorted", true)) {
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return groups[static_cast<size_t>(a)].first < groups[static_cast<size_t>(b)].first;
    });
  }
  std::vector<int64_t> rank_of(groups.size());
  std::vector<int64_t> first(groups.size());
  std::vector<int64_t> counts(groups.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const Group& g = groups[static_cast<size_t>(order[i])];
    rank_of[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    first[i] = g.first;
    counts[i] = g.count;
  }
  for (int64_t& g : group_of) g = rank_of[static_cast<size_t>(g)];

  const int64_t kept = static_cast<int64_t>(groups.size());
  Dims dims = data.dims();
  dims[static_cast<size_t>(axis)] = kept;
  TRY(Tensor * out, ctx.Make(0, data.dtype(), dims));
  TakeRows(data.raw(), out->mutable_raw(), outer, n, static_cast<size_t>(inner) * step, first);
  ctx.Set(1, Tensor::I64({kept}, first));
  ctx.Set(2, Tensor::I64({n}, group_of));
  ctx.Set(3, Tensor::I64({kept}, counts));
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"i64[6] = 2,1,1,3,4,3"}, {}, 4},
                                   {{"i32[2,3] = 2,1,1,3,4,3"}, {{"sorted", int64_t{0}}}, 4},
                                   {{"f32[3,2]"}, {{"axis", int64_t{0}}}, 4},
                                   {{"u8[2,4]"}, {{"axis", int64_t{-1}}}, 1}};
  return samples;
}

}  // namespace

extern const OpDef kUnique{.name = "unique",
                           .doc = "The distinct elements or slices, where each first is, which is which, how many.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kAttrs,
                           .constraints = kRules,
                           .infer = Infer,
                           .eval = Eval,
                           .decompose = DecomposeUnique,
                           .samples = Samples};

}  // namespace godwit::ops
