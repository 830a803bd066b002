// max_pool: the largest element of each window, and where it lies.
#include <limits>

#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/plain.h"
#include "ops/pool_common.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kNumbers, OperandDef::kPlain, 'T'}};
constexpr OperandDef kOut[] = {{"y", kNumbers, OperandDef::kPlain, 'T'},
                               {"indices", TypeSet(DType::kI64), OperandDef::kOptional}};
constexpr AttrDef kAttrs[] = {
    {"kernel", AttrKind::kIntList, "", "Extent of the window along each spatial axis."},
    {"strides", AttrKind::kIntList, "none", "Step of the window along each spatial axis; absent: 1."},
    {"dilations", AttrKind::kIntList, "none", "Distance of the taps along each spatial axis; absent: 1."},
    {"pads", AttrKind::kIntList, "none",
     "Padding (of smallest values) before each spatial axis, then after; absent: 0."},
    {"auto_pad", AttrKind::kString, "none", "none, same_upper, same_lower or valid."},
    {"ceil_mode", AttrKind::kInt, "0", "1: a last window that leaves the input counts, if it starts inside."},
    {"channel_axis", AttrKind::kInt, "1", "Axis of the channels; axis 0 is the batch, the others spatial."},
    {"column_major", AttrKind::kInt, "0", "1: indices number the spatial positions with the first axis fastest."}};
constexpr std::string_view kRules[] = {
    "c1: x has rank 2 or more and channel_axis is one of its axes but the first",
    "c2: kernel, strides and dilations are positive, pads not negative, one (pads: two) for each spatial axis",
    "c3: the dilated window fits into the padded input"};

Status Infer(InferCtx& ctx) {
  RETURN_IF_ERROR(InferPool(ctx));
  Type indices = ctx.results()[0];
  indices.tensor().dtype = DType::kI64;
  if (ctx.n_out() > 1) ctx.Out(1, std::move(indices));
  return Ok{};
}

// The flat index of an element, its spatial position renumbered with the first axis fastest.
int64_t ColumnMajor(int64_t offset, const Dims& dims, const DataAxes& axes) {
  const std::vector<int64_t> strides = RowMajorStrides(dims);
  int64_t out = offset;
  int64_t step = axes.spatial.empty() ? 1 : strides[static_cast<size_t>(axes.spatial.back())];
  for (int axis : axes.spatial) {
    const size_t a = static_cast<size_t>(axis);
    const int64_t at = offset / strides[a] % dims[a];
    out += at * (step - strides[a]);
    step *= dims[a];
  }
  return out;
}

template <class T>
Status Run(EvalCtx& ctx, T lowest) {
  const Tensor& x = ctx.In(0);
  TRY(PoolGeometry g, ResolvePool(ctx));
  TRY(Tensor * out, ctx.Make(0, x.dtype(), g.out));
  int64_t* indices = nullptr;
  if (ctx.n_out() > 1) {
    TRY(Tensor * made, ctx.Make(1, DType::kI64, g.out));
    indices = made->mutable_data<int64_t>();
  }
  const auto less = [&](T a, T b) {
    if constexpr (std::is_same_v<T, uint64_t>) {
      return IsSigned(x.dtype()) ? static_cast<int64_t>(a) < static_cast<int64_t>(b) : a < b;
    } else {
      return a < b || (b != b && a == a);
    }
  };
  const bool column_major = ctx.attrs.Flag("column_major");
  const std::vector<T> wide = Widen<T>(x);
  std::vector<T> y(static_cast<size_t>(out->size()));
  ForEachWindow(x.dims(), g, [&](const PoolWindow& window, int64_t y_offset) {
    T best = lowest;
    int64_t where = -1;
    window.ForEach([&](int64_t offset) {
      const T v = wide[static_cast<size_t>(offset)];
      if (where >= 0 && !less(best, v)) return;
      best = v;
      where = offset;
    });
    y[static_cast<size_t>(y_offset)] = best;
    if (indices) indices[y_offset] = where >= 0 && column_major ? ColumnMajor(where, x.dims(), g.axes) : where;
  });
  Narrow<T>(y, out);
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const DType dtype = ctx.In(0).dtype();
  if (IsFloat(dtype)) return Run<double>(ctx, -std::numeric_limits<double>::infinity());
  return Run<uint64_t>(ctx, IsSigned(dtype) ? static_cast<uint64_t>(IntMin(dtype)) : 0);
}

// Indices count in the operand's own order of axes.
bool Commute(CommuteCtx& ctx) { return ctx.n_out == 1 && CommuteImage(ctx); }

std::span<const Sample> Samples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {
      {{"f32[1,2,6,7]"}, {{"kernel", Ints{3, 2}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 0, 1, 1}}}, 2},
      {{"f32[1,5,5,3]"},
       {{"kernel", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}, {"channel_axis", int64_t{-1}}}},
      {{"u8[2,1,9]"}, {{"kernel", Ints{3}}, {"dilations", Ints{2}}}},
      {{"f16[1,1,4,4,4]"}, {{"kernel", Ints{2, 2, 2}}, {"auto_pad", "same_upper"}}},
      {{"i8[1,1,3,3]"}, {{"kernel", Ints{2, 2}}, {"auto_pad", "same_lower"}, {"column_major", int64_t{1}}}, 2}};
  return samples;
}

}  // namespace

extern const OpDef kMaxPool{.name = "max_pool",
                            .doc = "Largest element of each window; NaN wins over numbers.",
                            .operands = kIn,
                            .results = kOut,
                            .attrs = kAttrs,
                            .constraints = kRules,
                            .infer = Infer,
                            .eval = Eval,
                            .commute = Commute,
                            .decompose = DecomposeMaxPool,
                            .samples = Samples};

}  // namespace godwit::ops
