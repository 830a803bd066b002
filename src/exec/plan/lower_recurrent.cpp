// Recurrent layers of constant weights: the products of the input for many time steps at once, those of the state step
// by step. Gate functions other than the usual ones, and rows of different lengths, are left to the operators' kernels.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "exec/kernels/gemm.h"
#include "exec/kernels/recurrent.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/lower_rules.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

// Rows of the input that are multiplied at a time.
constexpr int64_t kRowsAtOnce = 256;

enum class Cell : uint8_t { kRnn, kLstm, kGru, kGruLinear };

struct RecurrentShape {
  Cell cell = Cell::kRnn;
  int64_t gates = 1, steps = 0, batch = 0, input = 0, hidden = 0, directions = 1;
  bool batch_major = false, reverse = false;
  bool flag = false;  // lstm: coupled gates; rnn: relu
  double clip = 0;
  [[nodiscard]] int64_t width() const { return gates * hidden; }
  [[nodiscard]] bool is_gru() const { return cell == Cell::kGru || cell == Cell::kGruLinear; }
  /// Gates whose recurrent products are made first; the others are gate h of a gru.
  [[nodiscard]] int64_t first_width() const { return is_gru() ? 2 * hidden : width(); }
  [[nodiscard]] int64_t steps_at_once() const { return std::clamp<int64_t>(kRowsAtOnce / batch, 1, steps); }
};

/// Which of the step's reads are one direction's; 0 where there is none.
struct DirectionReads {
  size_t w = 0, bias = 0, r = 0, r_hidden = 0, bias_hidden = 0, peephole = 0;
};

template <class T>
class RecurrentStep final : public Step {
 public:
  explicit RecurrentStep(const RecurrentShape& shape) : s_(shape) {}

  size_t Read(SlotId slot) {
    reads.push_back(slot);
    return reads.size() - 1;
  }
  std::vector<DirectionReads> directions;
  size_t initial_h = 0, initial_c = 0;

  // reads: x first. writes: y, y_h, y_c, then the working memory: sums of gates, state, cell state, product.
  Status Run(Frame& frame) const override {
    for (int64_t d = 0; d < s_.directions; ++d) RunDirection(frame, d);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override {
    const char* name = s_.cell == Cell::kRnn ? "rnn" : s_.cell == Cell::kLstm ? "lstm" : "gru";
    return fmt::format("{}{} {}x{}x{} to {}", name, s_.directions == 2 ? " both ways" : "", s_.steps, s_.batch,
                       s_.input, s_.hidden);
  }

 private:
  [[nodiscard]] size_t StateBytes() const { return static_cast<size_t>(s_.hidden) * sizeof(T); }
  [[nodiscard]] int64_t StateAt(int64_t direction, int64_t row) const {
    return (s_.batch_major ? row * s_.directions + direction : direction * s_.batch + row) * s_.hidden;
  }
  void Begin(const Frame& frame, size_t initial, int64_t direction, T* state) const {
    if (initial == 0) return std::fill_n(state, s_.batch * s_.hidden, T(0)), void();
    for (int64_t row = 0; row < s_.batch; ++row) {
      std::memcpy(state + row * s_.hidden, frame.In<T>(reads[initial]) + StateAt(direction, row), StateBytes());
    }
  }
  void Finish(Frame& frame, size_t result, int64_t direction, const T* state) const {
    if (!writes[result]) return;
    for (int64_t row = 0; row < s_.batch; ++row) {
      std::memcpy(frame.Out<T>(writes[result]) + StateAt(direction, row), state + row * s_.hidden, StateBytes());
    }
  }

  // The sums of all gates that the input gives, for steps [first, first + count).
  void Inputs(Frame& frame, const DirectionReads& at, int64_t first, int64_t count, T* sums) const {
    const int64_t parts = s_.batch_major ? s_.batch : 1;
    for (int64_t part = 0; part < parts; ++part) {
      kernels::GemmArgs<T> args;
      args.m = s_.batch_major ? count : count * s_.batch;
      args.n = args.ldc = s_.width();
      args.k = args.lda = s_.input;
      args.a = frame.In<T>(reads[0]) + (s_.batch_major ? part * s_.steps + first : first * s_.batch) * s_.input;
      args.packed_b = frame.In<T>(reads[at.w]);
      args.c = sums + part * count * s_.width();
      if (at.bias != 0) args.epilogue.bias = frame.In<T>(reads[at.bias]);
      kernels::Gemm(args, frame.threads);
    }
  }

  // c = state * r (+ c) (+ bias).
  void Product(Frame& frame, size_t r, const T* state, int64_t width, size_t bias, bool add, T* c, int64_t ldc) const {
    kernels::GemmArgs<T> args;
    args.m = s_.batch;
    args.n = width;
    args.k = args.lda = s_.hidden;
    args.a = state;
    args.packed_b = frame.In<T>(reads[r]);
    args.c = c;
    args.ldc = ldc;
    if (bias != 0) args.epilogue.bias = frame.In<T>(reads[bias]);
    if (add) args.epilogue.residual = c;
    kernels::Gemm(args, frame.threads);
  }

  void RunDirection(Frame& frame, int64_t direction) const {
    const DirectionReads& at = directions[static_cast<size_t>(direction)];
    const bool backward = s_.reverse || direction == 1;
    T* sums = frame.Out<T>(writes[3]);
    kernels::GateArgs<T> gates;
    gates.rows = s_.batch;
    gates.hidden = s_.hidden;
    gates.h = frame.Out<T>(writes[4]);
    gates.clip = static_cast<T>(s_.clip);
    gates.flag = s_.flag;
    gates.y_row = s_.batch_major ? s_.steps * s_.directions * s_.hidden : s_.hidden;
    if (s_.cell == Cell::kLstm) gates.c = frame.Out<T>(writes[5]);
    if (s_.is_gru()) gates.product = frame.Out<T>(writes[5]);
    if (at.peephole != 0) gates.peephole = frame.In<T>(reads[at.peephole]);
    Begin(frame, initial_h, direction, gates.h);
    if (gates.c != nullptr) Begin(frame, initial_c, direction, gates.c);
    for (int64_t done = 0; done < s_.steps;) {
      const int64_t count = std::min(s_.steps_at_once(), s_.steps - done);
      const int64_t first = backward ? s_.steps - done - count : done;
      Inputs(frame, at, first, count, sums);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t t = backward ? count - 1 - i : i;
        gates.gates = sums + (s_.batch_major ? t : t * s_.batch) * s_.width();
        gates.gates_row = s_.batch_major ? count * s_.width() : s_.width();
        if (writes[0]) gates.y = frame.Out<T>(writes[0]) + OutputAt(direction, first + t);
        OneStep(frame, at, gates);
      }
      done += count;
    }
    Finish(frame, 1, direction, gates.h);
    if (gates.c != nullptr) Finish(frame, 2, direction, gates.c);
  }

  [[nodiscard]] int64_t OutputAt(int64_t direction, int64_t t) const {
    return (s_.batch_major ? t * s_.directions + direction : (t * s_.directions + direction) * s_.batch) * s_.hidden;
  }

  void OneStep(Frame& frame, const DirectionReads& at, const kernels::GateArgs<T>& gates) const {
    Product(frame, at.r, gates.h, s_.first_width(), 0, true, gates.gates, gates.gates_row);
    T* hidden_gate = gates.gates + s_.first_width();
    switch (s_.cell) {
      case Cell::kRnn: return kernels::RnnGates(gates, frame.threads);
      case Cell::kLstm: return kernels::LstmGates(gates, frame.threads);
      case Cell::kGruLinear:
        Product(frame, at.r_hidden, gates.h, s_.hidden, at.bias_hidden, false, gates.product, s_.hidden);
        return kernels::GruLinearGates(gates, frame.threads);
      case Cell::kGru:
        kernels::GruReset(gates, frame.threads);
        Product(frame, at.r_hidden, gates.product, s_.hidden, 0, true, hidden_gate, gates.gates_row);
        return kernels::GruGates(gates, frame.threads);
    }
  }

  RecurrentShape s_;
};

// The functions that the kernels know, for each direction.
bool UsualFunctions(const Attrs& attrs, RecurrentShape* s) {
  std::vector<std::string> one;
  switch (s->cell) {
    case Cell::kLstm: one = {"sigmoid", "tanh", "tanh"}; break;
    case Cell::kGru:
    case Cell::kGruLinear: one = {"sigmoid", "tanh"}; break;
    case Cell::kRnn: {
      const auto& given = attrs.Strs("activations");
      s->flag = !given.empty() && given[0] == "relu";
      one = {s->flag ? "relu" : "tanh"};
    }
  }
  std::vector<std::string> all = one;
  if (s->directions == 2) all.insert(all.end(), one.begin(), one.end());
  return attrs.Strs("activations") == all;
}

enum Operand : size_t { kX, kW, kR, kB, kLens, kInitialH, kInitialC, kPeephole };

ValueId OperandOf(const Node& node, size_t i) { return i < node.in.size() ? node.in[i] : ValueId(); }

bool Has(Lowering& l, ValueId v, DType dtype, const Dims& dims) {
  return l.IsStatic(v) && l.TypeOf(v).dtype() == dtype && l.DimsOf(v) == dims;
}

// Everything that the step relies on; what does not hold is for the operator's own kernel to judge.
std::optional<RecurrentShape> ShapeOf(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  RecurrentShape s;
  if (node.op == &ops::kLstm) {
    s.cell = Cell::kLstm, s.gates = 4, s.flag = attrs.Flag("input_forget");
  } else if (node.op == &ops::kGru) {
    s.cell = attrs.Flag("linear_before_reset") ? Cell::kGruLinear : Cell::kGru, s.gates = 3;
  }
  const std::string_view direction = attrs.Str("direction", "forward");
  s.directions = direction == "bidirectional" ? 2 : 1;
  s.reverse = direction == "reverse";
  if (s.directions == 1 && !s.reverse && direction != "forward") return std::nullopt;
  s.batch_major = attrs.Flag("batch_major");
  s.clip = attrs.Float("clip", 0);
  if (!UsualFunctions(attrs, &s)) return std::nullopt;
  for (size_t i : {kX, kW, kR}) {
    if (!l.IsStatic(node.in[i]) || l.TypeOf(node.in[i]).rank() != 3) return std::nullopt;
  }
  const DType dtype = l.TypeOf(node.in[kX]).dtype();
  const Dims x = l.DimsOf(node.in[kX]);
  s.steps = x[s.batch_major ? 1 : 0], s.batch = x[s.batch_major ? 0 : 1], s.input = x[2];
  s.hidden = l.DimsOf(node.in[kR])[2];
  if (!IsPlanFloat(dtype) || ElementCount(x) == 0 || s.hidden == 0) return std::nullopt;
  const Dims state = s.batch_major ? Dims{s.batch, s.directions, s.hidden} : Dims{s.directions, s.batch, s.hidden};
  const auto fits = [&](size_t i, const Dims& dims, bool constant) {
    const ValueId v = OperandOf(node, i);
    return !v || (Has(l, v, dtype, dims) && (!constant || l.Known(v) != nullptr));
  };
  if (!fits(kW, {s.directions, s.width(), s.input}, true) || !fits(kR, {s.directions, s.width(), s.hidden}, true) ||
      !fits(kB, {s.directions, 2 * s.width()}, true) || !fits(kInitialH, state, false) ||
      !fits(kInitialC, state, false) || !fits(kPeephole, {s.directions, 3 * s.hidden}, true)) {
    return std::nullopt;
  }
  if (const ValueId lens = OperandOf(node, kLens)) {
    const Tensor* known = l.Known(lens);
    if (known == nullptr || known->dtype() != DType::kI32 || known->size() != s.batch) return std::nullopt;
    for (const int32_t len : known->span<int32_t>()) {
      if (len != s.steps) return std::nullopt;
    }
  }
  return s;
}

template <class T>
Result<SlotId> PackRows(Lowering& l, const Tensor& m, int64_t first, int64_t rows, int64_t k) {
  TRY(Tensor packed, Tensor::Make(m.dtype(), {kernels::PackedBSize(k, rows)}));
  kernels::PackB(m.data<T>() + first * k, k, true, k, rows, packed.mutable_data<T>());
  return l.AddConstant(std::move(packed));
}

template <class T>
SlotId Constant(Lowering& l, DType dtype, const T* values, int64_t count) {
  return l.AddConstant(Tensor::Of<T>(dtype, {count}, {values, static_cast<size_t>(count)}));
}

template <class T>
Result<bool> LowerAs(Lowering& l, NodeId id, const RecurrentShape& s) {
  const Node& node = l.graph().node(id);
  const DType dtype = l.TypeOf(node.in[kX]).dtype();
  const Tensor &w = *l.Known(node.in[kW]), &r = *l.Known(node.in[kR]);
  const Tensor* b = l.Known(OperandOf(node, kB));
  const Tensor* peephole = l.Known(OperandOf(node, kPeephole));
  auto step = std::make_unique<RecurrentStep<T>>(s);
  step->Read(l.Plain(node.in[kX]));
  const int64_t width = s.width(), first = s.first_width();
  for (int64_t d = 0; d < s.directions; ++d) {
    DirectionReads at;
    TRY(const SlotId packed_w, PackRows<T>(l, w, d * width, width, s.input));
    TRY(const SlotId packed_r, PackRows<T>(l, r, d * width, first, s.hidden));
    at.w = step->Read(packed_w);
    at.r = step->Read(packed_r);
    if (s.is_gru()) {
      TRY(const SlotId packed_hidden, PackRows<T>(l, r, d * width + first, s.hidden, s.hidden));
      at.r_hidden = step->Read(packed_hidden);
    }
    if (b != nullptr) {
      const T *wb = b->data<T>() + d * 2 * width, *rb = wb + width;
      std::vector<T> sum(wb, wb + width);
      const int64_t joined = s.cell == Cell::kGruLinear ? first : width;
      for (int64_t i = 0; i < joined; ++i) sum[static_cast<size_t>(i)] += rb[i];
      at.bias = step->Read(Constant<T>(l, dtype, sum.data(), width));
      if (joined < width) at.bias_hidden = step->Read(Constant<T>(l, dtype, rb + joined, width - joined));
    }
    if (peephole != nullptr) {
      at.peephole = step->Read(Constant<T>(l, dtype, peephole->data<T>() + d * 3 * s.hidden, 3 * s.hidden));
    }
    step->directions.push_back(at);
  }
  if (const ValueId h = OperandOf(node, kInitialH)) step->initial_h = step->Read(l.Plain(h));
  if (const ValueId c = OperandOf(node, kInitialC)) step->initial_c = step->Read(l.Plain(c));
  for (size_t i = 0; i < 3; ++i) {
    const bool wanted = i < node.out.size() && node.out[i];
    step->writes.push_back(wanted ? l.Define(node.out[i], Layout::kPlain) : SlotId());
  }
  step->writes.push_back(l.AddTemporary(dtype, {s.steps_at_once() * s.batch, width}));
  step->writes.push_back(l.AddTemporary(dtype, {s.batch, s.hidden}));
  if (s.cell != Cell::kRnn) step->writes.push_back(l.AddTemporary(dtype, {s.batch, s.hidden}));
  l.Emit(std::move(step), id);
  return true;
}

Result<bool> LowerRecurrent(Lowering& l, NodeId id) {
  const auto shape = ShapeOf(l, id);
  if (!shape) return false;
  const bool wide = l.TypeOf(l.graph().node(id).in[kX]).dtype() == DType::kF64;
  return wide ? LowerAs<double>(l, id, *shape) : LowerAs<float>(l, id, *shape);
}

constexpr LowerRule kRules[] = {
    {&ops::kLstm, LowerRecurrent}, {&ops::kGru, LowerRecurrent}, {&ops::kRnn, LowerRecurrent}};

}  // namespace

std::span<const LowerRule> RecurrentRules() { return kRules; }

}  // namespace godwit::plan
