// affine_grid: the grid that grid_sample needs for an affine map.
#include <fmt/format.h>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"theta", kFloats}, {"size", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kOut[] = {{"grid", kFloats}};
constexpr AttrDef kAttrs[] = {{"align_corners", AttrKind::kInt, "0",
                               "1: -1 and 1 are the centres of the corner elements; 0: their outer edges."}};
constexpr std::string_view kRules[] = {"c1: size holds batch, channels and 2 or 3 spatial dims",
                                       "c2: theta is [batch, spatial dims, spatial dims + 1]"};

Status Infer(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  const auto size = ctx.Contents(1);
  if (!size) return Ok{};
  if (size->size() != 4 && size->size() != 5) return ctx.Fail("c1", fmt::format("{} entries", size->size()));
  Shape out = {(*size)[0]};
  out.insert(out.end(), size->begin() + 2, size->end());
  out.emplace_back(static_cast<int64_t>(size->size()) - 2);
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& theta = ctx.In(0);
  const std::vector<int64_t> size = ctx.Ints(1);
  if (size.size() != 4 && size.size() != 5) return ctx.Fail("c1", fmt::format("{} entries", size.size()));
  const int64_t spatial = static_cast<int64_t>(size.size()) - 2;
  if (theta.dims() != Dims{size[0], spatial, spatial + 1}) {
    return ctx.Fail("c2", fmt::format("{} for {} dims", ToString(theta.dims()), spatial));
  }
  Dims dims = {size[0]};
  dims.insert(dims.end(), size.begin() + 2, size.end());
  dims.push_back(spatial);
  TRY(Tensor * out, ctx.Make(0, theta.dtype(), dims));
  if (out->size() == 0) return Ok{};
  const bool align = ctx.attrs.Flag("align_corners");
  const auto place = [align](int64_t i, int64_t n) {
    const double x = static_cast<double>(i);
    const double count = static_cast<double>(n);
    if (align) return n > 1 ? -1 + 2 * x / (count - 1) : -1.0;
    return (2 * x + 1) / count - 1;
  };
  const std::vector<double> m = ToF64(theta);
  const size_t step = ByteSize(theta.dtype());
  std::byte* dst = out->mutable_raw();
  const int64_t points = out->size() / (size[0] * spatial);
  for (int64_t b = 0; b < size[0]; ++b) {
    for (int64_t p = 0; p < points; ++p) {
      // Homogeneous coordinates, the last spatial dim first.
      double from[4] = {};
      int64_t rest = p;
      for (int64_t k = 0; k < spatial; ++k) {
        const int64_t n = size[static_cast<size_t>(2 + spatial - 1 - k)];
        from[k] = place(rest % n, n);
        rest /= n;
      }
      from[spatial] = 1;
      for (int64_t r = 0; r < spatial; ++r, dst += step) {
        const double* row = m.data() + (b * spatial + r) * (spatial + 1);
        double sum = 0;
        for (int64_t k = 0; k <= spatial; ++k) sum += row[k] * from[k];
        StoreF64(theta.dtype(), sum, dst);
      }
    }
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,2,3]", "i64[4] = 2,3,5,6"}, {}},
                                   {{"f64[1,3,4]", "i64[5] = 1,1,2,3,4"}, {{"align_corners", int64_t{1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kAffineGrid{.name = "affine_grid",
                               .doc = "The sampling grid of an affine map.",
                               .operands = kIn,
                               .results = kOut,
                               .attrs = kAttrs,
                               .constraints = kRules,
                               .infer = Infer,
                               .eval = Eval,
                               .decompose = DecomposeAffineGrid,
                               .samples = Samples};

}  // namespace godwit::ops
