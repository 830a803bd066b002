// RNN, GRU and LSTM of all versions. Versions differ in attributes only: output_sequence up to 6 (the result count
// says the same), linear_before_reset from 3, layout from 14.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

struct FunctionRow {
  std::string_view source;  ///< in lower case: the standard's spelling varies between files
  std::string_view core;
  bool alpha, beta;  ///< takes its next value from the list
  double alpha_default, beta_default;
};

constexpr FunctionRow kFunctions[] = {
    {"relu", "relu", false, false, 0, 0},
    {"tanh", "tanh", false, false, 0, 0},
    {"sigmoid", "sigmoid", false, false, 0, 0},
    {"affine", "affine", true, true, 1, 0},
    {"leakyrelu", "leaky_relu", true, false, 0.01, 0},
    {"thresholdedrelu", "thresholded_relu", true, false, 1, 0},
    {"scaledtanh", "scaled_tanh", true, true, 1, 1},
    {"hardsigmoid", "hard_sigmoid", true, true, 0.2, 0.5},
    {"elu", "elu", true, false, 1, 0},
    {"softsign", "softsign", false, false, 0, 0},
    {"softplus", "softplus", false, false, 0, 0},
};

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// Alphas and betas are consumed in the order of the functions that take them.
Status ReadActivations(NodeImport& n, std::vector<std::string> defaults, size_t dirs, Attrs* attrs) {
  TRY(std::vector<std::string> names, n.Strs("activations"));
  TRY(const std::vector<double> alphas, n.Floats("activation_alpha"));
  TRY(const std::vector<double> betas, n.Floats("activation_beta"));
  const size_t wanted = defaults.size() * dirs;
  if (names.empty()) {
    for (size_t d = 0; d < dirs; ++d) names.insert(names.end(), defaults.begin(), defaults.end());
  }
  // RNN's stated default has two functions whatever the direction.
  if (names.size() > wanted) names.resize(wanted);
  if (names.size() != wanted) {
    return n.BadValue("activations",
                      Concat(std::to_string(names.size()), " of ", std::to_string(wanted), " functions"));
  }
  std::vector<double> alpha, beta;
  size_t next_alpha = 0;
  size_t next_beta = 0;
  for (std::string& name : names) {
    const std::string key = Lower(name);
    const FunctionRow* row = nullptr;
    for (const FunctionRow& f : kFunctions) {
      if (f.source == key) row = &f;
    }
    if (row == nullptr) return n.BadValue("activations", Concat("no function \"", name, "\""));
    name = row->core;
    alpha.push_back(row->alpha && next_alpha < alphas.size() ? alphas[next_alpha++] : row->alpha_default);
    beta.push_back(row->beta && next_beta < betas.size() ? betas[next_beta++] : row->beta_default);
  }
  attrs->Set("activations", std::move(names));
  attrs->Set("alpha", std::move(alpha));
  attrs->Set("beta", std::move(beta));
  return Ok{};
}

Status ImportRecurrent(NodeImport& n, const OpDef& op, std::vector<std::string> defaults, Attrs attrs) {
  n.Ignore("hidden_size");
  n.Ignore("output_sequence");
  TRY(std::string direction, n.Str("direction", "forward"));
  if (direction == "foward") direction = "forward";  // the default as version 1 of GRU spells it
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    return n.BadValue("direction", direction);
  }
  RETURN_IF_ERROR(ReadActivations(n, std::move(defaults), direction == "bidirectional" ? 2 : 1, &attrs));
  if (direction != "forward") attrs.Set("direction", std::move(direction));
  if (n.HasAttr("clip")) {
    TRY(const double clip, n.Float("clip"));
    if (clip > 0) attrs.Set("clip", clip);
  }
  TRY(const int64_t layout, n.version() >= 14 ? n.Int("layout", 0) : Result<int64_t>(int64_t{0}));
  if (layout != 0 && layout != 1) return n.BadValue("layout", std::to_string(layout));
  if (layout == 1) attrs.Set("batch_major", int64_t{1});
  return n.Same(op, std::move(attrs));
}

Status ImportRnn(NodeImport& n) { return ImportRecurrent(n, ops::kRnn, {"Tanh"}, {}); }

Status ImportGru(NodeImport& n) {
  Attrs attrs;
  if (n.version() >= 3) {
    TRY(const int64_t linear, n.Int("linear_before_reset", 0));
    if (linear != 0) attrs.Set("linear_before_reset", int64_t{1});
  }
  return ImportRecurrent(n, ops::kGru, {"Sigmoid", "Tanh"}, std::move(attrs));
}

Status ImportLstm(NodeImport& n) {
  Attrs attrs;
  TRY(const int64_t coupled, n.Int("input_forget", 0));
  if (coupled != 0) attrs.Set("input_forget", int64_t{1});
  return ImportRecurrent(n, ops::kLstm, {"Sigmoid", "Tanh", "Tanh"}, std::move(attrs));
}

constexpr Rule kRules[] = {
    {"GRU", 1, ImportGru},    {"GRU", 3, ImportGru},   {"GRU", 7, ImportGru},   {"GRU", 14, ImportGru},
    {"GRU", 22, ImportGru},   {"LSTM", 1, ImportLstm}, {"LSTM", 7, ImportLstm}, {"LSTM", 14, ImportLstm},
    {"LSTM", 22, ImportLstm}, {"RNN", 1, ImportRnn},   {"RNN", 7, ImportRnn},   {"RNN", 14, ImportRnn},
    {"RNN", 22, ImportRnn},
};

}  // namespace

extern const RuleSet kRecurrentRules{"", kRules};

}  // namespace godwit::from_onnx
