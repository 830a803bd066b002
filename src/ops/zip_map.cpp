// zip_map: each row of a matrix as a map from labels to its numbers.
#include <fmt/format.h>

#include "ir/op_def.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", DType::kF32}};
constexpr OperandDef kOut[] = {{"maps", kAnyType, OperandDef::kNotTensor}};
constexpr AttrDef kAttrs[] = {{"keys", AttrKind::kTensor, "", "The label of each column: i64 or text."}};
constexpr std::string_view kRules[] = {"c1: x has rank 2 (or 1: one row) and as many columns as there are keys",
                                       "c2: keys are i64 or text"};

Status Infer(InferCtx& ctx) {
  const Tensor* keys = ctx.attrs.TensorOf("keys");
  if (keys == nullptr || (keys->dtype() != DType::kI64 && keys->dtype() != DType::kString)) {
    return ctx.Fail("c2", keys ? std::string(Name(keys->dtype())) : "no keys");
  }
  ctx.Out(0, Type::Sequence(Type::Map(keys->dtype(), Type::Tensor(DType::kF32, {}))));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor* keys = ctx.attrs.TensorOf("keys");
  if (keys == nullptr || x.rank() < 1 || x.rank() > 2 || x.dim(-1) != keys->size()) {
    return ctx.Fail("c1", fmt::format("x {}, {} keys", ToString(x.dims()), keys ? keys->size() : 0));
  }
  const int64_t rows = x.rank() == 2 ? x.dim(0) : 1;
  const float* at = x.data<float>();
  std::vector<RtValue> maps;
  for (int64_t r = 0; r < rows; ++r) {
    RtMap map{keys->Reshaped({keys->size()}), {}};
    for (int64_t c = 0; c < keys->size(); ++c) map.values.emplace_back(Tensor::F32({}, {*at++}));
    maps.push_back(RtValue::Map(std::move(map)));
  }
  ctx.Set(0, RtValue::Sequence(std::move(maps)));
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[3,2]"}, {{"keys", Tensor::I64({2}, {5, 7})}}}};
  return samples;
}

}  // namespace

extern const OpDef kZipMap{.name = "zip_map",
                           .doc = "Each row as a map from the column's label to the number.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kAttrs,
                           .constraints = kRules,
                           .infer = Infer,
                           .eval = Eval,
                           .samples = Samples};

}  // namespace godwit::ops
