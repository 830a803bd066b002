// label_encode: a dictionary from numbers or text to numbers or text, looked up for each element.
#include <bit>
#include <unordered_map>

#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/elementwise.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kNumbers | kBools | kStrings}};
constexpr OperandDef kOut[] = {{"y", kNumbers | kBools | kStrings}};
constexpr AttrDef kAttrs[] = {{"keys", AttrKind::kTensor, "", "What is looked up, of x's element type."},
                              {"values", AttrKind::kTensor, "", "What each key stands for."},
                              {"fallback", AttrKind::kTensor, "", "One element: what all else stands for."}};
constexpr std::string_view kRules[] = {"c1: keys have the element type of x", "c2: there are as many values as keys",
                                       "c3: fallback is one element of the type of the values"};

// The constraint that the dictionary breaks; empty where it breaks none.
std::string_view Broken(const Attrs& attrs, DType x) {
  const Tensor* keys = attrs.TensorOf("keys");
  const Tensor* values = attrs.TensorOf("values");
  const Tensor* fallback = attrs.TensorOf("fallback");
  if (!keys || (x != DType::kNone && keys->dtype() != x)) return "c1";
  if (!values || values->size() != keys->size()) return "c2";
  if (!fallback || fallback->size() != 1 || fallback->dtype() != values->dtype()) return "c3";
  return {};
}

// The element as bits that are equal exactly where keys count as equal: zeros of both signs, and NaNs, are one.
uint64_t KeyOf(const Tensor& t, int64_t i) {
  const std::byte* p = t.raw() + static_cast<size_t>(i) * ByteSize(t.dtype());
  if (t.dtype() == DType::kString) return reinterpret_cast<uintptr_t>(t.data<StringRef>()[i]);
  if (!IsFloat(t.dtype())) return LoadU64(t.dtype(), p);
  const double v = LoadF64(t.dtype(), p);
  return v != v ? ~uint64_t{0} : std::bit_cast<uint64_t>(v == 0 ? 0.0 : v);
}

Status Infer(InferCtx& ctx) {
  const std::string_view broken = Broken(ctx.attrs, ctx.DtypeOf(0));
  if (!broken.empty()) return ctx.Fail(broken, "the dictionary does not fit");
  Type type = ctx.In(0);
  if (type.is_tensor()) type.tensor().dtype = ctx.attrs.TensorOf("values")->dtype();
  ctx.Out(0, std::move(type));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const std::string_view broken = Broken(ctx.attrs, x.dtype());
  if (!broken.empty()) return ctx.Fail(broken, "the dictionary does not fit");
  const Tensor& keys = *ctx.attrs.TensorOf("keys");
  const Tensor& values = *ctx.attrs.TensorOf("values");
  const Tensor& fallback = *ctx.attrs.TensorOf("fallback");
  std::unordered_map<uint64_t, int64_t> index;
  for (int64_t i = 0; i < keys.size(); ++i) index[KeyOf(keys, i)] = i;
  TRY(Tensor * out, ctx.Make(0, values.dtype(), x.dims()));
  const size_t step = ByteSize(values.dtype());
  for (int64_t i = 0; i < x.size(); ++i) {
    const auto it = index.find(KeyOf(x, i));
    const std::byte* from = it == index.end() ? fallback.raw() : values.raw() + static_cast<size_t>(it->second) * step;
    std::copy(from, from + step, out->mutable_raw() + static_cast<size_t>(i) * step);
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Attrs table = {{"keys", Tensor::I64({2}, {2, 3})},
                              {"values", Tensor::F32({2}, {0.5F, 1.5F})},
                              {"fallback", Tensor::F32({}, {-1.0F})}};
  const auto text = [](std::initializer_list<std::string_view> list) {
    std::vector<StringRef> refs;
    for (const std::string_view t : list) refs.push_back(Intern(t));
    return Tensor::Of<StringRef>(DType::kString, {static_cast<int64_t>(refs.size())}, refs);
  };
  static const Attrs texts = {{"keys", text({"s2", "s0"})}, {"values", text({"x", "y"})}, {"fallback", text({"none"})}};
  static const Sample samples[] = {{{"i64[4] = 1,2,3,4"}, table}, {{"i64[2,3]"}, table}, {{"string[2,3]"}, texts}};
  return samples;
}

}  // namespace

extern const OpDef kLabelEncode{.name = "label_encode",
                                .doc = "What a dictionary holds for each element.",
                                .operands = kIn,
                                .results = kOut,
                                .attrs = kAttrs,
                                .constraints = kRules,
                                .infer = Infer,
                                .eval = Eval,
                                .commute = CommuteElementwise,
                                .decompose = DecomposeLabelEncode,
                                .samples = Samples};

}  // namespace godwit::ops
