// Sequences: making them, putting in, taking out, counting, mapping.
#include <fmt/format.h>

#include <limits>

#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/region_types.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr uint8_t kOther = OperandDef::kNotTensor;
constexpr OperandDef kSequenceOut[] = {{"sequence", kAnyType, kOther}};
constexpr OperandDef kPartsIn[] = {{"parts", kAnyType, OperandDef::kVariadic | OperandDef::kOptional | kOther}};
constexpr OperandDef kInsertIn[] = {
    {"sequence", kAnyType, kOther}, {"element", kAnyType, kOther}, {"position", kIndex, OperandDef::kOptional}};
constexpr OperandDef kEraseIn[] = {{"sequence", kAnyType, kOther}, {"position", kIndex, OperandDef::kOptional}};
constexpr OperandDef kAtIn[] = {{"sequence", kAnyType, kOther}, {"position", kIndex}};
constexpr OperandDef kElementOut[] = {{"element", kAnyType, kOther}};
constexpr OperandDef kLengthIn[] = {{"sequence", kAnyType, kOther}};
constexpr OperandDef kLengthOut[] = {{"length", TypeSet(DType::kI64)}};
constexpr AttrDef kEmptyAttrs[] = {{"dtype", AttrKind::kDType, "f32", "Element type of the tensors it may hold."}};
constexpr std::string_view kRules[] = {"c1: the operand is a sequence",
                                       "c2: position is one number, -length <= position < length (insert: <= length)"};

const std::vector<RtValue>* ElementsOf(const RtValue& value) {
  return value.kind == RtValue::Kind::kSequence ? value.sequence.get() : nullptr;
}

// What sequences hold, when that is known.
Type ElementType(const Type& type) {
  if (type.kind() == Type::Kind::kOptional) return ElementType(type.element());
  return type.kind() == Type::Kind::kSequence ? type.element() : Type();
}

// Elements have any shape: only what all have in common is the sequence's element type.
Type Covering(InferCtx& ctx, const Type& a, const Type& b) {
  if (a.is_unknown()) return b;
  if (b.is_unknown()) return a;
  return JoinTypes(ctx, a, b, "element");
}

Status InferEmpty(InferCtx& ctx) {
  ctx.Out(0, Type::Sequence(Type::Tensor(ctx.attrs.Dtype("dtype", DType::kF32))));
  return Ok{};
}
Status EvalEmpty(EvalCtx& ctx) {
  ctx.Set(0, RtValue::Sequence({}));
  return Ok{};
}

Status InferConstruct(InferCtx& ctx) {
  Type element;
  for (size_t i = 0; i < ctx.n_in(); ++i) element = i == 0 ? ctx.In(0) : Covering(ctx, element, ctx.In(i));
  ctx.Out(0, Type::Sequence(std::move(element)));
  return Ok{};
}
Status EvalConstruct(EvalCtx& ctx) {
  std::vector<RtValue> elements;
  for (size_t i = 0; i < ctx.n_in(); ++i) elements.push_back(ctx.Value(i));
  ctx.Set(0, RtValue::Sequence(std::move(elements)));
  return Ok{};
}

// `past` is one where the place after the last element is allowed.
Result<size_t> Position(const EvalCtx& ctx, size_t operand, size_t length, size_t past) {
  const std::vector<int64_t> values = ctx.Ints(operand);
  const int64_t n = static_cast<int64_t>(length);
  if (values.size() != 1 || values[0] < -n || values[0] >= n + static_cast<int64_t>(past)) {
    return ctx.Fail("c2", fmt::format("position {} of {}", values.empty() ? 0 : values[0], n));
  }
  return static_cast<size_t>(values[0] < 0 ? values[0] + n : values[0]);
}

Status InferInsert(InferCtx& ctx) {
  ctx.Out(0, Type::Sequence(Covering(ctx, ElementType(ctx.In(0)), ctx.In(1))));
  return Ok{};
}
Status EvalInsert(EvalCtx& ctx) {
  const std::vector<RtValue>* from = ElementsOf(ctx.Value(0));
  if (from == nullptr) return ctx.Fail("c1", "something else");
  size_t at = from->size();
  if (ctx.Has(2)) {
    TRY(at, Position(ctx, 2, from->size(), 1));
  }
  std::vector<RtValue> elements = *from;
  elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(at), ctx.Value(1));
  ctx.Set(0, RtValue::Sequence(std::move(elements)));
  return Ok{};
}

Status InferErase(InferCtx& ctx) {
  ctx.Out(0, ctx.In(0));
  return Ok{};
}
Status EvalErase(EvalCtx& ctx) {
  const std::vector<RtValue>* from = ElementsOf(ctx.Value(0));
  if (from == nullptr) return ctx.Fail("c1", "something else");
  if (from->empty()) return ctx.Fail("c2", "the sequence is empty");
  size_t at = from->size() - 1;
  if (ctx.Has(1)) {
    TRY(at, Position(ctx, 1, from->size(), 0));
  }
  std::vector<RtValue> elements = *from;
  elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(at));
  ctx.Set(0, RtValue::Sequence(std::move(elements)));
  return Ok{};
}

Status InferAt(InferCtx& ctx) {
  ctx.Out(0, ElementType(ctx.In(0)));
  return Ok{};
}
Status EvalAt(EvalCtx& ctx) {
  const std::vector<RtValue>* from = ElementsOf(ctx.Value(0));
  if (from == nullptr) return ctx.Fail("c1", "something else");
  TRY(size_t at, Position(ctx, 1, from->size(), 0));
  ctx.Set(0, (*from)[at]);
  return Ok{};
}

Status InferLength(InferCtx& ctx) {
  ctx.Out(0, DType::kI64, {});
  return Ok{};
}
Status EvalLength(EvalCtx& ctx) {
  const std::vector<RtValue>* from = ElementsOf(ctx.Value(0));
  if (from == nullptr) return ctx.Fail("c1", "something else");
  ctx.Set(0, Tensor::ScalarI64(static_cast<int64_t>(from->size())));
  return Ok{};
}

constexpr OperandDef kMapIn[] = {{"sequence", kAnyType, kOther},
                                 {"more", kAnyType, OperandDef::kVariadic | OperandDef::kOptional | kOther}};
constexpr OperandDef kMapOut[] = {{"sequences", kAnyType, OperandDef::kVariadic | kOther}};
constexpr std::string_view kMapRules[] = {"c1: the first operand is a sequence", "c2: sequences are of one length",
                                          "c3: the region has as many results as the node"};

Status InferMap(InferCtx& ctx) {
  std::vector<Type> params;
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    const bool sequence = i == 0 || ctx.In(i).kind() == Type::Kind::kSequence;
    params.push_back(sequence ? ElementType(ctx.In(i)) : ctx.In(i));
  }
  TRY(std::vector<Type> results, ctx.InferRegion(0, params));
  if (results.size() < ctx.n_out()) return ctx.Fail("c3", fmt::format("{} for {}", results.size(), ctx.n_out()));
  for (size_t i = 0; i < ctx.n_out(); ++i) ctx.Out(i, Type::Sequence(results[i]));
  return Ok{};
}

Status EvalMap(EvalCtx& ctx) {
  const std::vector<RtValue>* first = ElementsOf(ctx.Value(0));
  if (first == nullptr) return ctx.Fail("c1", "something else");
  std::vector<std::vector<RtValue>> mapped(ctx.n_out());
  for (size_t k = 0; k < first->size(); ++k) {
    std::vector<RtValue> params;
    for (size_t i = 0; i < ctx.n_in(); ++i) {
      const std::vector<RtValue>* elements = ElementsOf(ctx.Value(i));
      if (elements != nullptr && elements->size() != first->size()) {
        return ctx.Fail("c2", fmt::format("{} and {}", first->size(), elements->size()));
      }
      params.push_back(elements ? (*elements)[k] : ctx.Value(i));
    }
    TRY(std::vector<RtValue> results, ctx.RunRegion(0, std::move(params)));
    if (results.size() < ctx.n_out()) return ctx.Fail("c3", fmt::format("{} for {}", results.size(), ctx.n_out()));
    for (size_t i = 0; i < ctx.n_out(); ++i) mapped[i].push_back(std::move(results[i]));
  }
  for (size_t i = 0; i < ctx.n_out(); ++i) ctx.Set(i, RtValue::Sequence(std::move(mapped[i])));
  return Ok{};
}

std::span<const Sample> EmptySamples() {
  static const Sample samples[] = {{{}, {}}, {{}, {{"dtype", DType::kString}}}};
  return samples;
}
std::span<const Sample> ConstructSamples() {
  static const Sample samples[] = {{{"f32[2]", "f32[3]"}, {}}, {{"i64[2,1]"}, {}}};
  return samples;
}
std::span<const Sample> InsertSamples() {
  static const Sample samples[] = {{{"seq(f32[2])", "f32[3]", "i64[] = 1"}, {}}, {{"seq(i32[2])", "i32[2]"}, {}}};
  return samples;
}
std::span<const Sample> EraseSamples() {
  static const Sample samples[] = {{{"seq(f32[2])"}, {}}, {{"seq(f32[2])", "i64[] = -3"}, {}}};
  return samples;
}
std::span<const Sample> AtSamples() {
  static const Sample samples[] = {{{"seq(f32[2])", "i64[] = -1"}, {}}};
  return samples;
}
std::span<const Sample> LengthSamples() {
  static const Sample samples[] = {{{"seq(f32[2])"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kSequenceEmpty{.name = "sequence_empty",
                                  .doc = "A sequence without elements.",
                                  .results = kSequenceOut,
                                  .attrs = kEmptyAttrs,
                                  .infer = InferEmpty,
                                  .eval = EvalEmpty,
                                  .samples = EmptySamples};
extern const OpDef kSequenceConstruct{.name = "sequence_construct",
                                      .doc = "The sequence of its operands.",
                                      .operands = kPartsIn,
                                      .results = kSequenceOut,
                                      .infer = InferConstruct,
                                      .eval = EvalConstruct,
                                      .samples = ConstructSamples};
extern const OpDef kSequenceInsert{.name = "sequence_insert",
                                   .doc = "The sequence with an element put in before a position, or at the end.",
                                   .operands = kInsertIn,
                                   .results = kSequenceOut,
                                   .constraints = kRules,
                                   .infer = InferInsert,
                                   .eval = EvalInsert,
                                   .samples = InsertSamples};
extern const OpDef kSequenceErase{.name = "sequence_erase",
                                  .doc = "The sequence without the element at a position, or the last one.",
                                  .operands = kEraseIn,
                                  .results = kSequenceOut,
                                  .constraints = kRules,
                                  .infer = InferErase,
                                  .eval = EvalErase,
                                  .samples = EraseSamples};
extern const OpDef kSequenceAt{.name = "sequence_at",
                               .doc = "The element at a position; negative ones count from the end.",
                               .operands = kAtIn,
                               .results = kElementOut,
                               .constraints = kRules,
                               .infer = InferAt,
                               .eval = EvalAt,
                               .samples = AtSamples};
extern const OpDef kSequenceLength{.name = "sequence_length",
                                   .doc = "The number of elements of a sequence.",
                                   .operands = kLengthIn,
                                   .results = kLengthOut,
                                   .constraints = kRules,
                                   .infer = InferLength,
                                   .eval = EvalLength,
                                   .samples = LengthSamples};
extern const OpDef kSequenceMap{.name = "sequence_map",
                                .doc = "The region's results for each element of a sequence, as sequences.",
                                .operands = kMapIn,
                                .results = kMapOut,
                                .constraints = kMapRules,
                                .regions = 1,
                                .infer = InferMap,
                                .eval = EvalMap};

}  // namespace godwit::ops
