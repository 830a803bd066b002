// Convolutions and matrix products of stored integers.
#include "exec/kernels/integer/product.h"

#include <fmt/format.h>

#include <cstring>

#include "exec/kernels/layout.h"
#include "exec/plan/conv_shape.h"
#include "exec/plan/integer/products.h"
#include "exec/plan/integer/rows.h"
#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

using kernels::Rescale;

ValueId OperandOf(const Node& node, size_t i) { return i < node.in.size() ? node.in[i] : ValueId(); }

bool IsWeight(DType dtype) { return IsByte(dtype) || dtype == DType::kI4; }

/// Whether 16-bit data sum up in 32 bits: the bias says so.
bool NarrowSums(const std::optional<Stored>& bias) { return bias && bias->dtype == DType::kI32; }

/// The factors from sums to the result, as the source's kernels compute them.
Rescale RescaleFor(const Cluster& c, const Stored& x, const Stored& w, const std::optional<Stored>& bias,
                   int64_t channels, bool once) {
  Rescale r;
  const auto sx = static_cast<double>(x.scale()), sy = static_cast<double>(c.y.scale());
  for (int64_t i = 0; i < channels; ++i) {
    const float sw = w.scales[w.single() ? 0 : static_cast<size_t>(i)];
    // 8-bit unsigned data go by one factor, computed in f32 at first.
    const double product =
        x.dtype == DType::kU8 && !once ? static_cast<double>(x.scale() * sw) : sx * static_cast<double>(sw);
    r.factors.push_back(product / sy);
  }
  if (once)
    r.rounding = Rescale::Rounding::kOnce;
  else if (x.dtype == DType::kI16 && !NarrowSums(bias))
    r.rounding = Rescale::Rounding::kWide;
  const StoredRange range = RangeOf(c.y, c.range);
  r.zero = c.y.zero();
  r.low = range.low;
  r.high = range.high;
  r.Prepare();
  return r;
}

/// Takes the sums to the result of type E, adding the bias of wide ones.
template <class E>
kernels::SumSink StoreTo(E* y, int64_t channels, const Rescale& rescale, const int64_t* bias) {
  return [=, &rescale](int64_t position, int64_t channel, int64_t count, const int32_t* sums, const int64_t* wide) {
    E* to = y + position * channels + channel;
    if (sums != nullptr) return kernels::RescaleRow(rescale, channel, count, sums, to);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t sum = wide[i] + (bias != nullptr ? bias[channel + i] : 0);
      to[i] = static_cast<E>(rescale.Of(sum, static_cast<size_t>(channel + i)));
    }
  };
}

/// reads: x, packed weights, bias or nothing. The bias is i32 for 8-bit data and i64 for 16-bit data.
FunctionStep::Body ProductBody(kernels::ProductShape shape, Rescale rescale, DType dtype, int32_t zero) {
  return [shape, rescale = std::move(rescale), dtype, zero](Frame& frame, const Step& step) -> Status {
    const auto* packed = frame.In<int32_t>(step.reads[1]);
    WithInteger(dtype, [&](auto e) {
      using E = decltype(e);
      const bool wide = sizeof(E) > 1;
      const int32_t* bias = step.reads[2] && !wide ? frame.In<int32_t>(step.reads[2]) : nullptr;
      const int64_t* wide_bias = step.reads[2] && wide ? frame.In<int64_t>(step.reads[2]) : nullptr;
      const auto sink = StoreTo(frame.Out<E>(step.writes[0]), shape.conv.out_channels, rescale, wide_bias);
      kernels::Product(shape, frame.In<E>(step.reads[0]), &zero, 0, packed, bias, sink, frame.threads);
    });
    return Ok{};
  };
}

/// The bias as the sums want it, where it is known; an invalid slot where there is none.
Result<std::optional<SlotId>> BiasSlot(Lowering& l, const std::optional<Stored>& bias, DType data, int64_t channels) {
  if (!bias) return std::optional(SlotId());
  const Tensor* known = l.Known(bias->value);
  std::optional<SlotId> none;
  if (known == nullptr || known->size() != channels) return none;
  const DType want = data == DType::kI16 ? DType::kI64 : DType::kI32;
  if (known->dtype() != DType::kI32 && known->dtype() != want) return none;
  TRY(Tensor t, ConvertTensor(*known, want));
  return std::optional(l.AddConstant(std::move(t)));
}

Result<bool> EmitProduct(Lowering& l, const Cluster& c, std::string label, const kernels::ProductShape& shape,
                         const Stored& x, const Stored& w, const Tensor& ordered, const std::optional<Stored>& bias,
                         bool once) {
  TRY(const auto bias_slot, BiasSlot(l, bias, x.dtype, shape.conv.out_channels));
  if (!bias_slot) return false;
  TRY(Tensor packed, PackedWeights(shape, w, ordered));
  Rescale rescale = RescaleFor(c, x, w, bias, shape.conv.out_channels, once);
  EmitInteger(l, c, std::move(label), {l.Plain(x.value), l.AddConstant(std::move(packed)), *bias_slot},
              ProductBody(shape, std::move(rescale), x.dtype, x.zero()));
  return true;
}

Result<bool> LowerConvCluster(Lowering& l, const Cluster& c) {
  if (c.body.size() != 1) return false;
  const Node& node = l.graph().node(c.core());
  const auto x = StoredOf(l, node.in[0]), w = StoredOf(l, node.in[1]), bias = StoredOf(l, OperandOf(node, 2));
  if (!x || !w || !x->single() || !c.y.single() || c.y.dtype != x->dtype) return false;
  if (OperandOf(node, 2) && !bias) return false;
  if (!WithInteger(x->dtype, [](auto) {}) || !IsWeight(w->dtype)) return false;
  TRY(const std::optional<StoredConv> conv, StoredConvOf(l, c.core(), *w));
  if (!conv) return false;
  const kernels::ConvShape& s = conv->shape.conv;
  return EmitProduct(l, c,
                     fmt::format("conv {}x{}{} {}", s.kernel[1], s.kernel[2], conv->shape.depthwise ? " depthwise" : "",
                                 Name(x->dtype)),
                     conv->shape, *x, *w, conv->weights, bias, false);
}

/// A product of rows by a matrix [out, in] that is computed too.
Result<bool> LowerComputedWeights(Lowering& l, const Cluster& c, const Stored& x, const Stored& w,
                                  const std::optional<Stored>& bias, const Dims& dx) {
  const Dims dw = l.DimsOf(w.value);
  if (dw.size() != 2 || dx.empty() || dx.back() != dw[1] || ElementCount(dx) == 0 || !w.single()) return false;
  if (!IsByte(x.dtype) || w.dtype != x.dtype) return false;
  const auto stack = MatrixStackOf({ElementCount(dx) / dx.back(), dx.back()}, dw, {{"transpose_b", int64_t{1}}});
  TRY(const auto bias_slot, BiasSlot(l, bias, x.dtype, dw[0]));
  if (!stack || !bias_slot) return false;
  const Rescale r = RescaleFor(c, x, w, bias, 1, true);
  EmitInteger(
      l, c, "fully connected", {l.Plain(x.value), l.Plain(w.value), *bias_slot},
      [stack = *stack, r, zx = x.zero(), zw = w.zero(), dtype = x.dtype](Frame& frame, const Step& s) -> Status {
        const auto* start = s.reads[2] ? frame.In<int32_t>(s.reads[2]) : nullptr;
        WithInteger(dtype, [&](auto e) {
          using E = decltype(e);
          auto* y = frame.Out<E>(s.writes[0]);
          MultiplyStacks(stack, frame.In<E>(s.reads[0]), zx, frame.In<E>(s.reads[1]), zw, frame.threads,
                         [&](int64_t at, int64_t sum) {
                           if (start != nullptr) sum += start[at % stack.n];
                           y[at] = static_cast<E>(r.Of(static_cast<int32_t>(sum), 0));
                         });
        });
        return Ok{};
      });
  return true;
}

/// A product of rows by a constant matrix [out, in].
Result<bool> LowerFullyConnected(Lowering& l, const Cluster& c, const Node& product, const std::optional<Stored>& bias,
                                 size_t body) {
  ValueId rows = product.in[0];
  // The rows may be the elements of any other shape.
  const NodeId def = l.graph().value(rows).def;
  if (def && l.graph().node(def).op == &ops::kReshape) {
    rows = l.graph().node(def).in[0];
    ++body;
  }
  if (c.body.size() != body) return false;
  const auto x = StoredOf(l, rows), w = StoredOf(l, product.in[1]);
  if (!x || !w || !x->single() || !c.y.single() || !IsWeight(w->dtype)) return false;
  if (c.y.dtype != x->dtype && !(x->dtype == DType::kU8 && c.y.dtype == DType::kI16)) return false;
  if (c.y.dtype != x->dtype || !WithInteger(x->dtype, [](auto) {})) return false;
  const Tensor* weights = l.Known(w->value);
  const Dims dx = l.DimsOf(product.in[0]);
  if (weights == nullptr) return LowerComputedWeights(l, c, *x, *w, bias, dx);
  if (weights->rank() != 2 || dx.empty() || (!w->single() && w->axis != 0)) return false;
  kernels::ProductShape shape;
  shape.conv.in_channels = weights->dim(1);
  shape.conv.out_channels = weights->dim(0);
  if (dx.back() != weights->dim(1) || ElementCount(dx) == 0) return false;
  shape.conv.in[2] = shape.conv.out[2] = ElementCount(dx) / dx.back();
  return EmitProduct(
      l, c,
      fmt::format("fully connected {}x{}x{} {}", shape.conv.out[2], dx.back(), shape.conv.out_channels, Name(x->dtype)),
      shape, *x, *w, *weights, bias, true);
}

/// A product of stacks of matrices, all computed.
Result<bool> LowerBatchMatMul(Lowering& l, const Cluster& c, NodeId id) {
  const Node& node = l.graph().node(id);
  const auto a = StoredOf(l, node.in[0]), b = StoredOf(l, node.in[1]);
  if (!a || !b || !a->single() || !b->single() || !c.y.single() || a->dtype != c.y.dtype) return false;
  const bool same = a->dtype == b->dtype || (a->dtype == DType::kI16 && b->dtype == DType::kI8);
  if (!same || !(a->dtype == DType::kI8 || a->dtype == DType::kI16)) return false;
  const auto stack = MatrixStackOf(l.DimsOf(a->value), l.DimsOf(b->value), l.AttrsOf(id));
  if (!stack) return false;
  Rescale r;
  r.factors = {static_cast<double>(a->scale() * b->scale()) / static_cast<double>(c.y.scale())};
  if (a->dtype == DType::kI16) r.rounding = Rescale::Rounding::kWide;
  const StoredRange range = RangeOf(c.y, c.range);
  r.zero = c.y.zero(), r.low = range.low, r.high = range.high;
  r.Prepare();
  const int32_t za = a->zero(), zb = b->zero();
  const DType da = a->dtype, db = b->dtype;
  EmitInteger(l, c, "batch matmul", {l.Plain(a->value), l.Plain(b->value)},
              [stack = *stack, r, za, zb, da, db](Frame& frame, const Step& step) -> Status {
                WithInteger(da, [&](auto ea) {
                  WithInteger(db, [&](auto eb) {
                    using A = decltype(ea);
                    using B = decltype(eb);
                    auto* y = frame.Out<A>(step.writes[0]);
                    MultiplyStacks(stack, frame.In<A>(step.reads[0]), za, frame.In<B>(step.reads[1]), zb, frame.threads,
                                   [&](int64_t at, int64_t sum) {
                                     if (sizeof(A) == 1) sum = static_cast<int32_t>(sum);
                                     y[at] = static_cast<A>(r.Of(sum, 0));
                                   });
                  });
                });
                return Ok{};
              });
  return true;
}

bool IsBatchMatMul(Lowering& l, NodeId id) {
  return l.graph().origin(l.graph().node(id).origin).op_type == "BATCH_MATMUL";
}

Result<bool> LowerMatMulCluster(Lowering& l, const Cluster& c) {
  const Node& node = l.graph().node(c.core());
  if (IsBatchMatMul(l, c.core())) return c.body.size() == 1 ? LowerBatchMatMul(l, c, c.core()) : Result<bool>(false);
  const Attrs& attrs = l.AttrsOf(c.core());
  if (!attrs.Flag("transpose_b") || attrs.Flag("transpose_a")) return false;
  return LowerFullyConnected(l, c, node, std::nullopt, 1);
}

Result<bool> LowerBiasCluster(Lowering& l, const Cluster& c) {
  if (c.body.size() < 2) return false;
  const NodeId id = c.body[c.body.size() - 2];
  const Node& product = l.graph().node(id);
  const Node& add = l.graph().node(c.core());
  const Attrs& attrs = l.AttrsOf(id);
  if (product.op != &ops::kMatMul || !attrs.Flag("transpose_b") || attrs.Flag("transpose_a")) return false;
  const bool first = add.in[0] == product.out[0];
  const auto bias = StoredOf(l, add.in[first ? 1 : 0]);
  if (!bias || IsBatchMatMul(l, id)) return false;
  return LowerFullyConnected(l, c, product, bias, 2);
}

Result<bool> LowerGemmCluster(Lowering& l, const Cluster& c) {
  const Node& node = l.graph().node(c.core());
  const Attrs& attrs = l.AttrsOf(c.core());
  if (!attrs.Flag("transpose_b") || attrs.Flag("transpose_a")) return false;
  if (attrs.Float("alpha", 1) != 1 || attrs.Float("beta", 1) != 1) return false;
  const auto bias = StoredOf(l, OperandOf(node, 2));
  if (OperandOf(node, 2) && !bias) return false;
  return LowerFullyConnected(l, c, node, bias, 1);
}

/// Each input position adds its share to the output positions it meets.
template <class E>
void TransposedSums(const kernels::ConvShape& s, const E* x, int32_t zero, const int32_t* w, int64_t image,
                    std::vector<int64_t>* sums) {
  const int64_t out = s.out_channels;
  int64_t from[3], k[3];
  const E* in = x + image * s.in[0] * s.in[1] * s.in[2] * s.in_channels;
  for (from[0] = 0; from[0] < s.in[0]; ++from[0]) {
    for (from[1] = 0; from[1] < s.in[1]; ++from[1]) {
      for (from[2] = 0; from[2] < s.in[2]; ++from[2], in += s.in_channels) {
        int64_t tap = 0;
        for (k[0] = 0; k[0] < s.kernel[0]; ++k[0]) {
          for (k[1] = 0; k[1] < s.kernel[1]; ++k[1]) {
            for (k[2] = 0; k[2] < s.kernel[2]; ++k[2], ++tap) {
              int64_t place = 0;
              bool inside = true;
              for (size_t i = 0; i < 3; ++i) {
                const int64_t p = from[i] * s.stride[i] - s.pad[i] + k[i] * s.dilation[i];
                inside = inside && p >= 0 && p < s.out[i];
                place = place * s.out[i] + p;
              }
              if (!inside) continue;
              int64_t* to = sums->data() + place * out;
              const int32_t* row = w + tap * s.in_channels * out;
              for (int64_t i = 0; i < s.in_channels; ++i, row += out) {
                const int32_t v = in[i] - zero;
                for (int64_t j = 0; j < out; ++j) to[j] += static_cast<int64_t>(v) * row[j];
              }
            }
          }
        }
      }
    }
  }
}

Result<bool> LowerConvTransposeCluster(Lowering& l, const Cluster& c) {
  // A bias may be the third operand or an addition of its own.
  const bool added = c.body.size() == 2;
  if (c.body.size() > 2) return false;
  const NodeId id = c.body[0];
  const Node& node = l.graph().node(id);
  if (node.op != &ops::kConvTranspose) return false;
  ValueId bias_value = OperandOf(node, 2);
  if (added) {
    const Node& add = l.graph().node(c.body[1]);
    if (add.op != &ops::kAdd || bias_value) return false;
    bias_value = add.in[add.in[0] == node.out[0] ? 1 : 0];
  }
  const auto x = StoredOf(l, node.in[0]), w = StoredOf(l, node.in[1]), bias = StoredOf(l, bias_value);
  if (!x || !w || !x->single() || !c.y.single() || c.y.dtype != x->dtype || !IsWeight(w->dtype)) return false;
  if ((bias_value && !bias) || !WithInteger(x->dtype, [](auto) {})) return false;
  TRY(const std::optional<ConvNode> conv, ConvOf(l, id));
  const Tensor* known = l.Known(w->value);
  if (!conv || conv->blocks != Layout::kBlockedLast || conv->shape.groups != 1 || known == nullptr) return false;
  // [in, out, spatial...] becomes [tap][in][out].
  const std::vector<int>& from = conv->weight_order;
  if (!w->single() && w->axis != from[1]) return false;
  std::vector<int> order(from.begin() + 2, from.end());
  order.push_back(from[0]);
  order.push_back(from[1]);
  TRY(const Tensor ordered, Ordered(*known, order));
  const kernels::ConvShape s = conv->shape;
  TRY(Tensor packed, Tensor::Make(DType::kI32, {ordered.size()}));
  const std::vector<int64_t> values = ToI64(ordered);
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t channel = w->single() ? 0 : i % static_cast<size_t>(s.out_channels);
    packed.mutable_data<int32_t>()[i] = static_cast<int32_t>(values[i]) - w->zeros[channel];
  }
  std::vector<int64_t> start(static_cast<size_t>(s.out_channels), 0);
  if (bias) {
    const Tensor* t = l.Known(bias->value);
    if (t == nullptr || t->size() != s.out_channels) return false;
    start = ToI64(*t);
  }
  Rescale rescale = RescaleFor(c, *x, *w, bias, s.out_channels, false);
  EmitInteger(l, c, "conv transpose", {l.Plain(x->value), l.AddConstant(std::move(packed))},
              [s, rescale, start, zero = x->zero(), dtype = x->dtype](Frame& frame, const Step& step) -> Status {
                const int64_t places = s.out[0] * s.out[1] * s.out[2], n = s.out_channels;
                ParallelFor(frame.threads, s.batch, 1, [&](int64_t begin, int64_t end) {
                  std::vector<int64_t> sums(static_cast<size_t>(places * n));
                  for (int64_t image = begin; image < end; ++image) {
                    for (size_t i = 0; i < sums.size(); ++i) sums[i] = start[i % start.size()];
                    WithInteger(dtype, [&](auto e) {
                      using E = decltype(e);
                      TransposedSums(s, frame.In<E>(step.reads[0]), zero, frame.In<int32_t>(step.reads[1]), image,
                                     &sums);
                      E* y = frame.Out<E>(step.writes[0]) + image * places * n;
                      const bool narrow = rescale.rounding == Rescale::Rounding::kTwice;
                      for (size_t i = 0; i < sums.size(); ++i) {
                        const int64_t sum = narrow ? static_cast<int32_t>(sums[i]) : sums[i];
                        y[i] = static_cast<E>(rescale.Of(sum, i % static_cast<size_t>(n)));
                      }
                    });
                  }
                });
                return Ok{};
              });
  return true;
}

constexpr ClusterRow kRows[] = {{&ops::kConv, LowerConvCluster},
                                {&ops::kMatMul, LowerMatMulCluster},
                                {&ops::kAdd, LowerBiasCluster},
                                {&ops::kGemm, LowerGemmCluster},
                                {&ops::kConvTranspose, LowerConvTransposeCluster},
                                {&ops::kAdd, LowerConvTransposeCluster}};

}  // namespace

std::span<const ClusterRow> ProductRows() { return kRows; }

}  // namespace godwit::plan
