// Attention of the standard's three kinds, and rotary embedding.
#include <fmt/format.h>

#include "backends/onnx/emit.h"
#include "ops/attention.h"

namespace godwit::to_onnx {

namespace {

constexpr std::string_view kStages[] = {"scaled", "capped", "masked", "softmax"};

Status EmitAttention(NodeExport& n) {
  using namespace ops::attention;
  if (n.Has(kOffsets) || n.Has(kSink)) return n.LacksForm("Attention has neither offsets nor sinks");
  if (n.Has(kLengths) && n.opset() < 24) return n.LacksForm("Attention has lengths from opset 24 on");
  OnnxAttrs attrs;
  attrs.SetInt("q_num_heads", n.attrs().Int("q_heads", 0), 0);
  attrs.SetInt("kv_num_heads", n.attrs().Int("kv_heads", 0), 0);
  attrs.SetInt("is_causal", n.attrs().Int("causal", 0), 0);
  attrs.SetFloat("softcap", n.attrs().Float("softcap", 0), 0);
  if (n.attrs().Has("scale")) attrs.Set("scale", n.attrs().Float("scale"));
  const std::string_view stage = n.attrs().Str("scores_stage", "scaled");
  for (int64_t i = 1; i < 4; ++i) {
    if (kStages[i] == stage && n.Wants(kScores)) attrs.Set("qk_matmul_output_mode", i);
  }
  if (const DType precision = n.attrs().Dtype("softmax_type"); precision != DType::kNone) {
    attrs.Set("softmax_precision", precision);
  }
  for (std::string_view side : {"left_window", "right_window"}) {
    const int64_t window = n.attrs().Int(side, -1);
    if (window < 0) continue;
    if (n.opset() < 25) return n.LacksForm("Attention has windows from opset 25 on");
    attrs.Set(side == "left_window" ? "left_window_size" : "right_window_size", window);
  }
  Names in = n.Ins();
  if (n.Has(kLengths)) in[kLengths] = InI64(n, kLengths);
  n.Emit("Attention", std::move(in), attrs);
  return Ok{};
}

Status EmitLinearAttention(NodeExport& n) {
  const bool gated = n.Has(4);
  const bool delta = n.Has(5);
  OnnxAttrs attrs{{"q_num_heads", n.attrs().Int("q_heads")}, {"kv_num_heads", n.attrs().Int("kv_heads")}};
  if (n.attrs().Has("scale")) attrs.Set("scale", n.attrs().Float("scale"));
  attrs.Set("update_rule", std::string(gated ? (delta ? "gated_delta" : "gated") : delta ? "delta" : "linear"));
  n.Emit("LinearAttention", n.Ins(), attrs);
  return Ok{};
}

Status EmitRotaryEmbedding(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  OnnxAttrs attrs;
  int64_t heads = n.attrs().Int("heads", 0);
  if (rank == 3 && heads == 0) {
    const Type& cos = n.TypeOf(1);
    const Dim& width = n.TypeOf(0).shape()[2];
    if (!cos.ranked() || cos.rank() == 0 || !width.is_static() || !cos.shape().back().is_static() ||
        cos.shape().back().value() <= 0) {
      return n.LacksForm("RotaryEmbedding asks for the number of heads");
    }
    heads = width.value() / (2 * cos.shape().back().value());
  }
  attrs.SetInt("num_heads", heads, 0);
  attrs.SetInt("rotary_embedding_dim", n.attrs().Int("rotary_dim", 0), 0);
  attrs.SetInt("interleaved", n.attrs().Int("interleaved", 0), 0);
  Names in = n.Ins();
  if (n.Has(3)) {
    TRY(const int positions, n.Rank(3));
    if (positions != 2) return n.LacksForm("RotaryEmbedding has a position for each row");
    in[3] = InI64(n, 3);
  }
  n.Emit("RotaryEmbedding", std::move(in), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kAttention, "Attention", 23, EmitAttention},
    {&ops::kLinearAttention, "LinearAttention", 27, EmitLinearAttention},
    {&ops::kRotaryEmbedding, "RotaryEmbedding", 23, EmitRotaryEmbedding},
};

}  // namespace

extern const RowSet kAttentionRows{kRows};

}  // namespace godwit::to_onnx
