// Matrix products: by a packed constant, or in batches of two computed operands.
#include <fmt/format.h>

#include "exec/kernels/gemm.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/lower_rules.h"
#include "exec/plan/unary_of.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

/// What the two kinds of product share: the epilogue that later nodes fuse into.
template <class T>
class ProductStep : public Step {
 public:
  bool FuseUnary(const kernels::Unary& f) override {
    if (activation_.op != kernels::UnaryOp::kIdentity) return false;
    activation_ = f;
    return true;
  }
  bool FuseResidual(SlotId slot) override { return AddRead(slot, &residual_); }
  bool FuseBias(SlotId slot) override { return residual_ == 0 && AddRead(slot, &bias_); }

 protected:
  kernels::Epilogue<T> EpilogueOf(const Frame& frame) const {
    kernels::Epilogue<T> epilogue;
    if (bias_ != 0) epilogue.bias = frame.In<T>(reads[bias_]);
    if (residual_ != 0) epilogue.residual = frame.In<T>(reads[residual_]);
    epilogue.activation = activation_;
    return epilogue;
  }
  [[nodiscard]] std::string Suffix() const {
    std::string text = residual_ != 0 ? " + add" : "";
    if (activation_.op != kernels::UnaryOp::kIdentity) text += fmt::format(" + {}", UnaryName(activation_.op));
    return text;
  }

 private:
  bool AddRead(SlotId slot, size_t* place) {
    if (*place != 0 || activation_.op != kernels::UnaryOp::kIdentity) return false;
    *place = reads.size();
    reads.push_back(slot);
    return true;
  }
  size_t bias_ = 0, residual_ = 0;
  kernels::Unary activation_;
};

template <class T>
class PackedProductStep final : public ProductStep<T> {
 public:
  PackedProductStep(int64_t m, int64_t n, int64_t k) : m_(m), n_(n), k_(k) {}
  Status Run(Frame& frame) const override {
    kernels::GemmArgs<T> args;
    args.m = m_, args.n = n_, args.k = k_;
    args.a = frame.In<T>(this->reads[0]);
    args.lda = k_;
    args.packed_b = frame.In<T>(this->reads[1]);
    args.c = frame.Out<T>(this->writes[0]);
    args.ldc = n_;
    args.epilogue = this->EpilogueOf(frame);
    kernels::Gemm(args, frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override {
    return fmt::format("matmul {}x{}x{}{}", m_, k_, n_, this->Suffix());
  }

 private:
  int64_t m_, n_, k_;
};

struct BatchShape {
  int64_t m = 0, n = 0, k = 0;
  Dims a_offsets, b_offsets, c_offsets;
};

template <class T>
class BatchedProductStep final : public ProductStep<T> {
 public:
  explicit BatchedProductStep(BatchShape shape) : s_(std::move(shape)) {}
  Status Run(Frame& frame) const override {
    kernels::BatchedGemmArgs<T> args;
    args.batch = static_cast<int64_t>(s_.a_offsets.size());
    args.m = s_.m, args.n = s_.n, args.k = s_.k;
    args.a = frame.In<T>(this->reads[0]);
    args.a_offsets = s_.a_offsets.data();
    args.lda = s_.k;
    args.b = frame.In<T>(this->reads[1]);
    args.b_offsets = s_.b_offsets.data();
    args.ldb = s_.n;
    args.c = frame.Out<T>(this->writes[0]);
    args.c_offsets = s_.c_offsets.data();
    args.ldc = s_.n;
    args.epilogue = this->EpilogueOf(frame);
    kernels::BatchedGemm(args, frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override {
    return fmt::format("matmul {} of {}x{}x{}{}", s_.a_offsets.size(), s_.m, s_.k, s_.n, this->Suffix());
  }

 private:
  BatchShape s_;
};

template <class T>
Result<Tensor> Pack(const Tensor& b, bool transposed, int64_t k, int64_t n) {
  TRY(Tensor packed, Tensor::Make(b.dtype(), {kernels::PackedBSize(k, n)}));
  kernels::PackB(b.data<T>(), transposed ? k : n, transposed, k, n, packed.mutable_data<T>());
  return packed;
}

// Where matrix i of the broadcast batch starts in each operand.
BatchShape ShapeOfBatch(const Dims& a, const Dims& b, const Dims& y) {
  BatchShape s;
  s.m = a[a.size() - 2], s.k = a.back(), s.n = b.back();
  const size_t rank = y.size() - 2;
  const Dims batch(y.begin(), y.begin() + static_cast<int64_t>(rank));
  const int64_t count = ElementCount(batch);
  const auto offset = [&](int64_t i, const Dims& dims, int64_t matrix) {
    int64_t at = 0, stride = matrix;
    const size_t lead = y.size() - dims.size();
    for (size_t axis = rank; axis-- > 0;) {
      const int64_t index = i % batch[axis];
      i /= batch[axis];
      if (axis < lead) continue;
      const int64_t d = dims[axis - lead];
      if (d != 1) at += index * stride;
      stride *= d;
    }
    return at;
  };
  for (int64_t i = 0; i < count; ++i) {
    s.a_offsets.push_back(offset(i, a, s.m * s.k));
    s.b_offsets.push_back(offset(i, b, s.k * s.n));
    s.c_offsets.push_back(i * s.m * s.n);
  }
  return s;
}

Result<bool> LowerMatMul(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId a = node.in[0], b = node.in[1], y = node.out[0];
  if (!y) return false;
  const DType dtype = l.TypeOf(y).dtype();
  for (ValueId v : {a, b, y}) {
    if (!l.IsStatic(v) || l.TypeOf(v).dtype() != dtype || l.TypeOf(v).rank() < 2) return false;
  }
  for (size_t i = 2; i < node.in.size(); ++i) {
    if (node.in[i]) return false;
  }
  if (!IsPlanFloat(dtype)) return false;
  const Dims da = l.DimsOf(a), db = l.DimsOf(b), dy = l.DimsOf(y);
  if (ElementCount(dy) == 0 || da.back() == 0) return false;
  const bool transposed = l.AttrsOf(id).Flag("transpose_b");
  if (l.AttrsOf(id).Flag("transpose_a")) return false;
  const Tensor* known = db.size() == 2 ? l.Known(b) : nullptr;
  if (known == nullptr && transposed) return false;
  std::unique_ptr<Step> step;
  if (known != nullptr) {
    const int64_t k = db[transposed ? 1 : 0], n = db[transposed ? 0 : 1];
    TRY(Tensor packed,
        dtype == DType::kF64 ? Pack<double>(*known, transposed, k, n) : Pack<float>(*known, transposed, k, n));
    step = MakeStep<PackedProductStep>(dtype, ElementCount(da) / k, n, k);
    step->reads = {l.Plain(a), l.AddConstant(std::move(packed))};
  } else {
    step = MakeStep<BatchedProductStep>(dtype, ShapeOfBatch(da, db, dy));
    step->reads = {l.Plain(a), l.Plain(b)};
  }
  step->writes = {l.Define(y, Layout::kPlain)};
  l.Emit(std::move(step), id);
  return true;
}

// a * b + c with a constant b; other factors and operands are rare, and left to the operator's own kernel.
Result<bool> LowerGemm(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  const ValueId a = node.in[0], y = node.out[0];
  const ValueId c = node.in.size() > 2 ? node.in[2] : ValueId();
  if (!y || !l.IsStatic(a) || !l.IsStatic(y) || !IsPlanFloat(l.TypeOf(y).dtype())) return false;
  if (attrs.Float("alpha", 1) != 1 || (c && attrs.Float("beta", 1) != 1) || attrs.Flag("transpose_a")) return false;
  const Dims da = l.DimsOf(a), dy = l.DimsOf(y);
  if (ElementCount(dy) == 0 || da[1] == 0) return false;
  const Tensor* b = l.Known(node.in[1]);
  if (b == nullptr || b->dtype() != l.TypeOf(y).dtype()) return false;
  if (c) {
    const Tensor* bias = l.Known(c);
    const bool row = bias != nullptr && bias->rank() >= 1 && bias->size() == dy[1] && bias->dim(-1) == dy[1];
    if (!row) return false;
  }
  const bool transposed = attrs.Flag("transpose_b");
  TRY(Tensor packed, b->dtype() == DType::kF64 ? Pack<double>(*b, transposed, da[1], dy[1])
                                               : Pack<float>(*b, transposed, da[1], dy[1]));
  auto step = MakeStep<PackedProductStep>(b->dtype(), dy[0], dy[1], da[1]);
  step->reads = {l.Plain(a), l.AddConstant(std::move(packed))};
  if (c) step->FuseBias(l.Plain(c));
  step->writes = {l.Define(y, Layout::kPlain)};
  l.Emit(std::move(step), id);
  return true;
}

constexpr LowerRule kRules[] = {{&ops::kMatMul, LowerMatMul}, {&ops::kGemm, LowerGemm}};

}  // namespace

std::span<const LowerRule> MatMulRules() { return kRules; }

}  // namespace godwit::plan
