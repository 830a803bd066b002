// cast: conversion between element types, text included.
#include <cmath>

#include "base/text.h"
#include "ir/op_def.h"
#include "ops/elementwise.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x"}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr AttrDef kAttrs[] = {
    {"to", AttrKind::kDType, "", "Element type of the result."},
    {"saturate", AttrKind::kInt, "1",
     "For 8-bit floats: out-of-range values become the largest finite one, else NaN or infinity."},
    {"round_mode", AttrKind::kString, "up", "For f8e8m0: up, down or nearest."}};
constexpr std::string_view kRules[] = {"c1: round_mode is up, down or nearest",
                                       "c2: text that is to be a number is one"};

Status Infer(InferCtx& ctx) {
  const std::string_view mode = ctx.attrs.Str("round_mode", "up");
  if (mode != "up" && mode != "down" && mode != "nearest") return ctx.Fail("c1", std::string(mode));
  Type type = ctx.In(0);
  const DType to = ctx.attrs.Dtype("to");
  if (type.is_tensor()) {
    type.tensor().dtype = to;
    type.tensor().quant = nullptr;
  }
  ctx.Out(0, std::move(type));
  if (to == DType::kI64 || to == DType::kI32 || to == DType::kBool) {
    auto contents = ctx.Contents(0);
    if (!contents) return Ok{};
    if (to == DType::kBool) {
      for (Dim& d : *contents) {
        if (!d.is_static()) return Ok{};
        d = Dim(d.value() != 0 ? 1 : 0);
      }
    }
    ctx.OutContents(0, *std::move(contents));
  }
  return Ok{};
}

std::string Spelled(double value, bool narrow) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
  return narrow ? ShortestFloat(static_cast<float>(value)) : ShortestDouble(value);
}

std::string Spell(const Tensor& t, int64_t i) {
  const std::byte* p = t.raw() + static_cast<size_t>(i) * ByteSize(t.dtype());
  if (t.dtype() == DType::kBool) return *reinterpret_cast<const uint8_t*>(p) != 0 ? "True" : "False";
  if (IsFloat(t.dtype())) return Spelled(LoadF64(t.dtype(), p), t.dtype() != DType::kF64);
  if (IsComplex(t.dtype())) {
    const auto z = LoadComplex(t.dtype(), p);
    const bool narrow = t.dtype() == DType::kC64;
    return Concat("(", Spelled(z.real(), narrow), z.imag() < 0 ? "" : "+", Spelled(z.imag(), narrow), "j)");
  }
  return IsUnsigned(t.dtype()) ? std::to_string(LoadU64(t.dtype(), p)) : std::to_string(LoadI64(t.dtype(), p));
}

bool ParseReal(std::string_view text, double* out) {
  text = Trim(text);
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower == "nan") return *out = std::nan(""), true;
  if (lower == "inf" || lower == "+inf" || lower == "infinity") return *out = INFINITY, true;
  if (lower == "-inf" || lower == "-infinity") return *out = -INFINITY, true;
  if (lower.starts_with("+")) lower.erase(0, 1);
  return ParseDouble(lower, out);
}

Status EvalFromText(EvalCtx& ctx, DType to, const ConvertOptions& options) {
  const Tensor& x = ctx.In(0);
  TRY(Tensor * out, ctx.Make(0, to, x.dims()));
  std::byte* dst = out->mutable_raw();
  for (int64_t i = 0; i < x.size(); ++i, dst += ByteSize(to)) {
    const std::string& text = *x.data<StringRef>()[i];
    int64_t whole = 0;
    double real = 0;
    if (IsInteger(to) && ParseInt(Trim(text), &whole)) {
      StoreI64(to, whole, dst);
    } else if (to == DType::kBool && (text == "True" || text == "true" || text == "False" || text == "false")) {
      StoreI64(to, text[0] == 'T' || text[0] == 't' ? 1 : 0, dst);
    } else if (ParseReal(text, &real)) {
      StoreF64(to, real, dst, options);
    } else {
      return ctx.Fail("c2", Concat("'", Printable(text, 64), "'"));
    }
  }
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const DType to = ctx.attrs.Dtype("to");
  const std::string_view mode = ctx.attrs.Str("round_mode", "up");
  const ConvertOptions options{.saturate = ctx.attrs.Flag("saturate", true),
                               .e8m0 = mode == "down"      ? ConvertOptions::Round::kDown
                                       : mode == "nearest" ? ConvertOptions::Round::kNearest
                                                           : ConvertOptions::Round::kUp};
  if (x.dtype() == to) {
    ctx.Set(0, ctx.Value(0));
  } else if (x.dtype() == DType::kString) {
    return EvalFromText(ctx, to, options);
  } else if (to == DType::kString) {
    TRY(Tensor * out, ctx.Make(0, to, x.dims()));
    for (int64_t i = 0; i < x.size(); ++i) out->mutable_data<StringRef>()[i] = Intern(Spell(x, i));
  } else {
    TRY(Tensor out, ConvertTensor(x, to, options));
    ctx.Set(0, std::move(out));
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3]"}, {{"to", DType::kI32}}},
                                   {{"i32[4]"}, {{"to", DType::kF16}}},
                                   {{"f32[3]"}, {{"to", DType::kF8E4M3FN}}},
                                   {{"f32[3]"}, {{"to", DType::kString}}},
                                   {{"bool[2]"}, {{"to", DType::kF32}}}};
  return samples;
}

}  // namespace

extern const OpDef kCast{.name = "cast",
                         .doc = "Converts the elements to another type.",
                         .operands = kIn,
                         .results = kOut,
                         .attrs = kAttrs,
                         .constraints = kRules,
                         .infer = Infer,
                         .eval = Eval,
                         .commute = CommuteElementwise,
                         .samples = Samples};

}  // namespace godwit::ops
