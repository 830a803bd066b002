// Recurrent layers as operators that keep their states, where they were asked for.
#include <algorithm>

#include "backends/tflite/emit.h"
#include "backends/tflite/recurrent_layer.h"

namespace godwit::to_tflite {

namespace {

enum Gate : int64_t { kInput, kOutput, kForget, kCell, kGates };  // in the graph's order

// One step closes all gates, which leaves zeros.
class LstmLayer : public RecurrentLayer {
 public:
  explicit LstmLayer(NodeExport& n) : RecurrentLayer(n, kGates, 2) { opening_ = {kClosingInput}; }

 private:
  Status CheckForm() override {
    std::vector<std::string> usual;
    for (int64_t d = 0; d < directions_; ++d) usual.insert(usual.end(), {"sigmoid", "tanh", "tanh"});
    if (n_.attrs().Strs("activations") != usual) return n_.LacksForm("TFLite's LSTM has sigmoid gates and tanh");
    if (n_.attrs().Flag("input_forget")) return n_.LacksForm("the gates of TFLite's LSTM are not coupled");
    if (n_.Wants(2)) return n_.LacksForm("TFLite's LSTM does not give the last cell state");
    if (n_.Has(7) && !n_.IsConstant(7)) return n_.LacksForm("the weights must be constants");
    return Ok{};
  }

  Status AddWeights(int64_t d, Refs* in) override {
    constexpr int64_t kOrder[] = {kInput, kForget, kCell, kOutput};
    for (const int64_t gate : kOrder) {
      TRY(const Ref weight, Weight(1, d, gate, {{gate == kCell ? 0 : kClosingWeight}}));
      in->push_back(weight);
    }
    for (const int64_t gate : kOrder) {
      TRY(const Ref weight, Weight(2, d, gate, {}));
      in->push_back(weight);
    }
    // The graph has those of the input, output and forget gate.
    for (const int64_t gate : {kInput, kForget, kOutput}) {
      TRY(const Ref weight, Peephole(d, gate));
      in->push_back(weight);
    }
    for (const int64_t gate : kOrder) {
      TRY(const Ref bias, Bias(d, gate));
      in->push_back(bias);
    }
    return Ok{};
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
  // Projection; norms, or the weights of a second input and that input.
  void AddBefore(Refs* in) override { in->insert(in->end(), 2, Ref()); }
  void AddBehind(Refs* in, bool together) override { in->insert(in->end(), together ? 9 : 4, Ref()); }
  [[nodiscard]] Activation Function() const override { return Activation::kTanh; }
};

// A step that no sum outweighs leaves zeros behind relu, and ones behind tanh; what those give in the next step is
// known then, and is taken away.
class RnnLayer : public RecurrentLayer {
 public:
  explicit RnnLayer(NodeExport& n) : RecurrentLayer(n, 1, 1) {}

 private:
  Status CheckForm() override {
    const std::vector<std::string> functions = n_.attrs().Strs("activations");
    const auto all = [&](std::string_view name) {
      return functions.size() == static_cast<size_t>(directions_) &&
             std::all_of(functions.begin(), functions.end(), [&](const std::string& f) { return f == name; });
    };
    tanh_ = all("tanh");
    if (!tanh_ && !all("relu")) return n_.LacksForm("TFLite's layer has tanh or relu, one for both directions");
    opening_.assign(1, kClosingInput);
    if (tanh_) opening_.push_back(1);
    return Ok{};
  }

  Status AddWeights(int64_t d, Refs* in) override {
    std::vector<std::vector<double>> more{{kClosingWeight}};
    if (tanh_) {
      TRY(more, Ending(d));
    }
    TRY(const Ref w, Weight(1, d, 0, std::move(more)));
    TRY(const Ref r, Weight(2, d, 0, {}));
    TRY(const Ref bias, Bias(d, 0));
    in->insert(in->end(), {w, r, bias});
    return Ok{};
  }

  // What brings all to one, and from there to zero.
  Result<std::vector<std::vector<double>>> Ending(int64_t d) {
    TRY(const std::vector<double> weights, Contents(2));
    TRY(const std::vector<double> biases, Contents(3));
    std::vector<std::vector<double>> out;
    for (int64_t k = 0; k < hidden_; ++k) {
      double sum = 0;
      for (int64_t j = 0; j < hidden_; ++j) sum += weights[static_cast<size_t>((d * hidden_ + k) * hidden_ + j)];
      if (!biases.empty()) {
        sum += static_cast<float>(biases[static_cast<size_t>(2 * d * hidden_ + k)] +
                                  biases[static_cast<size_t>((2 * d + 1) * hidden_ + k)]);
      }
      out.push_back({-kClosingWeight, -sum});
    }
    return out;
  }
  Result<std::vector<double>> Contents(size_t operand) {
    if (!n_.Has(operand)) return std::vector<double>();
    const Graph& graph = n_.scope().graph();
    TRY(const Tensor tensor, graph.constant(graph.value(n_.Operand(operand)).constant).Load());
    return WidenWeight(tensor);
  }
  // A second input and its weights.
  void AddBehind(Refs* in, bool together) override {
    if (together) in->insert(in->end(), 3, Ref());
  }
  [[nodiscard]] Activation Function() const override { return tanh_ ? Activation::kTanh : Activation::kRelu; }

  bool tanh_ = false;
};

template <class Layer>
Status EmitBoth(NodeExport& n) {
  return Layer(n).Run(n.row().builtin, true);
}
template <class Layer>
Status EmitEach(NodeExport& n) {
  return Layer(n).Run(n.row().builtin, false);
}

constexpr Row kRows[] = {
    {&ops::kLstm, "BIDIRECTIONAL_SEQUENCE_LSTM", EmitBoth<LstmLayer>},
    {&ops::kLstm, "UNIDIRECTIONAL_SEQUENCE_LSTM", EmitEach<LstmLayer>},
    {&ops::kRnn, "BIDIRECTIONAL_SEQUENCE_RNN", EmitBoth<RnnLayer>},
    {&ops::kRnn, "UNIDIRECTIONAL_SEQUENCE_RNN", EmitEach<RnnLayer>},
};

}  // namespace

extern const RowSet kRecurrentRows{kRows};

}  // namespace godwit::to_tflite
