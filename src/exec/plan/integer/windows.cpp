// Pooling and resizing of stored integers.
#include <algorithm>
#include <cmath>

#include "exec/plan/integer/rows.h"
#include "ops/ops.h"
#include "ops/pool_common.h"

namespace godwit::plan {

namespace {

std::optional<Stored> SameScaleOperand(Lowering& l, const Cluster& c) {
  if (c.body.size() != 1) return std::nullopt;
  auto x = StoredOf(l, l.graph().node(c.core()).in[0]);
  if (!x || !x->single() || !c.y.single() || x->dtype != c.y.dtype) return std::nullopt;
  if (!WithInteger(x->dtype, [](auto) {})) return std::nullopt;
  return x;
}

// Scales of operand and result are taken to be one: the source's kernels do not look at them.
Result<bool> LowerPool(Lowering& l, const Cluster& c, bool averages) {
  const auto x = SameScaleOperand(l, c);
  if (!x || (averages && l.AttrsOf(c.core()).Flag("count_pads"))) return false;
  const Node& node = l.graph().node(c.core());
  const Dims dims = l.DimsOf(x->value);
  const EvalCtx ctx(*node.op, l.AttrsOf(c.core()), {RtValue(Tensor(x->dtype, dims, nullptr, nullptr))}, 1);
  TRY(const ops::PoolGeometry geometry, ops::ResolvePool(ctx));
  const StoredRange range = RangeOf(c.y, c.range);
  EmitInteger(l, c, averages ? "average pool" : "max pool", {l.Plain(x->value)},
              [=, dtype = x->dtype](Frame& frame, const Step& step) -> Status {
                WithInteger(dtype, [&](auto e) {
                  using E = decltype(e);
                  const E* from = frame.In<E>(step.reads[0]);
                  E* y = frame.Out<E>(step.writes[0]);
                  ops::ForEachWindow(dims, geometry, [&](const ops::PoolWindow& window, int64_t at) {
                    int64_t sum = 0, count = 0;
                    int32_t largest = std::numeric_limits<E>::min();
                    window.ForEach([&](int64_t i) {
                      sum += from[i];
                      largest = std::max<int32_t>(largest, from[i]);
                      ++count;
                    });
                    int32_t v = largest;
                    if (averages && count > 0) {
                      v = static_cast<int32_t>((sum > 0 ? sum + count / 2 : sum - count / 2) / count);
                    }
                    y[at] = static_cast<E>(std::clamp(v, range.low, range.high));
                  });
                });
                return Ok{};
              });
  return true;
}
Result<bool> LowerAveragePool(Lowering& l, const Cluster& c) { return LowerPool(l, c, true); }
Result<bool> LowerMaxPool(Lowering& l, const Cluster& c) {
  if (l.graph().node(c.core()).out.size() > 1 && l.graph().node(c.core()).out[1]) return false;
  return LowerPool(l, c, false);
}

enum class Centres : uint8_t { kCorner, kHalfPixel, kAlignCorners };

/// Two neighbours along an axis of the source, and how far the place is from the first.
template <class T>
struct Between {
  int64_t first = 0, second = 0;
  T part = 0;
};

/// In f32, as unsigned data are interpolated.
std::vector<Between<float>> RealPlaces(int64_t in, int64_t out, Centres centres) {
  float scale = static_cast<float>(in) / static_cast<float>(out);
  if (centres == Centres::kAlignCorners && out > 1) scale = static_cast<float>(in - 1) / static_cast<float>(out - 1);
  std::vector<Between<float>> places;
  for (int64_t i = 0; i < out; ++i) {
    const auto value = static_cast<float>(i);
    const float at = centres == Centres::kHalfPixel ? (value + 0.5F) * scale - 0.5F : value * scale;
    Between<float> b;
    b.first = std::clamp<int64_t>(static_cast<int64_t>(std::floor(at)), 0, in - 1);
    b.second = std::min<int64_t>(static_cast<int64_t>(std::ceil(at)), in - 1);
    b.part = at - static_cast<float>(b.first);
    places.push_back(b);
  }
  return places;
}

/// In units of 1/1024, as signed data are.
std::vector<Between<int32_t>> WholePlaces(int64_t in, int64_t out, Centres centres) {
  int64_t scale = (1024 * in + out / 2) / out;
  if (centres == Centres::kAlignCorners && out > 1) scale = (1024 * (in - 1) + (out - 1) / 2) / (out - 1);
  std::vector<Between<int32_t>> places;
  for (int64_t i = 0; i < out; ++i) {
    const int64_t at = centres == Centres::kHalfPixel ? i * scale + scale / 2 - 512 : i * scale;
    Between<int32_t> b;
    b.first = std::clamp<int64_t>(at / 1024, 0, in - 1);
    b.second = std::min((at + 1023) / 1024, in - 1);
    b.part = static_cast<int32_t>(at - 1024 * b.first);
    places.push_back(b);
  }
  return places;
}

uint8_t Mix(const uint8_t* a, const uint8_t* b, const uint8_t* c, const uint8_t* d, float y, float x) {
  const float sum = static_cast<float>(*a) * (1 - y) * (1 - x) + static_cast<float>(*b) * y * (1 - x) +
                    static_cast<float>(*c) * (1 - y) * x + static_cast<float>(*d) * y * x + 0.5F;
  return static_cast<uint8_t>(sum);
}
template <class E>
E Mix(const E* a, const E* b, const E* c, const E* d, int32_t y, int32_t x) {
  const int64_t sum = static_cast<int64_t>(*a) * (1024 - y) * (1024 - x) + static_cast<int64_t>(*b) * y * (1024 - x) +
                      static_cast<int64_t>(*c) * (1024 - y) * x + static_cast<int64_t>(*d) * y * x;
  const int64_t half = sum > 0 ? 1 << 19 : -(1 << 19);
  return static_cast<E>((sum + half) / (1 << 20));
}

/// a is at the first place of both axes, b at the second row, c at the second column, d at the second of both.
template <class E, class T>
void Interpolate(const E* x, const Dims& from, const Dims& to, const std::vector<Between<T>>& rows,
                 const std::vector<Between<T>>& columns, E* y, ThreadPool* pool) {
  const int64_t depth = from[3];
  ParallelFor(pool, to[0] * to[1], 1, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const Between<T>& r = rows[static_cast<size_t>(line % to[1])];
      const E* image = x + line / to[1] * from[1] * from[2] * depth;
      const E *first = image + r.first * from[2] * depth, *second = image + r.second * from[2] * depth;
      E* out = y + line * to[2] * depth;
      for (int64_t i = 0; i < to[2]; ++i, out += depth) {
        const Between<T>& c = columns[static_cast<size_t>(i)];
        const int64_t left = c.first * depth, right = c.second * depth;
        for (int64_t k = 0; k < depth; ++k) {
          out[k] = Mix(first + left + k, second + left + k, first + right + k, second + right + k, r.part, c.part);
        }
      }
    }
  });
}

Result<bool> LowerResize(Lowering& l, const Cluster& c) {
  const auto x = SameScaleOperand(l, c);
  const Attrs& attrs = l.AttrsOf(c.core());
  if (!x || attrs.Str("mode") != "linear" || attrs.Flag("antialias")) return false;
  const Dims from = l.DimsOf(x->value), to = l.DimsOf(c.y.value);
  if (from.size() != 4 || to.size() != 4 || from[0] != to[0] || from[3] != to[3]) return false;
  if (ElementCount(from) == 0 || ElementCount(to) == 0) return false;
  const std::string_view coordinates = attrs.Str("coordinates", "half_pixel");
  Centres centres = Centres::kCorner;
  if (coordinates == "half_pixel")
    centres = Centres::kHalfPixel;
  else if (coordinates == "align_corners")
    centres = Centres::kAlignCorners;
  else if (coordinates != "asymmetric")
    return false;
  EmitInteger(l, c, "resize linear", {l.Plain(x->value)},
              [=, dtype = x->dtype](Frame& frame, const Step& step) -> Status {
                WithInteger(dtype, [&](auto e) {
                  using E = decltype(e);
                  const E* in = frame.In<E>(step.reads[0]);
                  E* y = frame.Out<E>(step.writes[0]);
                  if constexpr (std::is_same_v<E, uint8_t>) {
                    Interpolate(in, from, to, RealPlaces(from[1], to[1], centres), RealPlaces(from[2], to[2], centres),
                                y, frame.threads);
                  } else {
                    Interpolate(in, from, to, WholePlaces(from[1], to[1], centres),
                                WholePlaces(from[2], to[2], centres), y, frame.threads);
                  }
                });
                return Ok{};
              });
  return true;
}

constexpr ClusterRow kRows[] = {
    {&ops::kAvgPool, LowerAveragePool}, {&ops::kMaxPool, LowerMaxPool}, {&ops::kResize, LowerResize}};

}  // namespace

std::span<const ClusterRow> WindowRows() { return kRows; }

}  // namespace godwit::plan
