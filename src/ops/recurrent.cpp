#include "ops/recurrent.h"

#include <fmt/format.h>

#include <cmath>

#include "base/mathfn.h"
#include "ir/convert.h"
#include "ops/accumulate.h"

namespace godwit::ops {

namespace {

enum Operand : size_t { kX, kW, kR, kB, kLens, kInitialH, kInitialC, kPeephole };

struct NamedFunction {
  std::string_view name;
  double (*fn)(double x, double alpha, double beta);
};

constexpr NamedFunction kFunctions[] = {
    {"relu", [](double x, double, double) { return x < 0 ? 0.0 : x; }},
    {"tanh", [](double x, double, double) { return mathfn::Tanh(x); }},
    {"sigmoid",
     [](double x, double, double) {
       const double e = mathfn::Exp(x < 0 ? x : -x);
       return x < 0 ? e / (1 + e) : 1 / (1 + e);
     }},
    {"affine", [](double x, double alpha, double beta) { return alpha * x + beta; }},
    {"leaky_relu", [](double x, double alpha, double) { return x < 0 ? alpha * x : x; }},
    {"thresholded_relu", [](double x, double alpha, double) { return x >= alpha ? x : 0.0; }},
    {"scaled_tanh", [](double x, double alpha, double beta) { return alpha * mathfn::Tanh(beta * x); }},
    {"hard_sigmoid",
     [](double x, double alpha, double beta) {
       const double y = alpha * x + beta;
       return y < 0 ? 0.0 : y > 1 ? 1.0 : y;
     }},
    {"elu", [](double x, double alpha, double) { return x < 0 ? alpha * mathfn::Expm1(x) : x; }},
    {"softsign", [](double x, double, double) { return x / (1 + std::fabs(x)); }},
    {"softplus",
     [](double x, double, double) { return (x > 0 ? x : 0.0) + mathfn::Log1p(mathfn::Exp(-std::fabs(x))); }},
};

// Rows of `rows` x `cols` become columns.
std::vector<double> Transposed(const double* m, int64_t rows, int64_t cols) {
  std::vector<double> out(static_cast<size_t>(rows * cols));
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) out[static_cast<size_t>(j * rows + i)] = m[i * cols + j];
  }
  return out;
}

std::vector<double> Part(const std::vector<double>& all, int64_t start, int64_t count) {
  if (all.empty()) return std::vector<double>(static_cast<size_t>(count), 0.0);
  return {all.begin() + start, all.begin() + start + count};
}

Result<int64_t> Directions(const Attrs& attrs) {
  const std::string_view direction = attrs.Str("direction", "forward");
  if (direction == "forward" || direction == "reverse") return int64_t{1};
  if (direction == "bidirectional") return int64_t{2};
  return Diag(diag::kOpConstraint, fmt::format("direction is \"{}\"", direction));
}

struct Sizes {
  int64_t steps = 0, batch = 0, input = 0, hidden = 0, dirs = 1;
  bool batch_major = false;
};

bool IsShape(const EvalCtx& ctx, size_t operand, const Dims& dims) {
  return !ctx.Has(operand) || ctx.In(operand).dims() == dims;
}

Result<Sizes> ReadSizes(const EvalCtx& ctx, const RecurrentKind& kind) {
  Sizes s;
  auto dirs = Directions(ctx.attrs);
  if (!dirs.ok()) return ctx.Fail("c5", dirs.diag().what);
  s.dirs = *dirs;
  s.batch_major = ctx.attrs.Flag("batch_major");
  const Tensor& x = ctx.In(kX);
  if (x.rank() != 3 || ctx.In(kW).rank() != 3 || ctx.In(kR).rank() != 3) return ctx.Fail("c1", "another rank");
  s.steps = x.dim(s.batch_major ? 1 : 0);
  s.batch = x.dim(s.batch_major ? 0 : 1);
  s.input = x.dim(2);
  s.hidden = ctx.In(kR).dim(2);
  const int64_t rows = kind.gates * s.hidden;
  if (ctx.In(kW).dims() != Dims{s.dirs, rows, s.input} || ctx.In(kR).dims() != Dims{s.dirs, rows, s.hidden}) {
    return ctx.Fail("c1", fmt::format("x {}, w {}, r {}", ToString(x.dims()), ToString(ctx.In(kW).dims()),
                                      ToString(ctx.In(kR).dims())));
  }
  const Dims state = s.batch_major ? Dims{s.batch, s.dirs, s.hidden} : Dims{s.dirs, s.batch, s.hidden};
  if (!IsShape(ctx, kB, {s.dirs, 2 * rows}) || !IsShape(ctx, kInitialH, state) ||
      (kind.cell && (!IsShape(ctx, kInitialC, state) || !IsShape(ctx, kPeephole, {s.dirs, 3 * s.hidden})))) {
    return ctx.Fail("c2", fmt::format("directions {}, batch {}, hidden size {}", s.dirs, s.batch, s.hidden));
  }
  return s;
}

Result<std::vector<RecurrentWeights>> ReadWeights(const EvalCtx& ctx, const RecurrentKind& kind, const Sizes& s) {
  const std::vector<std::string>& names = ctx.attrs.Strs("activations");
  const std::vector<double>& alpha = ctx.attrs.Floats("alpha");
  const std::vector<double>& beta = ctx.attrs.Floats("beta");
  const size_t wanted = kind.functions * static_cast<size_t>(s.dirs);
  if (names.size() != wanted || (!alpha.empty() && alpha.size() != wanted) ||
      (!beta.empty() && beta.size() != wanted)) {
    return ctx.Fail("c4", fmt::format("{} functions for {} directions", names.size(), s.dirs));
  }
  const std::vector<double> w = ToF64(ctx.In(kW));
  const std::vector<double> r = ToF64(ctx.In(kR));
  const std::vector<double> b = ToF64(ctx.In(kB));
  const std::vector<double> p = kind.cell ? ToF64(ctx.In(kPeephole)) : std::vector<double>();
  const int64_t rows = kind.gates * s.hidden;
  std::vector<RecurrentWeights> out(static_cast<size_t>(s.dirs));
  for (size_t d = 0; d < out.size(); ++d) {
    RecurrentWeights& one = out[d];
    const auto dir = static_cast<int64_t>(d);
    one.hidden = s.hidden;
    one.w = Transposed(w.data() + dir * rows * s.input, rows, s.input);
    one.r = Transposed(r.data() + dir * rows * s.hidden, rows, s.hidden);
    one.wb = Part(b, dir * 2 * rows, rows);
    one.rb = Part(b, dir * 2 * rows + rows, rows);
    one.peephole = Part(p, dir * 3 * s.hidden, 3 * s.hidden);
    one.clip = ctx.attrs.Float("clip");
    one.f.resize(kind.functions);
    for (size_t i = 0; i < kind.functions; ++i) {
      const size_t k = d * kind.functions + i;
      if (!GateFunction::Make(names[k], alpha.empty() ? 0 : alpha[k], beta.empty() ? 0 : beta[k], &one.f[i])) {
        return ctx.Fail("c4", fmt::format("no function \"{}\"", names[k]));
      }
    }
  }
  return out;
}

Result<std::vector<int64_t>> ReadLengths(const EvalCtx& ctx, const Sizes& s) {
  if (!ctx.Has(kLens)) return std::vector<int64_t>(static_cast<size_t>(s.batch), s.steps);
  std::vector<int64_t> lens = ctx.Ints(kLens);
  if (static_cast<int64_t>(lens.size()) != s.batch) return ctx.Fail("c3", fmt::format("{} lengths", lens.size()));
  for (int64_t len : lens) {
    if (len < 0 || len > s.steps) return ctx.Fail("c3", fmt::format("length {} of {}", len, s.steps));
  }
  return lens;
}

}  // namespace

bool GateFunction::Make(std::string_view name, double alpha, double beta, GateFunction* out) {
  for (const NamedFunction& f : kFunctions) {
    if (f.name != name) continue;
    out->fn_ = f.fn;
    out->alpha_ = alpha;
    out->beta_ = beta;
    return true;
  }
  return false;
}

Status InferRecurrent(InferCtx& ctx, const RecurrentKind& kind) {
  auto directions = Directions(ctx.attrs);
  if (!directions.ok()) return ctx.Fail("c5", directions.diag().what);
  const Dim dirs(*directions);
  const bool batch_major = ctx.attrs.Flag("batch_major");
  for (size_t i : {kX, kW, kR}) {
    if (ctx.Ranked(i) && ctx.Rank(i) != 3) return ctx.Fail("c1", fmt::format("operand {} of rank {}", i, ctx.Rank(i)));
  }
  const Dim steps = ctx.Ranked(kX) ? ctx.ShapeOf(kX)[batch_major ? 1 : 0] : ctx.Fresh("steps");
  const Dim batch = ctx.Ranked(kX) ? ctx.ShapeOf(kX)[batch_major ? 0 : 1] : ctx.Fresh("batch");
  const Dim hidden = ctx.Ranked(kR)   ? ctx.ShapeOf(kR)[2]
                     : ctx.Ranked(kW) ? Dim::FloorDiv(ctx.ShapeOf(kW)[1], Dim(kind.gates))
                                      : ctx.Fresh("hidden");
  const DType dtype = ctx.DtypeOf(kX);
  ctx.Out(0, dtype, batch_major ? Shape{batch, steps, dirs, hidden} : Shape{steps, dirs, batch, hidden});
  for (size_t i = 1; i <= (kind.cell ? 2U : 1U); ++i) {
    ctx.Out(i, dtype, batch_major ? Shape{batch, dirs, hidden} : Shape{dirs, batch, hidden});
  }
  return Ok{};
}

Status EvalRecurrent(EvalCtx& ctx, const RecurrentKind& kind, const RecurrentStep& step) {
  TRY(const Sizes s, ReadSizes(ctx, kind));
  TRY(const std::vector<RecurrentWeights> weights, ReadWeights(ctx, kind, s));
  TRY(const std::vector<int64_t> lens, ReadLengths(ctx, s));
  const std::vector<double> x = ToF64(ctx.In(kX));
  const Dims state = s.batch_major ? Dims{s.batch, s.dirs, s.hidden} : Dims{s.dirs, s.batch, s.hidden};
  TRY(const int64_t state_bytes, CheckedByteSize(DType::kF64, state));
  const auto states = state_bytes / static_cast<int64_t>(sizeof(double));
  std::vector<double> h = ctx.Has(kInitialH) ? ToF64(ctx.In(kInitialH)) : Part({}, 0, states);
  std::vector<double> c = kind.cell && ctx.Has(kInitialC) ? ToF64(ctx.In(kInitialC)) : Part({}, 0, states);
  const Dims y_dims =
      s.batch_major ? Dims{s.batch, s.steps, s.dirs, s.hidden} : Dims{s.steps, s.dirs, s.batch, s.hidden};
  TRY(const int64_t y_bytes, CheckedByteSize(DType::kF64, y_dims));
  std::vector<double> y(static_cast<size_t>(y_bytes) / sizeof(double), 0.0);

  const int64_t rows = kind.gates * s.hidden;
  std::vector<double> xw(static_cast<size_t>(rows));
  for (int64_t d = 0; d < s.dirs; ++d) {
    const RecurrentWeights& one = weights[static_cast<size_t>(d)];
    const bool backward = d == 1 || ctx.attrs.Str("direction") == "reverse";
    for (int64_t b = 0; b < s.batch; ++b) {
      const int64_t at = (s.batch_major ? b * s.dirs + d : d * s.batch + b) * s.hidden;
      const int64_t len = lens[static_cast<size_t>(b)];
      for (int64_t i = 0; i < len; ++i) {
        const int64_t t = backward ? len - 1 - i : i;
        xw = one.wb;
        AccumulateRow(x.data() + (s.batch_major ? b * s.steps + t : t * s.batch + b) * s.input, one.w.data(), s.input,
                      rows, xw.data());
        step(one, xw.data(), h.data() + at, c.data() + at);
        const int64_t to = s.batch_major ? (b * s.steps + t) * s.dirs + d : (t * s.dirs + d) * s.batch + b;
        for (int64_t j = 0; j < s.hidden; ++j)
          y[static_cast<size_t>(to * s.hidden + j)] = h[static_cast<size_t>(at + j)];
      }
    }
  }
  const DType dtype = ctx.In(kX).dtype();
  const std::vector<double>* results[] = {&y, &h, &c};
  for (size_t i = 0; i < (kind.cell ? 3U : 2U); ++i) {
    if (!ctx.Wants(i)) continue;
    TRY(Tensor * out, ctx.Make(i, dtype, i == 0 ? y_dims : state));
    RETURN_IF_ERROR(FromF64(*results[i], out));
  }
  return Ok{};
}

double RecurrentMacs(const CostCtx& ctx) {
  const Type* x = ctx.In(kX);
  if (x == nullptr || !x->ranked() || x->rank() != 3) return 0;
  // Every weight meets every row of every step once.
  const double rows = CostCtx::Extent(x->shape()[0]) * CostCtx::Extent(x->shape()[1]);
  return rows * (CostCtx::Elements(ctx.In(kW)) + CostCtx::Elements(ctx.In(kR)));
}

}  // namespace godwit::ops
