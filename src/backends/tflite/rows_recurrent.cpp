// UNIDIRECTIONAL_SEQUENCE_LSTM. Its states are tensors that keep what the last run of the model left, and a layer of
// the graph begins with zeros in each: a step before the first closes all gates, which leaves zeros whatever was there.
// One more column of what comes in asks for it.
#include <fmt/format.h>

#include <algorithm>

#include "backends/tflite/emit.h"
#include "backends/tflite/model_export.h"

namespace godwit::to_tflite {

namespace {

/// What closes a gate: its sigmoid is 0 to the last bit beside any sum of products.
constexpr double kClosed = -1e9;

enum Gate : int64_t { kInput, kOutput, kForget, kCell, kGates };  // in the graph's order

class LstmExport {
 public:
  explicit LstmExport(NodeExport& n) : n_(n) {}

  Status Run() {
    RETURN_IF_ERROR(Check());
    const Shape& x = n_.ShapeOf(0);
    std::vector<Ref> parts;
    for (int64_t d = 0; d < directions_; ++d) {
      const bool backward = d == 1 || n_.attrs().Str("direction") == "reverse";
      TRY(const Ref y, Direction(d, backward));
      Shape shape = x;
      shape.back() = Dim(hidden_);
      shape.insert(shape.begin() + (batch_major_ ? 2 : 1), Dim(1));
      if (n_.Wants(0)) parts.push_back(directions_ == 1 ? y : n_.Reshaped(y, shape));
    }
    if (n_.Wants(0)) {
      if (parts.size() == 1) {
        RETURN_IF_ERROR(n_.EmitReshapeTo(0, parts[0]));
      } else {
        n_.EmitTo(0, "CONCATENATION", parts, {{"axis", batch_major_ ? 2 : 1}});
      }
    }
    if (n_.Wants(1)) RETURN_IF_ERROR(EmitLast());
    return Ok{};
  }

 private:
  Status Check() {
    if (!n_.exporter().profile().prefer.contains("UNIDIRECTIONAL_SEQUENCE_LSTM")) {
      return n_.LacksForm("UNIDIRECTIONAL_SEQUENCE_LSTM was not asked for");
    }
    const Attrs& attrs = n_.attrs();
    std::vector<std::string> functions = attrs.Strs("activations");
    const std::string_view direction = attrs.Str("direction", "forward");
    directions_ = direction == "bidirectional" ? 2 : 1;
    std::vector<std::string> usual = {"sigmoid", "tanh", "tanh"};
    if (directions_ == 2) usual.insert(usual.end(), {"sigmoid", "tanh", "tanh"});
    if (functions != usual) return n_.LacksForm("UNIDIRECTIONAL_SEQUENCE_LSTM has sigmoid gates and tanh");
    if (attrs.Float("clip") > 0 || attrs.Flag("input_forget")) {
      return n_.LacksForm("UNIDIRECTIONAL_SEQUENCE_LSTM has neither bounds before its gates nor coupled gates");
    }
    for (const size_t i : {4U, 5U, 6U}) {
      if (n_.Has(i)) return n_.LacksForm("UNIDIRECTIONAL_SEQUENCE_LSTM has neither lengths nor first states");
    }
    if (n_.Wants(2)) return n_.LacksForm("UNIDIRECTIONAL_SEQUENCE_LSTM does not give the last cell state");
    if (n_.DtypeOf(0) != DType::kF32) return n_.LacksForm("the layer must be of f32");
    for (const size_t i : {1U, 2U, 3U, 7U}) {
      if (n_.Has(i) && !n_.IsConstant(i)) return n_.LacksForm("the weights must be constants");
    }
    batch_major_ = attrs.Flag("batch_major");
    TRY(const Dims x, n_.NeedDims(0, "the sequence of a layer with states"));
    TRY(const Dims r, n_.NeedDims(2, "a layer's weights"));
    steps_ = x[batch_major_ ? 1 : 0];
    rows_ = x[batch_major_ ? 0 : 1];
    inputs_ = x[2];
    hidden_ = r[2];
    return steps_ < 1 || rows_ < 1 ? n_.LacksForm("the layer must have steps") : Status(Ok{});
  }

  [[nodiscard]] int64_t TimeAxis() const { return batch_major_ ? 1 : 0; }
  [[nodiscard]] TensorType Sequence(int64_t steps, int64_t columns) const {
    return TensorType(DType::kF32, batch_major_ ? Shape{Dim(rows_), Dim(steps), Dim(columns)}
                                                : Shape{Dim(steps), Dim(rows_), Dim(columns)});
  }

  // Rows of gate `gate` of direction d, with a column that closes it where there is one.
  Result<Ref> Weight(size_t operand, int64_t d, int64_t gate, bool closes) {
    const int64_t columns = operand == 1 ? inputs_ : hidden_, rows = hidden_, made = columns + (closes ? 1 : 0);
    const int64_t first = (d * kGates + gate) * hidden_;
    return n_.InMade(n_.Operand(operand), TensorType(DType::kF32, {Dim(rows), Dim(made)}),
                     [=](const std::vector<Tensor>& in) -> Result<Tensor> {
                       const std::vector<double> from = WidenWeight(in[0]);
                       std::vector<double> out;
                       out.reserve(static_cast<size_t>(rows * made));
                       for (int64_t k = first; k < first + rows; ++k) {
                         out.insert(out.end(), from.begin() + k * columns, from.begin() + (k + 1) * columns);
                         if (closes) out.push_back(gate == kCell ? 0 : kClosed);
                       }
                       return NarrowWeight(DType::kF32, {rows, made}, out);
                     });
  }
  Result<Ref> Bias(int64_t d, int64_t gate) {
    const int64_t size = hidden_;
    if (!n_.Has(3)) return n_.Filled(DType::kF32, {size}, 0);
    const int64_t first = (d * 2 * kGates + gate) * size;
    return n_.InMade(n_.Operand(3), TensorType(DType::kF32, {Dim(size)}),
                     [=](const std::vector<Tensor>& in) -> Result<Tensor> {
                       const std::vector<double> from = WidenWeight(in[0]);
                       std::vector<double> out;
                       for (int64_t k = first; k < first + size; ++k) {
                         out.push_back(from[static_cast<size_t>(k)] + from[static_cast<size_t>(k + kGates * size)]);
                       }
                       return NarrowWeight(DType::kF32, {size}, out);
                     });
  }
  Result<Ref> Peephole(int64_t d, int64_t gate) {
    if (!n_.Has(7)) return Ref();
    const int64_t size = hidden_, first = (d * 3 + gate) * size;
    return n_.InMade(n_.Operand(7), TensorType(DType::kF32, {Dim(size)}),
                     [=](const std::vector<Tensor>& in) -> Result<Tensor> {
                       const std::vector<double> from = WidenWeight(in[0]);
                       return NarrowWeight(DType::kF32, {size}, {from.begin() + first, from.begin() + first + size});
                     });
  }

  // The step that closes the gates, and then the sequence.
  Ref Opened(Ref x) {
    x = Padded(n_, x, {0, 0, 0}, {0, 0, 1});
    Tensor first(DType::kF32, batch_major_ ? Dims{rows_, 1, inputs_ + 1} : Dims{1, rows_, inputs_ + 1});
    float* to = first.mutable_data<float>();
    for (int64_t k = 0; k < first.size(); ++k) to[k] = k % (inputs_ + 1) == inputs_ ? 1.0F : 0.0F;
    return n_.Temp("CONCATENATION", {n_.Const(std::move(first)), x}, Sequence(steps_ + 1, inputs_ + 1),
                   {{"axis", TimeAxis()}});
  }
  Ref Reversed(Ref x) { return n_.Temp("REVERSE_V2", {x, n_.I32s({TimeAxis()})}, n_.TypeOf(x)); }

  Result<Ref> Direction(int64_t d, bool backward) {
    Ref x = n_.In(0);
    if (backward) x = Reversed(x);
    Refs in = {Opened(x)};
    constexpr int64_t kOrder[] = {kInput, kForget, kCell, kOutput};
    for (const size_t operand : {1U, 2U}) {
      for (const int64_t gate : kOrder) {
        TRY(const Ref weight, Weight(operand, d, gate, operand == 1));
        in.push_back(weight);
      }
    }
    // The graph has those of the input, output and forget gate.
    for (const int64_t gate : {kInput, kForget, kOutput}) {
      TRY(const Ref weight, Peephole(d, gate));
      in.push_back(weight);
    }
    for (const int64_t gate : kOrder) {
      TRY(const Ref bias, Bias(d, gate));
      in.push_back(bias);
    }
    in.insert(in.end(), 2, Ref());  // projection
    const TensorType state(DType::kF32, {Dim(rows_), Dim(hidden_)});
    in.push_back(n_.NewVariable(state));
    in.push_back(n_.NewVariable(state));
    in.insert(in.end(), 4, Ref());  // norms
    Ref y = n_.Temp("UNIDIRECTIONAL_SEQUENCE_LSTM", std::move(in), Sequence(steps_ + 1, hidden_),
                    {{"fused_activation_function", Code(Activation::kTanh)}, {"time_major", !batch_major_}});
    std::vector<int64_t> from(3, 0), size = {-1, -1, -1};
    from[static_cast<size_t>(TimeAxis())] = 1;
    y = n_.Temp("SLICE", {y, n_.I32s(from), n_.I32s(size)}, Sequence(steps_, hidden_));
    last_.push_back(y);
    return backward && n_.Wants(0) ? Reversed(y) : y;
  }

  // What the last step gave, in the order of the steps.
  Status EmitLast() {
    std::vector<Ref> parts;
    std::vector<int64_t> from(3, 0), size = {-1, -1, -1};
    from[static_cast<size_t>(TimeAxis())] = steps_ - 1;
    for (const Ref y : last_) {
      // The axis of time stands where that of directions is wanted.
      parts.push_back(n_.Temp("SLICE", {y, n_.I32s(from), n_.I32s(size)}, Sequence(1, hidden_)));
    }
    if (parts.size() == 1) return n_.EmitReshapeTo(1, parts[0]);
    n_.EmitTo(1, "CONCATENATION", parts, {{"axis", TimeAxis()}});
    return Ok{};
  }

  NodeExport& n_;
  int64_t directions_ = 1, steps_ = 0, rows_ = 0, inputs_ = 0, hidden_ = 0;
  bool batch_major_ = false;
  std::vector<Ref> last_;  // by direction: what each gives, in the order of its steps
};

Status EmitLstm(NodeExport& n) { return LstmExport(n).Run(); }

constexpr Row kRows[] = {
    {&ops::kLstm, "UNIDIRECTIONAL_SEQUENCE_LSTM", EmitLstm},
};

}  // namespace

extern const RowSet kRecurrentRows{kRows};

}  // namespace godwit::to_tflite
