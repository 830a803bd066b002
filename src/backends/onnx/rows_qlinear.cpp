// QLinearConv and QLinearMatMul: an exact product of 8-bit integers, its sums scaled and quantised again, as one node.
#include <algorithm>
#include <cmath>
#include <optional>

#include "backends/onnx/emit.h"
#include "ir/convert.h"

namespace godwit::to_onnx {

namespace {

bool IsByte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

// What the quantize at hand makes 8-bit numbers of: sums times constant scales.
struct Sums {
  const Node* product = nullptr;
  std::vector<float> scales;  // one, or one for each channel
};

// The place of the only axis of more than one element, counted from the last one.
std::optional<int64_t> OnlyAxis(const Tensor& t) {
  std::optional<int64_t> axis;
  for (size_t k = 0; k < t.dims().size(); ++k) {
    if (t.dims()[k] == 1) continue;
    if (axis) return std::nullopt;
    axis = static_cast<int64_t>(t.dims().size() - 1 - k);
  }
  return axis;
}

// `channel`: where channels lie, counted from the last axis.
std::optional<Sums> ScaledSums(NodeExport& n, const OpDef& by, int64_t channel) {
  const bool plain = n.attrs().Int("block", 0) == 0 && n.attrs().Flag("saturate", true) &&
                     n.attrs().Str("rounding", "even") == "even" &&
                     n.attrs().Dtype("precision", DType::kF32) == DType::kF32;
  const Type& y_scale = n.TypeOf(1);
  if (!plain || !IsByte(n.OutType().dtype()) || !y_scale.ranked() || y_scale.rank() != 0 ||
      n.DtypeOf(1) != DType::kF32) {
    return std::nullopt;
  }
  const Node* scaled = n.Maker(n.Operand(0), ops::kMul);
  for (size_t k = 0; scaled != nullptr && k < 2; ++k) {
    const Node* cast = n.Maker(scaled->in[k], ops::kCast);
    const Node* product = cast != nullptr ? n.Maker(cast->in[0], by) : nullptr;
    const Tensor* scale = n.Known(scaled->in[1 - k]);
    if (product == nullptr || scale == nullptr || scale->dtype() != DType::kF32 || scale->size() == 0) continue;
    const DType dtype = n.OutType().dtype();
    if (n.TypeOf(product->in[0]).dtype() != dtype || !IsByte(n.TypeOf(product->in[1]).dtype())) continue;
    // Kernels take no signed data with unsigned weights.
    if (dtype == DType::kI8 && n.TypeOf(product->in[1]).dtype() != DType::kI8) continue;
    if (scale->size() != 1 && OnlyAxis(*scale) != channel) continue;
    const float* values = scale->data<float>();
    return Sums{product, std::vector<float>(values, values + scale->size())};
  }
  return std::nullopt;
}

// scales = data * weights, to the last bit, where the data tell their own scale; otherwise the data have 1.
struct Split {
  float data = 1;
  std::vector<float> weights;
};
Split Apart(NodeExport& n, const Sums& sums) {
  Split whole{1, sums.scales};
  const Node* made = n.DefOf(sums.product->in[0], ops::kQuantize);
  const Tensor* own = made != nullptr ? n.Known(made->in[1]) : nullptr;
  if (own == nullptr || own->size() != 1 || own->dtype() != DType::kF32) return whole;
  Split out{own->data<float>()[0], {}};
  for (const float scale : sums.scales) {
    const float near = scale / out.data;
    std::optional<float> exact;
    for (const float w : {near, std::nextafter(near, 0.0F), std::nextafter(near, INFINITY)}) {
      if (!exact && std::isfinite(w) && out.data * w == scale) exact = w;
    }
    if (!exact) return whole;
    out.weights.push_back(*exact);
  }
  return out;
}

Name Numbers(NodeExport& n, const std::vector<float>& values) {
  Tensor t(DType::kF32, values.size() == 1 ? Dims{} : Dims{static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), t.mutable_data<float>());
  return n.Const(std::move(t));
}

// Zero point `i` of a product, of the type of the numbers of operand `of`.
Name ZeroOf(NodeExport& n, const Node& product, size_t i, size_t of) {
  if (i < product.in.size() && product.in[i]) return OneZero(n, product.in[i]);
  return n.Number(n.TypeOf(product.in[of]).dtype(), 0);
}

Names Operands(NodeExport& n, const Sums& sums, size_t first_zero) {
  const Split scales = Apart(n, sums);
  const Node& product = *sums.product;
  Names in = {n.Of(product.in[0]),
              Numbers(n, {scales.data}),
              ZeroOf(n, product, first_zero, 0),
              n.Of(product.in[1]),
              Numbers(n, scales.weights),
              ZeroOf(n, product, first_zero + 1, 1),
              n.In(1)};
  in.push_back(n.Has(2) ? n.In(2) : n.Number(n.OutType().dtype(), 0));
  return in;
}

Status EmitQLinearConv(NodeExport& n) {
  const Type& type = n.OutType();
  if (!type.ranked() || type.rank() < 3) return n.NotThis();
  const auto sums = ScaledSums(n, ops::kConv, static_cast<int64_t>(type.rank()) - 2);
  if (!sums) return n.NotThis();
  const Node& conv = *sums->product;
  const bool first = conv.attrs.Int("channel_axis", 1) == 1 && conv.attrs.Str("weight_layout", "oihw") == "oihw";
  if (!first) return n.NotThis();
  Names in = Operands(n, *sums, 3);
  if (conv.in.size() > 2 && conv.in[2]) in.push_back(n.Of(conv.in[2]));
  n.Emit("QLinearConv", std::move(in), ConvAttrs(n, conv));
  return Ok{};
}

Status EmitQLinearMatMul(NodeExport& n) {
  const auto sums = ScaledSums(n, ops::kMatMul, 0);
  if (!sums || sums->product->attrs.Flag("transpose_a") || sums->product->attrs.Flag("transpose_b")) return n.NotThis();
  for (size_t i = 2; i < sums->product->in.size(); ++i) {
    const ValueId zero = sums->product->in[i];
    const Type& type = n.TypeOf(zero);
    if (zero && (!type.ranked() || type.rank() != 0)) return n.NotThis();
  }
  n.Emit("QLinearMatMul", Operands(n, *sums, 2));
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kQuantize, "QLinearConv", 10, EmitQLinearConv},
    {&ops::kQuantize, "QLinearMatMul", 10, EmitQLinearMatMul},
};

}  // namespace

Name OneZero(NodeExport& n, ValueId zero) {
  const Tensor* known = n.Known(zero);
  if (known == nullptr || known->size() == 0 || known->dims().empty()) return n.Of(zero);
  const std::vector<int64_t> values = ToI64(*known);
  const bool alike = std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == values[0]; });
  return alike ? n.Number(known->dtype(), static_cast<double>(values[0])) : n.Of(zero);
}

extern const RowSet kQLinearRows{kRows};

}  // namespace godwit::to_onnx
