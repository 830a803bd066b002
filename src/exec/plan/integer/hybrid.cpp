// Real data times stored weights: the data are quantised when the operator runs, row by row or image by image, the sums
// are of integers, and the result is real.
#include <algorithm>

#include "exec/kernels/integer/quantize_rows.h"
#include "exec/plan/integer/products.h"
#include "exec/plan/integer/rows.h"
#include "exec/plan/lower_rules.h"
#include "ops/arithmetic.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

struct Hybrid {
  Stored w;
  bool asymmetric = false;
};

std::optional<Hybrid> HybridOf(Lowering& l, ValueId real) {
  if (auto w = StoredOf(l, real, ops::kLitertHybrid)) return Hybrid{*std::move(w), false};
  if (auto w = StoredOf(l, real, ops::kLitertHybridAsymmetric)) return Hybrid{*std::move(w), true};
  return std::nullopt;
}

/// How sums become real numbers again; the order of the factors decides about the last bit.
enum class Factors : uint8_t {
  kRow,         ///< sum * (row * weights), one scale for all weights
  kRowChannel,  ///< sum * (row * weight)
  kChannelRow,  ///< sum * weight * row
  kProduct,     ///< sum * (weight * row)
};

struct HybridProduct {
  kernels::ProductShape shape;
  Factors factors = Factors::kRow;
  bool asymmetric = false, quantises_rows = false;
  std::vector<float> scales;

  /// x as it lies: images of positions of channels, quantised by the position or by the image.
  void Run(const float* x, const int32_t* packed, const float* bias, float* y, ThreadPool* pool) const {
    const kernels::ConvShape& s = shape.conv;
    const int64_t in_places = s.in[0] * s.in[1] * s.in[2], out_places = s.out[0] * s.out[1] * s.out[2];
    const int64_t rows = quantises_rows ? s.batch * in_places : s.batch;
    const int64_t length = s.in_channels * (quantises_rows ? 1 : in_places);
    std::vector<int8_t> bytes(static_cast<size_t>(rows * length));
    std::vector<float> row_scales(static_cast<size_t>(rows));
    std::vector<int32_t> zeros(row_scales.size());
    ParallelFor(pool, rows, 1 + 16384 / std::max<int64_t>(1, length), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const auto quantise = asymmetric ? kernels::QuantizeAsymmetric : kernels::QuantizeSymmetric;
        const kernels::RowScale row = quantise(x + r * length, length, bytes.data() + r * length);
        row_scales[static_cast<size_t>(r)] = row.scale;
        zeros[static_cast<size_t>(r)] = row.zero;
      }
    });
    const int64_t per_row = quantises_rows ? 1 : out_places;
    const auto sink = [&](int64_t position, int64_t channel, int64_t count, const int32_t* sums, const int64_t*) {
      const float row = row_scales[static_cast<size_t>(position / per_row)];
      float* to = y + position * s.out_channels + channel;
      for (int64_t i = 0; i < count; ++i) {
        const auto sum = static_cast<float>(sums[i]);
        const float weight = scales[scales.size() == 1 ? 0 : static_cast<size_t>(channel + i)];
        float v = factors == Factors::kChannelRow ? sum * weight * row : sum * (row * weight);
        if (bias != nullptr) v += bias[channel + i];
        to[i] = v;
      }
    };
    if (!quantises_rows) return kernels::Product(shape, bytes.data(), zeros.data(), 1, packed, nullptr, sink, pool);
    // Rows with zero points of their own: each is an image of one position.
    kernels::ProductShape single = shape;
    single.conv.batch = rows;
    single.conv.in[2] = single.conv.out[2] = 1;
    if (asymmetric) return kernels::Product(single, bytes.data(), zeros.data(), 1, packed, nullptr, sink, pool);
    const int32_t none = 0;
    kernels::Product(shape, bytes.data(), &none, 0, packed, nullptr, sink, pool);
  }
};

/// reads: x, packed weights, bias or nothing.
void EmitHybrid(Lowering& l, NodeId id, std::string label, HybridProduct product, ValueId x, Tensor packed,
                ValueId bias) {
  const ValueId y = l.graph().node(id).out[0];
  auto step = std::make_unique<FunctionStep>(
      std::move(label), [product = std::move(product)](Frame& frame, const Step& s) -> Status {
        product.Run(frame.In<float>(s.reads[0]), frame.In<int32_t>(s.reads[1]),
                    s.reads[2] ? frame.In<float>(s.reads[2]) : nullptr, frame.Out<float>(s.writes[0]), frame.threads);
        return Ok{};
      });
  step->reads = {l.Plain(x), l.AddConstant(std::move(packed)), l.Plain(bias)};
  step->writes = {l.Define(y, Layout::kPlain)};
  l.Emit(std::move(step), id);
}

bool IsReal(Lowering& l, ValueId v) { return l.IsStatic(v) && l.TypeOf(v).dtype() == DType::kF32; }

/// A bias that fits, or none.
bool FitsBias(Lowering& l, ValueId bias, int64_t channels) {
  return !bias || (IsReal(l, bias) && ElementCount(l.DimsOf(bias)) == channels);
}

Result<bool> LowerHybridConv(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId x = node.in[0], bias = node.in.size() > 2 ? node.in[2] : ValueId();
  const auto hybrid = HybridOf(l, node.in[1]);
  if (!hybrid || !node.out[0] || !IsReal(l, x) || !IsReal(l, node.out[0]) || !l.IsStatic(node.in[1])) return false;
  const Stored& w = hybrid->w;
  if (w.dtype != DType::kI8 && w.dtype != DType::kI4) return false;
  TRY(const std::optional<StoredConv> conv, StoredConvOf(l, id, w));
  if (!conv || !FitsBias(l, bias, conv->shape.conv.out_channels) || !w.symmetric()) return false;
  HybridProduct p;
  p.shape = conv->shape;
  p.scales = w.scales;
  const bool differ = std::any_of(w.scales.begin(), w.scales.end(), [&](float s) { return s != w.scales[0]; });
  if (conv->shape.depthwise) {
    p.asymmetric = true;
    p.factors = Factors::kProduct;
  } else if (differ || conv->shape.conv.groups != 1) {
    p.asymmetric = true;
    p.factors = Factors::kChannelRow;
  } else {
    p.scales.resize(1);
  }
  TRY(Tensor packed, PackedWeights(p.shape, w, conv->weights));
  EmitHybrid(l, id, "hybrid conv", std::move(p), x, std::move(packed), bias);
  return true;
}

/// Rows by a constant matrix, [out, in] or [in, out].
Result<bool> LowerHybridRows(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  const ValueId x = node.in[0], bias = node.in.size() > 2 ? node.in[2] : ValueId();
  const auto hybrid = HybridOf(l, node.in[1]);
  if (!hybrid || !node.out[0] || !IsReal(l, x) || !IsReal(l, node.out[0])) return false;
  const bool transposed = attrs.Flag("transpose_b");
  if (attrs.Flag("transpose_a")) return false;
  if (attrs.Float("alpha", 1) != 1 || attrs.Float("beta", 1) != 1) return false;
  const Stored& w = hybrid->w;
  const Tensor* known = l.Known(w.value);
  if (known == nullptr || known->rank() != 2 || (w.dtype != DType::kI8 && w.dtype != DType::kI4)) return false;
  TRY(const Tensor weights, Ordered(*known, transposed ? std::vector<int>{0, 1} : std::vector<int>{1, 0}));
  const Dims dims = l.DimsOf(x);
  if (dims.empty() || dims.back() != weights.dim(1) || ElementCount(dims) == 0) return false;
  const int outputs = transposed ? 0 : 1;
  if ((!w.single() && w.axis != outputs) || !w.symmetric() || !FitsBias(l, bias, weights.dim(0))) return false;
  HybridProduct p;
  p.shape.conv.in_channels = weights.dim(1);
  p.shape.conv.out_channels = weights.dim(0);
  p.shape.conv.in[2] = p.shape.conv.out[2] = ElementCount(dims) / dims.back();
  p.asymmetric = hybrid->asymmetric;
  p.quantises_rows = true;
  p.factors = w.single() ? Factors::kRow : Factors::kRowChannel;
  p.scales = w.scales;
  TRY(Tensor packed, PackedWeights(p.shape, w, weights));
  EmitHybrid(l, id, "hybrid matmul", std::move(p), x, std::move(packed), bias);
  return true;
}

constexpr LowerRule kRules[] = {
    {&ops::kConv, LowerHybridConv}, {&ops::kMatMul, LowerHybridRows}, {&ops::kGemm, LowerHybridRows}};

}  // namespace

std::span<const LowerRule> HybridRules() { return kRules; }

}  // namespace godwit::plan
