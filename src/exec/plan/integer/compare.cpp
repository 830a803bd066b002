// Comparisons of stored operands, each brought to multiples of 2^-8 of its scale's unit.
#include "base/fixed_point.h"
#include "exec/plan/integer/broadcast.h"
#include "exec/plan/integer/rows.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

constexpr int kLeft = 8;

struct Operand {
  int32_t zero = 0;
  fixed::Multiplier factor;
  explicit Operand(const Stored& s) : zero(s.zero()), factor(fixed::Multiplier::Of(static_cast<double>(s.scale()))) {}
  [[nodiscard]] int32_t Of(int32_t v) const { return factor.Apply((v - zero) * (1 << kLeft)); }
};

template <class F>
Result<bool> LowerComparison(Lowering& l, const Cluster& c, F f) {
  const Node& node = l.graph().node(c.last);
  const auto a = StoredOf(l, node.in[0]), b = StoredOf(l, node.in[1]);
  if (!a || !b || !a->single() || !b->single() || a->dtype != b->dtype) return false;
  // Only equality is defined on scales of 16-bit data.
  if (!IsByte(a->dtype) && !(a->dtype == DType::kI16 && node.op == &ops::kEqual)) return false;
  const Broadcast walk(l.DimsOf(a->value), l.DimsOf(b->value), l.DimsOf(c.y.value));
  EmitInteger(
      l, c, std::string(node.op->name), {l.Plain(a->value), l.Plain(b->value)},
      [walk, f, oa = Operand(*a), ob = Operand(*b), dtype = a->dtype](Frame& frame, const Step& step) -> Status {
        WithInteger(dtype, [&](auto e) {
          using E = decltype(e);
          const E* x = frame.In<E>(step.reads[0]);
          const E* y = frame.In<E>(step.reads[1]);
          auto* out = frame.Out<uint8_t>(step.writes[0]);
          walk.ForEach(frame.threads, [&](int64_t i, int64_t at_x, int64_t at_y) {
            out[i] = f(oa.Of(x[at_x]), ob.Of(y[at_y])) ? 1 : 0;
          });
        });
        return Ok{};
      });
  return true;
}

Result<bool> LowerEqual(Lowering& l, const Cluster& c) {
  return LowerComparison(l, c, [](int32_t a, int32_t b) { return a == b; });
}
Result<bool> LowerLess(Lowering& l, const Cluster& c) {
  return LowerComparison(l, c, [](int32_t a, int32_t b) { return a < b; });
}
Result<bool> LowerLessEqual(Lowering& l, const Cluster& c) {
  return LowerComparison(l, c, [](int32_t a, int32_t b) { return a <= b; });
}

constexpr ClusterRow kRows[] = {
    {&ops::kEqual, LowerEqual}, {&ops::kLess, LowerLess}, {&ops::kLessEqual, LowerLessEqual}};

}  // namespace

std::span<const ClusterRow> CompareRows() { return kRows; }

}  // namespace godwit::plan
