// Attention of all kinds in ai.onnx, and what belongs to it.
#include <fmt/format.h>

#include <cmath>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

constexpr std::string_view kStages[] = {"scaled", "capped", "masked", "softmax"};

Status ImportAttention(NodeImport& n) {
  Attrs attrs;
  TRY(const int64_t q_heads, n.Int("q_num_heads", 0));
  TRY(const int64_t kv_heads, n.Int("kv_num_heads", 0));
  TRY(const int64_t causal, n.Int("is_causal", 0));
  TRY(const double softcap, n.Float("softcap", 0));
  TRY(const int64_t mode, n.Int("qk_matmul_output_mode", 0));
  TRY(const DType precision, n.DtypeAttr("softmax_precision", DType::kNone));
  if (mode < 0 || mode > 3) return n.BadValue("qk_matmul_output_mode", fmt::format("{} is not 0 to 3", mode));
  if (precision != DType::kNone && !kFloats.Has(precision)) return n.BadValue("softmax_precision", "not a float type");
  if (q_heads > 0) attrs.Set("q_heads", q_heads);
  if (kv_heads > 0) attrs.Set("kv_heads", kv_heads);
  if (causal != 0) attrs.Set("causal", int64_t{1});
  if (softcap > 0) attrs.Set("softcap", softcap);
  if (mode != 0) attrs.Set("scores_stage", std::string(kStages[mode]));
  if (precision != DType::kNone) attrs.Set("softmax_type", precision);
  if (n.HasAttr("scale")) {
    TRY(const double scale, n.Float("scale"));
    attrs.Set("scale", scale);
  }
  for (std::string_view side : {"left", "right"}) {
    const std::string name = std::string(side) + "_window";
    TRY(const int64_t window, n.version() >= 25 ? n.Int(name + "_size", -1) : Result<int64_t>(int64_t{-1}));
    if (window < -1) return n.BadValue(name + "_size", "less than -1");
    if (window >= 0) attrs.Set(name, window);
  }
  return n.Same(ops::kAttention, std::move(attrs));
}

Status ImportRotaryEmbedding(NodeImport& n) {
  Attrs attrs;
  TRY(const int64_t heads, n.Int("num_heads", 0));
  TRY(const int64_t turned, n.Int("rotary_embedding_dim", 0));
  TRY(const int64_t interleaved, n.Int("interleaved", 0));
  if (heads > 0) attrs.Set("heads", heads);
  if (turned > 0) attrs.Set("rotary_dim", turned);
  if (interleaved != 0) attrs.Set("interleaved", int64_t{1});
  return n.Same(ops::kRotaryEmbedding, std::move(attrs));
}

Status ImportLinearAttention(NodeImport& n) {
  n.Ignore("chunk_size");
  TRY(const int64_t kept, n.Int("state_window", 0));  // com.microsoft's alone
  if (kept != 0) return n.Unsupported("the states of several rows as a result");
  TRY(const int64_t q_heads, n.Int("q_num_heads"));
  TRY(const int64_t kv_heads, n.Int("kv_num_heads"));
  TRY(const double scale, n.Float("scale", 0));
  TRY(const std::string rule, n.Str("update_rule", "gated_delta"));
  const bool gated = rule == "gated" || rule == "gated_delta";
  const bool delta = rule == "delta" || rule == "gated_delta";
  if (!gated && !delta && rule != "linear") return n.BadValue("update_rule", rule);
  if (gated != n.Has(4)) return n.BadValue("update_rule", rule + (gated ? " needs" : " takes no") + " decay");
  if (delta != n.Has(5)) return n.BadValue("update_rule", rule + (delta ? " needs" : " takes no") + " beta");
  Attrs attrs = {{"q_heads", q_heads}, {"kv_heads", kv_heads}};
  if (scale != 0) attrs.Set("scale", scale);
  return n.Same(ops::kLinearAttention, std::move(attrs));
}

// The convolution over the state followed by the input; the new state is that sequence's end.
Status ImportCausalConv(NodeImport& n) {
  TRY(const ValueId x, n.In(0));
  TRY(const ValueId w, n.In(1));
  TRY(const std::string activation, n.Str("activation", "none"));
  // com.microsoft has more forms than ai.onnx took over.
  TRY(const int64_t axes, n.Int("ndim", 1));
  TRY(const int64_t dilation, n.Int("dilation", 1));
  TRY(const int64_t channels_last, n.Int("channels_last", 0));
  TRY(const int64_t kept, n.Int("state_window", 0));
  if (axes != 1 || dilation != 1 || channels_last != 0 || kept != 0) return n.Unsupported("other than its plain form");
  const bool silu = activation == "silu" || activation == "swish";
  if (!silu && activation != "none") return n.BadValue("activation", activation);
  const Type& type = n.TypeOf(w);
  if (!type.ranked() || type.rank() != 3 || !type.shape()[0].is_static() || !type.shape()[2].is_static()) {
    return n.Unsupported("the size of the kernel must be known");
  }
  const int64_t channels = type.shape()[0].value();
  const int64_t state = type.shape()[2].value() - 1;
  if (state < 0) return n.Unsupported("an empty kernel");
  ValueId padded;
  if (n.Has(3)) {
    TRY(padded, n.Emit(ops::kConcat, {n.InOrNone(3), x}, {{"axis", int64_t{2}}}));
  } else {
    TRY(padded, n.Emit(ops::kPad, {x, n.I64s({0, 0, state, 0, 0, 0})}));
  }
  TRY(ValueId y, n.Emit(ops::kConv, {padded, w, n.InOrNone(2)}, {{"group", channels}}));
  if (silu) {
    TRY(y, n.Emit(ops::kSilu, {y}));
  }
  n.Out(0, y);
  if (!n.Wants(1)) return Ok{};
  const ValueId start = n.I64s({state == 0 ? INT64_MAX : -state});
  TRY(const ValueId end, n.Emit(ops::kSlice, {padded, start, n.I64s({INT64_MAX}), n.I64s({2})}));
  n.Out(1, end);
  return Ok{};
}

Status ImportSwiGlu(NodeImport& n) {
  TRY(const ValueId gate, n.In(0));
  TRY(const ValueId value, n.In(1));
  TRY(const double alpha, n.Float("alpha", 1));
  TRY(const ValueId active, n.Emit(ops::kSilu, {gate}, alpha != 1 ? Attrs{{"alpha", alpha}} : Attrs{}));
  TRY(const ValueId y, n.Emit(ops::kMul, {active, value}));
  n.Out(0, y);
  return Ok{};
}

// Each head of k or v as often as query heads share it.
Result<ValueId> RepeatHeads(NodeImport& n, ValueId x, int64_t q_heads) {
  const Shape& shape = n.TypeOf(x).shape();
  const int64_t heads = shape[1].value();
  if (heads == q_heads) return x;
  if (heads <= 0 || q_heads % heads != 0) {
    return n.Unsupported(fmt::format("{} heads do not divide {} query heads", heads, q_heads));
  }
  std::vector<int64_t> pick;
  for (int64_t h = 0; h < q_heads; ++h) pick.push_back(h / (q_heads / heads));
  return n.Emit(ops::kGather, {x, n.I64s(pick)}, {{"axis", int64_t{1}}});
}

Result<ValueId> Modified(NodeImport& n, std::string_view attribute, ValueId x) {
  TRY(const onnx::Graph* graph, n.GraphAttr(attribute));
  if (graph == nullptr) return x;
  TRY(const std::vector<ValueId> out, n.Inline(*graph, {x}));
  if (out.size() != 1) return n.BadValue(attribute, "a modifier has one output");
  return out[0];
}

Status ImportFlexAttention(NodeImport& n) {
  ValueId in[3];
  for (size_t i = 0; i < 3; ++i) {
    TRY(in[i], n.In(i));
    TRY(const int rank, n.Rank(in[i]));
    if (rank != 4 || !n.TypeOf(in[i]).shape()[1].is_static()) return n.Unsupported("the heads must be known");
  }
  const DType dtype = n.DtypeOf(in[0]);
  TRY(const DType precision, n.DtypeAttr("softmax_precision", dtype == DType::kF64 ? DType::kF64 : DType::kF32));
  const Dim head = n.TypeOf(in[0]).shape()[3];
  double scale = 0;
  if (n.HasAttr("scale")) {
    TRY(scale, n.Float("scale"));
  } else if (head.is_static() && head.value() > 0) {
    scale = 1 / std::sqrt(static_cast<double>(head.value()));
  } else {
    return n.Unsupported("the head size must be known where no scale is given");
  }
  const int64_t q_heads = n.TypeOf(in[0]).shape()[1].value();
  TRY(ValueId k, RepeatHeads(n, in[1], q_heads));
  TRY(ValueId v, RepeatHeads(n, in[2], q_heads));
  // Half of the scale on each side, as the standard writes it, against overflow of narrow types.
  const ValueId half = n.ScalarLike(in[0], static_cast<double>(std::sqrt(static_cast<float>(scale))));
  TRY(const ValueId q, n.Emit(ops::kMul, {in[0], half}));
  TRY(k, n.Emit(ops::kMul, {k, half}));
  TRY(ValueId scores, n.Emit(ops::kMatMul, {q, k}, {{"transpose_b", int64_t{1}}}));
  if (precision != dtype) {
    TRY(scores, n.Emit(ops::kCast, {scores}, {{"to", precision}}));
    TRY(v, n.Emit(ops::kCast, {v}, {{"to", precision}}));
  }
  TRY(scores, Modified(n, "score_mod", scores));
  TRY(scores, n.Emit(ops::kSoftmax, {scores}));
  TRY(scores, Modified(n, "prob_mod", scores));
  TRY(ValueId y, n.Emit(ops::kMatMul, {scores, v}));
  if (precision != dtype) {
    TRY(y, n.Emit(ops::kCast, {y}, {{"to", dtype}}));
  }
  n.Out(0, y);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"CausalConvWithState", 27, ImportCausalConv},
    {"SwiGLU", 28, ImportSwiGlu},
    {"Attention", 23, ImportAttention},
    {"Attention", 24, ImportAttention},
    {"Attention", 25, ImportAttention},
    {"LinearAttention", 27, ImportLinearAttention},
    {"RotaryEmbedding", 23, ImportRotaryEmbedding},
};

constexpr Rule kMicrosoft[] = {
    {"CausalConvWithState", 1, ImportCausalConv},
    {"LinearAttention", 1, ImportLinearAttention},
};

constexpr Rule kPreview[] = {{"FlexAttention", 1, ImportFlexAttention}};

}  // namespace

extern const RuleSet kAttentionRules{"", kRules};
extern const RuleSet kMicrosoftLinearAttentionRules{"com.microsoft", kMicrosoft};
extern const RuleSet kPreviewRules{"ai.onnx.preview", kPreview};

}  // namespace godwit::from_onnx
