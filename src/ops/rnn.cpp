// rnn and gru: recurrent layers whose only state is the hidden one.
#include "ir/op_def.h"
#include "ops/accumulate.h"
#include "ops/decompose.h"
#include "ops/recurrent.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {
    {"x", kFloats, OperandDef::kPlain, 'T'},          {"w", kFloats, OperandDef::kPlain, 'T'},
    {"r", kFloats, OperandDef::kPlain, 'T'},          {"b", kFloats, OperandDef::kOptional, 'T'},
    {"sequence_lens", kIndex, OperandDef::kOptional}, {"initial_h", kFloats, OperandDef::kOptional, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kOptional, 'T'},
                               {"y_h", kFloats, OperandDef::kOptional, 'T'}};
constexpr AttrDef kRnnAttrs[] = {kDirectionAttr, kActivationsAttr, kAlphaAttr, kBetaAttr, kClipAttr, kBatchMajorAttr};
constexpr AttrDef kGruAttrs[] = {kDirectionAttr,
                                 kActivationsAttr,
                                 kAlphaAttr,
                                 kBetaAttr,
                                 kClipAttr,
                                 kBatchMajorAttr,
                                 {"linear_before_reset", AttrKind::kInt, "0",
                                  "1: the reset gate multiplies the recurrent product, else the state before it."}};

constexpr RecurrentKind kRnnKind{.gates = 1, .functions = 1};
constexpr RecurrentKind kGruKind{.gates = 3, .functions = 2};

Status InferRnn(InferCtx& ctx) { return InferRecurrent(ctx, kRnnKind); }
Status InferGru(InferCtx& ctx) { return InferRecurrent(ctx, kGruKind); }

Status EvalRnn(EvalCtx& ctx) {
  return EvalRecurrent(ctx, kRnnKind, [](const RecurrentWeights& m, double* g, double* h, double*) {
    const int64_t n = m.hidden;
    for (int64_t j = 0; j < n; ++j) g[j] += m.rb[static_cast<size_t>(j)];
    AccumulateRow(h, m.r.data(), n, n, g);
    for (int64_t j = 0; j < n; ++j) h[j] = m.f[0](m.Clip(g[j]));
  });
}

// Gates z (update), r (reset), h (hidden), in this order.
Status EvalGru(EvalCtx& ctx) {
  const bool linear = ctx.attrs.Flag("linear_before_reset");
  std::vector<double> product, reset_h;
  return EvalRecurrent(ctx, kGruKind, [&](const RecurrentWeights& m, double* g, double* h, double*) {
    const int64_t n = m.hidden;
    product = m.rb;
    AccumulateRow(h, m.r.data(), n, 3 * n, product.data());
    for (int64_t j = 0; j < 2 * n; ++j) g[j] = m.f[0](m.Clip(g[j] + product[static_cast<size_t>(j)]));
    const double* z = g;
    const double* r = g + n;
    double* hidden = g + 2 * n;
    if (!linear) {
      // The recurrent product of the hidden gate anew, of the state that the reset gate has let through.
      reset_h.resize(static_cast<size_t>(n));
      for (int64_t j = 0; j < n; ++j) reset_h[static_cast<size_t>(j)] = r[j] * h[j];
      for (int64_t j = 0; j < n; ++j) product[static_cast<size_t>(2 * n + j)] = m.rb[static_cast<size_t>(2 * n + j)];
      for (int64_t i = 0; i < n; ++i) {
        const double* row = m.r.data() + i * 3 * n + 2 * n;
        for (int64_t j = 0; j < n; ++j)
          product[static_cast<size_t>(2 * n + j)] += reset_h[static_cast<size_t>(i)] * row[j];
      }
    }
    for (int64_t j = 0; j < n; ++j) {
      const double recurrent = product[static_cast<size_t>(2 * n + j)];
      hidden[j] = m.f[1](m.Clip(hidden[j] + (linear ? r[j] * recurrent : recurrent)));
    }
    for (int64_t j = 0; j < n; ++j) h[j] = (1 - z[j]) * hidden[j] + z[j] * h[j];
  });
}

std::span<const Sample> RnnSamples() {
  static const std::vector<std::string> one = {"tanh"};
  static const std::vector<std::string> two = {"relu", "affine"};
  static const Sample samples[] = {
      {{"f32[5,2,3]", "f32[1,4,3]", "f32[1,4,4]"}, {{"activations", one}}, 2},
      {{"f32[2,5,3]", "f32[2,4,3]", "f32[2,4,4]", "f32[2,8]", "i32[2] = 5,3", "f32[2,2,4]"},
       {{"activations", two},
        {"alpha", std::vector<double>{0, 0.5}},
        {"beta", std::vector<double>{0, 0.25}},
        {"direction", std::string("bidirectional")},
        {"batch_major", int64_t{1}},
        {"clip", 0.5}},
       2},
      {{"f16[3,1,2]", "f16[1,2,2]", "f16[1,2,2]"}, {{"activations", one}, {"direction", std::string("reverse")}}, 1},
      {{"f32[3,2,3]", "f32[2,2,3]", "f32[2,2,2] = 0.5,-1,0.25,2,-0.5,1,0.75,-0.25", "f32[2,4]", "i32[2] = 3,2"},
       {{"activations", std::vector<std::string>{"tanh", "tanh"}}, {"direction", std::string("bidirectional")}},
       2}};
  return samples;
}

std::span<const Sample> GruSamples() {
  static const std::vector<std::string> one = {"sigmoid", "tanh"};
  static const std::vector<std::string> two = {"sigmoid", "tanh", "hard_sigmoid", "softsign"};
  static const std::vector<std::string> both = {"sigmoid", "tanh", "sigmoid", "tanh"};
  constexpr std::string_view kConstantR =
      "f32[2,6,2] = 0.5,-1,0.25,2,-0.5,1,0.75,-0.25,1,0.5,-2,0,1,1,0.5,-0.5,0.25,0,-1,0.75,2,-0.25,0.5,1";
  static const Sample samples[] = {
      {{"f32[5,2,3]", "f32[1,12,3]", "f32[1,12,4]"}, {{"activations", one}}, 2},
      {{"f32[5,2,3]", "f32[1,12,3]", "f32[1,12,4]", "f32[1,24]"},
       {{"activations", one}, {"linear_before_reset", int64_t{1}}},
       2},
      {{"f64[5,2,3]", "f64[2,12,3]", "f64[2,12,4]", "f64[2,24]", "i32[2] = 2,5", "f64[2,2,4]"},
       {{"activations", two},
        {"alpha", std::vector<double>{0, 0, 0.2, 0}},
        {"beta", std::vector<double>{0, 0, 0.5, 0}},
        {"direction", std::string("bidirectional")}},
       2},
      {{"f32[3,2,3]", "f32[2,6,3]", kConstantR, "f32[2,12]", "", "f32[2,2,2]"},
       {{"activations", both}, {"linear_before_reset", int64_t{1}}, {"direction", std::string("bidirectional")}},
       2},
      {{"f32[2,3,3]", "f32[2,6,3]", kConstantR},
       {{"activations", both}, {"batch_major", int64_t{1}}, {"direction", std::string("bidirectional")}},
       2}};
  return samples;
}

}  // namespace

extern const OpDef kRnn{.name = "rnn",
                        .doc = "Simple recurrent layer: h = f(x W^T + h R^T + Wb + Rb).",
                        .operands = kIn,
                        .results = kOut,
                        .attrs = kRnnAttrs,
                        .constraints = kRecurrentRules,
                        .infer = InferRnn,
                        .eval = EvalRnn,
                        .decompose = DecomposeRnn,
                        .macs = RecurrentMacs,
                        .samples = RnnSamples};

extern const OpDef kGru{.name = "gru",
                        .doc = "Gated recurrent layer with update, reset and hidden gates (in this order in w, r, b).",
                        .operands = kIn,
                        .results = kOut,
                        .attrs = kGruAttrs,
                        .constraints = kRecurrentRules,
                        .infer = InferGru,
                        .eval = EvalGru,
                        .decompose = DecomposeGru,
                        .macs = RecurrentMacs,
                        .samples = GruSamples};

}  // namespace godwit::ops
