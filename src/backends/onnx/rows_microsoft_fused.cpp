// What ONNX Runtime's own optimiser puts together in com.microsoft: a node and those that feed it, as one. In f32
// alone, which is what the kernels of its CPU take.
#include <cmath>
#include <optional>

#include "backends/onnx/emit.h"
#include "rewrite/match.h"

namespace godwit::to_onnx {

namespace {

constexpr std::string_view kMicrosoft = "com.microsoft";

bool InF32(const NodeExport& n) { return n.DtypeOf(0) == DType::kF32 && n.OutType().dtype() == DType::kF32; }

// --- a convolution or product and the activation behind it

struct Activation {
  std::string name;
  std::vector<double> parameters;
};
std::optional<Activation> ActivationOf(NodeExport& n) {
  const Attrs& a = n.attrs();
  if (&n.op() == &ops::kRelu) return Activation{"Relu", {}};
  if (&n.op() == &ops::kSigmoid) return Activation{"Sigmoid", {}};
  if (&n.op() == &ops::kTanh) return Activation{"Tanh", {}};
  if (&n.op() == &ops::kLeakyRelu) return Activation{"LeakyRelu", {a.Float("alpha", 0.01)}};
  if (&n.op() == &ops::kHardSigmoid) {
    return Activation{"HardSigmoid", {a.Float("alpha", 0.2), a.Float("beta", 0.5)}};
  }
  if (&n.op() != &ops::kClip || !n.Has(1) || !n.Has(2)) return std::nullopt;
  const auto low = n.NeedNumber(1, "the lower bound"), high = n.NeedNumber(2, "the upper bound");
  if (!low.ok() || !high.ok()) return std::nullopt;
  return Activation{"Clip", {*low, *high}};
}

Status EmitFusedConv(NodeExport& n) {
  const Node* conv = InF32(n) ? n.Maker(n.Operand(0), ops::kConv) : nullptr;
  auto activation = conv == nullptr ? std::nullopt : ActivationOf(n);
  if (!activation) return n.NotThis();
  const bool plain = conv->attrs.Int("channel_axis", 1) == 1 && conv->attrs.Str("weight_layout", "oihw") == "oihw" &&
                     conv->in.size() <= 3 && n.TypeOf(conv->in[0]).dtype() == DType::kF32;
  if (!plain) return n.NotThis();
  OnnxAttrs attrs = ConvAttrs(n, *conv);
  attrs.Set("activation", std::move(activation->name));
  if (!activation->parameters.empty()) attrs.Set("activation_params", std::move(activation->parameters));
  Names in;
  for (const ValueId v : conv->in) in.push_back(n.Of(v));
  n.Emit("FusedConv", std::move(in), attrs);
  return Ok{};
}

Status EmitFusedGemm(NodeExport& n) {
  const Node* gemm = InF32(n) ? n.Maker(n.Operand(0), ops::kGemm) : nullptr;
  auto activation = gemm == nullptr ? std::nullopt : ActivationOf(n);
  if (!activation || activation->name == "Clip") return n.NotThis();
  OnnxAttrs attrs = GemmAttrs(*gemm);
  attrs.Set("activation", std::move(activation->name));
  constexpr std::string_view kNames[] = {"activation_alpha", "activation_beta"};
  for (size_t i = 0; i < activation->parameters.size(); ++i) attrs.Set(kNames[i], activation->parameters[i]);
  Names in;
  for (const ValueId v : gemm->in) in.push_back(n.Of(v));
  n.Emit("FusedGemm", std::move(in), attrs);
  return Ok{};
}

// --- a product of matrices, transposed and scaled

/// The one number that a constant is.
std::optional<double> NumberIn(NodeExport& n, ValueId v) {
  const Tensor* known = v ? n.Known(v) : nullptr;
  if (known == nullptr || known->size() != 1 || n.TypeOf(v).rank() > 1) return std::nullopt;
  const auto number = static_cast<double>(known->data<float>()[0]);
  return std::isfinite(number) && number != 0 ? std::optional(number) : std::nullopt;
}

/// What a product or quotient scales, and by how much.
struct Scaled {
  ValueId x;
  double factor = 1;
};
std::optional<Scaled> AsScaled(NodeExport& n, const Node& node) {
  if (node.op != &ops::kMul && node.op != &ops::kDiv) return std::nullopt;
  if (n.TypeOf(node.in[0]).dtype() != DType::kF32) return std::nullopt;
  for (size_t i : {1, 0}) {
    const auto number = NumberIn(n, node.in[i]);
    if (!number || (i == 0 && node.op == &ops::kDiv)) continue;
    return Scaled{node.in[1 - i], node.op == &ops::kMul ? *number : 1 / *number};
  }
  return std::nullopt;
}

bool SwapsLastTwo(const Node& transpose, int rank) {
  auto perm = rank < 2 ? std::nullopt : PermOf(transpose, rank);
  if (!perm) return false;
  std::swap((*perm)[static_cast<size_t>(rank) - 1], (*perm)[static_cast<size_t>(rank) - 2]);
  return IsIdentity(*perm);
}

/// An operand without the factors and the transposition that the product takes over.
struct Factor {
  ValueId v;
  bool swapped = false;
  double scale = 1;
  bool took = false;
};
Factor FactorOf(NodeExport& n, const Node& product, size_t i) {
  Factor f{product.in[i], product.attrs.Flag(i == 0 ? "transpose_a" : "transpose_b")};
  f.took = f.swapped;
  // Either may stand before the other.
  for (int turn = 0; turn < 2; ++turn) {
    for (const OpDef* op : {&ops::kMul, &ops::kDiv}) {
      const Node* maker = n.Maker(f.v, *op);
      const auto scaled = maker == nullptr ? std::nullopt : AsScaled(n, *maker);
      if (!scaled) continue;
      f.v = scaled->x;
      f.scale *= scaled->factor;
      f.took = true;
    }
    const Node* transpose = n.Maker(f.v, ops::kTranspose);
    if (transpose == nullptr || !n.TypeOf(f.v).ranked() || !SwapsLastTwo(*transpose, n.TypeOf(f.v).rank())) continue;
    f.v = transpose->in[0];
    f.swapped = !f.swapped;
    f.took = true;
  }
  return f;
}

Status EmitFusedProduct(NodeExport& n, const Node& product, double scale) {
  for (size_t i = 0; i < 2; ++i) {
    const Type& type = n.TypeOf(product.in[i]);
    if (type.dtype() != DType::kF32 || !type.ranked() || type.rank() < 2) return n.NotThis();
  }
  if (product.in.size() > 2) return n.NotThis();
  const Factor a = FactorOf(n, product, 0), b = FactorOf(n, product, 1);
  if (scale == 1 && !a.took && !b.took) return n.NotThis();
  OnnxAttrs attrs;
  attrs.SetFloat("alpha", scale * a.scale * b.scale, 1);
  attrs.SetInt("transA", a.swapped ? 1 : 0, 0);
  attrs.SetInt("transB", b.swapped ? 1 : 0, 0);
  n.Emit("FusedMatMul", {n.Of(a.v), n.Of(b.v)}, attrs);
  return Ok{};
}

Status EmitFusedMatMul(NodeExport& n) { return InF32(n) ? EmitFusedProduct(n, n.node(), 1) : Status(n.NotThis()); }

Status EmitScaledMatMul(NodeExport& n) {
  const auto scaled = InF32(n) ? AsScaled(n, n.node()) : std::nullopt;
  const Node* product = scaled ? n.Maker(scaled->x, ops::kMatMul) : nullptr;
  if (product == nullptr || !SameShape(n.TypeOf(scaled->x), n.OutType())) return n.NotThis();
  return EmitFusedProduct(n, *product, scaled->factor);
}

// --- activations with what stands before them

// A bias for each place of the last axis, and gelu.
Status EmitBiasGelu(NodeExport& n) {
  const bool tanh = n.attrs().Str("approximate", "none") == "tanh";
  const Node* add = InF32(n) ? n.Maker(n.Operand(0), ops::kAdd) : nullptr;
  if (add == nullptr || tanh != (n.row().onnx == "FastGelu")) return n.NotThis();
  for (size_t i : {1, 0}) {
    const Type &bias = n.TypeOf(add->in[i]), &x = n.TypeOf(add->in[1 - i]);
    if (!bias.ranked() || bias.rank() != 1 || !SameShape(x, n.OutType()) || x.rank() < 2) continue;
    if (!(bias.shape()[0] == x.shape().back())) continue;
    n.Emit(n.row().onnx, {n.Of(add->in[1 - i]), n.Of(add->in[i])});
    return Ok{};
  }
  return n.NotThis();
}

Status EmitQuickGelu(NodeExport& n) {
  if (!InF32(n)) return n.NotThis();
  n.Emit("QuickGelu", n.Ins(), {{"alpha", n.attrs().Float("alpha", 1)}});
  return Ok{};
}

constexpr Row Fused(const OpDef& op, std::string_view onnx, Status (*emit)(NodeExport&)) {
  return {&op, onnx, 1, emit, 99, kMicrosoft, Use::kFused};
}
constexpr Row kRows[] = {
    Fused(ops::kClip, "FusedConv", EmitFusedConv),        Fused(ops::kDiv, "FusedMatMul", EmitScaledMatMul),
    Fused(ops::kGelu, "BiasGelu", EmitBiasGelu),          Fused(ops::kGelu, "FastGelu", EmitBiasGelu),
    Fused(ops::kHardSigmoid, "FusedConv", EmitFusedConv), Fused(ops::kHardSigmoid, "FusedGemm", EmitFusedGemm),
    Fused(ops::kLeakyRelu, "FusedConv", EmitFusedConv),   Fused(ops::kLeakyRelu, "FusedGemm", EmitFusedGemm),
    Fused(ops::kMatMul, "FusedMatMul", EmitFusedMatMul),  Fused(ops::kMul, "FusedMatMul", EmitScaledMatMul),
    Fused(ops::kRelu, "FusedConv", EmitFusedConv),        Fused(ops::kRelu, "FusedGemm", EmitFusedGemm),
    Fused(ops::kSigmoid, "FusedConv", EmitFusedConv),     Fused(ops::kSigmoid, "FusedGemm", EmitFusedGemm),
    Fused(ops::kSilu, "QuickGelu", EmitQuickGelu),        Fused(ops::kTanh, "FusedConv", EmitFusedConv),
    Fused(ops::kTanh, "FusedGemm", EmitFusedGemm),
};

}  // namespace

extern const RowSet kMicrosoftFusedRows{kRows};

}  // namespace godwit::to_onnx
