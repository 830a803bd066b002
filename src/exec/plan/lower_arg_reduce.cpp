// Places of extremes among whole numbers, of which none is a NaN.
#include "exec/plan/lower_rules.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

class ArgReduceStep final : public Step {
 public:
  ArgReduceStep(DType dtype, int64_t outer, int64_t length, int64_t inner, bool max, bool last)
      : dtype_(dtype), outer_(outer), length_(length), inner_(inner), max_(max), last_(last) {}

  Status Run(Frame& frame) const override {
    switch (dtype_) {
      case DType::kU8: Find<uint8_t>(frame); break;
      case DType::kI8: Find<int8_t>(frame); break;
      case DType::kI16: Find<int16_t>(frame); break;
      default: Find<int32_t>(frame); break;
    }
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return max_ ? "arg max" : "arg min"; }

 private:
  template <class E>
  void Find(Frame& frame) const {
    const E* x = frame.In<E>(reads[0]);
    auto* y = frame.Out<int64_t>(writes[0]);
    ParallelFor(frame.threads, outer_ * inner_, 1 + 4096 / length_, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const E* line = x + i / inner_ * length_ * inner_ + i % inner_;
        int64_t best = 0;
        for (int64_t k = 1; k < length_; ++k) {
          const E v = line[k * inner_], have = line[best * inner_];
          if ((max_ ? have < v : v < have) || (last_ && v == have)) best = k;
        }
        y[i] = best;
      }
    });
  }

  DType dtype_;
  int64_t outer_, length_, inner_;
  bool max_, last_;
};

Result<bool> LowerArgReduce(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  const ValueId x = node.in[0], y = node.out[0];
  if (!y || !l.IsStatic(x) || !l.IsStatic(y)) return false;
  const DType dtype = l.TypeOf(x).dtype();
  if (dtype != DType::kU8 && dtype != DType::kI8 && dtype != DType::kI16 && dtype != DType::kI32) return false;
  const Dims dims = l.DimsOf(x);
  const auto rank = static_cast<int64_t>(dims.size());
  int64_t axis = attrs.Int("axis");
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank || ElementCount(dims) == 0) return false;
  int64_t outer = 1, inner = 1;
  for (int64_t i = 0; i < rank; ++i) {
    if (i != axis) (i < axis ? outer : inner) *= dims[static_cast<size_t>(i)];
  }
  auto step = std::make_unique<ArgReduceStep>(dtype, outer, dims[static_cast<size_t>(axis)], inner,
                                              attrs.Str("mode") == "max", attrs.Flag("last"));
  step->reads = {l.Plain(x)};
  step->writes = {l.Define(y, Layout::kPlain)};
  l.Emit(std::move(step), id);
  return true;
}

constexpr LowerRule kRules[] = {{&ops::kArgReduce, LowerArgReduce}};

}  // namespace

std::span<const LowerRule> ArgReduceRules() { return kRules; }

}  // namespace godwit::plan
