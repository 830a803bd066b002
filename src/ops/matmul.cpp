// matmul and gemm: matrix products, batched with broadcasting, or scaled with a bias.
#include <fmt/format.h>

#include <algorithm>

#include "ir/convert.h"
#include "ir/cost.h"
#include "ir/op_def.h"
#include "ops/broadcast.h"
#include "ops/commute_rules.h"
#include "ops/conv_common.h"
#include "ops/decompose.h"
#include "ops/plain.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr TypeSet kProductTypes = kNumbers;
constexpr OperandDef kMatMulIn[] = {{"a", kProductTypes},
                                    {"b", kProductTypes},
                                    {"a_zero_point", TypeSet(DType::kI8) | DType::kU8, OperandDef::kOptional},
                                    {"b_zero_point", TypeSet(DType::kI8) | DType::kU8, OperandDef::kOptional}};
constexpr OperandDef kMatMulOut[] = {{"y", kProductTypes}};
constexpr AttrDef kMatMulAttrs[] = {{"transpose_a", AttrKind::kInt, "0", "1: the last two axes of a are swapped."},
                                    {"transpose_b", AttrKind::kInt, "0", "1: the last two axes of b are swapped."}};
constexpr std::string_view kMatMulRules[] = {
    "c1: the operands have rank 1 or more, and the inner dims agree", "c2: the outer dims broadcast",
    "c3: the operands have the same type, or both are 8-bit integers",
    "c4: a_zero_point has one value or one for each row of a, b_zero_point one or one for each column of b"};

bool IsByte(DType d) { return d == DType::kI8 || d == DType::kU8; }

// Rows, columns and outer dims of one operand as if it were a stack of matrices.
template <class D>
struct Stack {
  std::vector<D> outer;
  D rows, cols;
  bool vector = false;
};

template <class D>
Stack<D> AsStack(const std::vector<D>& shape, bool transpose, bool is_left) {
  Stack<D> s;
  if (shape.size() == 1) {
    s.vector = true;
    s.rows = is_left ? D(1) : shape[0];
    s.cols = is_left ? shape[0] : D(1);
    return s;
  }
  s.outer.assign(shape.begin(), shape.end() - 2);
  s.rows = shape[shape.size() - 2];
  s.cols = shape[shape.size() - 1];
  if (transpose) std::swap(s.rows, s.cols);
  return s;
}

// Numpy broadcasting of the outer dims.
Result<Shape> BroadcastOuter(InferCtx& ctx, Shape a, Shape b) {
  if (a.size() < b.size()) a.swap(b);
  for (size_t k = 0; k < b.size(); ++k) {
    Dim& have = a[a.size() - b.size() + k];
    const Dim& other = b[k];
    if (other == have || other == Dim(1)) continue;
    if (have == Dim(1)) {
      have = other;
    } else if (have.is_static() && other.is_static()) {
      return ctx.Fail("c2", fmt::format("{} against {}", ToString(a), ToString(b)));
    } else if (other.is_static()) {
      have = other;
    } else if (!have.is_static()) {
      have = ctx.Fresh("bcast");
    }
  }
  return a;
}

Result<DType> ResultType(const InferCtx& ctx) {
  const DType a = ctx.DtypeOf(0);
  const DType b = ctx.DtypeOf(1);
  if (a == DType::kNone || b == DType::kNone) return IsByte(a) || IsByte(b) ? DType::kI32 : a == DType::kNone ? b : a;
  if (a != b && !(IsByte(a) && IsByte(b))) return ctx.Fail("c3", fmt::format("a is {}, b is {}", Name(a), Name(b)));
  return IsByte(a) ? DType::kI32 : a;
}

Status InferMatMul(InferCtx& ctx) {
  TRY(const DType dtype, ResultType(ctx));
  if (!ctx.Ranked(0) || !ctx.Ranked(1)) {
    ctx.Out(0, Type::Tensor(dtype));
    return Ok{};
  }
  const Shape& a_shape = ctx.ShapeOf(0);
  const Shape& b_shape = ctx.ShapeOf(1);
  if (a_shape.empty() || b_shape.empty()) return ctx.Fail("c1", "a scalar operand");
  const Stack<Dim> a = AsStack(a_shape, ctx.attrs.Flag("transpose_a"), true);
  const Stack<Dim> b = AsStack(b_shape, ctx.attrs.Flag("transpose_b"), false);
  if (!MayEqual(a.cols, b.rows))
    return ctx.Fail("c1", fmt::format("a is {}, b is {}", ToString(a_shape), ToString(b_shape)));
  TRY(Shape out, BroadcastOuter(ctx, a.outer, b.outer));
  if (!a.vector) out.push_back(a.rows);
  if (!b.vector) out.push_back(b.cols);
  ctx.Out(0, dtype, std::move(out));
  return Ok{};
}

// Rows of the left operand, each contiguous, less their zero points.
template <class T>
std::vector<T> LeftRows(const std::vector<T>& wide, int64_t base, int64_t rows, int64_t cols, bool transposed,
                        const std::vector<T>& zero) {
  std::vector<T> out(static_cast<size_t>(rows * cols));
  for (int64_t i = 0; i < rows; ++i) {
    const T z = zero.empty() ? T(0) : zero[zero.size() == 1 ? 0 : static_cast<size_t>(i)];
    for (int64_t k = 0; k < cols; ++k) {
      out[static_cast<size_t>(i * cols + k)] =
          wide[static_cast<size_t>(base + (transposed ? k * rows + i : i * cols + k))] - z;
    }
  }
  return out;
}

template <class T>
void FillPanels(const std::vector<T>& wide, int64_t base, int64_t rows, int64_t cols, bool transposed,
                const std::vector<T>& zero, Panels<T>* out) {
  for (int64_t k = 0; k < rows; ++k) {
    for (int64_t j = 0; j < cols; ++j) {
      const T z = zero.empty() ? T(0) : zero[zero.size() == 1 ? 0 : static_cast<size_t>(j)];
      out->At(k, j) = wide[static_cast<size_t>(base + (transposed ? j * rows + k : k * cols + j))] - z;
    }
  }
}

template <class T>
Status RunMatMul(EvalCtx& ctx, DType dtype) {
  const Tensor& a = ctx.In(0);
  const Tensor& b = ctx.In(1);
  const bool ta = ctx.attrs.Flag("transpose_a") && a.rank() > 1;
  const bool tb = ctx.attrs.Flag("transpose_b") && b.rank() > 1;
  const Stack<int64_t> sa = AsStack(a.dims(), ta, true);
  const Stack<int64_t> sb = AsStack(b.dims(), tb, false);
  if (sa.cols != sb.rows)
    return ctx.Fail("c1", fmt::format("a is {}, b is {}", ToString(a.dims()), ToString(b.dims())));
  const Dims* shapes[] = {&sa.outer, &sb.outer};
  TRY(Dims outer, BroadcastDims(ctx, shapes, "c2"));
  std::vector<T> a_zero, b_zero;
  if (ctx.Has(2)) a_zero = Widen<T>(ctx.In(2));
  if (ctx.Has(3)) b_zero = Widen<T>(ctx.In(3));
  const auto fits = [](const std::vector<T>& zero, int64_t n) {
    return zero.size() <= 1 || static_cast<int64_t>(zero.size()) == n;
  };
  if (!fits(a_zero, sa.rows) || !fits(b_zero, sb.cols))
    return ctx.Fail("c4", fmt::format("{} and {} values for {} rows and {} columns", a_zero.size(), b_zero.size(),
                                      sa.rows, sb.cols));
  Dims dims = outer;
  if (!sa.vector) dims.push_back(sa.rows);
  if (!sb.vector) dims.push_back(sb.cols);
  TRY(Tensor * out, ctx.Make(0, dtype, std::move(dims)));
  if (out->size() == 0) return Ok{};
  const std::vector<T> wide_a = Widen<T>(a);
  const std::vector<T> wide_b = Widen<T>(b);
  std::vector<T> y(static_cast<size_t>(out->size()));
  Panels<T> panels(sb.rows, sb.cols);
  std::vector<T> rows;
  int64_t have_a = -1, have_b = -1;
  BroadcastWalk walk(outer, shapes);
  for (int64_t i = 0; i < walk.count(); ++i, walk.Next()) {
    if (walk.offset(0) != have_a) {
      have_a = walk.offset(0);
      rows = LeftRows(wide_a, have_a * sa.rows * sa.cols, sa.rows, sa.cols, ta, a_zero);
    }
    if (walk.offset(1) != have_b) {
      have_b = walk.offset(1);
      FillPanels(wide_b, have_b * sb.rows * sb.cols, sb.rows, sb.cols, tb, b_zero, &panels);
    }
    WideProduct<T>(sa.rows, sb.cols, sa.cols, rows.data(), sa.cols, panels, y.data() + i * sa.rows * sb.cols, sb.cols);
  }
  Narrow<T>(y, out);
  return Ok{};
}

Status EvalMatMul(EvalCtx& ctx) {
  const DType a = ctx.In(0).dtype();
  const DType b = ctx.In(1).dtype();
  if (ctx.In(0).rank() == 0 || ctx.In(1).rank() == 0) return ctx.Fail("c1", "a scalar operand");
  if (a != b && !(IsByte(a) && IsByte(b))) return ctx.Fail("c3", fmt::format("a is {}, b is {}", Name(a), Name(b)));
  if (IsFloat(a)) return RunMatMul<double>(ctx, a);
  return RunMatMul<uint64_t>(ctx, IsByte(a) ? DType::kI32 : a);
}

double MatMulMacs(const CostCtx& ctx) {
  const Type* a = ctx.In(0);
  if (a == nullptr || !a->ranked() || a->rank() == 0) return 0;
  const Shape& shape = a->shape();
  const bool left = ctx.attrs.Flag("transpose_a") && shape.size() > 1;
  return CostCtx::Elements(ctx.Out(0)) * CostCtx::Extent(shape[shape.size() - (left ? 2 : 1)]);
}

std::span<const Sample> MatMulSamples() {
  static const Sample samples[] = {
      {{"f32[3,4]", "f32[4,5]"}, {}},
      {{"f32[2,1,3,4]", "f32[5,4,2]"}, {}},
      {{"f64[4]", "f64[2,4,3]"}, {}},
      {{"f16[2,3]", "f16[3]"}, {}},
      {{"f32[3]", "f32[3]"}, {}},
      {{"i32[2,3]", "i32[3,2]"}, {}},
      {{"u8[3,4]", "i8[4,5]", "u8[3] = 1,2,3", "i8[] = -1"}, {}},
      {{"f32[2,4,3]", "f32[2,5,4]"}, {{"transpose_a", int64_t{1}}, {"transpose_b", int64_t{1}}}},
      {{"f32[2,0]", "f32[0,3]"}, {}}};
  return samples;
}

constexpr OperandDef kGemmIn[] = {{"a", kNumbers, OperandDef::kPlain, 'T'},
                                  {"b", kNumbers, OperandDef::kPlain, 'T'},
                                  {"c", kNumbers, OperandDef::kOptional, 'T'}};
constexpr OperandDef kGemmOut[] = {{"y", kNumbers, OperandDef::kPlain, 'T'}};
constexpr AttrDef kGemmAttrs[] = {{"alpha", AttrKind::kFloat, "1", "Factor of the product."},
                                  {"beta", AttrKind::kFloat, "1", "Factor of c."},
                                  {"transpose_a", AttrKind::kInt, "0", "1: a is transposed."},
                                  {"transpose_b", AttrKind::kInt, "0", "1: b is transposed."}};
constexpr std::string_view kGemmRules[] = {"c1: a and b are matrices whose inner dims agree",
                                           "c2: c broadcasts to the result's shape"};

Status InferGemm(InferCtx& ctx) {
  const bool ta = ctx.attrs.Flag("transpose_a");
  const bool tb = ctx.attrs.Flag("transpose_b");
  for (size_t i = 0; i < 2; ++i) {
    if (ctx.Ranked(i) && ctx.Rank(i) != 2) return ctx.Fail("c1", fmt::format("rank {}", ctx.Rank(i)));
  }
  Dim rows = ctx.Ranked(0) ? ctx.ShapeOf(0)[ta ? 1 : 0] : ctx.Fresh("gemm");
  Dim cols = ctx.Ranked(1) ? ctx.ShapeOf(1)[tb ? 0 : 1] : ctx.Fresh("gemm");
  if (ctx.Ranked(0) && ctx.Ranked(1) && !MayEqual(ctx.ShapeOf(0)[ta ? 0 : 1], ctx.ShapeOf(1)[tb ? 1 : 0]))
    return ctx.Fail("c1", fmt::format("a is {}, b is {}", ToString(ctx.ShapeOf(0)), ToString(ctx.ShapeOf(1))));
  if (ctx.Ranked(2)) {
    const Shape& c = ctx.ShapeOf(2);
    const Dim want[] = {rows, cols};
    if (c.size() > 2) return ctx.Fail("c2", fmt::format("c is {}", ToString(c)));
    for (size_t k = 0; k < c.size(); ++k) {
      const Dim& w = want[2 - c.size() + k];
      if (c[k] != Dim(1) && !MayEqual(c[k], w)) return ctx.Fail("c2", fmt::format("c is {}", ToString(c)));
    }
  }
  ctx.Out(0, ctx.DtypeOf(0), {std::move(rows), std::move(cols)});
  return Ok{};
}

// The factor times an integer, cut towards zero.
uint64_t ScaledInteger(double factor, uint64_t v, bool is_signed) {
  if (factor == 1) return v;
  const double wide = factor * (is_signed ? static_cast<double>(static_cast<int64_t>(v)) : static_cast<double>(v));
  std::byte bytes[8];
  StoreF64(is_signed ? DType::kI64 : DType::kU64, wide, bytes);
  return LoadU64(is_signed ? DType::kI64 : DType::kU64, bytes);
}

template <class T>
Status RunGemm(EvalCtx& ctx) {
  const Tensor& a = ctx.In(0);
  const Tensor& b = ctx.In(1);
  if (a.rank() != 2 || b.rank() != 2) return ctx.Fail("c1", fmt::format("ranks {} and {}", a.rank(), b.rank()));
  const bool ta = ctx.attrs.Flag("transpose_a");
  const bool tb = ctx.attrs.Flag("transpose_b");
  const int64_t m = a.dim(ta ? 1 : 0), k = a.dim(ta ? 0 : 1), n = b.dim(tb ? 0 : 1);
  if (b.dim(tb ? 1 : 0) != k)
    return ctx.Fail("c1", fmt::format("a is {}, b is {}", ToString(a.dims()), ToString(b.dims())));
  TRY(Tensor * out, ctx.Make(0, a.dtype(), {m, n}));
  std::vector<T> c;
  if (ctx.Has(2)) {
    const Dims* shapes[] = {&out->dims(), &ctx.In(2).dims()};
    TRY(Dims joint, BroadcastDims(ctx, shapes, "c2"));
    if (joint != out->dims()) return ctx.Fail("c2", fmt::format("c is {}", ToString(ctx.In(2).dims())));
    c = Widen<T>(ctx.In(2));
  }
  if (out->size() == 0) return Ok{};
  Panels<T> panels(k, n);
  FillPanels<T>(Widen<T>(b), 0, k, n, tb, {}, &panels);
  std::vector<T> y(static_cast<size_t>(out->size()));
  WideProduct<T>(m, n, k, LeftRows<T>(Widen<T>(a), 0, m, k, ta, {}).data(), k, panels, y.data(), n);
  const double alpha = ctx.attrs.Float("alpha", 1);
  const double beta = ctx.attrs.Float("beta", 1);
  const bool is_signed = IsSigned(a.dtype());
  const auto scaled = [&](double factor, T v) -> T {
    if constexpr (std::is_same_v<T, double>) {
      return factor * v;
    } else {
      return ScaledInteger(factor, v, is_signed);
    }
  };
  const Dims no_dims;
  const Dims* shapes[] = {c.empty() ? &no_dims : &ctx.In(2).dims()};
  BroadcastWalk walk(out->dims(), shapes);
  for (T& v : y) {
    v = scaled(alpha, v);
    if (!c.empty()) v += scaled(beta, c[static_cast<size_t>(walk.offset(0))]);
    walk.Next();
  }
  Narrow<T>(y, out);
  return Ok{};
}

Status EvalGemm(EvalCtx& ctx) { return IsFloat(ctx.In(0).dtype()) ? RunGemm<double>(ctx) : RunGemm<uint64_t>(ctx); }

std::span<const Sample> GemmSamples() {
  static const Sample samples[] = {
      {{"f32[3,4]", "f32[4,5]", "f32[5]"}, {}},
      {{"f32[4,3]", "f32[5,4]", "f32[3,1]"},
       {{"transpose_a", int64_t{1}}, {"transpose_b", int64_t{1}}, {"alpha", 0.25}, {"beta", 0.5}}},
      {{"f16[2,3]", "f16[3,2]"}, {{"alpha", 2.0}}},
      {{"i32[2,3]", "i32[3,2]", "i32[]"}, {}},
      {{"f32[2,0]", "f32[0,3]", "f32[2,3]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kMatMul{.name = "matmul",
                           .doc = "Product of matrices with numpy's batching; 8-bit integers give i32.",
                           .operands = kMatMulIn,
                           .results = kMatMulOut,
                           .attrs = kMatMulAttrs,
                           .constraints = kMatMulRules,
                           .infer = InferMatMul,
                           .eval = EvalMatMul,
                           .commute = CommuteProduct,
                           .decompose = DecomposeIntegerMatMul,
                           .macs = MatMulMacs,
                           .samples = MatMulSamples};
extern const OpDef kGemm{.name = "gemm",
                         .doc = "alpha * a * b + beta * c for matrices.",
                         .operands = kGemmIn,
                         .results = kGemmOut,
                         .attrs = kGemmAttrs,
                         .constraints = kGemmRules,
                         .infer = InferGemm,
                         .eval = EvalGemm,
                         .commute = CommuteProduct,
                         .decompose = DecomposeGemm,
                         .macs = MatMulMacs,
                         .samples = GemmSamples};

}  // namespace godwit::ops
