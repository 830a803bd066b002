// bit_cast: the same bits as another element type of equal width.
#include <fmt/format.h>

#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/elementwise.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr TypeSet kBitTypes = kNumbers | kSmallFloats | kSmallInts | kBools | kComplexes;
constexpr OperandDef kIn[] = {{"x", kBitTypes}};
constexpr OperandDef kOut[] = {{"y", kBitTypes}};
constexpr AttrDef kAttrs[] = {{"to", AttrKind::kDType, "", "Element type of the result."}};
constexpr std::string_view kRules[] = {"c1: both types have the same number of bits"};

Status Infer(InferCtx& ctx) {
  const DType from = ctx.DtypeOf(0);
  const DType to = ctx.attrs.Dtype("to");
  if (from != DType::kNone && Info(from).bits != Info(to).bits) {
    return ctx.Fail("c1", fmt::format("{} to {}", Name(from), Name(to)));
  }
  Type type = ctx.In(0);
  if (type.is_tensor()) {
    type.tensor().dtype = to;
    type.tensor().quant = nullptr;
  }
  ctx.Out(0, std::move(type));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const DType to = ctx.attrs.Dtype("to");
  if (Info(x.dtype()).bits != Info(to).bits) {
    return ctx.Fail("c1", fmt::format("{} to {}", Name(x.dtype()), Name(to)));
  }
  const int bits = Info(to).bits;
  if (bits >= 8) {
    ctx.Set(0, x.Reinterpreted(to));
    return Ok{};
  }
  // Elements below a byte lie in one byte each, signed ones extended: the extension changes with the type.
  TRY(Tensor * out, ctx.Make(0, to, x.dims()));
  const int mask = (1 << bits) - 1;
  for (int64_t i = 0; i < x.size(); ++i) {
    int v = x.data<uint8_t>()[i] & mask;
    if (IsSigned(to) && (v >> (bits - 1)) != 0) v -= 1 << bits;
    out->mutable_data<uint8_t>()[i] = static_cast<uint8_t>(v);
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3]"}, {{"to", DType::kI32}}},
                                   {{"i8[4]"}, {{"to", DType::kU8}}},
                                   {{"u4[4]"}, {{"to", DType::kI4}}},
                                   {{"u16[3] = 1,40000,65535"}, {{"to", DType::kI16}}},
                                   {{"i32[3] = -1,7,-2147483648"}, {{"to", DType::kU32}}},
                                   {{"f64[]"}, {{"to", DType::kU64}}}};
  return samples;
}

}  // namespace

extern const OpDef kBitCast{.name = "bit_cast",
                            .doc = "The same bits as another element type of equal width.",
                            .operands = kIn,
                            .results = kOut,
                            .attrs = kAttrs,
                            .constraints = kRules,
                            .infer = Infer,
                            .eval = Eval,
                            .commute = CommuteElementwise,
                            .decompose = DecomposeBitCast,
                            .samples = Samples};

}  // namespace godwit::ops
