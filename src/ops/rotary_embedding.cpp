// rotary_embedding: turns pairs of elements of each head by angles that depend on the position.
#include <fmt/format.h>

#include "ir/convert.h"
#include "ir/op_def.h"
#include "ops/attention.h"
#include "ops/decompose.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'},
                              {"cos", kFloats, OperandDef::kPlain, 'T'},
                              {"sin", kFloats, OperandDef::kPlain, 'T'},
                              {"positions", kIndex, OperandDef::kOptional}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {
    {"heads", AttrKind::kInt, "0", "Heads of an x of rank 3; 0: the head size is twice the width of cos."},
    {"rotary_dim", AttrKind::kInt, "0", "Elements of each head that turn; 0: all."},
    {"interleaved", AttrKind::kInt, "0", "1: pairs are neighbours; 0: halves apart."}};
constexpr std::string_view kRules[] = {
    "c1: x is [batch, heads, rows, size] or [batch, rows, heads * size]",
    "c2: rotary_dim is even and not larger than the head size",
    "c3: cos and sin are [positions, rotary_dim / 2] with positions given, else [batch, rows, rotary_dim / 2]",
    "c4: positions are [batch, rows] or one first position, and lie in the tables",
};

struct Call {
  int64_t batch = 0, heads = 0, rows = 0, size = 0, turned = 0;
  bool packed = false;
  std::vector<int64_t> positions;
};

Result<Call> Read(const EvalCtx& ctx) {
  Call c;
  const Tensor& x = ctx.In(0);
  const Tensor& cos = ctx.In(1);
  const int64_t wanted = ctx.attrs.Int("rotary_dim");
  if (cos.rank() < 1 || cos.dims() != ctx.In(2).dims()) return ctx.Fail("c3", ToString(cos.dims()));
  if (x.rank() == 4) {
    c = {x.dim(0), x.dim(1), x.dim(2), x.dim(3), 0, false, {}};
  } else if (x.rank() == 3) {
    const int64_t heads = ctx.attrs.Int("heads");
    const int64_t size = heads > 0 ? x.dim(2) / heads : 2 * cos.dim(-1);
    if (size <= 0 || x.dim(2) % size != 0) return ctx.Fail("c1", ToString(x.dims()));
    c = {x.dim(0), x.dim(2) / size, x.dim(1), size, 0, true, {}};
    if (heads > 0 && c.heads != heads) return ctx.Fail("c1", ToString(x.dims()));
  } else {
    return ctx.Fail("c1", ToString(x.dims()));
  }
  c.turned = wanted > 0 ? wanted : c.size;
  if (c.turned % 2 != 0 || c.turned > c.size) return ctx.Fail("c2", fmt::format("{} of {}", c.turned, c.size));
  if (!ctx.Has(3)) {
    if (cos.dims() != Dims{c.batch, c.rows, c.turned / 2}) return ctx.Fail("c3", ToString(cos.dims()));
    return c;
  }
  if (cos.rank() != 2 || cos.dim(1) != c.turned / 2) return ctx.Fail("c3", ToString(cos.dims()));
  c.positions = ctx.Ints(3);
  if (c.positions.size() == 1 && c.batch * c.rows != 1) {
    const int64_t first = c.positions[0];
    if (first < 0 || first > cos.dim(0) - c.rows) return ctx.Fail("c4", fmt::format("from {}", first));
    c.positions.clear();
    for (int64_t b = 0; b < c.batch; ++b) {
      for (int64_t s = 0; s < c.rows; ++s) c.positions.push_back(first + s);
    }
  }
  if (static_cast<int64_t>(c.positions.size()) != c.batch * c.rows) {
    return ctx.Fail("c4", fmt::format("{} positions", c.positions.size()));
  }
  for (int64_t p : c.positions) {
    if (p < 0 || p >= cos.dim(0)) return ctx.Fail("c4", fmt::format("position {} of {}", p, cos.dim(0)));
  }
  return c;
}

Status Infer(InferCtx& ctx) {
  if (ctx.Ranked(0) && ctx.Rank(0) != 3 && ctx.Rank(0) != 4) return ctx.Fail("c1", ToString(ctx.ShapeOf(0)));
  ctx.Out(0, ctx.In(0));
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  TRY(const Call c, Read(ctx));
  const bool interleaved = ctx.attrs.Flag("interleaved");
  std::vector<double> x = ToF64(ctx.In(0));
  const std::vector<double> cos = ToF64(ctx.In(1));
  const std::vector<double> sin = ToF64(ctx.In(2));
  TRY(Tensor * out, ctx.Make(0, ctx.In(0).dtype(), ctx.In(0).dims()));
  const int64_t half = c.turned / 2;
  for (int64_t b = 0; b < c.batch && out->size() > 0; ++b) {
    for (int64_t s = 0; s < c.rows; ++s) {
      const int64_t row = b * c.rows + s;
      const int64_t table = (c.positions.empty() ? row : c.positions[static_cast<size_t>(row)]) * half;
      for (int64_t h = 0; h < c.heads; ++h) {
        double* head = x.data() + attention::RowOffset(c.packed, c.heads, c.rows, c.size, b, h, s);
        for (int64_t i = 0; i < half; ++i) {
          double& re = head[interleaved ? 2 * i : i];
          double& im = head[interleaved ? 2 * i + 1 : half + i];
          const double co = cos[static_cast<size_t>(table + i)];
          const double si = sin[static_cast<size_t>(table + i)];
          const double turned = co * re - si * im;
          im = si * re + co * im;
          re = turned;
        }
      }
    }
  }
  return FromF64(x, out);
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3,4,8]", "f32[10,4]", "f32[10,4]", "i64[2,4] = 0,1,2,3,9,8,7,6"}, {}},
                                   {{"f32[2,4,24]", "f32[2,4,2]", "f32[2,4,2]"},
                                    {{"heads", int64_t{3}}, {"rotary_dim", int64_t{4}}, {"interleaved", int64_t{1}}}},
                                   {{"f16[1,3,8]", "f16[9,2]", "f16[9,2]", "i64[1] = 4"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kRotaryEmbedding{.name = "rotary_embedding",
                                    .doc = "Rotary position embedding of queries or keys.",
                                    .operands = kIn,
                                    .results = kOut,
                                    .attrs = kAttrs,
                                    .constraints = kRules,
                                    .infer = Infer,
                                    .eval = Eval,
                                    .decompose = DecomposeRotaryEmbedding,
                                    .samples = Samples};

}  // namespace godwit::ops
