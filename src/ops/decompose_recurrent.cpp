// Recurrent layers step by step, where the number of steps is known and not too large. What does not depend on the
// state is one product for all steps.
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

/// Longer sequences are not written out.
constexpr int64_t kMostSteps = 512;

enum Place : size_t { kX, kW, kR, kB, kLens, kInitialH, kInitialC, kPeephole };

// What one step makes of the products x W^T + Wb and the state.
struct State {
  Expr h, c;
};

class Layer {
 public:
  Layer(DecomposeCtx& ctx, int64_t gates, size_t functions, bool cell)
      : ctx_(ctx), gates_(gates), functions_(functions), cell_(cell) {}
  virtual ~Layer() = default;

  Status Run() {
    x_ = Widen(RankedOperand(ctx_, kX));
    const Expr w = RankedOperand(ctx_, kW), r = RankedOperand(ctx_, kR);
    if (ctx_.failed()) return Ok{};
    const DType dtype = ctx_.TypeOfIn(kX).dtype();
    const bool batch_major = ctx_.attrs.Flag("batch_major");
    if (batch_major) x_ = Transpose(x_, {1, 0, 2});
    const auto steps = x_.dim(0).known(), hidden = r.dim(2).known(), directions = w.dim(0).known();
    if (!steps || *steps > kMostSteps || *steps < 1) return ctx_.Cannot("the number of steps is not known, or large");
    if (!hidden || !directions || *hidden < 1) return ctx_.Cannot("the size of the state is not known");
    steps_ = *steps;
    hidden_ = *hidden;
    const std::string_view direction = ctx_.attrs.Str("direction", "forward");
    std::vector<Expr> ys, hs, cs;
    for (int64_t d = 0; d < *directions; ++d) {
      const bool backward = d == 1 || direction == "reverse";
      Expr y;
      const State last = Direction(d, backward, &y);
      ys.push_back(Unsqueeze(y, {1}));
      hs.push_back(Unsqueeze(last.h, {0}));
      if (cell_) cs.push_back(Unsqueeze(last.c, {0}));
    }
    const auto give = [&](size_t i, const std::vector<Expr>& parts, int64_t axis, std::vector<int64_t> perm) {
      if (!ctx_.Wants(i)) return;
      const Expr all = Join(parts, axis);
      ResultN(ctx_, i, batch_major ? Transpose(all, std::move(perm)) : all, dtype);
    };
    give(0, ys, 1, {2, 0, 1, 3});
    give(1, hs, 0, {1, 0, 2});
    if (cell_) give(2, cs, 0, {1, 0, 2});
    return Ok{};
  }

 protected:
  // Gates of one step: `xw` is [batch, gates * hidden].
  virtual State Step(const Expr& xw, const State& old) = 0;

  // Columns of gate k, counted in hidden sizes.
  [[nodiscard]] Expr Gate(const Expr& e, int64_t k, int64_t n = 1) const {
    return Slice(e, e.rank() - 1, k * hidden_, (k + n) * hidden_);
  }
  // x m^T + bias.
  [[nodiscard]] Expr Product(const Expr& x, const Expr& m, const Expr& bias) const {
    return Apply(ctx_, kGemm, {x, m, bias}, {{"transpose_b", int64_t{1}}});
  }
  [[nodiscard]] Expr Function(size_t i, const Expr& given) const {
    const size_t at = direction_ * functions_ + i;
    const std::vector<std::string>& names = ctx_.attrs.Strs("activations");
    const auto number = [&](std::string_view list) {
      const std::vector<double>& all = ctx_.attrs.Floats(list);
      return at < all.size() ? all[at] : 0;
    };
    const double alpha = number("alpha"), beta = number("beta"), clip = ctx_.attrs.Float("clip");
    const std::string_view name = at < names.size() ? std::string_view(names[at]) : std::string_view();
    const bool bounded = clip > 0 && !(cell_ && i == 2);
    const Expr x = bounded ? Max(Min(given, clip), -clip) : given;
    const Expr zero = ScalarOf(ctx_, x.dtype(), 0);
    if (name == "sigmoid") return Sigmoid(x);
    if (name == "tanh") return Tanh(x);
    if (name == "relu") return Relu(x);
    if (name == "affine") return x * alpha + beta;
    if (name == "leaky_relu") return Apply(ctx_, kLeakyRelu, {x}, {{"alpha", alpha}});
    if (name == "thresholded_relu") return Where(Less(x, ScalarOf(ctx_, x.dtype(), alpha)), zero, x);
    if (name == "scaled_tanh") return Tanh(x * beta) * alpha;
    if (name == "hard_sigmoid") return Max(Min(x * alpha + beta, 1.0), 0.0);
    if (name == "elu") return Apply(ctx_, kElu, {x}, {{"alpha", alpha}});
    if (name == "softsign") return x / (Abs(x) + 1.0);
    if (name == "softplus") return Softplus(x);
    ctx_.Fail(ctx_.Cannot("a gate function is not known"));
    return x;
  }

  DecomposeCtx& ctx_;
  int64_t hidden_ = 0;
  Expr r_, rb_, peephole_;

 private:
  // Part d of an operand along its first axis.
  [[nodiscard]] Expr Of(size_t operand, int64_t d) const {
    const Expr e = Cast(Operand(ctx_, operand), x_.dtype());
    return Squeeze(Slice(e, 0, d, d + 1), {0});
  }
  [[nodiscard]] Expr Initial(size_t operand, int64_t d) const {
    if (!ctx_.Has(operand)) return Full(ctx_, x_.dtype(), 0, {Extent::Of(x_, 1), hidden_});
    const Expr e = Cast(Operand(ctx_, operand), x_.dtype());
    const int64_t axis = ctx_.attrs.Flag("batch_major") ? 1 : 0;
    return Squeeze(Slice(e, axis, d, d + 1), {axis});
  }
  // Rows turned round within their lengths, or altogether.
  [[nodiscard]] Expr Reversed(const Expr& e) const {
    if (!ctx_.Has(kLens)) return Slice(e, 0, -1, -INT64_MAX, -1);
    return Apply(ctx_, kReverseSequence, {e, Cast(Operand(ctx_, kLens), DType::kI64)},
                 {{"batch_axis", int64_t{1}}, {"time_axis", int64_t{0}}});
  }

  State Direction(int64_t d, bool backward, Expr* y) {
    direction_ = static_cast<size_t>(d);
    const Expr x = backward ? Reversed(x_) : x_;
    r_ = Of(kR, d);
    Expr wb;
    rb_ = Expr();
    if (ctx_.Has(kB)) {
      const Expr b = Of(kB, d);
      wb = Slice(b, 0, 0, gates_ * hidden_);
      rb_ = Slice(b, 0, gates_ * hidden_, 2 * gates_ * hidden_);
    }
    peephole_ = cell_ && ctx_.Has(kPeephole) ? Of(kPeephole, d) : Expr();
    const Expr rows = Product(Reshape(x, {-1, Extent::Of(x, 2)}), Of(kW, d), wb);
    const Expr xw = Reshape(rows, {steps_, Extent::Of(x, 1), gates_ * hidden_});
    State state{Initial(kInitialH, d), cell_ ? Initial(kInitialC, d) : Expr()};
    const Expr lens = ctx_.Has(kLens) ? Unsqueeze(Cast(Operand(ctx_, kLens), DType::kI64), {1}) : Expr();
    std::vector<Expr> made;
    for (int64_t t = 0; t < steps_; ++t) {
      State next = Step(Squeeze(Slice(xw, 0, t, t + 1), {0}), state);
      Expr shown = next.h;
      if (lens.valid()) {
        // Rows that have ended keep their state, and give zeros.
        const Expr lives = Less(ScalarOf(ctx_, DType::kI64, static_cast<double>(t)), lens);
        shown = Where(lives, next.h, ScalarOf(ctx_, x.dtype(), 0));
        next.h = Where(lives, next.h, state.h);
        if (cell_) next.c = Where(lives, next.c, state.c);
      }
      if (ctx_.Wants(0)) made.push_back(Unsqueeze(shown, {0}));
      state = next;
    }
    if (ctx_.Wants(0)) {
      *y = Join(made, 0);
      if (backward) *y = Reversed(*y);
    } else {
      *y = Unsqueeze(state.h, {0});
    }
    return state;
  }

  int64_t gates_;
  size_t functions_;
  bool cell_;
  Expr x_;
  int64_t steps_ = 0;
  size_t direction_ = 0;
};

class Rnn final : public Layer {
 public:
  explicit Rnn(DecomposeCtx& ctx) : Layer(ctx, 1, 1, false) {}

 private:
  State Step(const Expr& xw, const State& old) override { return {Function(0, xw + Product(old.h, r_, rb_)), {}}; }
};

// Gates update, reset, hidden.
class Gru final : public Layer {
 public:
  explicit Gru(DecomposeCtx& ctx) : Layer(ctx, 3, 2, false) {}

 private:
  State Step(const Expr& xw, const State& old) override {
    const auto rows = [&](int64_t k, int64_t n) { return Slice(r_, 0, k * hidden_, (k + n) * hidden_); };
    const auto bias = [&](int64_t k, int64_t n) {
      return rb_.valid() ? Slice(rb_, 0, k * hidden_, (k + n) * hidden_) : Expr();
    };
    Expr z, hidden;
    if (ctx_.attrs.Flag("linear_before_reset")) {
      const Expr product = Product(old.h, r_, rb_);
      const Expr zr = Function(0, Gate(xw, 0, 2) + Gate(product, 0, 2));
      z = Gate(zr, 0);
      hidden = Function(1, Gate(xw, 2) + Gate(zr, 1) * Gate(product, 2));
    } else {
      const Expr zr = Function(0, Gate(xw, 0, 2) + Product(old.h, rows(0, 2), bias(0, 2)));
      z = Gate(zr, 0);
      hidden = Function(1, Gate(xw, 2) + Product(Gate(zr, 1) * old.h, rows(2, 1), bias(2, 1)));
    }
    return {(1.0 - z) * hidden + z * old.h, {}};
  }
};

// Gates input, output, forget, cell; peepholes input, output, forget.
class Lstm final : public Layer {
 public:
  explicit Lstm(DecomposeCtx& ctx) : Layer(ctx, 4, 3, true) {}

 private:
  State Step(const Expr& xw, const State& old) override {
    const Expr g = xw + Product(old.h, r_, rb_);
    const auto seen = [&](int64_t k, const Expr& c) {
      return peephole_.valid() ? Gate(g, k) + Gate(peephole_, k) * c : Gate(g, k);
    };
    const Expr i = Function(0, seen(0, old.c));
    const Expr f = ctx_.attrs.Flag("input_forget") ? 1.0 - i : Function(0, seen(2, old.c));
    const Expr c = f * old.c + i * Function(1, Gate(g, 3));
    const Expr o = Function(0, seen(1, c));
    return {o * Function(2, c), c};
  }
};

}  // namespace

Status DecomposeRnn(DecomposeCtx& ctx) { return Rnn(ctx).Run(); }
Status DecomposeGru(DecomposeCtx& ctx) { return Gru(ctx).Run(); }
Status DecomposeLstm(DecomposeCtx& ctx) { return Lstm(ctx).Run(); }

}  // namespace godwit::ops
