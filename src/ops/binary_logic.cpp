// logical_and, logical_or, logical_xor, bitwise_and, bitwise_or, bitwise_xor, bit_shift.
#include "ops/broadcast.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/elementwise.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kBoolsIn[] = {{"a", kBools}, {"b", kBools}};
constexpr OperandDef kBitsIn[] = {{"a", kInts, OperandDef::kPlain, 'T'}, {"b", kInts, OperandDef::kPlain, 'T'}};
constexpr OperandDef kBitsOut[] = {{"y", kInts, OperandDef::kPlain, 'T'}};
constexpr AttrDef kShiftAttrs[] = {{"direction", AttrKind::kString, "", "left or right."}};
constexpr std::string_view kShiftRules[] = {"c1: the operands' shapes broadcast", "c2: direction is left or right"};

template <bool (*Fn)(bool, bool)>
Status EvalBool(EvalCtx& ctx) {
  const Tensor& a = ctx.In(0);
  const Tensor& b = ctx.In(1);
  const Dims* shapes[] = {&a.dims(), &b.dims()};
  TRY(Dims dims, BroadcastDims(ctx, shapes, "c1"));
  TRY(Tensor * out, ctx.Make(0, DType::kBool, std::move(dims)));
  BroadcastWalk walk(out->dims(), shapes);
  auto* dst = out->mutable_data<uint8_t>();
  for (int64_t i = 0; i < walk.count(); ++i, walk.Next()) {
    dst[i] = Fn(a.data<uint8_t>()[walk.offset(0)] != 0, b.data<uint8_t>()[walk.offset(1)] != 0) ? 1 : 0;
  }
  return Ok{};
}

bool And(bool a, bool b) { return a && b; }
bool Or(bool a, bool b) { return a || b; }
bool Xor(bool a, bool b) { return a != b; }

template <bool (*Fn)(bool, bool)>
Status InferBool(InferCtx& ctx) {
  return InferBinaryContents(ctx, DType::kBool, [](const Dim& a, const Dim& b) -> std::optional<Dim> {
    if (!a.is_static() || !b.is_static()) return std::nullopt;
    return Dim(Fn(a.value() != 0, b.value() != 0) ? 1 : 0);
  });
}

Status EvalBitwiseAnd(EvalCtx& ctx) {
  return EvalBinary(
      ctx, {nullptr, [](int64_t a, int64_t b) { return a & b; }, [](uint64_t a, uint64_t b) { return a & b; }});
}
Status EvalBitwiseOr(EvalCtx& ctx) {
  return EvalBinary(
      ctx, {nullptr, [](int64_t a, int64_t b) { return a | b; }, [](uint64_t a, uint64_t b) { return a | b; }});
}
Status EvalBitwiseXor(EvalCtx& ctx) {
  return EvalBinary(
      ctx, {nullptr, [](int64_t a, int64_t b) { return a ^ b; }, [](uint64_t a, uint64_t b) { return a ^ b; }});
}

// Shifting by the width or more (or by a negative count) moves all bits out.
Status InferShift(InferCtx& ctx) {
  const std::string_view direction = ctx.attrs.Str("direction");
  if (direction != "left" && direction != "right") return ctx.Fail("c2", std::string(direction));
  return InferBinary(ctx);
}
int64_t Left(int64_t a, int64_t b) {
  return b < 0 || b >= 64 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) << b);
}
int64_t Right(int64_t a, int64_t b) { return b < 0 || b >= 64 ? (a < 0 ? -1 : 0) : a >> b; }
uint64_t LeftU(uint64_t a, uint64_t b) { return b >= 64 ? 0 : a << b; }
uint64_t RightU(uint64_t a, uint64_t b) { return b >= 64 ? 0 : a >> b; }

Status EvalShift(EvalCtx& ctx) {
  if (ctx.attrs.Str("direction") == "left") return EvalBinary(ctx, {nullptr, Left, LeftU});
  return EvalBinary(ctx, {nullptr, Right, RightU});
}

std::span<const Sample> BoolSamples() {
  static const Sample samples[] = {
      {{"bool[2,3,4]", "bool[3,1]"}, {}}, {{"bool[4]", "bool[]"}, {}}, {{"bool[2,0]", "bool[1,1]"}, {}}};
  return samples;
}
std::span<const Sample> BitSamples() {
  static const Sample samples[] = {{{"u8[2,3,4]", "u8[3,1]"}, {}},
                                   {{"i32[4]", "i32[]"}, {}},
                                   {{"u64[2,0]", "u64[1,1]"}, {}},
                                   {{"i8[3] = -128,-1,5", "i8[3] = 127,-2,-6"}, {}},
                                   {{"i64[2] = -9223372036854775807,77", "i64[2] = -3,9223372036854775807"}, {}},
                                   {{"u64[2] = 9223372036854775815,77", "u64[1] = 9223372036854775811"}, {}}};
  return samples;
}
std::span<const Sample> ShiftSamples() {
  static const Sample samples[] = {{{"u8[3] = 1,7,200", "u8[3] = 1,8,2"}, {{"direction", std::string("left")}}},
                                   {{"u32[2,2]", "u32[] = 3"}, {{"direction", std::string("right")}}}};
  return samples;
}

constexpr OpDef Logical(std::string_view name, std::string_view doc, Status (*infer)(InferCtx&),
                        Status (*eval)(EvalCtx&)) {
  return {.name = name,
          .doc = doc,
          .operands = kBoolsIn,
          .results = kBoolResult,
          .constraints = kBroadcastConstraint,
          .infer = infer,
          .eval = eval,
          .commute = CommuteBroadcast,
          .samples = BoolSamples};
}
constexpr OpDef Bitwise(std::string_view name, std::string_view doc, Status (*eval)(EvalCtx&),
                        Status (*decompose)(DecomposeCtx&)) {
  return {.name = name,
          .doc = doc,
          .operands = kBitsIn,
          .results = kBitsOut,
          .constraints = kBroadcastConstraint,
          .infer = InferBinary,
          .eval = eval,
          .commute = CommuteBroadcast,
          .decompose = decompose,
          .samples = BitSamples};
}

}  // namespace

extern const OpDef kLogicalAnd = Logical("logical_and", "True where both are.", InferBool<And>, EvalBool<And>);
extern const OpDef kLogicalOr = Logical("logical_or", "True where either is.", InferBool<Or>, EvalBool<Or>);
extern const OpDef kLogicalXor = Logical("logical_xor", "True where one alone is.", InferBool<Xor>, EvalBool<Xor>);
extern const OpDef kBitwiseAnd =
    Bitwise("bitwise_and", "The bits that both have.", EvalBitwiseAnd, DecomposeBitwiseAnd);
extern const OpDef kBitwiseOr = Bitwise("bitwise_or", "The bits that either has.", EvalBitwiseOr, DecomposeBitwiseOr);
extern const OpDef kBitwiseXor =
    Bitwise("bitwise_xor", "The bits that one alone has.", EvalBitwiseXor, DecomposeBitwiseXor);
extern const OpDef kBitShift{.name = "bit_shift",
                             .doc = "a shifted by b bits; bits shifted out are lost.",
                             .operands = kBitsIn,
                             .results = kBitsOut,
                             .attrs = kShiftAttrs,
                             .constraints = kShiftRules,
                             .infer = InferShift,
                             .eval = EvalShift,
                             .decompose = DecomposeBitShift,
                             .samples = ShiftSamples};

}  // namespace godwit::ops
