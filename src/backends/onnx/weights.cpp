#include "backends/onnx/weights.h"

#include "backends/constant_payload.h"
#include "backends/onnx/values.h"

namespace godwit::to_onnx {

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
