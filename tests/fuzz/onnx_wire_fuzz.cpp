// Any bytes as an ONNX model, as a value of test data and as a file of unknown kind: views, every tensor, every walk.
#include <cstddef>
#include <cstdint>

#include "formats/onnx/parse.h"
#include "formats/onnx/tensor_data.h"
#include "formats/onnx/walk.h"
#include "formats/sniff.h"

namespace {

using namespace godwit;

// Low enough that an input which grows is told from one that runs away.
Limits SmallLimits() {
  Limits limits;
  limits.growth_bytes = 1 << 20;
  limits.view_bytes = 1 << 24;
  return limits;
}

void Decode(const onnx::Tensor& tensor, const Limits& limits) {
  const auto data = onnx::DecodeTensor(tensor, limits, nullptr);
  // Touch both ends, so that a span beyond its memory is caught.
  if (data.ok() && !data->bytes.empty()) {
    volatile std::byte sink = data->bytes.front();
    sink = data->bytes.back();
    (void)sink;
  }
}

void Decode(const onnx::Sequence& sequence, const Limits& limits) {
  for (const onnx::Tensor& t : sequence.tensors) Decode(t, limits);
  for (const onnx::SparseTensor& s : sequence.sparse_tensors) (void)onnx::DecodeSparse(s, limits, nullptr).ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteSpan bytes(reinterpret_cast<const std::byte*>(data), size);
  const Limits limits = SmallLimits();
  (void)Sniff(bytes);
  DiagSink warnings;
  const auto model = onnx::ParseModel(bytes, limits, &warnings);
  if (model.ok()) {
    onnx::ForEachTensor(*model, [&](const onnx::Tensor& t) { Decode(t, limits); });
    onnx::ForEachGraph(model->graph, [&](const onnx::Graph& g) {
      for (const onnx::SparseTensor& s : g.sparse_initializers) (void)onnx::DecodeSparse(s, limits, nullptr).ok();
    });
    (void)onnx::ListSideFiles(*model);
    return 0;
  }
  (void)FormatDiag(model.diag());
  if (const auto tensor = onnx::ParseTensor(bytes, limits); tensor.ok()) Decode(tensor->value, limits);
  if (const auto sequence = onnx::ParseSequence(bytes, limits); sequence.ok()) Decode(sequence->value, limits);
  if (const auto optional = onnx::ParseOptional(bytes, limits); optional.ok() && optional->value.tensor != nullptr) {
    Decode(*optional->value.tensor, limits);
  }
  (void)onnx::ParseMap(bytes, limits).ok();
  return 0;
}
