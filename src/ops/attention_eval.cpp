// The reference semantics of attention: one query row at a time, in f64 from the operands to the results.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/mathfn.h"
#include "ir/convert.h"
#include "ops/accumulate.h"
#include "ops/attention.h"

namespace godwit::ops::attention {

namespace {

constexpr double kMinusInf = -std::numeric_limits<double>::infinity();

// Heads, rows and head size of an operand of either form.
struct Form {
  bool packed = false;
  int64_t batch = 0, heads = 0, rows = 0, size = 0;
};
Result<Form> FormOf(const EvalCtx& ctx, size_t operand, int64_t heads) {
  const Tensor& t = ctx.In(operand);
  if (t.rank() == 4) return Form{false, t.dim(0), t.dim(1), t.dim(2), t.dim(3)};
  if (t.rank() != 3) return ctx.Fail("c1", fmt::format("operand {} of rank {}", operand, t.rank()));
  if (heads <= 0 || t.dim(2) % heads != 0) {
    return ctx.Fail("c2", fmt::format("{} heads in operand {} of shape {}", heads, operand, ToString(t.dims())));
  }
  return Form{true, t.dim(0), heads, t.dim(1), t.dim(2) / heads};
}

Result<Stage> StageOf(const EvalCtx& ctx) {
  const std::string_view name = ctx.attrs.Str("scores_stage", "scaled");
  if (name == "scaled") return Stage::kScaled;
  if (name == "capped") return Stage::kCapped;
  if (name == "masked") return Stage::kMasked;
  if (name == "softmax") return Stage::kSoftmax;
  return ctx.Fail("c6", std::string(name));
}

// Additive bias from the mask operand: -inf where a key is excluded.
class Mask {
 public:
  static Result<Mask> Make(const EvalCtx& ctx, const Sizes& s) {
    Mask m;
    m.total_ = s.total();
    if (!ctx.Has(kMask)) return m;
    const Tensor& t = ctx.In(kMask);
    const Dims want = {s.batch, s.q_heads, s.q_len};
    if (t.rank() < 1 || t.rank() > 4 || t.dim(-1) > s.total()) return ctx.Fail("c4", ToString(t.dims()));
    m.keys_ = t.dim(-1);
    m.values_ = ToF64(t);
    if (t.dtype() == DType::kBool) {
      for (double& v : m.values_) v = v != 0 ? 0 : kMinusInf;
    }
    int64_t stride = m.keys_;
    for (int i = t.rank() - 2; i >= 0; --i) {
      const auto axis = static_cast<size_t>(i + 4 - t.rank());
      if (t.dim(i) != 1 && t.dim(i) != want[axis]) return ctx.Fail("c4", ToString(t.dims()));
      m.strides_[axis] = t.dim(i) == 1 ? 0 : stride;
      stride *= t.dim(i);
    }
    return m;
  }
  [[nodiscard]] double At(int64_t b, int64_t h, int64_t i, int64_t key) const {
    if (values_.empty() && keys_ == total_) return 0;
    if (key >= keys_) return kMinusInf;
    return values_[static_cast<size_t>(b * strides_[0] + h * strides_[1] + i * strides_[2] + key)];
  }
  void AllowAll() { keys_ = total_; }

 private:
  std::vector<double> values_;
  int64_t strides_[3] = {0, 0, 0};
  int64_t keys_ = 0;
  int64_t total_ = 0;
};

struct Call {
  Sizes s;
  Form q, k, v;
  double scale = 0;
  double softcap = 0;
  DType softmax_type = DType::kNone;
  bool causal = false;
  int64_t left = -1, right = -1;
  Stage stage = Stage::kScaled;
  std::vector<int64_t> lengths, offsets;
  std::vector<double> sink;
};

Result<Call> Read(const EvalCtx& ctx) {
  Call c;
  TRY(c.q, FormOf(ctx, kQ, ctx.attrs.Int("q_heads")));
  TRY(c.k, FormOf(ctx, kK, ctx.attrs.Int("kv_heads")));
  TRY(c.v, FormOf(ctx, kV, ctx.attrs.Int("kv_heads")));
  TRY(c.stage, StageOf(ctx));
  Sizes& s = c.s;
  s = {c.q.batch, c.q.heads, c.k.heads, c.q.rows, 0, c.k.rows, c.q.size, c.v.size};
  if (s.head <= 0 || s.v_head <= 0 || c.k.batch != s.batch || c.v.batch != s.batch || c.k.size != s.head ||
      c.v.heads != s.kv_heads || c.v.rows != s.kv_len) {
    return ctx.Fail("c1", fmt::format("q {}, k {}, v {}", ToString(ctx.In(kQ).dims()), ToString(ctx.In(kK).dims()),
                                      ToString(ctx.In(kV).dims())));
  }
  if (s.kv_heads <= 0 ? s.q_heads != 0 : s.q_heads % s.kv_heads != 0) {
    return ctx.Fail("c2", fmt::format("{} heads of q, {} of k", s.q_heads, s.kv_heads));
  }
  if (ctx.Has(kPastK) != ctx.Has(kPastV)) return ctx.Fail("c3", "only one of them is given");
  if (ctx.Has(kPastK)) {
    const Tensor& pk = ctx.In(kPastK);
    s.past = pk.rank() == 4 ? pk.dim(2) : -1;
    if (s.past < 0 || pk.dims() != Dims{s.batch, s.kv_heads, s.past, s.head} ||
        ctx.In(kPastV).dims() != Dims{s.batch, s.kv_heads, s.past, s.v_head}) {
      return ctx.Fail("c3", fmt::format("{} and {}", ToString(pk.dims()), ToString(ctx.In(kPastV).dims())));
    }
  }
  c.lengths = ctx.Ints(kLengths);
  c.offsets = ctx.Ints(kOffsets);
  c.sink = ToF64(ctx.In(kSink));
  const auto batch = static_cast<size_t>(s.batch);
  if ((ctx.Has(kLengths) && c.lengths.size() != batch) || (ctx.Has(kOffsets) && c.offsets.size() != batch) ||
      (ctx.Has(kSink) && c.sink.size() != static_cast<size_t>(s.q_heads))) {
    return ctx.Fail("c5", fmt::format("batch {}, {} heads", s.batch, s.q_heads));
  }
  c.scale = ctx.attrs.Float("scale", s.head > 0 ? 1 / std::sqrt(static_cast<double>(s.head)) : 1);
  c.softcap = ctx.attrs.Float("softcap");
  c.causal = ctx.attrs.Flag("causal");
  c.left = ctx.attrs.Int("left_window", -1);
  c.right = ctx.attrs.Int("right_window", -1);
  const DType narrow = ctx.attrs.Dtype("softmax_type");
  if (narrow == DType::kF16 || narrow == DType::kBF16) c.softmax_type = narrow;
  return c;
}

// Past rows followed by the given ones, as [batch, heads, total, size].
std::vector<double> Joined(const Tensor& past, const Tensor& now, const Form& form, int64_t past_len) {
  const std::vector<double> a = ToF64(past);
  const std::vector<double> b = ToF64(now);
  std::vector<double> out;
  out.reserve(a.size() + b.size());
  for (int64_t i = 0; i < form.batch; ++i) {
    for (int64_t h = 0; h < form.heads; ++h) {
      const int64_t from = (i * form.heads + h) * past_len * form.size;
      out.insert(out.end(), a.begin() + from, a.begin() + from + past_len * form.size);
      for (int64_t r = 0; r < form.rows; ++r) {
        const int64_t at = RowOffset(form.packed, form.heads, form.rows, form.size, i, h, r);
        out.insert(out.end(), b.begin() + at, b.begin() + at + form.size);
      }
    }
  }
  return out;
}

// Softmax of score + bias in place. A row whose keys are all excluded gives zeros.
void Softmax(const std::vector<double>& bias, const double* sink, std::vector<double>* scores) {
  double top = kMinusInf;
  for (size_t t = 0; t < scores->size(); ++t) {
    if (bias[t] != kMinusInf) top = std::max(top, (*scores)[t]);
  }
  if (sink != nullptr) top = std::max(top, *sink);
  double sum = sink != nullptr ? mathfn::Exp(*sink - top) : 0;
  for (size_t t = 0; t < scores->size(); ++t) {
    const bool seen = bias[t] != kMinusInf && (*scores)[t] != kMinusInf;
    (*scores)[t] = seen ? mathfn::Exp((*scores)[t] - top) : 0;
    sum += (*scores)[t];
  }
  for (double& p : *scores) p = sum == 0 ? 0 : p / sum;
}

class Row {
 public:
  Row(const Call& call, const Mask& mask, std::vector<double>* tap) : c_(call), mask_(mask), tap_(tap) {}
  // `kt` is [head][total], `v` is [total][v_head]; adds into y.
  void Run(int64_t b, int64_t h, int64_t i, const double* q, const double* kt, const double* v, double* y) {
    const Sizes& s = c_.s;
    query_.assign(q, q + s.head);
    for (double& x : query_) x *= c_.scale;
    scores_.assign(static_cast<size_t>(s.total()), 0.0);
    AccumulateRow(query_.data(), kt, s.head, s.total(), scores_.data());
    Tap(Stage::kScaled);
    if (c_.softcap > 0) {
      for (double& x : scores_) x = c_.softcap * mathfn::Tanh(x / c_.softcap);
    }
    Tap(Stage::kCapped);
    SetBias(b, h, i);
    for (size_t t = 0; t < scores_.size(); ++t) {
      scores_[t] += bias_[t];
      if (c_.softmax_type != DType::kNone) scores_[t] = RoundTo(c_.softmax_type, scores_[t]);
    }
    Tap(Stage::kMasked);
    Softmax(bias_, c_.sink.empty() ? nullptr : &c_.sink[static_cast<size_t>(h)], &scores_);
    Tap(Stage::kSoftmax);
    AccumulateRow(scores_.data(), v, s.total(), s.v_head, y);
  }

 private:
  void Tap(Stage stage) {
    if (tap_ != nullptr && stage == c_.stage) tap_->insert(tap_->end(), scores_.begin(), scores_.end());
  }
  void SetBias(int64_t b, int64_t h, int64_t i) {
    const auto row = static_cast<size_t>(b);
    const int64_t valid = c_.lengths.empty() ? c_.s.total() : c_.lengths[row];
    // The query's position among the keys: after the past, or at the end of what is valid of an outer cache.
    const int64_t offset = !c_.offsets.empty() ? c_.offsets[row] : !c_.lengths.empty() ? valid - c_.s.q_len : c_.s.past;
    const int64_t p = offset + i;
    bias_.resize(scores_.size());
    for (int64_t t = 0; t < c_.s.total(); ++t) {
      const bool excluded = t >= valid || (c_.causal && t > p) || (c_.left >= 0 && t < p - c_.left) ||
                            (c_.right >= 0 && t > p + c_.right);
      bias_[static_cast<size_t>(t)] = excluded ? kMinusInf : mask_.At(b, h, i, t);
    }
  }

  const Call& c_;
  const Mask& mask_;
  std::vector<double>* tap_;
  std::vector<double> scores_, bias_, query_;
};

Status StorePresent(EvalCtx& ctx, size_t result, size_t operand, const Form& form, int64_t total,
                    const std::vector<double>& values) {
  if (!ctx.Wants(result)) return Ok{};
  TRY(Tensor * out, ctx.Make(result, ctx.In(operand).dtype(), {form.batch, form.heads, total, form.size}));
  RETURN_IF_ERROR(FromF64(values, out));
  return Ok{};
}

}  // namespace

Status Eval(EvalCtx& ctx) {
  TRY(const Call c, Read(ctx));
  const Sizes& s = c.s;
  TRY(Mask mask, Mask::Make(ctx, s));
  if (!ctx.Has(kMask)) mask.AllowAll();
  const DType dtype = ctx.In(kQ).dtype();
  const std::vector<double> q = ToF64(ctx.In(kQ));
  const std::vector<double> k = Joined(ctx.In(kPastK), ctx.In(kK), c.k, s.past);
  const std::vector<double> v = Joined(ctx.In(kPastV), ctx.In(kV), c.v, s.past);
  const Dims y_dims =
      c.q.packed ? Dims{s.batch, s.q_len, s.q_heads * s.v_head} : Dims{s.batch, s.q_heads, s.q_len, s.v_head};
  TRY(Tensor * y_out, ctx.Make(kY, dtype, y_dims));
  std::vector<double> y(static_cast<size_t>(y_out->size()), 0.0);
  Tensor* tap_out = nullptr;
  if (ctx.Wants(kScores)) {
    TRY(tap_out, ctx.Make(kScores, dtype, {s.batch, s.q_heads, s.q_len, s.total()}));
  }
  std::vector<double> tapped;
  Row row(c, mask, tap_out != nullptr ? &tapped : nullptr);
  std::vector<double> kt;
  for (int64_t b = 0; b < s.batch; ++b) {
    int64_t transposed = -1;
    for (int64_t h = 0; h < s.q_heads; ++h) {
      const int64_t kv = h / (s.q_heads / s.kv_heads);
      const double* keys = k.data() + (b * s.kv_heads + kv) * s.total() * s.head;
      const double* values = v.data() + (b * s.kv_heads + kv) * s.total() * s.v_head;
      kt.resize(static_cast<size_t>(s.head * s.total()));
      for (int64_t t = 0; t < s.total() && transposed != kv; ++t) {
        for (int64_t d = 0; d < s.head; ++d) kt[static_cast<size_t>(d * s.total() + t)] = keys[t * s.head + d];
      }
      transposed = kv;
      for (int64_t i = 0; i < s.q_len; ++i) {
        row.Run(b, h, i, q.data() + RowOffset(c.q.packed, s.q_heads, s.q_len, s.head, b, h, i), kt.data(), values,
                y.data() + RowOffset(c.q.packed, s.q_heads, s.q_len, s.v_head, b, h, i));
      }
    }
  }
  RETURN_IF_ERROR(FromF64(y, y_out));
  if (tap_out != nullptr) RETURN_IF_ERROR(FromF64(tapped, tap_out));
  RETURN_IF_ERROR(StorePresent(ctx, kPresentK, kK, c.k, s.total(), k));
  return StorePresent(ctx, kPresentV, kV, c.v, s.total(), v);
}

}  // namespace godwit::ops::attention
