// Between tensors and sequences: split_to_sequence and concat_from_sequence. Optionals: optional, optional_get,
// optional_has.
#include <fmt/format.h>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr uint8_t kOther = OperandDef::kNotTensor;
constexpr OperandDef kSplitIn[] = {{"data"}, {"sizes", kIndex, OperandDef::kOptional}};
constexpr OperandDef kSplitOut[] = {{"sequence", kAnyType, kOther}};
constexpr AttrDef kSplitAttrs[] = {
    {"axis", AttrKind::kInt, "0", "The axis that is cut."},
    {"keep_dim", AttrKind::kInt, "1", "Without sizes: 1 keeps the axis, with a dim of 1; 0 removes it."}};
constexpr std::string_view kSplitRules[] = {
    "c1: -rank <= axis < rank", "c2: sizes is a positive number, or a list of sizes that sum to the axis' dim"};

Status InferSplit(InferCtx& ctx) {
  ctx.Out(0, Type::Sequence(Type::Tensor(ctx.DtypeOf(0))));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), ctx.Rank(0)));
  Shape part = ctx.ShapeOf(0);
  if (!ctx.Has(1)) {
    part[static_cast<size_t>(axis)] = Dim(1);
    if (!ctx.attrs.Flag("keep_dim", true)) part.erase(part.begin() + axis);
  } else {
    part[static_cast<size_t>(axis)] = ctx.Fresh("part");
  }
  ctx.Out(0, Type::Sequence(Type::Tensor(ctx.DtypeOf(0), std::move(part))));
  return Ok{};
}

Result<std::vector<int64_t>> PartSizes(const EvalCtx& ctx, int64_t dim) {
  if (!ctx.Has(1)) return std::vector<int64_t>(static_cast<size_t>(dim), 1);
  std::vector<int64_t> sizes = ctx.Ints(1);
  if (ctx.In(1).rank() == 0) {
    const int64_t part = sizes[0];
    if (part < 1) return ctx.Fail("c2", fmt::format("parts of {}", part));
    sizes.assign(static_cast<size_t>(dim / part), part);
    if (dim % part != 0) sizes.push_back(dim % part);
    return sizes;
  }
  int64_t left = dim;
  for (int64_t s : sizes) {
    if (s < 0 || s > left) return ctx.Fail("c2", fmt::format("a part of {} where {} of {} are left", s, left, dim));
    left -= s;
  }
  if (left != 0) return ctx.Fail("c2", fmt::format("{} of {} are left over", left, dim));
  return sizes;
}

Status EvalSplit(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(int axis, ctx.Axis("c1", ctx.attrs.Int("axis"), in.rank()));
  TRY(std::vector<int64_t> sizes, PartSizes(ctx, in.dim(axis)));
  const bool drop = !ctx.Has(1) && !ctx.attrs.Flag("keep_dim", true);
  const int64_t outer = OuterCount(in.dims(), axis);
  const int64_t inner = InnerCount(in.dims(), axis);
  const size_t step = ByteSize(in.dtype());
  const std::byte* src = in.raw();
  std::vector<RtValue> parts;
  for (int64_t size : sizes) {
    Dims dims = in.dims();
    dims[static_cast<size_t>(axis)] = size;
    if (drop) dims.erase(dims.begin() + axis);
    TRY(Tensor part, Tensor::Make(in.dtype(), std::move(dims)));
    const int64_t run = size * inner;
    StridedCopy({{outer, run}, {in.dim(axis) * inner, 1}, {run, 1}}, step, src, part.mutable_raw());
    src += static_cast<size_t>(run) * step;
    parts.emplace_back(std::move(part));
  }
  ctx.Set(0, RtValue::Sequence(std::move(parts)));
  return Ok{};
}

constexpr OperandDef kConcatIn[] = {{"sequence", kAnyType, kOther}};
constexpr OperandDef kConcatOut[] = {{"y"}};
constexpr AttrDef kConcatAttrs[] = {
    {"axis", AttrKind::kInt, "", "The axis along which the elements follow one another."},
    {"new_axis", AttrKind::kInt, "0", "1: the axis is a new one."}};
constexpr std::string_view kConcatRules[] = {"c1: the operand is a sequence of tensors, with one at least",
                                             "c2: axis is an axis of the result",
                                             "c3: the elements agree in dtype and all dims but the axis"};

Status InferConcat(InferCtx& ctx) {
  const Type& in = ctx.In(0);
  const Type element = in.kind() == Type::Kind::kSequence ? in.element() : Type();
  ctx.Out(0, Type::Tensor(element.dtype()));
  if (!element.ranked()) return Ok{};
  const bool added = ctx.attrs.Flag("new_axis");
  TRY(int axis, ctx.Axis("c2", ctx.attrs.Int("axis"), element.rank() + (added ? 1 : 0)));
  Shape out = element.shape();
  if (added) out.insert(out.begin() + axis, Dim(1));
  out[static_cast<size_t>(axis)] = ctx.Fresh("concat");
  ctx.Out(0, element.dtype(), std::move(out));
  return Ok{};
}

Status EvalConcat(EvalCtx& ctx) {
  const RtValue& value = ctx.Value(0);
  if (value.kind != RtValue::Kind::kSequence || value.sequence->empty()) return ctx.Fail("c1", "nothing to join");
  for (const RtValue& v : *value.sequence) {
    if (!v.is_tensor()) return ctx.Fail("c1", "an element that is no tensor");
  }
  const Tensor& first = (*value.sequence)[0].tensor;
  const bool added = ctx.attrs.Flag("new_axis");
  TRY(int axis, ctx.Axis("c2", ctx.attrs.Int("axis"), first.rank() + (added ? 1 : 0)));
  const auto dims_of = [&](const Tensor& t) {
    Dims dims = t.dims();
    if (added) dims.insert(dims.begin() + axis, 1);
    return dims;
  };
  const size_t at = static_cast<size_t>(axis);
  Dims dims = dims_of(first);
  dims[at] = 0;
  for (const RtValue& v : *value.sequence) {
    Dims part = v.tensor.rank() == first.rank() ? dims_of(v.tensor) : Dims();
    const int64_t n = part.empty() ? 0 : part[at];
    if (!part.empty()) part[at] = dims[at];
    if (part != dims || v.tensor.dtype() != first.dtype()) {
      return ctx.Fail("c3", fmt::format("{} and {}", ToString(first.dims()), ToString(v.tensor.dims())));
    }
    dims[at] += n;
  }
  TRY(Tensor * out, ctx.Make(0, first.dtype(), dims));
  if (out->size() == 0) return Ok{};
  const int64_t outer = OuterCount(dims, axis);
  const int64_t row = dims[at] * InnerCount(dims, axis);
  std::byte* dst = out->mutable_raw();
  for (const RtValue& v : *value.sequence) {
    const int64_t run = v.tensor.size() / outer;
    StridedCopy({{outer, run}, {run, 1}, {row, 1}}, ByteSize(first.dtype()), v.tensor.raw(), dst);
    dst += static_cast<size_t>(run) * ByteSize(first.dtype());
  }
  return Ok{};
}

constexpr OperandDef kOptionalIn[] = {{"element", kAnyType, OperandDef::kOptional | kOther}};
constexpr OperandDef kOptionalOut[] = {{"optional", kAnyType, kOther}};
constexpr OperandDef kGetIn[] = {{"optional", kAnyType, kOther}};
constexpr OperandDef kGetOut[] = {{"element", kAnyType, kOther}};
constexpr OperandDef kHasOut[] = {{"filled", kBools}};
constexpr AttrDef kOptionalAttrs[] = {{"type", AttrKind::kType, "none", "What an empty one could hold."}};
constexpr std::string_view kGetRules[] = {"c1: the optional is filled"};

Status InferOptional(InferCtx& ctx) {
  const Type* type = ctx.attrs.TypeOf("type");
  ctx.Out(0, Type::Optional(ctx.Has(0) ? ctx.In(0) : type ? *type : Type()));
  return Ok{};
}
Status EvalOptional(EvalCtx& ctx) {
  ctx.Set(0, ctx.Has(0) ? ctx.Value(0) : RtValue::None());
  return Ok{};
}

Status InferGet(InferCtx& ctx) {
  ctx.Out(0, ctx.In(0).kind() == Type::Kind::kOptional ? ctx.In(0).element() : ctx.In(0));
  return Ok{};
}
Status EvalGet(EvalCtx& ctx) {
  if (!ctx.Has(0) || ctx.Value(0).kind == RtValue::Kind::kNone) return ctx.Fail("c1", "it is empty");
  ctx.Set(0, ctx.Value(0));
  return Ok{};
}

Status InferHas(InferCtx& ctx) {
  ctx.Out(0, DType::kBool, {});
  return Ok{};
}
Status EvalHas(EvalCtx& ctx) {
  TRY(Tensor * out, ctx.Make(0, DType::kBool, {}));
  const bool filled = ctx.Has(0) && ctx.Value(0).kind != RtValue::Kind::kNone;
  out->mutable_data<uint8_t>()[0] = filled ? 1 : 0;
  return Ok{};
}

std::span<const Sample> SplitSamples() {
  static const Sample samples[] = {{{"f32[3,6]"}, {}},
                                   {{"f32[3,6]"}, {{"keep_dim", int64_t{0}}, {"axis", int64_t{1}}}},
                                   {{"f32[3,6]", "i64[] = 4"}, {{"axis", int64_t{-1}}}},
                                   {{"f32[3,6]", "i64[2] = 1,2"}, {}}};
  return samples;
}
std::span<const Sample> ConcatSamples() {
  static const Sample samples[] = {{{"seq(f32[2,3])"}, {{"axis", int64_t{0}}}},
                                   {{"seq(f32[2,3])"}, {{"axis", int64_t{-1}}, {"new_axis", int64_t{1}}}}};
  return samples;
}
std::span<const Sample> OptionalSamples() {
  static const Sample samples[] = {{{"f32[2]"}, {}}, {{""}, {{"type", Type::Tensor(DType::kF32, {Dim(2)})}}}};
  return samples;
}
std::span<const Sample> GetSamples() {
  static const Sample samples[] = {{{"opt(f32[2])"}, {}}, {{"seq(f32[2])"}, {}}};
  return samples;
}
std::span<const Sample> HasSamples() {
  static const Sample samples[] = {{{"opt(f32[2])"}, {}}, {{""}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kSplitToSequence{.name = "split_to_sequence",
                                    .doc = "Cuts a tensor into a sequence of parts along an axis.",
                                    .operands = kSplitIn,
                                    .results = kSplitOut,
                                    .attrs = kSplitAttrs,
                                    .constraints = kSplitRules,
                                    .infer = InferSplit,
                                    .eval = EvalSplit,
                                    .samples = SplitSamples};
extern const OpDef kConcatFromSequence{.name = "concat_from_sequence",
                                       .doc = "Joins the tensors of a sequence along an axis, an old or a new one.",
                                       .operands = kConcatIn,
                                       .results = kConcatOut,
                                       .attrs = kConcatAttrs,
                                       .constraints = kConcatRules,
                                       .infer = InferConcat,
                                       .eval = EvalConcat,
                                       .samples = ConcatSamples};
extern const OpDef kOptional{.name = "optional",
                             .doc = "An optional that holds its operand, or an empty one.",
                             .operands = kOptionalIn,
                             .results = kOptionalOut,
                             .attrs = kOptionalAttrs,
                             .infer = InferOptional,
                             .eval = EvalOptional,
                             .samples = OptionalSamples};
extern const OpDef kOptionalGet{.name = "optional_get",
                                .doc = "What a filled optional holds; anything else passes as it is.",
                                .operands = kGetIn,
                                .results = kGetOut,
                                .constraints = kGetRules,
                                .infer = InferGet,
                                .eval = EvalGet,
                                .samples = GetSamples};
extern const OpDef kOptionalHas{.name = "optional_has",
                                .doc = "Whether an optional is filled.",
                                .operands = kOptionalIn,
                                .results = kHasOut,
                                .infer = InferHas,
                                .eval = EvalHas,
                                .samples = HasSamples};

}  // namespace godwit::ops
