// Products of matrices: FULLY_CONNECTED where one side is a constant matrix, BATCH_MATMUL otherwise.
#include <fmt/format.h>

#include <algorithm>

#include "backends/tflite/emit.h"
#include "ir/convert.h"
#include "ops/arithmetic.h"

namespace godwit::to_tflite {

namespace {

// The bias of FULLY_CONNECTED: one number for each of `n_out` columns.
Result<Ref> BiasRow(NodeExport& n, ValueId id, Ref x, Ref w, int64_t n_out) {
  if (!id) return Ref();
  const Type& type = n.TypeOf(id);
  const auto dims = n.StaticDims(type);
  if (!dims) return n.NotThis();
  for (size_t k = 0; k + 1 < dims->size(); ++k) {
    if ((*dims)[k] != 1) return n.NotThis();
  }
  const int64_t last = dims->empty() ? 1 : dims->back();
  if (last != n_out && last != 1) return n.NotThis();
  if (dims->size() == 1 && last == n_out) return n.Bias(id, x, w, n_out);
  if (n.quantised() || !n.scope().graph().IsConstant(id)) return n.NotThis();
  return n.InMade(id, TensorType(type.dtype(), {Dim(n_out)}),
                  [n_out, last](const std::vector<Tensor>& in) -> Result<Tensor> {
                    if (last == n_out) return in[0].Reshaped({n_out});
                    TRY(Tensor out, Tensor::Make(in[0].dtype(), {n_out}));
                    const size_t step = ByteSize(out.dtype());
                    for (int64_t k = 0; k < n_out; ++k)
                      std::copy_n(in[0].raw(), step, out.mutable_raw() + static_cast<size_t>(k) * step);
                    return out;
                  });
}

struct Product {
  ValueId x, w, bias;
  bool x_turned = false, w_turned = false;  // w_turned: w is [columns, inner]
  bool asymmetric = false;                  // of weights of integers
};

Status EmitDense(NodeExport& n, const Product& p) {
  const Type &x_type = n.TypeOf(p.x), &w_type = n.TypeOf(p.w);
  if (!x_type.ranked() || x_type.rank() < 1 || !w_type.ranked() || w_type.rank() != 2) return n.NotThis();
  const int64_t rank = x_type.rank();
  const int64_t columns = w_type.shape()[p.w_turned ? 0 : 1].known().value_or(-1);
  if (columns < 0) return n.NotThis();
  // Rows of the inner size are made by the operator itself, so nobody has to reshape for it.
  const Node* view = rank == 2 && !p.x_turned && !n.FlatInputs() ? n.Maker(p.x) : nullptr;
  const bool viewed = view != nullptr && (view->op == &ops::kReshape || view->op == &ops::kFlatten ||
                                          view->op == &ops::kSqueeze || view->op == &ops::kUnsqueeze);
  Ref x = n.Of(viewed ? view->in[0] : p.x);
  if (p.x_turned && rank >= 2) {
    std::vector<int64_t> perm = AxisLast(rank - 2, rank);
    x = n.OfTurned(p.x, perm);
  }
  if (rank == 1) x = n.Reshaped(x, {Dim(1), x_type.shape()[0]});
  const Ref w = p.w_turned ? n.Of(p.w) : n.OfTurned(p.w, {1, 0});
  TRY(const Ref bias, BiasRow(n, p.bias, x, w, columns));
  Refs in = {x, w};
  if (bias.valid()) in.push_back(bias);
  OptionList options{{"fused_activation_function", Code(n.TakeActivation())}};
  if (rank > 2) options.Set("keep_num_dims", true);
  if (p.asymmetric) options.Set("asymmetric_quantize_inputs", true);
  if (rank > 1) {
    n.EmitTo(0, "FULLY_CONNECTED", std::move(in), std::move(options));
    return Ok{};
  }
  const Ref y = n.Temp("FULLY_CONNECTED", std::move(in), WithShape(n.TypeOf(n.Out()), {Dim(1), Dim(columns)}),
                       std::move(options));
  return n.EmitReshapeTo(0, y);
}

bool IsOne(const Attrs& attrs, std::string_view name) { return attrs.Float(name, 1.0) == 1.0; }

// The integers that a value is made of, if any.
ValueId Held(NodeExport& n, ValueId id) {
  const Node* maker = n.MakerOf(id);
  return maker != nullptr && maker->op == &ops::kDequantize ? maker->in[0] : id;
}

// The product that a node is, if its right side is a constant matrix.
std::optional<Product> DenseOf(NodeExport& n, const Node& node) {
  Product p;
  const bool gemm = node.op == &ops::kGemm;
  if (!gemm && node.op != &ops::kMatMul) return std::nullopt;
  if (gemm ? !IsOne(node.attrs, "alpha") || (node.in.size() > 2 && node.in[2] && !IsOne(node.attrs, "beta"))
           : node.in.size() > 2) {
    return std::nullopt;
  }
  p.x = node.in[0];
  p.w = node.in[1];
  p.x_turned = node.attrs.Flag("transpose_a");
  p.w_turned = node.attrs.Flag("transpose_b");
  if (gemm && node.in.size() > 2) p.bias = node.in[2];
  const bool integers = n.quantised() || n.TakeHybrid(p.w, &p.asymmetric);
  return n.scope().graph().IsConstant(integers ? Held(n, p.w) : p.w) ? std::optional(p) : std::nullopt;
}

Status EmitFullyConnected(NodeExport& n) {
  const auto product = DenseOf(n, n.node());
  return product ? EmitDense(n, *product) : Status(n.NotThis());
}

// x W + b as one operator.
Status EmitAddOfProduct(NodeExport& n) {
  for (const size_t side : {size_t{0}, size_t{1}}) {
    const Node* maker = n.Maker(n.Operand(side));
    const ValueId bias = n.Operand(1 - side);
    if (maker == nullptr || !n.scope().graph().IsConstant(n.quantised() ? Held(n, bias) : bias)) continue;
    auto product = DenseOf(n, *maker);
    if (!product || product->bias) continue;
    product->bias = bias;
    return EmitDense(n, *product);
  }
  return n.NotThis();
}

// XNNPACK, which most CPUs run, leaves the second zero point out (LiteRT 2.1). A file that had it so keeps it.
bool SecondIsOffCentre(NodeExport& n) {
  if (!n.quantised()) return false;
  const TensorType& type = n.TypeOf(n.In(1));
  const Node* maker = n.Maker(n.Operand(1));
  if (type.quant == nullptr || (maker != nullptr && maker->attrs.Has(ops::kArithmetic))) return false;
  return std::any_of(type.quant->zero_points.begin(), type.quant->zero_points.end(), [](int64_t z) { return z != 0; });
}

Status EmitBatchMatMul(NodeExport& n) {
  if (SecondIsOffCentre(n)) return n.NotThis();
  if (n.n_in() > 2) return n.LacksForm("BATCH_MATMUL takes zero points with the types of its tensors only");
  TRY(const int a_rank, n.Rank(0));
  TRY(const int b_rank, n.Rank(1));
  Ref a = n.In(0), b = n.In(1);
  const Shape a_shape = n.ShapeOf(0), b_shape = n.ShapeOf(1);
  if (a_rank == 1) a = n.Reshaped(a, {Dim(1), a_shape[0]});
  if (b_rank == 1) b = n.Reshaped(b, {b_shape[0], Dim(1)});
  const OptionList options{{"adj_x", a_rank > 1 && n.attrs().Flag("transpose_a")},
                           {"adj_y", b_rank > 1 && n.attrs().Flag("transpose_b")}};
  if (a_rank > 1 && b_rank > 1) {
    n.EmitTo(0, "BATCH_MATMUL", {a, b}, options);
    return Ok{};
  }
  const TensorType y = n.TypeOf(n.Out());
  Shape shape = y.shape;
  if (b_rank == 1) shape.push_back(Dim(1));
  if (a_rank == 1) shape.insert(shape.end() - 1, Dim(1));
  return n.EmitReshapeTo(0, n.Temp("BATCH_MATMUL", {a, b}, WithShape(y, std::move(shape)), options));
}

// Of two matrices that both come from the model; a sum that follows is one of its own.
Status EmitGemm(NodeExport& n) {
  if (!IsOne(n.attrs(), "alpha") || (n.Has(2) && !IsOne(n.attrs(), "beta"))) {
    return n.LacksForm("BATCH_MATMUL has no factors");
  }
  const OptionList options{{"adj_x", n.attrs().Flag("transpose_a")}, {"adj_y", n.attrs().Flag("transpose_b")}};
  if (!n.Has(2)) {
    n.EmitTo(0, "BATCH_MATMUL", {n.In(0), n.In(1)}, options);
    return Ok{};
  }
  const Ref y = n.Temp("BATCH_MATMUL", {n.In(0), n.In(1)}, n.TypeOf(n.Out()), options);
  n.EmitTo(0, "ADD", {y, n.In(2)}, {{"fused_activation_function", Code(n.TakeActivation())}});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kAdd, "FULLY_CONNECTED", EmitAddOfProduct, Row::kQuantised},
    {&ops::kGemm, "FULLY_CONNECTED", EmitFullyConnected, Row::kQuantised},
    {&ops::kGemm, "BATCH_MATMUL", EmitGemm},
    {&ops::kMatMul, "FULLY_CONNECTED", EmitFullyConnected, Row::kQuantised},
    {&ops::kMatMul, "BATCH_MATMUL", EmitBatchMatMul, Row::kQuantised},
};

}  // namespace

extern const RowSet kMatMulRows{kRows};

}  // namespace godwit::to_tflite
