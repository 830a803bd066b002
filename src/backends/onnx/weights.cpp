#include "backends/onnx/weights.h"

#include "backends/onnx/values.h"
#include "ir/stored_elements.h"

namespace godwit::to_onnx {

namespace {

class ConstantPayload final : public onnx::Payload {
 public:
  explicit ConstantPayload(Constant constant) : constant_(std::move(constant)) {}
  [[nodiscard]] uint64_t size() const override { return StoredBytes(constant_.type); }
  Status Write(const ByteSink& sink) const override { return WriteStored(constant_, sink); }

 private:
  Constant constant_;
};

}  // namespace

onnx::Tensor ToInitializer(const Constant& constant, std::string_view name, ExportArena* arena,
                           std::vector<std::shared_ptr<const void>>* keep) {
  if (constant.type.dtype == DType::kString) {
    if (auto tensor = constant.Load(); tensor.ok()) return ToOnnxTensor(*tensor, name, arena);
  }
  onnx::Tensor out;
  out.name = name;
  out.data_type = ToDataType(constant.type.dtype);
  std::vector<int64_t> dims;
  for (const Dim& d : constant.type.shape) dims.push_back(d.value());
  out.dims = arena->Array(dims);
  auto payload = std::make_shared<const ConstantPayload>(constant);
  out.payload = payload.get();
  keep->push_back(std::move(payload));
  return out;
}

}  // namespace godwit::to_onnx
