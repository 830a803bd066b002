// Attention as matrix products and a softmax; rotary embedding as products with shifted halves; linear attention
// unrolled over its rows.
#include <cmath>
#include <limits>

#include "ops/attention.h"
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

using namespace attention;

constexpr double kMinusInf = -std::numeric_limits<double>::infinity();
/// Longer sequences are not unrolled.
constexpr int64_t kMostRows = 256;

// [batch, rows, heads * size] as [batch, heads, rows, size].
Expr SplitHeads(const Expr& x, int64_t heads) {
  const Extent size = Extent::Of(x, 2) / heads;
  return Transpose(Reshape(x, {Extent::Of(x, 0), Extent::Of(x, 1), heads, size}), {0, 2, 1, 3});
}

class Attend {
 public:
  explicit Attend(DecomposeCtx& ctx) : ctx_(ctx) {}

  Status Run() {
    const Expr q_in = RankedOperand(ctx_, kQ);
    const Expr k_in = RankedOperand(ctx_, kK);
    const Expr v_in = RankedOperand(ctx_, kV);
    if (ctx_.failed()) return Ok{};
    packed_ = q_in.rank() == 3;
    RETURN_IF_ERROR(CheckHeads(q_in, "q_heads"));
    RETURN_IF_ERROR(CheckHeads(k_in, "kv_heads"));
    RETURN_IF_ERROR(CheckHeads(v_in, "kv_heads"));
    const Expr q = Widen(Heads(q_in, "q_heads"));
    const Expr k = Joined(Heads(k_in, "kv_heads"), kPastK, kPresentK);
    const Expr v = Joined(Heads(v_in, "kv_heads"), kPastV, kPresentV);
    const Dim q_heads = q.dim(1), kv_heads = k.dim(1);
    const bool grouped = !(q_heads == kv_heads);
    const bool divides = q_heads.is_static() && kv_heads.is_static() && kv_heads.value() > 0;
    if (grouped && !divides) return ctx_.Cannot("how many heads share one is not known");
    const int64_t group = grouped ? q_heads.value() / kv_heads.value() : 1;

    // Heads that share keys are rows of one product.
    const Extents of_q = {Extent::Of(q, 0), Extent::Of(q, 1), Extent::Of(q, 2), Extent::Of(q, 3)};
    queries_ = of_q[2];
    keys_ = Extent::Of(k, 2);
    const Extents shared = {of_q[0], Extent::Of(k, 1), of_q[2] * group, of_q[3]};
    const Expr scaled = Scaled(q);
    const Expr wide_k = Cast(k, q.dtype());
    Expr s = MatMul(grouped ? Reshape(scaled, shared) : scaled, Transpose(wide_k, {0, 1, 3, 2}));
    if (grouped) s = Reshape(s, {of_q[0], of_q[1], of_q[2], keys_});
    const Expr p = Probabilities(s, q_in.dtype());
    const Expr rows = grouped ? Reshape(p, {of_q[0], Extent::Of(k, 1), of_q[2] * group, keys_}) : p;
    Expr y = MatMul(rows, Cast(v, q.dtype()));
    if (grouped) y = Reshape(y, {of_q[0], of_q[1], of_q[2], Extent::Of(v, 3)});
    if (packed_) {
      y = Reshape(Transpose(y, {0, 2, 1, 3}), {of_q[0], of_q[2], of_q[1] * Extent::Of(v, 3)});
    }
    Result0(ctx_, y, q_in.dtype());
    return Ok{};
  }

 private:
  Status CheckHeads(const Expr& x, std::string_view attr) {
    if (x.rank() == 3 && ctx_.attrs.Int(attr) < 1) return ctx_.Cannot("the number of heads is not known");
    return Ok{};
  }
  Expr Heads(const Expr& x, std::string_view attr) { return x.rank() == 3 ? SplitHeads(x, ctx_.attrs.Int(attr)) : x; }
  Expr Joined(const Expr& now, size_t past, size_t result) {
    const Expr all = ctx_.Has(past) ? Join({Operand(ctx_, past), now}, 2) : now;
    if (ctx_.Wants(result)) ctx_.Out(result, all.id());
    return all;
  }
  Expr Scaled(const Expr& q) {
    if (ctx_.attrs.Has("scale")) return q * ctx_.attrs.Float("scale");
    if (const auto size = q.dim(3).known()) return *size > 0 ? q * (1 / std::sqrt(static_cast<double>(*size))) : q;
    return q / Sqrt(Cast(Extent::Of(q, 3).Get(ctx_), q.dtype()));
  }
  void Tap(std::string_view stage, const Expr& s, DType dtype) {
    if (ctx_.Wants(kScores) && ctx_.attrs.Str("scores_stage", "scaled") == stage) ResultN(ctx_, kScores, s, dtype);
  }

  Expr Probabilities(Expr s, DType dtype) {
    Tap("scaled", s, dtype);
    const double cap = ctx_.attrs.Float("softcap");
    if (cap > 0) s = Tanh(s / cap) * cap;
    Tap("capped", s, dtype);
    s = Masked(s);
    const DType narrow = ctx_.attrs.Dtype("softmax_type");
    if (narrow == DType::kF16 || narrow == DType::kBF16) s = Cast(Cast(s, narrow), s.dtype());
    Tap("masked", s, dtype);
    Expr p;
    if (ctx_.Has(kSink)) {
      // One more score a head, which takes its share of the sum.
      const Expr sink = Unsqueeze(Cast(Operand(ctx_, kSink), s.dtype()), {1, 2});
      const Expr top = Max(Reduce(s, "max", {-1}), sink);
      const Expr e = Exp(s - top);
      p = e / (Reduce(e, "sum", {-1}) + Exp(sink - top));
    } else if (may_be_empty_) {
      // A row whose keys are all excluded gives zeros, where a softmax would give NaN.
      const Expr none = ScalarOf(ctx_, s.dtype(), kMinusInf);
      p = Where(Equal(Reduce(s, "max", {-1}), none), ScalarOf(ctx_, s.dtype(), 0), Softmax(s, -1));
    } else {
      p = Softmax(s, -1);
    }
    Tap("softmax", p, dtype);
    return p;
  }

  Expr Masked(Expr s) {
    const Expr none = ScalarOf(ctx_, s.dtype(), kMinusInf);
    if (ctx_.Has(kMask)) {
      may_be_empty_ = true;
      Expr mask = Operand(ctx_, kMask);
      const bool whole = mask.ranked() && mask.dim(-1) == keys_.dim();
      if (mask.dtype() == DType::kBool && whole) {
        s = Where(mask, s, none);
      } else {
        if (mask.dtype() == DType::kBool) mask = Where(mask, ScalarOf(ctx_, s.dtype(), 0), none);
        mask = Cast(mask, s.dtype());
        s = s + (whole ? mask : Lengthened(mask, none));
      }
    }
    const Expr excluded = Excluded();
    return excluded.valid() ? Where(excluded, none, s) : s;
  }
  // Keys beyond the mask are excluded.
  Expr Lengthened(const Expr& mask, const Expr& none) {
    if (!mask.ranked()) ctx_.Fail(ctx_.Cannot("the rank of the mask is not known"));
    const Extents zeros(static_cast<size_t>(std::max(0, 2 * mask.rank() - 1)), Extent(0));
    Extents pads = zeros;
    pads.push_back(keys_ - Extent::Of(mask, -1));
    return Apply(ctx_, kPad, {mask, DimsOf(ctx_, pads), none});
  }

  // Where query i must not see key t, by their positions; empty when it may see all.
  Expr Excluded() {
    const bool causal = ctx_.attrs.Flag("causal");
    const int64_t left = ctx_.attrs.Int("left_window", -1);
    const int64_t right = ctx_.attrs.Int("right_window", -1);
    const bool lengths = ctx_.Has(kLengths);
    if (!causal && left < 0 && right < 0 && !lengths) return {};
    may_be_empty_ = may_be_empty_ || left >= 0 || right >= 0 || lengths || ctx_.Has(kOffsets);
    const Expr key = Range(ctx_, keys_);
    Expr excluded;
    const auto exclude = [&excluded](const Expr& more) { excluded = excluded.valid() ? Or(excluded, more) : more; };
    const auto by_batch = [&](size_t operand) {
      return Unsqueeze(Reshape(Cast(Operand(ctx_, operand), DType::kI64), {-1}), {1, 2, 3});
    };
    if (lengths) exclude(Not(Less(key, by_batch(kLengths))));
    if (causal || left >= 0 || right >= 0) {
      const Expr i = Unsqueeze(Range(ctx_, queries_), {1});
      // The query's position among the keys: after the past, or at the end of what is valid of an outer cache.
      Expr place;
      if (ctx_.Has(kOffsets)) {
        place = i + by_batch(kOffsets);
      } else if (lengths) {
        place = i + (by_batch(kLengths) - queries_.Get(ctx_));
      } else if (ctx_.Has(kPastK)) {
        place = i + Extent::Of(Operand(ctx_, kPastK), 2).Get(ctx_);
      } else {
        place = i;
      }
      if (causal) exclude(Less(place, key));
      if (left >= 0) exclude(Less(key, place - static_cast<double>(left)));
      if (right >= 0) exclude(Less(place + static_cast<double>(right), key));
    }
    return excluded;
  }

  DecomposeCtx& ctx_;
  bool packed_ = false;
  bool may_be_empty_ = false;
  Extent queries_ = 0;
  Extent keys_ = 0;
};

}  // namespace

Status DecomposeAttention(DecomposeCtx& ctx) { return Attend(ctx).Run(); }

Status DecomposeRotaryEmbedding(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  Expr cos = RankedOperand(ctx, 1);
  Expr sin = RankedOperand(ctx, 2);
  if (ctx.failed()) return Ok{};
  const bool packed = given.rank() == 3;
  const Extent half = Extent::Of(cos, -1);
  Expr x = Widen(given);
  Extents dims;
  for (int i = 0; i < x.rank(); ++i) dims.push_back(Extent::Of(x, i));
  const int64_t heads = ctx.attrs.Int("heads");
  if (packed) {
    const Extent size = heads > 0 ? dims[2] / heads : half * 2;
    x = Reshape(x, {dims[0], dims[1], heads > 0 ? Extent(heads) : dims[2] / size, size});
  }
  if (ctx.Has(3)) {
    const Expr positions = RankedOperand(ctx, 3);
    if (ctx.failed()) return Ok{};
    const bool single = !positions.type().shape().empty() && ElementCount(positions.type().shape()) == Dim(1);
    const Expr rows =
        single ? Reshape(Cast(positions, DType::kI64), {1}) + Range(ctx, Extent::Of(x, packed ? 1 : 2)) : positions;
    cos = Gather(cos, rows, 0);
    sin = Gather(sin, rows, 0);
    if (single) {
      cos = Unsqueeze(cos, {0});
      sin = Unsqueeze(sin, {0});
    }
  }
  const std::vector<int64_t> head_axis = {packed ? 2 : 1};
  cos = Unsqueeze(Cast(cos, x.dtype()), head_axis);
  sin = Unsqueeze(Cast(sin, x.dtype()), head_axis);
  const int64_t wanted = ctx.attrs.Int("rotary_dim");
  const bool whole = wanted == 0 || x.dim(3) == Dim(wanted);
  const Expr turning = whole ? x : Slice(x, 3, 0, wanted);
  const bool interleaved = ctx.attrs.Flag("interleaved");
  const Extent end = half * 2;
  const Expr re = interleaved ? Slice(turning, 3, 0, end, 2) : Slice(turning, 3, 0, half);
  const Expr im = interleaved ? Slice(turning, 3, 1, end, 2) : Slice(turning, 3, half, end);
  const Expr new_re = cos * re - sin * im;
  const Expr new_im = sin * re + cos * im;
  Expr turned = Join({new_re, new_im}, 3);
  if (interleaved) {
    Extents joined;
    for (int i = 0; i < 4; ++i) joined.push_back(Extent::Of(turning, i));
    turned = Reshape(Join({Unsqueeze(new_re, {4}), Unsqueeze(new_im, {4})}, 4), joined);
  }
  Expr y = whole ? turned : Join({turned, Slice(x, 3, wanted, Extent::Of(x, 3))}, 3);
  if (packed) y = Reshape(y, dims);
  Result0(ctx, y, given.dtype());
  return Ok{};
}

Status DecomposeLinearAttention(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  const Expr k_in = RankedOperand(ctx, 1);
  const Expr v_in = RankedOperand(ctx, 2);
  if (ctx.failed()) return Ok{};
  const auto rows = given.dim(1).known();
  if (!rows || *rows < 1 || *rows > kMostRows) return ctx.Cannot("the rows are not known, or too many to unroll");
  const int64_t q_heads = ctx.attrs.Int("q_heads");
  const int64_t kv_heads = ctx.attrs.Int("kv_heads");
  const DType wide = given.dtype() == DType::kF64 ? DType::kF64 : DType::kF32;
  const Extent batch = Extent::Of(given, 0);
  const Extent key = Extent::Of(given, 2) / q_heads;
  const Extent value = Extent::Of(v_in, 2) / kv_heads;
  // Row t of an operand as [batch, heads, rows, columns].
  const auto row = [&](const Expr& x, int64_t t, const Extents& dims) {
    return Reshape(Cast(*rows == 1 ? x : Slice(x, 1, t, t + 1), wide), dims);
  };
  if (!ctx.attrs.Has("scale") && !key.known()) return ctx.Cannot("the size of keys is not known");
  const double scale = ctx.attrs.Float("scale", 1 / std::sqrt(static_cast<double>(key.known().value_or(1))));
  Expr state = ctx.Has(3) ? Cast(Operand(ctx, 3), wide) : Expr();
  std::vector<Expr> out;
  for (int64_t t = 0; t < *rows; ++t) {
    const Expr k = row(k_in, t, {batch, kv_heads, key, 1});
    Expr written = row(v_in, t, {batch, kv_heads, 1, value});
    if (ctx.Has(4) && state.valid()) {
      const Expr decay = RankedOperand(ctx, 4);
      const bool by_head = decay.dim(2) == Dim(kv_heads);
      state = state * Exp(row(decay, t, {batch, kv_heads, by_head ? Extent(1) : key, 1}));
    }
    if (ctx.Has(5)) {
      const Expr beta = RankedOperand(ctx, 5);
      const Extent width = beta.dim(2) == Dim(1) ? 1 : kv_heads;
      if (state.valid()) written = written - MatMul(Reshape(k, {batch, kv_heads, 1, key}), state);
      written = written * row(beta, t, {batch, width, 1, 1});
    }
    const Expr change = k * written;
    state = state.valid() ? state + change : change;
    const Expr q = row(given, t, {batch, kv_heads, q_heads / kv_heads, key});
    out.push_back(Reshape(MatMul(q, state) * scale, {batch, 1, value * q_heads}));
  }
  Result0(ctx, Join(out, 1), given.dtype());
  if (ctx.Wants(1)) ResultN(ctx, 1, state, ctx.TypeOfIn(ctx.Has(3) ? 3 : 0).dtype());
  return Ok{};
}

}  // namespace godwit::ops
