// Products and convolutions of 8-bit integers by constant ones, exact like the operators.
#include <fmt/format.h>

#include "exec/kernels/int_conv.h"
#include "exec/kernels/int_gemm.h"
#include "exec/plan/conv_shape.h"
#include "exec/plan/lower_rules.h"
#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

bool IsByte(DType dtype) { return dtype == DType::kU8 || dtype == DType::kI8; }

std::vector<int32_t> ZerosOf(const Tensor& t) {
  std::vector<int32_t> zeros;
  for (const int64_t z : ToI64(t)) zeros.push_back(static_cast<int32_t>(z));
  return zeros;
}

/// The zero points of a computed operand, read when the step runs.
std::vector<int32_t> ZerosOf(const Frame& frame, SlotId slot) {
  return slot ? ZerosOf(frame.Value(slot).tensor) : std::vector<int32_t>{0};
}

template <class E>
class IntProductStep final : public Step {
 public:
  IntProductStep(int64_t m, int64_t n, int64_t k) : m_(m), n_(n), k_(k) {}
  // reads: a, packed b, a's zero points or nothing.
  Status Run(Frame& frame) const override {
    const std::vector<int32_t> zeros = ZerosOf(frame, reads[2]);
    kernels::IntGemmArgs<E> args;
    args.m = m_, args.n = n_, args.k = k_;
    args.a = frame.In<E>(reads[0]);
    args.lda = k_;
    args.zeros = zeros.data();
    args.zero_step = zeros.size() == 1 ? 0 : 1;
    args.packed_b = frame.In<int32_t>(reads[1]);
    args.c = frame.Out<int32_t>(writes[0]);
    args.ldc = n_;
    kernels::IntGemm(args, frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return fmt::format("integer matmul {}x{}x{}", m_, k_, n_); }

 private:
  int64_t m_, n_, k_;
};

template <class E>
class IntConvStep final : public Step {
 public:
  explicit IntConvStep(const kernels::ConvShape& shape) : shape_(shape) {}
  // reads: x, packed weights, x's zero point or nothing, bias or nothing.
  Status Run(Frame& frame) const override {
    kernels::IntConvArgs<E> args;
    args.shape = shape_;
    args.x = frame.In<E>(reads[0]);
    args.zero = ZerosOf(frame, reads[2])[0];
    args.packed_weights = frame.In<int32_t>(reads[1]);
    if (reads[3]) args.bias = frame.In<int32_t>(reads[3]);
    args.y = frame.Out<int32_t>(writes[0]);
    kernels::IntConv(args, frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override {
    return fmt::format("integer conv {}x{}{}", shape_.kernel[1], shape_.kernel[2],
                       kernels::IsDepthwise(shape_) ? " depthwise" : "");
  }

 private:
  kernels::ConvShape shape_;
};

template <template <class> class StepOf, class... Args>
std::unique_ptr<Step> MakeByteStep(DType dtype, Args&&... args) {
  if (dtype == DType::kI8) return std::make_unique<StepOf<int8_t>>(std::forward<Args>(args)...);
  return std::make_unique<StepOf<uint8_t>>(std::forward<Args>(args)...);
}

ValueId OperandOf(const Node& node, size_t i) { return i < node.in.size() ? node.in[i] : ValueId(); }

/// Zero points that are known and of which there are one or `count`; none where the operand is absent.
std::optional<std::vector<int32_t>> KnownZeros(Lowering& l, ValueId v, int64_t count) {
  if (!v) return std::vector<int32_t>{0};
  const Tensor* t = l.Known(v);
  if (t == nullptr || (t->size() != 1 && t->size() != count)) return std::nullopt;
  return ZerosOf(*t);
}

bool HasZeros(Lowering& l, ValueId v, int64_t count) {
  if (!v) return true;
  return l.IsStatic(v) && (ElementCount(l.DimsOf(v)) == 1 || ElementCount(l.DimsOf(v)) == count);
}

Result<bool> LowerIntMatMul(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  const ValueId a = node.in[0], b = node.in[1], y = node.out[0];
  if (!y || !l.IsStatic(a) || !l.IsStatic(b) || !l.IsStatic(y) || attrs.Flag("transpose_a")) return false;
  if (!IsByte(l.TypeOf(a).dtype()) || !IsByte(l.TypeOf(b).dtype())) return false;
  const Dims da = l.DimsOf(a), db = l.DimsOf(b);
  if (da.size() < 2 || db.size() != 2 || ElementCount(l.DimsOf(y)) == 0 || da.back() == 0) return false;
  const bool transposed = attrs.Flag("transpose_b");
  const int64_t k = da.back(), n = db[transposed ? 0 : 1], m = ElementCount(da) / k;
  // Rows of a stack share their zero points from matrix to matrix: only a single matrix may have many.
  if (!HasZeros(l, OperandOf(node, 2), da.size() == 2 ? m : 1)) return false;
  const Tensor* known = l.Known(b);
  const auto zeros = KnownZeros(l, OperandOf(node, 3), n);
  if (known == nullptr || !zeros) return false;
  TRY(Tensor packed, Tensor::Make(DType::kI32, {kernels::PackedIntBSize(k, n)}));
  const auto pack = [&](const auto* from) {
    kernels::PackIntB(from, transposed ? k : n, transposed, k, n, zeros->data(), zeros->size() == 1 ? 0 : 1,
                      packed.mutable_data<int32_t>());
  };
  if (known->dtype() == DType::kI8)
    pack(known->data<int8_t>());
  else
    pack(known->data<uint8_t>());
  auto step = MakeByteStep<IntProductStep>(l.TypeOf(a).dtype(), m, n, k);
  step->reads = {l.Plain(a), l.AddConstant(std::move(packed)), l.Plain(OperandOf(node, 2))};
  step->writes = {l.Define(y, Layout::kPlain)};
  l.Emit(std::move(step), id);
  return true;
}

Result<bool> LowerIntConv(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId x = node.in[0], w = node.in[1], y = node.out[0], bias = OperandOf(node, 2);
  if (!y || !l.IsStatic(x) || !l.IsStatic(w) || !l.IsStatic(y)) return false;
  if (!IsByte(l.TypeOf(x).dtype()) || !IsByte(l.TypeOf(w).dtype())) return false;
  TRY(const std::optional<ConvNode> conv, ConvOf(l, id));
  if (!conv || !kernels::HasIntConv(conv->shape) || !HasZeros(l, OperandOf(node, 3), 1)) return false;
  const Tensor *weights = l.Known(w), *known_bias = l.Known(bias);
  const kernels::ConvShape& shape = conv->shape;
  const auto zeros = KnownZeros(l, OperandOf(node, 4), shape.out_channels);
  if (weights == nullptr || !zeros) return false;
  if (bias && (known_bias == nullptr || known_bias->dtype() != DType::kI32 || known_bias->rank() != 1 ||
               known_bias->size() != shape.out_channels)) {
    return false;
  }
  TRY(Tensor packed, Tensor::Make(DType::kI32, {kernels::PackedIntConvSize(shape)}));
  const auto pack = [&](const auto* from) {
    kernels::PackIntConvWeights(shape, from, zeros->data(), zeros->size() == 1 ? 0 : 1, packed.mutable_data<int32_t>());
  };
  TRY(const Tensor ordered, OrderedWeights(*conv, *weights));
  if (ordered.dtype() == DType::kI8)
    pack(ordered.data<int8_t>());
  else
    pack(ordered.data<uint8_t>());
  auto step = MakeByteStep<IntConvStep>(l.TypeOf(x).dtype(), shape);
  step->reads = {l.In(x, conv->blocks), l.AddConstant(std::move(packed)), l.Plain(OperandOf(node, 3)), l.Plain(bias)};
  step->writes = {l.Define(y, conv->blocks)};
  l.Emit(std::move(step), id);
  return true;
}

constexpr LowerRule kRules[] = {{&ops::kMatMul, LowerIntMatMul}, {&ops::kConv, LowerIntConv}};

}  // namespace

std::span<const LowerRule> IntegerRules() { return kRules; }

}  // namespace godwit::plan
