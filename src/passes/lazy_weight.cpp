#include "passes/lazy_weight.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ir/convert.h"

namespace godwit {

namespace {

constexpr uint64_t kSmallBytes = uint64_t{1} << 12;
constexpr int kMaxDepth = 8;

class WeightSource final : public TensorSource {
 public:
  WeightSource(const TensorType& type, std::vector<Constant> in, WeightRecipe recipe)
      : type_(type), in_(std::move(in)), recipe_(std::move(recipe)) {
    for (const Constant& c : in_) {
      const auto* source = std::get_if<1>(&c.data);
      depth_ = std::max(depth_, (source == nullptr ? 0 : (*source)->depth()) + 1);
    }
  }

  [[nodiscard]] Result<Tensor> Load() const override {
    std::vector<Tensor> loaded;
    for (const Constant& c : in_) {
      TRY(Tensor t, c.Load());
      loaded.push_back(std::move(t));
    }
    return recipe_(loaded);
  }
  [[nodiscard]] uint64_t stored_bytes() const override {
    uint64_t count = 1;
    for (const Dim& d : type_.shape) count *= static_cast<uint64_t>(d.value());
    return (count * Info(type_.dtype).bits + 7) / 8;
  }
  [[nodiscard]] int depth() const override { return depth_; }

 private:
  TensorType type_;
  std::vector<Constant> in_;
  WeightRecipe recipe_;
  int depth_ = 1;
};

}  // namespace

Result<Constant> LazyWeight(const TensorType& type, std::vector<Constant> in, WeightRecipe recipe) {
  Constant out;
  out.type = type;
  auto source = std::make_shared<const WeightSource>(type, std::move(in), std::move(recipe));
  if (source->stored_bytes() > kSmallBytes && source->depth() <= kMaxDepth) {
    out.data = std::shared_ptr<const TensorSource>(std::move(source));
    return out;
  }
  TRY(Tensor t, source->Load());
  out.data = std::move(t);
  return out;
}

std::vector<double> WidenWeight(const Tensor& tensor) {
  if (tensor.dtype() != DType::kF32) return ToF64(tensor);
  const auto values = tensor.span<float>();
  return {values.begin(), values.end()};
}

Result<Tensor> NarrowWeight(DType dtype, Dims dims, const std::vector<double>& values) {
  TRY(Tensor out, Tensor::Make(dtype, std::move(dims)));
  if (dtype == DType::kF32) {
    std::transform(values.begin(), values.end(), out.mutable_data<float>(),
                   [](double v) { return static_cast<float>(v); });
  } else {
    RETURN_IF_ERROR(FromF64(values, &out));
  }
  return out;
}

}  // namespace godwit
