// Activations, those of com.microsoft included.
#include "frontends/onnx/elementwise_import.h"

namespace godwit::from_onnx {

namespace {

Status ImportLeakyRelu(NodeImport& n) {
  n.Ignore("consumed_inputs");
  TRY(const double alpha, n.Float("alpha", 0.01F));
  return n.Same(ops::kLeakyRelu, {{"alpha", alpha}});
}

Status ImportElu(NodeImport& n) {
  n.Ignore("consumed_inputs");
  TRY(const double alpha, n.Float("alpha", 1));
  return n.Same(ops::kElu, {{"alpha", alpha}});
}

// The first version's defaults had fewer digits.
Status ImportSelu(NodeImport& n) {
  n.Ignore("consumed_inputs");
  TRY(const double alpha, n.Float("alpha", n.version() < 6 ? 1.6732F : 1.67326319217681884765625));
  TRY(const double gamma, n.Float("gamma", n.version() < 6 ? 1.0507F : 1.05070102214813232421875));
  return n.Same(ops::kSelu, {{"alpha", alpha}, {"gamma", gamma}});
}

Status ImportCelu(NodeImport& n) {
  TRY(const double alpha, n.Float("alpha", 1));
  return n.Same(ops::kCelu, {{"alpha", alpha}});
}

Status ImportHardSigmoid(NodeImport& n) {
  n.Ignore("consumed_inputs");
  TRY(const double alpha, n.Float("alpha", 0.2F));
  TRY(const double beta, n.Float("beta", 0.5));
  return n.Same(ops::kHardSigmoid, {{"alpha", alpha}, {"beta", beta}});
}

Status ImportThresholdedRelu(NodeImport& n) {
  TRY(const double alpha, n.Float("alpha", 1));
  return n.Same(ops::kThresholdedRelu, {{"alpha", alpha}});
}

Status ImportShrink(NodeImport& n) {
  TRY(const double bias, n.Float("bias", 0));
  TRY(const double lambd, n.Float("lambd", 0.5));
  return n.Same(ops::kShrink, {{"bias", bias}, {"lambd", lambd}});
}

Status ImportGelu(NodeImport& n) {
  auto approximate = n.Str("approximate", "none");
  if (!approximate.ok()) return approximate.TakeDiag();
  if (*approximate != "none" && *approximate != "tanh") return n.BadValue("approximate", *approximate);
  return n.Same(ops::kGelu, {{"approximate", *approximate}});
}

Status ImportSwish(NodeImport& n) {
  TRY(const double alpha, n.Float("alpha", 1));
  return n.Same(ops::kSilu, {{"alpha", alpha}});
}

Status ImportPRelu(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId slope, n.In(1));
  n.Ignore("consumed_inputs");
  // Until version 7 a slope of more than one element is one for each channel.
  if (n.version() < 7) {
    TRY(const int slope_rank, n.Rank(slope));
    const bool single = slope_rank == 0 || n.TypeOf(slope).shape()[0] == Dim(1);
    if (slope_rank == 1 && !single) {
      TRY(const int rank, n.Rank(x));
      TRY(slope, AppendOnes(n, slope, rank - 2));
    }
  }
  TRY(ValueId y, n.Emit(ops::kPRelu, {x, slope}));
  n.Out(0, y);
  return Ok{};
}

// alpha * f(beta * x) and the like: operators that ONNX had before its first stable set, still met in old files.
Status ImportAffine(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const double alpha, n.Float("alpha", 1));
  TRY(const double beta, n.Float("beta", 0));
  TRY(ValueId y, n.Emit(ops::kMul, {x, n.ScalarLike(x, alpha)}));
  TRY(y, n.Emit(ops::kAdd, {y, n.ScalarLike(x, beta)}));
  n.Out(0, y);
  return Ok{};
}

Status ImportScaledTanh(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const double alpha, n.Float("alpha", 1));
  TRY(const double beta, n.Float("beta", 1));
  TRY(ValueId y, n.Emit(ops::kMul, {x, n.ScalarLike(x, beta)}));
  TRY(y, n.Emit(ops::kTanh, {y}));
  TRY(y, n.Emit(ops::kMul, {y, n.ScalarLike(x, alpha)}));
  n.Out(0, y);
  return Ok{};
}

Status ImportParametricSoftplus(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const double alpha, n.Float("alpha", 1));
  TRY(const double beta, n.Float("beta", 1));
  TRY(ValueId y, n.Emit(ops::kMul, {x, n.ScalarLike(x, beta)}));
  TRY(y, n.Emit(ops::kSoftplus, {y}));
  TRY(y, n.Emit(ops::kMul, {y, n.ScalarLike(x, alpha)}));
  n.Out(0, y);
  return Ok{};
}

Status ImportImageScaler(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const double scale, n.Float("scale", 1));
  TRY(const std::vector<double> bias, n.Floats("bias"));
  TRY(ValueId y, n.Emit(ops::kMul, {x, n.ScalarLike(x, scale)}));
  if (!bias.empty()) {
    std::vector<float> channels(bias.begin(), bias.end());
    ValueId b = n.Constant(Tensor::F32({static_cast<int64_t>(bias.size()), 1, 1}, channels));
    TRY(b, n.Emit(ops::kCast, {b}, {{"to", n.DtypeOf(x)}}));
    TRY(y, n.Emit(ops::kAdd, {y, b}));
  }
  n.Out(0, y);
  return Ok{};
}

// com.microsoft: x plus an optional bias, then gelu.
Status BiasedGelu(NodeImport& n, std::string_view approximate) {
  TRY(ValueId x, n.In(0));
  if (n.Has(1)) {
    TRY(x, n.Emit(ops::kAdd, {x, n.InOrNone(1)}));
  }
  TRY(ValueId y, n.Emit(ops::kGelu, {x}, {{"approximate", std::string(approximate)}}));
  n.Out(0, y);
  return Ok{};
}
Status ImportBiasGelu(NodeImport& n) { return BiasedGelu(n, "none"); }
Status ImportFastGelu(NodeImport& n) { return BiasedGelu(n, "tanh"); }

Status ImportQuickGelu(NodeImport& n) {
  TRY(const double alpha, n.Float("alpha", 1.702F));
  return n.Same(ops::kSilu, {{"alpha", alpha}});
}

Status ImportBiasAdd(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId bias, n.In(1));
  TRY(ValueId skip, n.In(2));
  TRY(ValueId y, n.Emit(ops::kAdd, {x, bias}));
  TRY(y, n.Emit(ops::kAdd, {y, skip}));
  n.Out(0, y);
  return Ok{};
}

// Half of the channels, times gelu of the other half.
Status ImportBiasSplitGelu(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId bias, n.In(1));
  TRY(x, n.Emit(ops::kAdd, {x, bias}));
  TRY(const std::vector<ValueId> halves, n.EmitN(ops::kSplit, {x}, 2, {{"axis", int64_t{-1}}}));
  TRY(ValueId y, n.Emit(ops::kGelu, {halves[1]}));
  TRY(y, n.Emit(ops::kMul, {halves[0], y}));
  n.Out(0, y);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"Affine", 1, ImportAffine},
    {"Celu", 12, ImportCelu},
    {"Elu", 1, ImportElu},
    {"Gelu", 20, ImportGelu},
    {"HardSigmoid", 1, ImportHardSigmoid},
    {"HardSwish", 14, ImportSame<ops::kHardSwish>},
    {"ImageScaler", 1, ImportImageScaler},
    {"LeakyRelu", 1, ImportLeakyRelu},
    {"Mish", 18, ImportSame<ops::kMish>},
    {"PRelu", 1, ImportPRelu},
    {"ParametricSoftplus", 1, ImportParametricSoftplus},
    {"Relu", 1, ImportSame<ops::kRelu>},
    {"ScaledTanh", 1, ImportScaledTanh},
    {"Selu", 1, ImportSelu},
    {"Shrink", 9, ImportShrink},
    {"Sigmoid", 1, ImportSame<ops::kSigmoid>},
    {"Softplus", 1, ImportSame<ops::kSoftplus>},
    {"Softsign", 1, ImportSame<ops::kSoftsign>},
    {"Swish", 24, ImportSwish},
    {"Tanh", 1, ImportSame<ops::kTanh>},
    {"ThresholdedRelu", 1, ImportThresholdedRelu},
};

constexpr Rule kMicrosoft[] = {
    {"BiasAdd", 1, ImportBiasAdd},   {"BiasGelu", 1, ImportBiasGelu}, {"BiasSplitGelu", 1, ImportBiasSplitGelu},
    {"FastGelu", 1, ImportFastGelu}, {"Gelu", 1, ImportBiasGelu},     {"QuickGelu", 1, ImportQuickGelu},
};

}  // namespace

extern const RuleSet kActivationRules{"", kRules};
extern const RuleSet kMicrosoftActivationRules{"com.microsoft", kMicrosoft};

}  // namespace godwit::from_onnx
