// Attention of all kinds in ai.onnx, and what belongs to it.
#include <fmt/format.h>

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

constexpr Rule kRules[] = {
    {"Attention", 23, ImportAttention},
    {"Attention", 24, ImportAttention},
    {"Attention", 25, ImportAttention},
    {"LinearAttention", 27, ImportLinearAttention},
    {"RotaryEmbedding", 23, ImportRotaryEmbedding},
};

}  // namespace

extern const RuleSet kAttentionRules{"", kRules};

}  // namespace godwit::from_onnx
