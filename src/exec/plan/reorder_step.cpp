#include "exec/plan/reorder_step.h"

#include "exec/kernels/layout.h"

namespace godwit::plan {

namespace {

template <class T>
class ReorderStep final : public Step {
 public:
  ReorderStep(const Dims& dims, bool to_blocked)
      : batch_(dims[0]), channels_(dims[1]), spatial_(1), to_blocked_(to_blocked) {
    for (size_t i = 2; i < dims.size(); ++i) spatial_ *= dims[i];
  }
  Status Run(Frame& frame) const override {
    const T* x = frame.In<T>(reads[0]);
    T* y = frame.Out<T>(writes[0]);
    if (to_blocked_)
      kernels::PlainToBlocked(x, batch_, channels_, spatial_, y, frame.threads);
    else
      kernels::BlockedToPlain(x, batch_, channels_, spatial_, y, frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return to_blocked_ ? "reorder to blocks" : "reorder to plain"; }

 private:
  int64_t batch_, channels_, spatial_;
  bool to_blocked_;
};

}  // namespace

int64_t BlockedElements(const Dims& dims) {
  int64_t count = dims[0] * ((dims[1] + 15) / 16 * 16);
  for (size_t i = 2; i < dims.size(); ++i) count *= dims[i];
  return count;
}

std::unique_ptr<Step> MakeReorder(const Slot& from_slot, SlotId from, SlotId to, bool to_blocked) {
  std::unique_ptr<Step> step;
  // Moves look at the width of the elements alone.
  switch (ByteSize(from_slot.dtype)) {
    case 8: step = std::make_unique<ReorderStep<double>>(from_slot.dims, to_blocked); break;
    case 4: step = std::make_unique<ReorderStep<float>>(from_slot.dims, to_blocked); break;
    case 2: step = std::make_unique<ReorderStep<uint16_t>>(from_slot.dims, to_blocked); break;
    default: step = std::make_unique<ReorderStep<uint8_t>>(from_slot.dims, to_blocked); break;
  }
  step->reads = {from};
  step->writes = {to};
  return step;
}

}  // namespace godwit::plan
