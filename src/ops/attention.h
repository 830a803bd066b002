// Sizes of an attention node, worked out alike by inference (symbolic) and evaluation (concrete).
#pragma once

#include <cstdint>

#include "ir/attrs.h"
#include "ir/eval.h"
#include "ir/infer.h"

namespace godwit::ops::attention {

enum OperandIndex : size_t { kQ, kK, kV, kMask, kPastK, kPastV, kLengths, kOffsets, kSink };
enum ResultIndex : size_t { kY, kPresentK, kPresentV, kScores };

/// What `scores_stage` names: where the optional result is tapped.
enum class Stage : uint8_t { kScaled, kCapped, kMasked, kSoftmax };

struct Sizes {
  int64_t batch = 0, q_heads = 0, kv_heads = 0;
  int64_t q_len = 0;             ///< queries
  int64_t past = 0;              ///< keys before the given ones
  int64_t kv_len = 0;            ///< keys given
  int64_t head = 0, v_head = 0;  /// < elements of one head of q and k, of v
  [[nodiscard]] int64_t total() const { return past + kv_len; }
};

/// Where head `h`, row `s` of a [batch, heads, rows, n] or [batch, rows, heads * n] tensor begins.
inline int64_t RowOffset(bool packed, int64_t heads, int64_t rows, int64_t n, int64_t b, int64_t h, int64_t s) {
  return packed ? ((b * rows + s) * heads + h) * n : ((b * heads + h) * rows + s) * n;
}

Status Eval(EvalCtx& ctx);

}  // namespace godwit::ops::attention
