// loop: a region run again and again, a number of times or while a condition holds.
#include <fmt/format.h>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/region_types.h"

namespace godwit::ops {

namespace {

constexpr uint8_t kAnyNumber = OperandDef::kVariadic | OperandDef::kOptional | OperandDef::kNotTensor;
constexpr OperandDef kIn[] = {{"trips", TypeSet(DType::kI64), OperandDef::kOptional},
                              {"condition", kBools, OperandDef::kOptional},
                              {"carried", kAnyType, kAnyNumber}};
constexpr OperandDef kOut[] = {{"results", kAnyType, kAnyNumber}};
constexpr AttrDef kAttrs[] = {
    {"stacked_types", AttrKind::kStringList, "none", "Types of a turn's stacked results, for loops without a turn."}};
constexpr std::string_view kRules[] = {
    "c1: trips and the condition are one element",
    "c2: the region takes the turn, the condition and the carried values, and gives the condition, the carried values "
    "and those to be stacked",
    "c3: a stacked value has one type and shape in all turns"};

Status Infer(InferCtx& ctx) {
  const size_t carried = ctx.n_in() < 2 ? 0 : ctx.n_in() - 2;
  std::vector<Type> params = {Type::Tensor(DType::kI64, {}), Type::Tensor(DType::kBool, {})};
  for (size_t i = 0; i < carried; ++i) params.push_back(ctx.In(2 + i));
  TRY(std::vector<Type> results, InferCarried(ctx, &params, 2, carried, 1, "loop"));
  if (results.size() < 1 + carried || ctx.n_out() > results.size() - 1) {
    return ctx.Fail("c2", fmt::format("{} results of the region, {} of the node", results.size(), ctx.n_out()));
  }
  for (size_t i = 0; i < ctx.n_out(); ++i) {
    if (i < carried) {
      ctx.Out(i, JoinTypes(ctx, params[2 + i], results[1 + i], "loop"));
      continue;
    }
    const Type& one = results[1 + i];
    if (!one.ranked()) {
      ctx.Out(i, Type::Tensor(one.dtype()));
      continue;
    }
    Shape shape = one.shape();
    shape.insert(shape.begin(), ctx.Fresh("turns"));  // the region's condition may end the loop before its trips
    ctx.Out(i, one.dtype(), std::move(shape));
  }
  return Ok{};
}

Result<bool> ConditionOf(const EvalCtx& ctx, const RtValue& value) {
  const Tensor& t = value.tensor;
  if (!value.is_tensor() || t.dtype() != DType::kBool || t.size() != 1) {
    return ctx.Fail("c1", "the condition is not one bool");
  }
  return t.data<uint8_t>()[0] != 0;
}

Tensor Bool(bool value) {
  Tensor t(DType::kBool, {});
  t.mutable_data<uint8_t>()[0] = value ? 1 : 0;
  return t;
}

Status Eval(EvalCtx& ctx) {
  const size_t carried = ctx.n_in() < 2 ? 0 : ctx.n_in() - 2;
  int64_t trips = INT64_MAX;
  if (ctx.Has(0)) {
    if (ctx.In(0).size() != 1) return ctx.Fail("c1", fmt::format("{} numbers of trips", ctx.In(0).size()));
    trips = ctx.Ints(0)[0];
  }
  bool go = true;
  if (ctx.Has(1)) {
    TRY(go, ConditionOf(ctx, ctx.Value(1)));
  }
  std::vector<RtValue> state;
  for (size_t i = 0; i < carried; ++i) state.push_back(ctx.Value(2 + i));
  std::vector<Stack> stacks(ctx.n_out() > carried ? ctx.n_out() - carried : 0);
  for (int64_t turn = 0; turn < trips && go; ++turn) {
    std::vector<RtValue> params = {Tensor::ScalarI64(turn), Bool(true)};
    for (RtValue& v : state) params.push_back(std::move(v));
    TRY(std::vector<RtValue> results, ctx.RunRegion(0, std::move(params)));
    if (results.size() < 1 + carried + stacks.size()) {
      return ctx.Fail("c2", fmt::format("{} results, {} carried", results.size(), carried));
    }
    TRY(go, ConditionOf(ctx, results[0]));
    for (size_t i = 0; i < carried; ++i) state[i] = std::move(results[1 + i]);
    for (size_t i = 0; i < stacks.size(); ++i) {
      RETURN_IF_ERROR(stacks[i].Push(ctx, "c3", std::move(results[1 + carried + i])));
    }
  }
  for (size_t i = 0; i < carried && i < ctx.n_out(); ++i) ctx.Set(i, std::move(state[i]));
  for (size_t i = 0; i < stacks.size(); ++i) {
    TRY(Tensor all, stacks[i].Join(ctx, "c3", 0, false, ListedType(ctx.attrs, "stacked_types", i)));
    ctx.Set(carried + i, std::move(all));
  }
  return Ok{};
}

}  // namespace

extern const OpDef kLoop{.name = "loop",
                         .doc = "Runs its region turn after turn, carrying values over and stacking others.",
                         .operands = kIn,
                         .results = kOut,
                         .attrs = kAttrs,
                         .constraints = kRules,
                         .regions = 1,
                         .infer = Infer,
                         .eval = Eval};

}  // namespace godwit::ops
