#include "exec/plan/reorder_step.h"

#include "exec/kernels/layout.h"

namespace godwit::plan {

namespace {

template <class T>
class ReorderStep final : public Step {
 public:
  ReorderStep(const Image& image, Layout blocks, bool to_blocks)
      : image_(image), last_(blocks == Layout::kBlockedLast), to_blocks_(to_blocks) {}
  Status Run(Frame& frame) const override {
    const auto move = to_blocks_ ? (last_ ? kernels::LastToBlocked<T> : kernels::PlainToBlocked<T>)
                                 : (last_ ? kernels::BlockedToLast<T> : kernels::BlockedToPlain<T>);
    move(frame.In<T>(reads[0]), image_.batch, image_.channels, image_.spatial, frame.Out<T>(writes[0]), frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return to_blocks_ ? "reorder to blocks" : "reorder to plain"; }

 private:
  Image image_;
  bool last_, to_blocks_;
};

class TransposeStep final : public Step {
 public:
  TransposeStep(Dims dims, std::vector<int> perm, int element_bytes)
      : dims_(std::move(dims)), perm_(std::move(perm)), element_bytes_(element_bytes) {}
  Status Run(Frame& frame) const override {
    kernels::Transpose(frame.In<std::byte>(reads[0]), dims_, perm_, element_bytes_, frame.Out<std::byte>(writes[0]),
                       frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return "transpose"; }

 private:
  Dims dims_;
  std::vector<int> perm_;
  int element_bytes_;
};

}  // namespace

Image ImageOf(const Dims& dims, Layout layout) {
  Image image;
  const size_t rank = dims.size();
  const size_t channel = layout == Layout::kBlockedLast ? rank - 1 : 1;
  for (size_t i = 0; i < rank; ++i) (i == channel ? image.channels : i == 0 ? image.batch : image.spatial) *= dims[i];
  return image;
}

int64_t ElementsIn(const Dims& dims, Layout layout) {
  return layout == Layout::kPlain ? ElementCount(dims) : ElementCount(BlockDims(dims, layout));
}

Dims BlockDims(const Dims& dims, Layout layout) {
  const Image image = ImageOf(dims, layout);
  return {image.batch, (image.channels + 15) / 16, image.spatial, 16};
}

std::unique_ptr<Step> MakeReorder(const Slot& from_slot, SlotId from, SlotId to, Layout to_layout) {
  const bool to_blocks = to_layout != Layout::kPlain;
  const Layout blocks = to_blocks ? to_layout : from_slot.layout;
  const Image image = ImageOf(from_slot.dims, blocks);
  std::unique_ptr<Step> step;
  // Moves look at the width of the elements alone.
  switch (ByteSize(from_slot.dtype)) {
    case 8: step = std::make_unique<ReorderStep<double>>(image, blocks, to_blocks); break;
    case 4: step = std::make_unique<ReorderStep<float>>(image, blocks, to_blocks); break;
    case 2: step = std::make_unique<ReorderStep<uint16_t>>(image, blocks, to_blocks); break;
    default: step = std::make_unique<ReorderStep<uint8_t>>(image, blocks, to_blocks); break;
  }
  step->reads = {from};
  step->writes = {to};
  return step;
}

std::unique_ptr<Step> MakeTranspose(Dims dims, std::vector<int> perm, DType dtype) {
  return std::make_unique<TransposeStep>(std::move(dims), std::move(perm), static_cast<int>(ByteSize(dtype)));
}

}  // namespace godwit::plan
