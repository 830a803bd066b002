#include "backends/onnx/files.h"

#include <filesystem>
#include <string_view>

#include "backends/onnx/arena.h"
#include "base/text.h"
#include "formats/onnx/write.h"

namespace godwit::to_onnx {

namespace {

constexpr uint64_t kLongestMessage = 0x7FFFFFFF;  // what protobuf libraries read
constexpr uint64_t kSmall = 1024;                 // bytes that are not worth an entry in another file
// Readers map tensors where they lie: pages, and the steps in which Windows maps them.
uint64_t AlignmentOf(uint64_t bytes) { return bytes >= (1U << 20) ? 65536 : bytes >= 4096 ? 4096 : 64; }

// The model with its large initialisers elsewhere; the arrays are in `arena`.
onnx::Model WithWeightsIn(const onnx::Model& model, const std::string& location, ExportArena* arena) {
  onnx::Model out = model;
  std::vector<onnx::Tensor> tensors(model.graph.initializers.begin(), model.graph.initializers.end());
  const std::string_view file = arena->Text(location);
  uint64_t offset = 0;
  for (onnx::Tensor& t : tensors) {
    if (t.payload == nullptr || t.payload->size() < kSmall) continue;
    const uint64_t bytes = t.payload->size();
    const uint64_t alignment = AlignmentOf(bytes);
    offset = (offset + alignment - 1) / alignment * alignment;
    const std::vector<onnx::StringPair> where = {{"location", file},
                                                 {"offset", arena->Text(std::to_string(offset))},
                                                 {"length", arena->Text(std::to_string(bytes))}};
    onnx::TensorDetails details;
    details.external_data = arena->Array(where);
    t.details = arena->One(details);
    t.external = true;
    offset += bytes;
  }
  out.graph.initializers = arena->Array(tensors);
  return out;
}

}  // namespace

Status OnnxFiles::Commit() {
  if (weights == nullptr || weights->IsInPlace()) return model.Commit();
  if (weights->PlaceIsTaken()) RETURN_IF_ERROR(model.ClearPlace());
  RETURN_IF_ERROR(weights->Commit());
  return model.Commit();
}

std::string WeightsName(const std::string& path) { return std::filesystem::path(path + ".data").filename().string(); }

Result<OnnxFiles> WriteOnnxFiles(const Exported& exported, const std::string& path, const FileOptions& options) {
  const bool beside =
      options.weights == FileOptions::Weights::kBeside || onnx::ModelBytes(exported.model) > kLongestMessage;
  if (!beside) {
    TRY(AtomicFile file, AtomicFile::Create(path, options.inputs));
    RETURN_IF_ERROR(onnx::WriteModel(exported.model, &file));
    return OnnxFiles{std::move(file), nullptr};
  }
  const std::string weights_path = path + ".data";
  ExportArena arena;
  const onnx::Model model = WithWeightsIn(exported.model, WeightsName(path), &arena);
  TRY(AtomicFile data, AtomicFile::Create(weights_path, options.inputs));
  auto weights = std::make_unique<AtomicFile>(std::move(data));
  for (const onnx::Tensor& t : model.graph.initializers) {
    if (!t.external) continue;
    RETURN_IF_ERROR(weights->PadTo(AlignmentOf(t.payload->size())));
    RETURN_IF_ERROR(t.payload->Write([&](ByteSpan bytes) { return weights->Write(bytes); }));
  }
  TRY(AtomicFile file, AtomicFile::Create(path, options.inputs));
  RETURN_IF_ERROR(onnx::WriteModel(model, &file));
  return OnnxFiles{std::move(file), std::move(weights)};
}

}  // namespace godwit::to_onnx
