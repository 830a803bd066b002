// Random numbers, and Dropout which is the identity unless a model asks to be trained.
#include <bit>

#include "frontends/onnx/calc.h"

namespace godwit::from_onnx {

namespace {

// Seeds are floats in ONNX; absent ones leave the choice to the run.
Status AddSeed(NodeImport& n, Attrs* attrs) {
  if (!n.HasAttr("seed")) return Ok{};
  auto node_seed = n.Float("seed");
  if (!node_seed.ok()) {
    TRY(const int64_t whole, n.Int("seed"));  // Dropout's is an integer
    attrs->Set("seed", whole);
    return Ok{};
  }
  attrs->Set("seed", static_cast<int64_t>(std::bit_cast<uint32_t>(static_cast<float>(*node_seed))));
  return Ok{};
}

// Attribute spans of the distribution itself.
Result<Attrs> UniformAttrs(NodeImport& n, DType dtype) {
  TRY(const double low, n.Float("low", 0));
  TRY(const double high, n.Float("high", 1));
  Attrs attrs{{"dtype", dtype}, {"low", low}, {"high", high}};
  RETURN_IF_ERROR(AddSeed(n, &attrs));
  return attrs;
}
Result<Attrs> NormalAttrs(NodeImport& n, DType dtype) {
  TRY(const double mean, n.Float("mean", 0));
  TRY(const double scale, n.Float("scale", 1));
  Attrs attrs{{"dtype", dtype}, {"mean", mean}, {"scale", scale}};
  RETURN_IF_ERROR(AddSeed(n, &attrs));
  return attrs;
}

using AttrsOf = Result<Attrs> (*)(NodeImport&, DType);

template <const OpDef& Op, AttrsOf Make>
Status ImportRandom(NodeImport& n) {
  TRY(const DType dtype, n.DtypeAttr("dtype", DType::kF32));
  TRY(const std::vector<int64_t> shape, n.Ints("shape"));
  TRY(Attrs attrs, Make(n, dtype));
  TRY(ValueId y, n.Emit(Op, {n.I64s(shape)}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}

template <const OpDef& Op, AttrsOf Make>
Status ImportRandomLike(NodeImport& n) {
  TRY(ValueId like, n.In(0));
  TRY(const DType dtype, n.DtypeAttr("dtype", n.DtypeOf(like)));
  if (!kFloats.Has(dtype)) return n.Unsupported("random numbers are of a float type, and dtype does not name one");
  TRY(Attrs attrs, Make(n, dtype));
  TRY(ValueId shape, n.Emit(ops::kShapeOf, {like}));
  TRY(ValueId y, n.Emit(Op, {shape}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}

Status ImportMultinomial(NodeImport& n) {
  TRY(const DType dtype, n.DtypeAttr("dtype", DType::kI32));
  TRY(const int64_t samples, n.Int("sample_size", 1));
  Attrs attrs{{"dtype", dtype}, {"samples", samples}};
  RETURN_IF_ERROR(AddSeed(n, &attrs));
  return n.Same(ops::kMultinomial, std::move(attrs));
}

// True with the probability that each element states.
Status ImportBernoulli(NodeImport& n) {
  TRY(ValueId p, n.In(0));
  TRY(const DType dtype, n.DtypeAttr("dtype", n.DtypeOf(p)));
  Attrs attrs{{"dtype", n.DtypeOf(p)}};
  RETURN_IF_ERROR(AddSeed(n, &attrs));
  Calc c(n);
  const ValueId u = c.Op(ops::kRandomUniform, {c.Op(ops::kShapeOf, {p})}, std::move(attrs));
  n.Out(0, c.Cast(c.Op(ops::kLess, {u, p}), dtype));
  return c.status();
}

// All true, in the shape of x.
ValueId TrueLike(NodeImport& n, Calc& c, ValueId x) {
  Tensor yes(DType::kBool, {});
  yes.mutable_data<uint8_t>()[0] = 1;
  return c.Op(ops::kLogicalOr, {c.Cast(x, DType::kBool), n.Constant(std::move(yes))});
}

// Before version 12: whatever is_test says, runtimes take the node as the identity.
Status ImportDropoutAttrs(NodeImport& n) {
  for (const char* name : {"consumed_inputs", "is_test", "ratio"}) n.Ignore(name);
  TRY(ValueId x, n.In(0));
  n.Out(0, x);
  if (!n.Wants(1)) return Ok{};
  Calc c(n);
  const ValueId mask = TrueLike(n, c, x);
  n.Out(1, n.version() < 10 ? c.Cast(mask, n.DtypeOf(x)) : mask);
  return c.status();
}

Status ImportDropout(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  Calc c(n);
  const ValueId training = n.InOrNone(2);
  const Tensor* known = training ? n.KnownTensor(training) : nullptr;
  const bool never = !training || (known && known->size() == 1 && known->data<uint8_t>()[0] == 0);
  if (never) {
    n.Ignore("seed");
    n.Out(0, x);
    if (n.Wants(1)) n.Out(1, TrueLike(n, c, x));
    return c.status();
  }
  const ValueId ratio = n.Has(1) ? c.Cast(n.InOrNone(1), n.DtypeOf(x)) : c.Number(x, 0.5);
  Attrs attrs{{"dtype", n.DtypeOf(x)}};
  RETURN_IF_ERROR(AddSeed(n, &attrs));
  const ValueId u = c.Op(ops::kRandomUniform, {c.Op(ops::kShapeOf, {x})}, std::move(attrs));
  const ValueId kept = c.Op(ops::kLessEqual, {ratio, u});
  const ValueId mask = c.Op(ops::kLogicalOr, {kept, c.Op(ops::kLogicalNot, {training})});
  const ValueId scale = c.Op(ops::kReciprocal, {c.Sub(c.Number(x, 1), ratio)});
  const ValueId y = c.Op(ops::kWhere, {kept, c.Mul(x, scale), c.Number(x, 0)});
  n.Out(0, c.Op(ops::kWhere, {training, y, x}));
  n.Out(1, mask);
  return c.status();
}

constexpr Rule kRules[] = {
    {"Bernoulli", 15, ImportBernoulli},
    {"Dropout", 1, ImportDropoutAttrs},
    {"Dropout", 12, ImportDropout},
    {"Multinomial", 7, ImportMultinomial},
    {"RandomNormal", 1, ImportRandom<ops::kRandomNormal, NormalAttrs>},
    {"RandomNormalLike", 1, ImportRandomLike<ops::kRandomNormal, NormalAttrs>},
    {"RandomUniform", 1, ImportRandom<ops::kRandomUniform, UniformAttrs>},
    {"RandomUniformLike", 1, ImportRandomLike<ops::kRandomUniform, UniformAttrs>},
};

}  // namespace

extern const RuleSet kRandomRules{"", kRules};

}  // namespace godwit::from_onnx
