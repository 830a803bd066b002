// transpose: permutes the dims.
#include <fmt/format.h>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"data"}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr AttrDef kAttrs[] = {{"perm", AttrKind::kIntList, "none",
                               "Dim k of the result is dim perm[k] of the operand; absent: the dims reversed."}};
constexpr std::string_view kRules[] = {"c1: perm is a permutation of the operand's axes"};

template <class Ctx>
Result<std::vector<int>> Permutation(const Ctx& ctx, int rank) {
  std::vector<int> perm;
  if (!ctx.attrs.Has("perm")) {
    for (int k = rank; k-- > 0;) perm.push_back(k);
    return perm;
  }
  const std::vector<int64_t>& given = ctx.attrs.Ints("perm");
  if (static_cast<int>(given.size()) != rank) {
    return ctx.Fail("c1", fmt::format("perm has {} entries, the operand rank {}", given.size(), rank));
  }
  std::vector<bool> seen(given.size(), false);
  for (int64_t p : given) {
    TRY(int axis, ctx.Axis("c1", p, rank));
    if (seen[static_cast<size_t>(axis)]) return ctx.Fail("c1", fmt::format("axis {} occurs twice", axis));
    seen[static_cast<size_t>(axis)] = true;
    perm.push_back(axis);
  }
  return perm;
}

Status Infer(InferCtx& ctx) {
  Shape out;
  if (!ctx.Ranked(0)) {
    if (!ctx.attrs.Has("perm")) {
      ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
      return Ok{};
    }
    for (size_t k = 0; k < ctx.attrs.Ints("perm").size(); ++k) out.push_back(ctx.Fresh("transpose"));
  } else {
    TRY(std::vector<int> perm, Permutation(ctx, ctx.Rank(0)));
    for (int p : perm) out.push_back(ctx.ShapeOf(0)[static_cast<size_t>(p)]);
    if (out.size() <= 1) {
      if (auto contents = ctx.Contents(0)) ctx.OutContents(0, *std::move(contents));
    }
  }
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

// Whether only dims of one element change places, so that the bytes stay as they are.
bool MovesNothing(const Dims& dims, const std::vector<int>& perm) {
  int last = -1;
  for (int p : perm) {
    if (dims[static_cast<size_t>(p)] == 1) continue;
    if (p < last) return false;
    last = p;
  }
  return true;
}

Status Eval(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(std::vector<int> perm, Permutation(ctx, in.rank()));
  const std::vector<int64_t> strides = RowMajorStrides(in.dims());
  StridedBlock block;
  for (int p : perm) {
    block.dims.push_back(in.dim(p));
    block.src.push_back(strides[static_cast<size_t>(p)]);
  }
  if (MovesNothing(in.dims(), perm)) {
    ctx.Set(0, in.Reshaped(block.dims));
    return Ok{};
  }
  TRY(Tensor * out, ctx.Make(0, in.dtype(), block.dims));
  block.dst = RowMajorStrides(block.dims);
  StridedCopy(std::move(block), ByteSize(in.dtype()), in.raw(), out->mutable_raw());
  return Ok{};
}

std::span<const Sample> Samples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {{{"f32[2,3,4]"}, {}},
                                   {{"f32[2,3,4]"}, {{"perm", Ints{0, 2, 1}}}},
                                   {{"u8[5,70,33]"}, {{"perm", Ints{2, 1, 0}}}},
                                   {{"f64[2,1,3,4]"}, {{"perm", Ints{1, 0, 2, 3}}}},
                                   {{"c128[4,3]"}, {{"perm", Ints{1, 0}}}},
                                   {{"string[2,2]"}, {{"perm", Ints{1, 0}}}},
                                   {{"f16[0,3]"}, {}},
                                   {{"f32[]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kTranspose{.name = "transpose",
                              .doc = "Permutes the dims.",
                              .operands = kIn,
                              .results = kOut,
                              .attrs = kAttrs,
                              .constraints = kRules,
                              .infer = Infer,
                              .eval = Eval,
                              .samples = Samples};

}  // namespace godwit::ops
