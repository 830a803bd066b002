// linear_attention: attention whose keys and values live in a matrix a head that is updated row by row.
#include <fmt/format.h>

#include <cmath>

#include "base/mathfn.h"
#include "ir/convert.h"
#include "ir/cost.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/accumulate.h"
#include "ops/decompose.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

enum OperandIndex : size_t { kQ, kK, kV, kPast, kDecay, kBeta };

constexpr OperandDef kIn[] = {
    {"q", kFloats, OperandDef::kPlain, 'T'},        {"k", kFloats, OperandDef::kPlain, 'T'},
    {"v", kFloats, OperandDef::kPlain, 'T'},        {"past_state", kFloats, OperandDef::kOptional},
    {"decay", kFloats, OperandDef::kOptional, 'T'}, {"beta", kFloats, OperandDef::kOptional, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}, {"state", kFloats, OperandDef::kOptional}};
constexpr AttrDef kAttrs[] = {
    {"q_heads", AttrKind::kInt, "", "Heads of q."},
    {"kv_heads", AttrKind::kInt, "", "Heads of k, v and the state."},
    {"scale", AttrKind::kFloat, "none", "Factor of the result; absent: 1 / sqrt(key size)."},
};
constexpr std::string_view kRules[] = {
    "c1: q, k and v are [batch, rows, heads * size] and agree",
    "c2: the heads of k are positive and divide those of q",
    "c3: past_state is [batch, kv_heads, key size, value size]",
    "c4: decay is [batch, rows, kv_heads] or [batch, rows, kv_heads * key size]",
    "c5: beta is [batch, rows, kv_heads] or [batch, rows, 1]",
};

struct Sizes {
  int64_t batch = 0, rows = 0, q_heads = 0, kv_heads = 0, key = 0, value = 0;
};

Result<Sizes> Read(const EvalCtx& ctx) {
  Sizes s;
  s.q_heads = ctx.attrs.Int("q_heads");
  s.kv_heads = ctx.attrs.Int("kv_heads");
  if (s.q_heads <= 0 || s.kv_heads <= 0 || s.q_heads % s.kv_heads != 0) {
    return ctx.Fail("c2", fmt::format("{} heads of q, {} of k", s.q_heads, s.kv_heads));
  }
  const Tensor& q = ctx.In(kQ);
  const Tensor& k = ctx.In(kK);
  const Tensor& v = ctx.In(kV);
  const auto shapes = [&] {
    return fmt::format("{}, {}, {}", ToString(q.dims()), ToString(k.dims()), ToString(v.dims()));
  };
  if (q.rank() != 3 || k.rank() != 3 || v.rank() != 3) return ctx.Fail("c1", shapes());
  s.batch = q.dim(0);
  s.rows = q.dim(1);
  s.key = q.dim(2) / s.q_heads;
  s.value = v.dim(2) / s.kv_heads;
  if (q.dims() != Dims{s.batch, s.rows, s.q_heads * s.key} || k.dims() != Dims{s.batch, s.rows, s.kv_heads * s.key} ||
      v.dims() != Dims{s.batch, s.rows, s.kv_heads * s.value}) {
    return ctx.Fail("c1", shapes());
  }
  if (ctx.Has(kPast) && ctx.In(kPast).dims() != Dims{s.batch, s.kv_heads, s.key, s.value}) {
    return ctx.Fail("c3", ToString(ctx.In(kPast).dims()));
  }
  const auto is = [&](size_t operand, int64_t width) { return ctx.In(operand).dims() == Dims{s.batch, s.rows, width}; };
  if (ctx.Has(kDecay) && !is(kDecay, s.kv_heads) && !is(kDecay, s.kv_heads * s.key)) {
    return ctx.Fail("c4", ToString(ctx.In(kDecay).dims()));
  }
  if (ctx.Has(kBeta) && !is(kBeta, s.kv_heads) && !is(kBeta, 1)) return ctx.Fail("c5", ToString(ctx.In(kBeta).dims()));
  return s;
}

Status Infer(InferCtx& ctx) {
  const Dim q_heads(ctx.attrs.Int("q_heads"));
  const Dim kv_heads(ctx.attrs.Int("kv_heads"));
  if (ctx.attrs.Int("q_heads") <= 0 || ctx.attrs.Int("kv_heads") <= 0 ||
      ctx.attrs.Int("q_heads") % ctx.attrs.Int("kv_heads") != 0) {
    return ctx.Fail("c2", fmt::format("{} heads of q, {} of k", ctx.attrs.Int("q_heads"), ctx.attrs.Int("kv_heads")));
  }
  for (size_t i : {kQ, kK, kV}) {
    if (ctx.Ranked(i) && ctx.Rank(i) != 3) return ctx.Fail("c1", fmt::format("operand {} of rank {}", i, ctx.Rank(i)));
  }
  const Dim batch = ctx.Ranked(kQ) ? ctx.ShapeOf(kQ)[0] : ctx.Fresh("batch");
  const Dim rows = ctx.Ranked(kQ) ? ctx.ShapeOf(kQ)[1] : ctx.Fresh("rows");
  const Dim key = ctx.Ranked(kQ) ? Dim::FloorDiv(ctx.ShapeOf(kQ)[2], q_heads) : ctx.Fresh("key");
  const Dim value = ctx.Ranked(kV) ? Dim::FloorDiv(ctx.ShapeOf(kV)[2], kv_heads) : ctx.Fresh("value");
  ctx.Out(0, ctx.DtypeOf(kQ), {batch, rows, q_heads * value});
  ctx.Out(1, ctx.DtypeOf(ctx.Has(kPast) ? kPast : kQ), {batch, kv_heads, key, value});
  return Ok{};
}

// One row of one head: decay the state, write the row's key and value into it.
void Update(const Sizes& s, const double* decay, int64_t decay_step, const double* beta, const double* k,
            const double* v, double* state, std::vector<double>* written) {
  for (int64_t d = 0; decay != nullptr && d < s.key; ++d) {
    const double factor = mathfn::Exp(decay[d * decay_step]);
    for (int64_t m = 0; m < s.value; ++m) state[d * s.value + m] *= factor;
  }
  written->assign(v, v + s.value);
  if (beta != nullptr) {
    std::vector<double> held(static_cast<size_t>(s.value), 0.0);
    AccumulateRow(k, state, s.key, s.value, held.data());
    for (size_t m = 0; m < held.size(); ++m) (*written)[m] = *beta * ((*written)[m] - held[m]);
  }
  for (int64_t d = 0; d < s.key; ++d) {
    for (int64_t m = 0; m < s.value; ++m) state[d * s.value + m] += k[d] * (*written)[static_cast<size_t>(m)];
  }
}

Status Eval(EvalCtx& ctx) {
  TRY(const Sizes s, Read(ctx));
  const std::vector<double> q = ToF64(ctx.In(kQ));
  const std::vector<double> k = ToF64(ctx.In(kK));
  const std::vector<double> v = ToF64(ctx.In(kV));
  const std::vector<double> decay = ToF64(ctx.In(kDecay));
  const std::vector<double> beta = ToF64(ctx.In(kBeta));
  const Dims state_dims = {s.batch, s.kv_heads, s.key, s.value};
  TRY(const int64_t state_bytes, CheckedByteSize(DType::kF64, state_dims));
  std::vector<double> state = ToF64(ctx.In(kPast));
  if (!ctx.Has(kPast)) state.assign(static_cast<size_t>(state_bytes) / sizeof(double), 0.0);
  TRY(Tensor * out, ctx.Make(0, ctx.In(kQ).dtype(), {s.batch, s.rows, s.q_heads * s.value}));
  std::vector<double> y(static_cast<size_t>(out->size()), 0.0);

  const double scale = ctx.attrs.Float("scale", s.key > 0 ? 1 / std::sqrt(static_cast<double>(s.key)) : 1);
  const int64_t group = s.q_heads / s.kv_heads;
  const int64_t decay_width = ctx.Has(kDecay) ? ctx.In(kDecay).dim(2) : 0;
  const int64_t per_head = decay_width == s.kv_heads ? 1 : s.key;
  const int64_t beta_width = ctx.Has(kBeta) ? ctx.In(kBeta).dim(2) : 0;
  std::vector<double> written;
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t t = 0; t < s.rows; ++t) {
      const int64_t row = b * s.rows + t;
      for (int64_t h = 0; h < s.kv_heads; ++h) {
        double* held = state.data() + (b * s.kv_heads + h) * s.key * s.value;
        const double* g = decay.empty() ? nullptr : decay.data() + row * decay_width + h * per_head;
        const double* rate = beta.empty() ? nullptr : beta.data() + row * beta_width + (beta_width == 1 ? 0 : h);
        Update(s, g, per_head == 1 ? 0 : 1, rate, k.data() + (row * s.kv_heads + h) * s.key,
               v.data() + (row * s.kv_heads + h) * s.value, held, &written);
        for (int64_t i = h * group; i < (h + 1) * group; ++i) {
          double* to = y.data() + (row * s.q_heads + i) * s.value;
          AccumulateRow(q.data() + (row * s.q_heads + i) * s.key, held, s.key, s.value, to);
          for (int64_t m = 0; m < s.value; ++m) to[m] *= scale;
        }
      }
    }
  }
  RETURN_IF_ERROR(FromF64(y, out));
  if (!ctx.Wants(1)) return Ok{};
  TRY(Tensor * last, ctx.Make(1, ctx.In(ctx.Has(kPast) ? kPast : kQ).dtype(), state_dims));
  return FromF64(state, last);
}

// Writing a row into the state and correcting it take two products with the keys, reading it one with the queries.
double Macs(const CostCtx& ctx) {
  const Type* v = ctx.In(kV);
  const int64_t heads = ctx.attrs.Int("kv_heads");
  if (v == nullptr || !v->ranked() || v->rank() != 3 || heads <= 0) return 0;
  const double size = CostCtx::Extent(v->shape()[2]) / static_cast<double>(heads);
  const double keys = CostCtx::Elements(ctx.In(kK)) * (ctx.In(kBeta) != nullptr ? 2 : 1);
  return size * (keys + CostCtx::Elements(ctx.In(kQ)));
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {
      {{"f32[2,3,8]", "f32[2,3,8]", "f32[2,3,6]"}, {{"q_heads", int64_t{2}}, {"kv_heads", int64_t{2}}}, 2},
      {{"f32[2,3,16]", "f32[2,3,8]", "f32[2,3,6]", "f32[2,2,4,3]", "f32[2,3,8]", "f32[2,3,2]"},
       {{"q_heads", int64_t{4}}, {"kv_heads", int64_t{2}}, {"scale", 0.5}},
       2},
      {{"f16[1,2,4]", "f16[1,2,4]", "f16[1,2,4]", "", "f16[1,2,1]", "f16[1,2,1]"},
       {{"q_heads", int64_t{1}}, {"kv_heads", int64_t{1}}},
       1}};
  return samples;
}

}  // namespace

extern const OpDef kLinearAttention{
    .name = "linear_attention",
    .doc = "y = scale * q S with S <- exp(decay) S, then S <- S + k (beta (v - k S)) or, without beta, S + k v.",
    .operands = kIn,
    .results = kOut,
    .attrs = kAttrs,
    .constraints = kRules,
    .infer = Infer,
    .eval = Eval,
    .decompose = DecomposeLinearAttention,
    .macs = Macs,
    .samples = Samples};

}  // namespace godwit::ops
