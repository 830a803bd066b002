// top_k: the k largest or smallest elements along an axis and where they were.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "ir/commute.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/element_order.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kNumbers | kBools}, {"k", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kOut[] = {{"values", kNumbers | kBools}, {"indices", TypeSet(DType::kI64)}};
constexpr AttrDef kAttrs[] = {{"axis", AttrKind::kInt, "-1", "The axis that is searched."},
                              {"largest", AttrKind::kInt, "1", "1: the largest; 0: the smallest."}};
constexpr std::string_view kRules[] = {"c1: -rank <= axis < rank, rank > 0", "c2: 0 <= k <= dim, one element"};

Status Infer(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  ctx.Out(1, Type::Tensor(DType::kI64));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis", -1), ctx.Rank(0)));
  Shape out = ctx.ShapeOf(0);
  Dim& dim = out[static_cast<size_t>(axis)];
  const auto k = ctx.Contents(1);
  if (k && k->size() == 1) {
    if ((*k)[0].is_static() && ((*k)[0].value() < 0 || (dim.is_static() && (*k)[0].value() > dim.value()))) {
      return ctx.Fail("c2", fmt::format("k is {}, the dim {}", (*k)[0].ToString(), dim.ToString()));
    }
    dim = (*k)[0];
  } else {
    dim = ctx.Fresh("topk");
  }
  ctx.Out(0, ctx.DtypeOf(0), out);
  ctx.Out(1, DType::kI64, std::move(out));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis", -1), in.rank()));
  const int64_t n = in.dim(axis);
  const std::vector<int64_t> ks = ctx.Ints(1);
  if (ks.size() != 1 || ks[0] < 0 || ks[0] > n) {
    return ctx.Fail("c2", fmt::format("k is {}, the dim {}", ks.empty() ? -1 : ks[0], n));
  }
  const int64_t k = ks[0];
  Dims dims = in.dims();
  dims[static_cast<size_t>(axis)] = k;
  TRY(Tensor * values, ctx.Make(0, in.dtype(), dims));
  TRY(Tensor indices, Tensor::Make(DType::kI64, dims));
  const int64_t outer = OuterCount(in.dims(), axis);
  const int64_t inner = InnerCount(in.dims(), axis);
  const size_t step = ByteSize(in.dtype());
  const ElementCompare compare = CompareFor(in.dtype());
  const bool largest = ctx.attrs.Flag("largest", true);
  std::vector<int64_t> order(static_cast<size_t>(n));
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      const std::byte* column = in.raw() + static_cast<size_t>(o * n * inner + i) * step;
      const auto at = [&](int64_t row) { return column + static_cast<size_t>(row * inner) * step; };
      std::iota(order.begin(), order.end(), 0);
      // Of equal elements the one with the smaller index comes first.
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
        const int c = compare(in.dtype(), at(a), at(b));
        return c != 0 ? (largest ? c > 0 : c < 0) : a < b;
      });
      for (int64_t r = 0; r < k; ++r) {
        const int64_t dst = (o * k + r) * inner + i;
        std::memcpy(values->mutable_raw() + static_cast<size_t>(dst) * step, at(order[static_cast<size_t>(r)]), step);
        indices.mutable_data<int64_t>()[dst] = order[static_cast<size_t>(r)];
      }
    }
  }
  ctx.Set(1, std::move(indices));
  return Ok{};
}

bool Commute(CommuteCtx& ctx) { return ctx.operand == 0 && ctx.rank() > 0 && ctx.MoveAxis("axis", -1); }

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[3,4]", "i64[1] = 3"}, {}, 2},
                                   {{"i32[5,2]", "i64[1] = 2"}, {{"axis", int64_t{0}}, {"largest", int64_t{0}}}, 2},
                                   {{"f16[2,3,4]", "i64[1] = 3"}, {{"axis", int64_t{1}}}, 2},
                                   {{"u8[3]", "i64[1] = 0"}, {}, 2}};
  return samples;
}

}  // namespace

extern const OpDef kTopK{.name = "top_k",
                         .doc = "The k largest or smallest elements along an axis in order, and their indices.",
                         .operands = kIn,
                         .results = kOut,
                         .attrs = kAttrs,
                         .constraints = kRules,
                         .infer = Infer,
                         .eval = Eval,
                         .commute = Commute,
                         .decompose = DecomposeTopK,
                         .samples = Samples};

}  // namespace godwit::ops
