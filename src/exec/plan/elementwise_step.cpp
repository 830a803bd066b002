#include "exec/plan/elementwise_step.h"

#include <algorithm>

#include "base/text.h"
#include "exec/plan/unary_of.h"

namespace godwit::plan {

namespace {

// Elements worked on at a time: a few such blocks fit in the first-level cache.
constexpr int64_t kBlockElements = 2048;
// Work below this many elements is not worth waking threads for.
constexpr int64_t kGrain = 16384;

std::string_view BinaryName(kernels::BinaryOp op) {
  switch (op) {
    case kernels::BinaryOp::kAdd: return "add";
    case kernels::BinaryOp::kSub: return "sub";
    case kernels::BinaryOp::kMul: return "mul";
    case kernels::BinaryOp::kDiv: return "div";
    case kernels::BinaryOp::kMax: return "max";
    case kernels::BinaryOp::kMin: return "min";
    case kernels::BinaryOp::kPrelu: return "prelu";
    case kernels::BinaryOp::kPow: return "pow";
  }
  return "binary";
}

template <class T>
class ElementwiseStepOf final : public ElementwiseStep {
 public:
  using ElementwiseStep::ElementwiseStep;

  Status Run(Frame& frame) const override {
    T* y = frame.Out<T>(writes[0]);
    const int64_t chunk = std::min(period_, kBlockElements);
    const int64_t chunks_in_period = period_ == 0 ? 0 : (period_ + chunk - 1) / chunk;
    const int64_t periods = period_ == 0 ? 0 : count_ / period_;
    const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(chunk, 1));
    ParallelFor(frame.threads, periods * chunks_in_period, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t within = i % chunks_in_period * chunk;
        const int64_t at = i / chunks_in_period * period_ + within;
        RunChunk(frame, at, within, std::min(chunk, period_ - within), y + at);
      }
    });
    return Ok{};
  }

 private:
  // Intermediate results live in the output itself: every function takes y as an operand and as its result.
  void RunChunk(const Frame& frame, int64_t at, int64_t within, int64_t n, T* y) const {
    const int64_t shape[] = {n};
    const int64_t dense[] = {1}, still[] = {0};
    const auto operand = [&](size_t k) {
      const T* data = frame.In<T>(reads[k]);
      switch (access_[k]) {
        case Access::kFull: return kernels::Operand<T>{data + at, dense};
        case Access::kPeriodic: return kernels::Operand<T>{data + within, dense};
        case Access::kScalar: break;
      }
      return kernels::Operand<T>{data, still};
    };
    kernels::Operand<T> current = operand(0);
    for (const Instruction& f : instructions_) {
      if (!f.binary) {
        kernels::ApplyUnary(f.unary, current.data, y, n, nullptr);
      } else if (f.swapped) {
        kernels::ApplyBinary(f.op, operand(f.other), current, shape, y, nullptr);
      } else {
        kernels::ApplyBinary(f.op, current, operand(f.other), shape, y, nullptr);
      }
      current = {y, dense};
    }
  }
};

}  // namespace

void ElementwiseStep::Start(SlotId x) {
  reads.push_back(x);
  access_.push_back(Access::kFull);
}

bool ElementwiseStep::FuseUnary(const kernels::Unary& f) {
  Instruction instruction;
  instruction.unary = f;
  instructions_.push_back(instruction);
  return true;
}

bool ElementwiseStep::FuseBinary(const FusedBinary& f) {
  if (f.access == Access::kPeriodic) {
    if (period_ != count_ && period_ != f.period) return false;
    period_ = f.period;
  }
  Instruction instruction;
  instruction.binary = true;
  instruction.swapped = f.swapped;
  instruction.op = f.op;
  instruction.other = reads.size();
  reads.push_back(f.other);
  access_.push_back(f.access);
  instructions_.push_back(instruction);
  return true;
}

std::string ElementwiseStep::Label() const {
  std::string label;
  for (const Instruction& f : instructions_) {
    label += Concat(label.empty() ? "" : " + ", f.binary ? BinaryName(f.op) : UnaryName(f.unary.op));
  }
  return label;
}

std::unique_ptr<ElementwiseStep> MakeElementwise(DType dtype, int64_t count) {
  if (dtype == DType::kF64) return std::make_unique<ElementwiseStepOf<double>>(count);
  return std::make_unique<ElementwiseStepOf<float>>(count);
}

}  // namespace godwit::plan
