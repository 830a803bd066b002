// What puts stored integers side by side, bringing them to the scale of the result.
#include <algorithm>
#include <cmath>

#include "exec/plan/integer/rows.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

/// One operand of a concatenation in bytes of rows, and what becomes of its numbers.
struct Part {
  int64_t row = 0;
  bool same = true;
  float scale = 1, bias = 0;
};

Result<bool> LowerConcat(Lowering& l, const Cluster& c) {
  const Node& node = l.graph().node(c.core());
  if (c.body.size() != 1 || !c.y.single() || !WithInteger(c.y.dtype, [](auto) {})) return false;
  const Dims dims = l.DimsOf(c.y.value);
  const auto rank = static_cast<int64_t>(dims.size());
  int64_t axis = l.AttrsOf(c.core()).Int("axis");
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank || ElementCount(dims) == 0) return false;
  int64_t outer = 1;
  for (int64_t i = 0; i < axis; ++i) outer *= dims[static_cast<size_t>(i)];
  std::vector<Part> parts;
  std::vector<ValueId> values;
  const float inverse = 1.0F / c.y.scale();
  for (const ValueId v : node.in) {
    const auto x = StoredOf(l, v);
    if (!x || !x->single() || x->dtype != c.y.dtype) return false;
    Part p;
    p.row = ElementCount(l.DimsOf(x->value)) / outer;
    // Only unsigned data are brought to the result's scale; the source's other kernels copy.
    p.same = x->dtype != DType::kU8 || (x->zero() == c.y.zero() && x->scale() == c.y.scale());
    p.scale = x->scale() * inverse;
    p.bias = static_cast<float>(-x->zero()) * p.scale;
    parts.push_back(p);
    values.push_back(x->value);
  }
  std::vector<SlotId> reads;
  for (const ValueId v : values) reads.push_back(l.Plain(v));
  const StoredRange range = RangeOf(c.y, c.range);
  EmitInteger(l, c, "concat", std::move(reads),
              [parts, outer, range, zero = c.y.zero(), dtype = c.y.dtype](Frame& frame, const Step& step) -> Status {
                WithInteger(dtype, [&](auto e) {
                  using E = decltype(e);
                  E* y = frame.Out<E>(step.writes[0]);
                  for (int64_t o = 0; o < outer; ++o) {
                    for (size_t k = 0; k < parts.size(); ++k) {
                      const Part& p = parts[k];
                      const E* x = frame.In<E>(step.reads[k]) + o * p.row;
                      for (int64_t i = 0; i < p.row; ++i, ++y) {
                        int32_t v = x[i];
                        if (!p.same) {
                          const float moved = std::round(static_cast<float>(v) * p.scale + p.bias);
                          v = static_cast<int32_t>(std::clamp(moved, -65536.0F, 65536.0F)) + zero;
                        }
                        *y = static_cast<E>(std::clamp(v, range.low, range.high));
                      }
                    }
                  }
                });
                return Ok{};
              });
  return true;
}

constexpr ClusterRow kRows[] = {{&ops::kConcat, LowerConcat}};

}  // namespace

std::span<const ClusterRow> MoveClusterRows() { return kRows; }

}  // namespace godwit::plan
