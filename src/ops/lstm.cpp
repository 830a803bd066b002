// lstm: recurrent layer with a cell state, optional peepholes and coupled input and forget gates.
#include "ir/op_def.h"
#include "ops/accumulate.h"
#include "ops/decompose.h"
#include "ops/recurrent.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'},
                              {"w", kFloats, OperandDef::kPlain, 'T'},
                              {"r", kFloats, OperandDef::kPlain, 'T'},
                              {"b", kFloats, OperandDef::kOptional, 'T'},
                              {"sequence_lens", kIndex, OperandDef::kOptional},
                              {"initial_h", kFloats, OperandDef::kOptional, 'T'},
                              {"initial_c", kFloats, OperandDef::kOptional, 'T'},
                              {"peephole", kFloats, OperandDef::kOptional, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kOptional, 'T'},
                               {"y_h", kFloats, OperandDef::kOptional, 'T'},
                               {"y_c", kFloats, OperandDef::kOptional, 'T'}};
constexpr AttrDef kAttrs[] = {kDirectionAttr,
                              kActivationsAttr,
                              kAlphaAttr,
                              kBetaAttr,
                              kClipAttr,
                              kBatchMajorAttr,
                              {"input_forget", AttrKind::kInt, "0", "1: the forget gate is 1 - the input gate."}};

constexpr RecurrentKind kKind{.gates = 4, .functions = 3, .cell = true};

Status Infer(InferCtx& ctx) { return InferRecurrent(ctx, kKind); }

// Gates i (input), o (output), f (forget), c (cell); peepholes i, o, f.
Status Eval(EvalCtx& ctx) {
  const bool coupled = ctx.attrs.Flag("input_forget");
  return EvalRecurrent(ctx, kKind, [coupled](const RecurrentWeights& m, double* g, double* h, double* c) {
    const int64_t n = m.hidden;
    for (int64_t j = 0; j < 4 * n; ++j) g[j] += m.rb[static_cast<size_t>(j)];
    AccumulateRow(h, m.r.data(), n, 4 * n, g);
    const double* p = m.peephole.data();
    for (int64_t j = 0; j < n; ++j) {
      const double i = m.f[0](m.Clip(g[j] + p[j] * c[j]));
      const double f = coupled ? 1 - i : m.f[0](m.Clip(g[2 * n + j] + p[2 * n + j] * c[j]));
      c[j] = f * c[j] + i * m.f[1](m.Clip(g[3 * n + j]));
      const double o = m.f[0](m.Clip(g[n + j] + p[n + j] * c[j]));
      h[j] = o * m.f[2](c[j]);
    }
  });
}

std::span<const Sample> Samples() {
  static const std::vector<std::string> one = {"sigmoid", "tanh", "tanh"};
  static const std::vector<std::string> two = {"sigmoid", "tanh", "tanh", "hard_sigmoid", "softsign", "elu"};
  static const std::vector<std::string> both = {"sigmoid", "tanh", "tanh", "sigmoid", "tanh", "tanh"};
  constexpr std::string_view kConstantR =
      "f32[2,8,2] = 0.5,-1,0.25,2,-0.5,1,0.75,-0.25,1,0.5,-2,0,1,1,0.5,-0.5,0.25,0,-1,0.75,2,-0.25,0.5,1,-1,2,0,0.5,"
      "1.5,-0.75,0.25,1";
  static const Sample samples[] = {
      {{"f32[5,2,3]", "f32[1,16,3]", "f32[1,16,4]"}, {{"activations", one}}, 3},
      {{"f32[5,2,3]", "f32[1,16,3]", "f32[1,16,4]", "f32[1,32]", "", "f32[1,2,4]", "f32[1,2,4]", "f32[1,12]"},
       {{"activations", one}, {"direction", std::string("reverse")}},
       3},
      {{"f32[2,5,3]", "f32[2,16,3]", "f32[2,16,4]", "f32[2,32]", "i32[2] = 0,4"},
       {{"activations", two},
        {"alpha", std::vector<double>{0, 0, 0, 0.2, 0, 1}},
        {"beta", std::vector<double>{0, 0, 0, 0.5, 0, 0}},
        {"direction", std::string("bidirectional")},
        {"batch_major", int64_t{1}},
        {"input_forget", int64_t{1}}},
       3},
      {{"f32[3,2,3]", "f32[2,8,3]", kConstantR, "f32[2,16]", "", "f32[2,2,2]", "f32[2,2,2]", "f32[2,6]"},
       {{"activations", both}, {"direction", std::string("bidirectional")}},
       3}};
  return samples;
}

}  // namespace

extern const OpDef kLstm{.name = "lstm",
                         .doc = "Long short-term memory layer; gates input, output, forget, cell (in this order).",
                         .operands = kIn,
                         .results = kOut,
                         .attrs = kAttrs,
                         .constraints = kRecurrentRules,
                         .infer = Infer,
                         .eval = Eval,
                         .decompose = DecomposeLstm,
                         .macs = RecurrentMacs,
                         .samples = Samples};

}  // namespace godwit::ops
