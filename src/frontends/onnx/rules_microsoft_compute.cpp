// com.microsoft: fused convolutions, products and normalisations that ONNX Runtime writes into optimised files.
#include <fmt/format.h>

#include "frontends/onnx/softmax_import.h"
#include "frontends/onnx/window_import.h"

namespace godwit::from_onnx {

namespace {

// The activation a fused node ends with; `params` are its attributes in the order of the plain operator.
Result<ValueId> Activate(NodeImport& n, ValueId x, const std::string& name, const std::vector<double>& params) {
  const auto param = [&](size_t i, double fallback) { return i < params.size() ? params[i] : fallback; };
  if (name.empty()) return x;
  if (name == "Relu") return n.Emit(ops::kRelu, {x});
  if (name == "Sigmoid") return n.Emit(ops::kSigmoid, {x});
  if (name == "Tanh") return n.Emit(ops::kTanh, {x});
  if (name == "HardSwish") return n.Emit(ops::kHardSwish, {x});
  if (name == "LeakyRelu") return n.Emit(ops::kLeakyRelu, {x}, {{"alpha", param(0, 0.01)}});
  if (name == "Elu") return n.Emit(ops::kElu, {x}, {{"alpha", param(0, 1)}});
  if (name == "HardSigmoid") {
    return n.Emit(ops::kHardSigmoid, {x}, {{"alpha", param(0, 0.2)}, {"beta", param(1, 0.5)}});
  }
  if (name == "Clip" && params.size() >= 2) {
    return n.Emit(ops::kClip, {x, n.ScalarLike(x, params[0]), n.ScalarLike(x, params[1])});
  }
  return n.Unsupported(fmt::format("the fused activation '{}'", name));
}

// Convolution, an optional addend and an activation; `layout` are attributes that the channels' place sets.
Status FusedConv(NodeImport& n, Attrs attrs) {
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "group", "group", 1, &attrs));
  n.Ignore("kernel_shape");
  TRY(ValueId x, n.In(0));
  TRY(ValueId w, n.In(1));
  TRY(ValueId y, n.Emit(ops::kConv, {x, w, n.InOrNone(2)}, std::move(attrs)));
  if (n.Has(3)) {
    TRY(y, n.Emit(ops::kAdd, {y, n.InOrNone(3)}));
  }
  TRY(const std::string activation, n.Str("activation", ""));
  TRY(const std::vector<double> params, n.Floats("activation_params"));
  TRY(y, Activate(n, y, activation, params));
  n.Out(0, y);
  return Ok{};
}

Status ImportFusedConv(NodeImport& n) { return FusedConv(n, {}); }
Status ImportNhwcConv(NodeImport& n) {
  return FusedConv(n, {{"channel_axis", int64_t{-1}}, {"weight_layout", "ohwi"}});
}
Status ImportNhwcFusedConv(NodeImport& n) { return FusedConv(n, {{"channel_axis", int64_t{-1}}}); }

Status ImportNhwcMaxPool(NodeImport& n) {
  Attrs attrs = {{"channel_axis", int64_t{-1}}};
  RETURN_IF_ERROR(ReadKernel(n, &attrs));
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  return n.Same(ops::kMaxPool, std::move(attrs));
}

// Operand i, with its first dim moved behind the batch dims where the attribute says that it is the rows.
Result<ValueId> MatrixOperand(NodeImport& n, size_t i, std::string_view attribute) {
  TRY(ValueId v, n.In(i));
  TRY(const int64_t moved, n.Int(attribute, 0));
  if (moved == 0) return v;
  TRY(const int rank, n.Rank(v));
  if (rank < 3) return v;
  std::vector<int64_t> perm;
  for (int k = 1; k + 1 < rank; ++k) perm.push_back(k);
  perm.push_back(0);
  perm.push_back(rank - 1);
  return n.Emit(ops::kTranspose, {v}, {{"perm", std::move(perm)}});
}

Status ImportFusedMatMul(NodeImport& n) {
  TRY(ValueId a, MatrixOperand(n, 0, "transBatchA"));
  TRY(ValueId b, MatrixOperand(n, 1, "transBatchB"));
  Attrs attrs;
  RETURN_IF_ERROR(CopyInt(n, "transA", "transpose_a", 0, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "transB", "transpose_b", 0, &attrs));
  TRY(const double alpha, n.Float("alpha", 1));
  TRY(ValueId y, n.Emit(ops::kMatMul, {a, b}, std::move(attrs)));
  if (alpha != 1) {
    TRY(y, n.Emit(ops::kMul, {y, n.ScalarLike(y, alpha)}));
  }
  n.Out(0, y);
  return Ok{};
}

Status ImportFusedGemm(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(CopyFloat(n, "alpha", "alpha", 1, &attrs));
  RETURN_IF_ERROR(CopyFloat(n, "beta", "beta", 1, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "transA", "transpose_a", 0, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "transB", "transpose_b", 0, &attrs));
  TRY(ValueId a, n.In(0));
  TRY(ValueId b, n.In(1));
  TRY(ValueId y, n.Emit(ops::kGemm, {a, b, n.InOrNone(2)}, std::move(attrs)));
  TRY(const std::string activation, n.Str("activation", ""));
  std::vector<double> params;
  for (const std::string_view name : {"activation_alpha", "activation_beta", "activation_gamma"}) {
    if (!n.HasAttr(name)) break;
    TRY(const double value, n.Float(name));
    params.push_back(value);
  }
  TRY(y, Activate(n, y, activation, params));
  n.Out(0, y);
  return Ok{};
}

Status ImportGemmFastGelu(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId w, n.In(1));
  TRY(ValueId y, n.Emit(ops::kMatMul, {x, w}));
  if (n.Has(2)) {
    TRY(y, n.Emit(ops::kAdd, {y, n.InOrNone(2)}));
  }
  TRY(y, n.Emit(ops::kGelu, {y}, {{"approximate", "tanh"}}));
  n.Out(0, y);
  return Ok{};
}

// y, mean, inverse deviation and the sum that was normalised, in the order of ONNX Runtime's results.
Status SkipNorm(NodeImport& n, bool centred) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId skip, n.In(1));
  TRY(ValueId scale, n.In(2));
  const ValueId shift = centred ? n.InOrNone(3) : ValueId();
  const ValueId bias = n.InOrNone(centred ? 4 : 3);
  TRY(ValueId sum, n.Emit(ops::kAdd, {x, skip}));
  if (bias) {
    TRY(sum, n.Emit(ops::kAdd, {sum, bias}));
  }
  TRY(const double epsilon, n.Float("epsilon", 1e-12F));
  const Attrs attrs = {{"epsilon", epsilon}};
  if (centred) {
    TRY(auto out, n.EmitN(ops::kLayerNorm, {sum, scale, shift}, 3, attrs));
    for (size_t i = 0; i < 3; ++i) n.Out(i, out[i]);
  } else {
    TRY(auto out, n.EmitN(ops::kRmsNorm, {sum, scale}, 2, attrs));
    n.Out(0, out[0]);
    if (n.Wants(1)) return n.Unsupported("the mean of a norm that takes none");
    n.Out(2, out[1]);
  }
  n.Out(3, sum);
  return Ok{};
}
Status ImportSkipLayerNorm(NodeImport& n) { return SkipNorm(n, true); }
Status ImportSkipRmsNorm(NodeImport& n) { return SkipNorm(n, false); }

// Rows of the position table: by number where they are given, else the first ones, as many as the sequence is long.
Result<ValueId> Positions(NodeImport& n, ValueId ids, ValueId table, ValueId given) {
  if (given) return n.Emit(ops::kGather, {table, given}, {{"axis", int64_t{0}}});
  TRY(ValueId length, n.Emit(ops::kShapeOf, {ids}, {{"start", int64_t{1}}, {"end", int64_t{2}}}));
  TRY(length, n.Emit(ops::kReshape, {length, n.I64s({})}));
  TRY(ValueId range, n.Emit(ops::kRange, {n.ScalarI64(0), length, n.ScalarI64(1)}));
  return n.Emit(ops::kGather, {table, range}, {{"axis", int64_t{0}}});
}

Status ImportEmbedLayerNorm(NodeImport& n) {
  TRY(ValueId ids, n.In(0));
  TRY(ValueId words, n.In(2));
  TRY(ValueId table, n.In(3));
  TRY(ValueId sum, n.Emit(ops::kGather, {words, ids}, {{"axis", int64_t{0}}}));
  TRY(ValueId positions, Positions(n, ids, table, n.InOrNone(8)));
  TRY(sum, n.Emit(ops::kAdd, {sum, positions}));
  if (n.Has(1) && n.Has(4)) {
    TRY(ValueId segments, n.Emit(ops::kGather, {n.InOrNone(4), n.InOrNone(1)}, {{"axis", int64_t{0}}}));
    TRY(sum, n.Emit(ops::kAdd, {sum, segments}));
  }
  TRY(ValueId scale, n.In(5));
  TRY(ValueId shift, n.In(6));
  TRY(const double epsilon, n.Float("epsilon", 1e-12F));
  TRY(ValueId y, n.Emit(ops::kLayerNorm, {sum, scale, shift}, {{"epsilon", epsilon}}));
  n.Out(0, y);
  if (n.Wants(1)) {
    // How many tokens of each sequence the mask keeps; none where there is no mask.
    ValueId mask = n.InOrNone(7);
    if (!mask) {
      TRY(mask, n.Emit(ops::kSub, {ids, ids}));
    }
    TRY(ValueId kept, n.Emit(ops::kReduce, {mask, n.I64s({1})}, {{"mode", "sum"}, {"keep_dims", int64_t{0}}}));
    TRY(kept, n.Emit(ops::kCast, {kept}, {{"to", DType::kI32}}));
    n.Out(1, kept);
  }
  n.Ignore("mask_index_type");
  n.Out(2, sum);
  return Ok{};
}

// Normalises `x` in groups with the node's own attributes.
Result<ValueId> EmitGroupNorm(NodeImport& n, ValueId x) {
  TRY(ValueId scale, n.In(1));
  TRY(ValueId bias, n.In(2));
  TRY(const int64_t groups, n.Int("groups"));
  TRY(const int64_t channels_last, n.Int("channels_last", 1));
  TRY(const int64_t activation, n.Int("activation"));
  Attrs attrs = {{"groups", groups}};
  RETURN_IF_ERROR(CopyFloat(n, "epsilon", "epsilon", 1e-5, &attrs));
  if (channels_last != 0) attrs.Set("channel_axis", int64_t{-1});
  TRY(ValueId y, n.Emit(ops::kGroupNorm, {x, scale, bias}, std::move(attrs)));
  if (activation == 1) return n.Emit(ops::kSilu, {y});
  if (activation != 0) return n.BadValue("activation", fmt::format("{} is not 0 or 1", activation));
  return y;
}

Status ImportGroupNorm(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId y, EmitGroupNorm(n, x));
  n.Out(0, y);
  return Ok{};
}

Status ImportSkipGroupNorm(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId skip, n.In(3));
  TRY(const int64_t channels_last, n.Int("channels_last", 1));
  TRY(const int rank, n.Rank(skip));
  if (rank == 2) {
    const std::vector<int64_t> shape =
        channels_last != 0 ? std::vector<int64_t>{0, 1, 1, -1} : std::vector<int64_t>{0, -1, 1, 1};
    TRY(skip, n.Emit(ops::kReshape, {skip, n.I64s(shape)}));
  }
  TRY(ValueId sum, n.Emit(ops::kAdd, {x, skip}));
  if (n.Has(4)) {
    ValueId bias = n.InOrNone(4);
    if (channels_last == 0) {
      TRY(bias, n.Emit(ops::kReshape, {bias, n.I64s({-1, 1, 1})}));
    }
    TRY(sum, n.Emit(ops::kAdd, {sum, bias}));
  }
  TRY(ValueId y, EmitGroupNorm(n, sum));
  n.Out(0, y);
  n.Out(1, sum);
  return Ok{};
}

Status ImportBiasSoftmax(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId bias, n.In(1));
  TRY(const int64_t axis, n.Int("axis", 1));
  n.Ignore("is_inner_broadcast");  // the bias's shape says it
  TRY(ValueId sum, n.Emit(ops::kAdd, {x, bias}));
  TRY(ValueId y, EmitFlatSoftmax(n, sum, axis, "soft"));
  n.Out(0, y);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"BiasSoftmax", 1, ImportBiasSoftmax},
    {"EmbedLayerNormalization", 1, ImportEmbedLayerNorm},
    {"FusedConv", 1, ImportFusedConv},
    {"FusedGemm", 1, ImportFusedGemm},
    {"FusedMatMul", 1, ImportFusedMatMul},
    {"GemmFastGelu", 1, ImportGemmFastGelu},
    {"GemmFloat8", 1, nullptr, "it rounds through 8-bit floats by scales that only GPU libraries define"},
    {"GroupNorm", 1, ImportGroupNorm},
    {"MatMulBnb4", 1, nullptr, "its weights are packed in a 4-bit format of another library"},
    {"MatMulFpQ4", 1, nullptr, "its weights are packed in a format private to ONNX Runtime's kernels"},
    {"MaxpoolWithMask", 1, nullptr, "an experimental operator without a written definition"},
    {"NhwcConv", 1, ImportNhwcConv},
    {"NhwcFusedConv", 1, ImportNhwcFusedConv},
    {"NhwcMaxPool", 1, ImportNhwcMaxPool},
    {"SkipGroupNorm", 1, ImportSkipGroupNorm},
    {"SkipLayerNormalization", 1, ImportSkipLayerNorm},
    {"SkipSimplifiedLayerNormalization", 1, ImportSkipRmsNorm},
    {"SparseToDenseMatMul", 1, nullptr, "values of the graph cannot be sparse tensors here"},
    {"TransposeMatMul", 1, ImportFusedMatMul},
};

}  // namespace

extern const RuleSet kMicrosoftComputeRules{"com.microsoft", kRules};

}  // namespace godwit::from_onnx
