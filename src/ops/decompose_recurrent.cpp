// Recurrent layers step by step, where the number of steps is known and not too large. What does not depend on the
// state is one product for all steps, and two directions of a small layer go through their steps side by side: what
// runs a short step is its number of nodes.
#include <algorithm>
#include <array>

#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

/// Longer sequences are not written out.
constexpr int64_t kMostSteps = 512;
/// Products with zero that a step may have for the sake of two directions in one product: what a node costs to start,
/// times the nodes that a step is spared.
constexpr int64_t kMostZeros = 1 << 14;

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
    if (!hidden || !directions || *hidden < 1 || *hidden > INT32_MAX || *directions < 1 || *directions > 2) {
      return ctx_.Cannot("the size of the state is not known, or no such size is");
    }
    steps_ = *steps;
    hidden_ = *hidden;
    if (*directions == 2 && GoTogether()) {
      Go({0, 1});
    } else {
      for (int64_t d = 0; d < *directions; ++d) Go({d});
    }
    if (ctx_.failed()) return Ok{};
    const auto give = [&](size_t i, const std::vector<Expr>& parts, int64_t axis, std::vector<int64_t> perm) {
      if (!ctx_.Wants(i)) return;
      const Expr all = Join(parts, axis);
      ResultN(ctx_, i, batch_major ? Transpose(all, std::move(perm)) : all, dtype);
    };
    give(0, ys_, 1, {2, 0, 1, 3});
    give(1, hs_, 0, {1, 0, 2});
    if (cell_) give(2, cs_, 0, {1, 0, 2});
    return Ok{};
  }

 protected:
  /// How many gates each of the products of the input has that a step takes.
  [[nodiscard]] virtual std::vector<int64_t> Groups() const { return {gates_}; }
  /// What all steps of these directions share, once their weights are known.
  virtual void Begin() {}
  /// `xw` are the products of the input, [batch, gates of the group * width_].
  virtual State Step(const std::vector<Expr>& xw, const State& old) = 0;

  // The gates of a step, one after the other.
  [[nodiscard]] std::vector<Expr> Gates(const Expr& e, size_t n) const {
    return ApplyN(ctx_, kSplit, {e}, n, {{"axis", int64_t{1}}});
  }
  // Rows of some gates: of weights, biases and peepholes.
  [[nodiscard]] Expr Rows(const Expr& e, int64_t k, int64_t n) const {
    return e.valid() ? Slice(e, 0, k * width_, (k + n) * width_) : Expr();
  }
  // x m^T + bias.
  [[nodiscard]] Expr Product(const Expr& x, const Expr& m, const Expr& bias) const {
    return Apply(ctx_, kGemm, {x, m, bias}, {{"transpose_b", int64_t{1}}});
  }
  [[nodiscard]] Expr Function(size_t i, const Expr& given) const {
    const auto [name, alpha, beta] = NameOf(direction_, i);
    const double clip = ctx_.attrs.Float("clip");
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
  int64_t width_ = 0;  // of the state: that of the directions that go together
  Expr r_, rb_, peephole_;

 private:
  struct Named {
    std::string_view name;
    double alpha = 0, beta = 0;
    bool operator==(const Named&) const = default;
  };
  [[nodiscard]] Named NameOf(int64_t direction, size_t i) const {
    const size_t at = static_cast<size_t>(direction) * functions_ + i;
    const auto number = [&](std::string_view list) {
      const std::vector<double>& all = ctx_.attrs.Floats(list);
      return at < all.size() ? all[at] : 0;
    };
    const std::vector<std::string>& names = ctx_.attrs.Strs("activations");
    return {at < names.size() ? std::string_view(names[at]) : std::string_view(), number("alpha"), number("beta")};
  }

  // Each direction's weights stand beside zeros for the other's state: constants, and few.
  [[nodiscard]] bool GoTogether() const {
    for (size_t i = 0; i < functions_; ++i) {
      if (!(NameOf(0, i) == NameOf(1, i))) return false;
    }
    if (!ctx_.build.graph().IsConstant(ctx_.In(kR))) return false;
    const auto batch = x_.dim(1).known();
    int64_t zeros = 2 * gates_;
    for (const int64_t n : {batch.value_or(kMostZeros), hidden_, hidden_}) {
      if (n > kMostZeros) return false;
      zeros *= std::max<int64_t>(n, 1);
      if (zeros > kMostZeros) return false;
    }
    return true;
  }

  [[nodiscard]] bool Backward(int64_t d) const { return d == 1 || ctx_.attrs.Str("direction", "forward") == "reverse"; }
  // Part d of an operand along an axis.
  [[nodiscard]] Expr Of(size_t operand, int64_t d, int64_t axis = 0) const {
    const Expr e = Cast(Operand(ctx_, operand), x_.dtype());
    return Squeeze(Slice(e, axis, d, d + 1), {axis});
  }
  // The directions' vectors, which hold `parts` of the size of a state: the first part of each, then the second ones.
  [[nodiscard]] Expr Vectors(const std::vector<Expr>& of, int64_t parts) const {
    if (of.size() == 1) return of[0];
    std::vector<Expr> rows;
    for (const Expr& e : of) rows.push_back(Reshape(e, {parts, hidden_}));
    return Reshape(Join(rows, 1), {parts * width_});
  }
  // [gates * width, width]: what does not come from a direction's own state is zero.
  [[nodiscard]] Expr Recurrent(const std::vector<int64_t>& directions) const {
    if (directions.size() == 1) return Of(kR, directions[0]);
    const Expr none = Full(ctx_, x_.dtype(), 0, {gates_, hidden_, hidden_});
    std::vector<Expr> rows;
    for (size_t k = 0; k < directions.size(); ++k) {
      std::vector<Expr> columns(directions.size(), none);
      columns[k] = Reshape(Of(kR, directions[k]), {gates_, hidden_, hidden_});
      rows.push_back(Join(columns, 2));
    }
    return Reshape(Join(rows, 1), {gates_ * width_, width_});
  }
  [[nodiscard]] Expr Initial(size_t operand, const std::vector<int64_t>& directions) const {
    if (!ctx_.Has(operand)) return Full(ctx_, x_.dtype(), 0, {Extent::Of(x_, 1), width_});
    std::vector<Expr> states;
    for (const int64_t d : directions) states.push_back(Of(operand, d, ctx_.attrs.Flag("batch_major") ? 1 : 0));
    return Join(states, 1);
  }
  // Rows turned round within their lengths, or altogether.
  [[nodiscard]] Expr Reversed(const Expr& e) const {
    if (!ctx_.Has(kLens)) return Slice(e, 0, -1, -INT64_MAX, -1);
    return Apply(ctx_, kReverseSequence, {e, Cast(Operand(ctx_, kLens), DType::kI64)},
                 {{"batch_axis", int64_t{1}}, {"time_axis", int64_t{0}}});
  }

  // The products of the input for all steps, [steps * batch, gates * width].
  [[nodiscard]] Expr InputProducts(const std::vector<int64_t>& directions, const std::vector<Expr>& biases) const {
    std::vector<Expr> rows;
    for (size_t k = 0; k < directions.size(); ++k) {
      const Expr x = Backward(directions[k]) ? Reversed(x_) : x_;
      rows.push_back(Product(Reshape(x, {-1, Extent::Of(x, 2)}), Of(kW, directions[k]), biases[k]));
    }
    if (rows.size() == 1) return rows[0];
    for (Expr& e : rows) e = Reshape(e, {-1, gates_, hidden_});
    return Reshape(Join(rows, 2), {-1, gates_ * width_});
  }
  // The same for each step and each group of gates.
  [[nodiscard]] std::vector<std::vector<Expr>> ByStep(const Expr& rows) const {
    const auto steps = static_cast<size_t>(steps_);
    std::vector<std::vector<Expr>> out(steps);
    int64_t at = 0;
    for (const int64_t n : Groups()) {
      const Expr group = n == gates_ ? rows : Slice(rows, 1, at * width_, (at + n) * width_);
      at += n;
      std::vector<Expr> parts = {group};
      if (steps > 1 && x_.dim(1).known()) {
        parts = ApplyN(ctx_, kSplit, {group}, steps, {{"axis", int64_t{0}}});
      } else if (steps > 1) {
        const Expr all = Reshape(group, {steps_, Extent::Of(x_, 1), n * width_});
        parts.clear();
        for (int64_t t = 0; t < steps_; ++t) parts.push_back(Squeeze(Slice(all, 0, t, t + 1), {0}));
      }
      for (size_t t = 0; t < steps; ++t) out[t].push_back(parts[t]);
    }
    return out;
  }

  // All steps of directions whose states stand side by side.
  void Go(const std::vector<int64_t>& directions) {
    direction_ = directions[0];
    width_ = hidden_ * static_cast<int64_t>(directions.size());
    r_ = Recurrent(directions);
    rb_ = peephole_ = Expr();
    std::vector<Expr> wb(directions.size()), rb, peepholes;
    for (size_t k = 0; k < directions.size(); ++k) {
      if (ctx_.Has(kB)) {
        const Expr b = Of(kB, directions[k]);
        wb[k] = Slice(b, 0, 0, gates_ * hidden_);
        rb.push_back(Slice(b, 0, gates_ * hidden_, 2 * gates_ * hidden_));
      }
      if (cell_ && ctx_.Has(kPeephole)) peepholes.push_back(Of(kPeephole, directions[k]));
    }
    if (!rb.empty()) rb_ = Vectors(rb, gates_);
    if (!peepholes.empty()) peephole_ = Vectors(peepholes, gates_ - 1);
    Begin();
    const std::vector<std::vector<Expr>> xw = ByStep(InputProducts(directions, wb));
    State state{Initial(kInitialH, directions), cell_ ? Initial(kInitialC, directions) : Expr()};
    const Expr lens = ctx_.Has(kLens) ? Unsqueeze(Cast(Operand(ctx_, kLens), DType::kI64), {1}) : Expr();
    std::vector<Expr> made;
    for (int64_t t = 0; t < steps_; ++t) {
      State next = Step(xw[static_cast<size_t>(t)], state);
      Expr shown = next.h;
      if (lens.valid()) {
        // Rows that have ended keep their state, and give zeros.
        const Expr lives = Less(ScalarOf(ctx_, DType::kI64, static_cast<double>(t)), lens);
        shown = Where(lives, next.h, ScalarOf(ctx_, x_.dtype(), 0));
        next.h = Where(lives, next.h, state.h);
        if (cell_) next.c = Where(lives, next.c, state.c);
      }
      if (ctx_.Wants(0)) made.push_back(shown);
      state = next;
    }
    Expr rows;
    if (ctx_.Wants(0)) rows = Reshape(Join(made, 0), {steps_, Extent::Of(x_, 1), width_});
    for (size_t k = 0; k < directions.size(); ++k) {
      const auto lane = [&](const Expr& e, int64_t axis) {
        const auto at = static_cast<int64_t>(k) * hidden_;
        return width_ == hidden_ ? e : Slice(e, axis, at, at + hidden_);
      };
      if (rows.valid()) {
        const Expr y = lane(rows, 2);
        ys_.push_back(Unsqueeze(Backward(directions[k]) ? Reversed(y) : y, {1}));
      }
      hs_.push_back(Unsqueeze(lane(state.h, 1), {0}));
      if (cell_) cs_.push_back(Unsqueeze(lane(state.c, 1), {0}));
    }
  }

  int64_t gates_;
  size_t functions_;
  bool cell_;
  Expr x_;
  int64_t steps_ = 0, hidden_ = 0;
  int64_t direction_ = 0;  // whose functions are those of all that go together
  std::vector<Expr> ys_, hs_, cs_;
};

class Rnn final : public Layer {
 public:
  explicit Rnn(DecomposeCtx& ctx) : Layer(ctx, 1, 1, false) {}

 private:
  State Step(const std::vector<Expr>& xw, const State& old) override {
    return {Function(0, xw[0] + Product(old.h, r_, rb_)), {}};
  }
};

// Gates update, reset, hidden.
class Gru final : public Layer {
 public:
  explicit Gru(DecomposeCtx& ctx) : Layer(ctx, 3, 2, false) {}

 private:
  [[nodiscard]] std::vector<int64_t> Groups() const override { return {2, 1}; }
  void Begin() override {
    r_both_ = Rows(r_, 0, 2);
    b_both_ = Rows(rb_, 0, 2);
    r_hidden_ = Rows(r_, 2, 1);
    b_hidden_ = Rows(rb_, 2, 1);
  }
  State Step(const std::vector<Expr>& xw, const State& old) override {
    const std::vector<Expr> gate = Gates(Function(0, xw[0] + Product(old.h, r_both_, b_both_)), 2);
    const Expr &update = gate[0], &reset = gate[1];
    const Expr recurrent = ctx_.attrs.Flag("linear_before_reset") ? reset * Product(old.h, r_hidden_, b_hidden_)
                                                                  : Product(reset * old.h, r_hidden_, b_hidden_);
    const Expr hidden = Function(1, xw[1] + recurrent);
    return {hidden + update * (old.h - hidden), {}};
  }

  Expr r_both_, b_both_, r_hidden_, b_hidden_;
};

// Gates input, output, forget, cell; peepholes input, output, forget.
class Lstm final : public Layer {
 public:
  explicit Lstm(DecomposeCtx& ctx) : Layer(ctx, 4, 3, true) {}

 private:
  void Begin() override {
    for (size_t k = 0; k < seen_.size(); ++k) seen_[k] = Rows(peephole_, static_cast<int64_t>(k), 1);
  }
  State Step(const std::vector<Expr>& xw, const State& old) override {
    const std::vector<Expr> gate = Gates(xw[0] + Product(old.h, r_, rb_), 4);
    const auto seeing = [&](size_t k, const Expr& c) { return seen_[k].valid() ? gate[k] + seen_[k] * c : gate[k]; };
    const Expr i = Function(0, seeing(0, old.c));
    const Expr f = ctx_.attrs.Flag("input_forget") ? 1.0 - i : Function(0, seeing(2, old.c));
    const Expr c = f * old.c + i * Function(1, gate[3]);
    const Expr o = Function(0, seeing(1, c));
    return {o * Function(2, c), c};
  }

  std::array<Expr, 3> seen_;
};

}  // namespace

Status DecomposeRnn(DecomposeCtx& ctx) { return Rnn(ctx).Run(); }
Status DecomposeGru(DecomposeCtx& ctx) { return Gru(ctx).Run(); }
Status DecomposeLstm(DecomposeCtx& ctx) { return Lstm(ctx).Run(); }

}  // namespace godwit::ops
