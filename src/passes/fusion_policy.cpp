#include "passes/fusion_policy.h"

#include <algorithm>

namespace godwit {

namespace {

/// A rule whose result needs an operator of ai.onnx from that version on.
struct Need {
  std::string_view rule;
  int64_t opset;
  bool microsoft = false;  ///< com.microsoft has it at any opset
};
constexpr Need kNeeds[] = {
    {"fuse-gelu", 20, true},
    {"fuse-gelu-halves", 20, true},
    {"fuse-mish", 18},
    {"fuse-hard-swish", 14},
    {"fuse-silu", 24, true},
    {"fuse-norm", 17},
    {"fuse-rms-norm", 23},
    {"fuse-group-norm", 21},
    {"fuse-whole-norm", 17},
    {"fuse-attention", 23},
    {"fuse-packed-attention", 23, true},
    {"fuse-attention-heads", 23, true},
    {"fuse-rotary", 23},
    {"fuse-rotary-positions", 23, true},
    {"fuse-pixel-shuffle", 11},
};

// Both sides with the runtime's own optimisations on, which may put the parts together too.
constexpr FusionEvidence kEvidence[] = {
    {"fuse-gelu", "Gelu", "ort", "1.31", false},
    {"fuse-mish", "Mish", "ort", "1.31", false},
    {"fuse-hard-swish", "HardSwish", "ort", "1.31", false},
    {"fuse-hard-sigmoid", "HardSigmoid", "ort", "1.31", false},
    {"fuse-silu", "Swish", "ort", "1.31", true},
    {"fuse-rms-norm", "RMSNormalization", "ort", "1.31", false},
    {"fuse-lp-norm", "LpNormalization", "ort", "1.31", false},
    {"fuse-group-norm", "GroupNormalization", "ort", "1.31", true},
    {"fuse-whole-norm", "LayerNormalization", "ort", "1.31", true, true},
    {"fuse-attention", "Attention", "ort", "1.31", false},
    {"fuse-recurrent-steps", "LSTM, GRU, RNN", "ort", "1.31", false},
    {"fuse-recurrent-loop", "LSTM, GRU, RNN", "ort", "1.31", false},
    {"fuse-recurrent-cell", "LSTM, GRU", "ort", "1.31", false},
    // It puts a GELU together itself, where the factors still stand.
    {"scale-gelu", "Gelu", "ort", "1.31", true, true},
};

/// com.microsoft has an operator for it, which is not the one that was timed.
bool HasOwn(std::string_view rule) {
  return std::any_of(std::begin(kNeeds), std::end(kNeeds),
                     [&](const Need& need) { return need.microsoft && need.rule == rule; });
}

}  // namespace

std::span<const FusionEvidence> AllFusionEvidence() { return kEvidence; }

std::set<std::string> FusionsToLeave(const FusionTarget& target) {
  std::set<std::string> out;
  // TFLite's products of matrices take tensors of any rank, and delegates run slices, splits and transposes, but no
  // gathers. What has been there keeps its moves, so that it is the same when it comes back.
  if (target.tflite || target.from_tflite) {
    out = {"flatten-tokens", "gather-moves", "squeezed-part", "keep-parts-axis"};
  }
  // It has no attention and no norm that is kept from below.
  if (target.tflite) {
    // What it is given step by step it would take apart again; loops of any length stay loops.
    out.merge(std::set<std::string>{"fuse-attention", "fuse-packed-attention", "fuse-attention-heads",
                                    "fuse-lp-norm-clamped", "fuse-recurrent-cell", "fuse-recurrent-loop",
                                    "unroll-loops", "fuse-rotary", "fuse-rotary-positions"});
    return out;
  }
  if (target.opset == 0) return out;
  // A scatter is one operator, and its indices are few where more would stand for it.
  out.emplace("join-any-written");
  // ONNX has operators for products of stored integers.
  out.emplace("real-sums");
  for (const Need& need : kNeeds) {
    if (target.opset < need.opset && !(need.microsoft && target.microsoft)) out.emplace(need.rule);
  }
  // Its norms have a scale, always.
  out.emplace("drop-norm-scale");
  // A group norm of one group is layer_norm only where it cannot stay what it is.
  if (target.opset >= 21) out.emplace("fuse-whole-norm");
  // ai.onnx has no lp_norm with an epsilon.
  if (!target.approximate) out.emplace("fuse-lp-norm-clamped");
  for (const FusionEvidence& evidence : kEvidence) {
    if (target.microsoft && HasOwn(evidence.rule)) continue;
    if (evidence.slower && (evidence.anywhere || evidence.runtime == target.runtime)) out.emplace(evidence.rule);
  }
  return out;
}

}  // namespace godwit
