// RNN, GRU and LSTM. The batch-major layout, which few runtimes know, is written as transpositions.
#include <fmt/format.h>

#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

struct FunctionName {
  std::string_view core, onnx;
  bool alpha, beta;  ///< takes its next value from the list
  double alpha_default, beta_default;
};
constexpr FunctionName kFunctions[] = {
    {"relu", "Relu", false, false, 0, 0},
    {"tanh", "Tanh", false, false, 0, 0},
    {"sigmoid", "Sigmoid", false, false, 0, 0},
    {"affine", "Affine", true, true, 1, 0},
    {"leaky_relu", "LeakyRelu", true, false, 0.01, 0},
    {"thresholded_relu", "ThresholdedRelu", true, false, 1, 0},
    {"scaled_tanh", "ScaledTanh", true, true, 1, 1},
    {"hard_sigmoid", "HardSigmoid", true, true, 0.2, 0.5},
    {"elu", "Elu", true, false, 1, 0},
    {"softsign", "Softsign", false, false, 0, 0},
    {"softplus", "Softplus", false, false, 0, 0},
};

// The gate functions with their parameters, unless they are those that go without saying.
Status SetActivations(NodeExport& n, const std::vector<std::string>& defaults, OnnxAttrs* attrs) {
  const std::vector<std::string>& given = n.attrs().Strs("activations");
  const std::vector<double>& alphas = n.attrs().Floats("alpha");
  const std::vector<double>& betas = n.attrs().Floats("beta");
  bool usual = true;
  std::vector<std::string> names;
  std::vector<double> alpha, beta;
  for (size_t i = 0; i < given.size(); ++i) {
    const FunctionName* row = nullptr;
    for (const FunctionName& f : kFunctions) {
      if (f.core == given[i]) row = &f;
    }
    if (row == nullptr) return n.LacksForm(fmt::format("no gate function {}", given[i]));
    names.emplace_back(row->onnx);
    usual = usual && names.back() == defaults[i % defaults.size()];
    if (row->alpha) alpha.push_back(i < alphas.size() ? alphas[i] : row->alpha_default);
    if (row->beta) beta.push_back(i < betas.size() ? betas[i] : row->beta_default);
  }
  if (!usual) attrs->Set("activations", std::move(names));
  if (!alpha.empty()) attrs->Set("activation_alpha", std::move(alpha));
  if (!beta.empty()) attrs->Set("activation_beta", std::move(beta));
  return Ok{};
}

Status EmitRecurrent(NodeExport& n, const std::vector<std::string>& defaults, OnnxAttrs attrs) {
  // Runtimes want the size said, though the weights show it.
  const Type& r = n.TypeOf(2);
  if (!r.ranked() || r.rank() != 3 || !r.shape()[2].is_static()) {
    return n.LacksForm(fmt::format("the hidden size of {} must be known", n.row().onnx));
  }
  attrs.Set("hidden_size", r.shape()[2].value());
  const std::string direction(n.attrs().Str("direction", "forward"));
  if (direction != "forward") attrs.Set("direction", direction);
  if (n.attrs().Has("clip")) attrs.Set("clip", n.attrs().Float("clip"));
  RETURN_IF_ERROR(SetActivations(n, defaults, &attrs));

  const bool batch_major = n.attrs().Flag("batch_major");
  const std::vector<int64_t> swap = {1, 0, 2};
  Names in = n.Ins();
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i].empty()) continue;
    const bool state = i == 5 || i == 6;
    if (i == 4 && n.DtypeOf(i) != DType::kI32) in[i] = n.Temp("Cast", {in[i]}, {{"to", DType::kI32}});
    if (batch_major && (i == 0 || state)) in[i] = n.Temp("Transpose", {in[i]}, {{"perm", swap}});
  }
  if (!batch_major) {
    n.Emit(n.row().onnx, std::move(in), attrs);
    return Ok{};
  }
  Names out;
  for (size_t i = 0; i < n.n_out(); ++i) out.push_back(n.Wants(i) ? n.NewName("sequence_major") : Name());
  n.EmitAs(n.row().onnx, std::move(in), out, attrs);
  for (size_t i = 0; i < n.n_out(); ++i) {
    if (!n.Wants(i)) continue;
    // [sequence, direction, batch, size] and [direction, batch, size].
    n.EmitTo(i, "Transpose", {out[i]}, {{"perm", i == 0 ? std::vector<int64_t>{2, 0, 1, 3} : swap}});
  }
  return Ok{};
}

Status EmitRnn(NodeExport& n) { return EmitRecurrent(n, {"Tanh"}, {}); }

Status EmitGru(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("linear_before_reset", n.attrs().Int("linear_before_reset", 0), 0);
  return EmitRecurrent(n, {"Sigmoid", "Tanh"}, std::move(attrs));
}

Status EmitLstm(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("input_forget", n.attrs().Int("input_forget", 0), 0);
  return EmitRecurrent(n, {"Sigmoid", "Tanh", "Tanh"}, std::move(attrs));
}

constexpr Row kRows[] = {
    {&ops::kGru, "GRU", 7, EmitGru},
    {&ops::kLstm, "LSTM", 7, EmitLstm},
    {&ops::kRnn, "RNN", 7, EmitRnn},
};

}  // namespace

extern const RowSet kRecurrentRows{kRows};

}  // namespace godwit::to_onnx
