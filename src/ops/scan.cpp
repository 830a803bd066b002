// scan: a region run for each slice of some operands, with carried states.
#include <fmt/format.h>

#include <algorithm>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/region_types.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr uint8_t kAnyNumber = OperandDef::kVariadic | OperandDef::kOptional;
constexpr OperandDef kIn[] = {{"operands", kAnyType, kAnyNumber}};
constexpr OperandDef kOut[] = {{"results", kAnyType, kAnyNumber}};
constexpr AttrDef kAttrs[] = {
    {"sliced", AttrKind::kInt, "", "How many of the operands, the last ones, are sliced; the others are first states."},
    {"in_axes", AttrKind::kIntList, "none", "The axis along which each sliced operand is cut; absent: 0."},
    {"in_reversed", AttrKind::kIntList, "none", "1 for sliced operands that are read from the end; absent: 0."},
    {"out_axes", AttrKind::kIntList, "none", "The axis along which each result of the slices is stacked; absent: 0."},
    {"out_reversed", AttrKind::kIntList, "none", "1 for stacked results whose first slice comes last; absent: 0."},
    {"stacked_types", AttrKind::kStringList, "none", "Types of a slice's results, for operands of no slice."}};
constexpr std::string_view kRules[] = {"c1: 1 <= sliced <= number of operands", "c2: axes are axes of their operands",
                                       "c3: the sliced operands have as many slices each",
                                       "c4: the region gives the states, then what is stacked",
                                       "c5: a stacked value has one type and shape in all slices"};

int64_t Entry(const Attrs& attrs, std::string_view name, size_t i) {
  const std::vector<int64_t>& list = attrs.Ints(name);
  return i < list.size() ? list[i] : 0;
}

template <class Ctx>
Result<size_t> StateCount(const Ctx& ctx) {
  const int64_t sliced = ctx.attrs.Int("sliced");
  if (sliced < 1 || sliced > static_cast<int64_t>(ctx.n_in())) {
    return ctx.Fail("c1", fmt::format("{} of {} operands", sliced, ctx.n_in()));
  }
  return ctx.n_in() - static_cast<size_t>(sliced);
}

Status Infer(InferCtx& ctx) {
  TRY(size_t states, StateCount(ctx));
  std::vector<Type> params;
  for (size_t i = 0; i < states; ++i) params.push_back(ctx.In(i));
  Dim count = ctx.Fresh("slices");
  for (size_t i = states; i < ctx.n_in(); ++i) {
    if (!ctx.Ranked(i)) {
      params.push_back(Type::Tensor(ctx.DtypeOf(i)));
      continue;
    }
    TRY(int axis, ctx.Axis("c2", Entry(ctx.attrs, "in_axes", i - states), ctx.Rank(i)));
    Shape slice = ctx.ShapeOf(i);
    const Dim n = slice[static_cast<size_t>(axis)];
    if (!count.is_static()) count = n;
    slice.erase(slice.begin() + axis);
    params.push_back(Type::Tensor(ctx.DtypeOf(i), std::move(slice)));
  }
  TRY(std::vector<Type> results, InferCarried(ctx, &params, 0, states, 0, "scan"));
  if (results.size() < ctx.n_out()) return ctx.Fail("c4", fmt::format("{} for {}", results.size(), ctx.n_out()));
  for (size_t i = 0; i < ctx.n_out(); ++i) {
    if (i < states) {
      ctx.Out(i, JoinTypes(ctx, params[i], results[i], "scan"));
      continue;
    }
    if (!results[i].ranked()) {
      ctx.Out(i, Type::Tensor(results[i].dtype()));
      continue;
    }
    Shape shape = results[i].shape();
    TRY(int axis, ctx.Axis("c2", Entry(ctx.attrs, "out_axes", i - states), static_cast<int>(shape.size()) + 1));
    shape.insert(shape.begin() + axis, count);
    ctx.Out(i, results[i].dtype(), std::move(shape));
  }
  return Ok{};
}

Result<Tensor> SliceAt(const Tensor& t, int axis, int64_t i) {
  Dims dims = t.dims();
  const int64_t n = dims[static_cast<size_t>(axis)];
  const int64_t outer = OuterCount(dims, axis);
  const int64_t inner = InnerCount(dims, axis);
  dims.erase(dims.begin() + axis);
  const size_t step = ByteSize(t.dtype());
  const std::byte* from = t.raw() + static_cast<size_t>(i * inner) * step;
  // A slice of the first axis lies in one piece and needs no copy.
  if (outer == 1 && inner * static_cast<int64_t>(step) % 64 == 0) {
    return Tensor(t.dtype(), std::move(dims), from, t.owner());
  }
  TRY(Tensor out, Tensor::Make(t.dtype(), std::move(dims)));
  StridedCopy({{outer, inner}, {n * inner, 1}, {inner, 1}}, step, from, out.mutable_raw());
  return out;
}

Status Eval(EvalCtx& ctx) {
  TRY(size_t states, StateCount(ctx));
  const size_t sliced = ctx.n_in() - states;
  std::vector<int> axes(sliced);
  int64_t count = 0;
  for (size_t i = 0; i < sliced; ++i) {
    const Tensor& t = ctx.In(states + i);
    TRY(axes[i], ctx.Axis("c2", Entry(ctx.attrs, "in_axes", i), t.rank()));
    if (i == 0) count = t.dim(axes[0]);
    if (t.dim(axes[i]) != count) return ctx.Fail("c3", fmt::format("{} and {}", count, t.dim(axes[i])));
  }
  std::vector<RtValue> state;
  for (size_t i = 0; i < states; ++i) state.push_back(ctx.Value(i));
  std::vector<Stack> stacks(ctx.n_out() > states ? ctx.n_out() - states : 0);
  for (int64_t turn = 0; turn < count; ++turn) {
    std::vector<RtValue> params = std::move(state);
    for (size_t i = 0; i < sliced; ++i) {
      const bool reversed = Entry(ctx.attrs, "in_reversed", i) != 0;
      TRY(Tensor slice, SliceAt(ctx.In(states + i), axes[i], reversed ? count - 1 - turn : turn));
      params.emplace_back(std::move(slice));
    }
    TRY(std::vector<RtValue> results, ctx.RunRegion(0, std::move(params)));
    if (results.size() < states + stacks.size()) {
      return ctx.Fail("c4", fmt::format("{} results for {}", results.size(), states + stacks.size()));
    }
    for (size_t i = 0; i < stacks.size(); ++i) {
      RETURN_IF_ERROR(stacks[i].Push(ctx, "c5", std::move(results[states + i])));
    }
    results.resize(states);
    state = std::move(results);
  }
  for (size_t i = 0; i < states && i < ctx.n_out(); ++i) ctx.Set(i, std::move(state[i]));
  for (size_t i = 0; i < stacks.size(); ++i) {
    TRY(Tensor all, stacks[i].Join(ctx, "c5", Entry(ctx.attrs, "out_axes", i), Entry(ctx.attrs, "out_reversed", i) != 0,
                                   ListedType(ctx.attrs, "stacked_types", i)));
    ctx.Set(states + i, std::move(all));
  }
  return Ok{};
}

}  // namespace

extern const OpDef kScan{
    .name = "scan",
    .doc = "Runs its region for each slice of some operands, carrying states and stacking results.",
    .operands = kIn,
    .results = kOut,
    .attrs = kAttrs,
    .constraints = kRules,
    .regions = 1,
    .infer = Infer,
    .eval = Eval};

}  // namespace godwit::ops
