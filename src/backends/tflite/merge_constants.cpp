// Constants with the same contents become one tensor. Rows and tuning make constants of their own, and weights that are
// computed have no contents before they are written; a file that is read again has them side by side.
#include <map>
#include <string>
#include <tuple>

#include "backends/tflite/model_export.h"
#include "backends/tflite/tune.h"
#include "formats/content_hash.h"
#include "ir/stored_elements.h"

namespace godwit::to_tflite {

namespace {

bool MayMerge(const WrittenTensor& tensor) {
  return tensor.constant && tensor.type.quant == nullptr && tensor.type.dtype != DType::kString && !tensor.variable &&
         !tensor.resource;
}

Status Look(WrittenTensor* tensor) {
  if (tensor->contents) return Ok{};
  ContentHash hash;
  RETURN_IF_ERROR(WriteStored(*tensor->constant, [&](ByteSpan piece) -> Status {
    hash.Add(piece);
    return Ok{};
  }));
  tensor->contents = hash.Value();
  return Ok{};
}

}  // namespace

Status MergeConstants(WrittenGraph* graph) {
  const std::vector<int> readers = CountReaders(*graph);
  std::vector<std::string> types(graph->tensors.size());
  std::map<std::string, int> of_type;
  for (size_t i = 0; i < types.size(); ++i) {
    if (readers[i] == 0 || !MayMerge(graph->tensors[i])) continue;
    types[i] = Type(graph->tensors[i].type).ToString();
    ++of_type[types[i]];
  }
  std::map<std::tuple<std::string, uint64_t, uint64_t>, int32_t> seen;
  std::vector<int32_t> now(graph->tensors.size(), -1);
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i].empty() || of_type[types[i]] == 1) continue;
    RETURN_IF_ERROR(Look(&graph->tensors[i]));
    const auto [a, b] = *graph->tensors[i].contents;
    const auto [it, fresh] = seen.try_emplace({types[i], a, b}, static_cast<int32_t>(i));
    now[i] = it->second;
    WrittenTensor& first = graph->tensors[static_cast<size_t>(it->second)];
    if (!fresh && first.name.empty()) first.name = graph->tensors[i].name;
  }
  for (WrittenGroup& group : graph->groups) {
    for (WrittenOperator& op : group) {
      for (Ref& r : op.in) {
        if (r.valid() && now[static_cast<size_t>(r.index)] >= 0) r.index = now[static_cast<size_t>(r.index)];
      }
    }
  }
  return Ok{};
}

}  // namespace godwit::to_tflite
