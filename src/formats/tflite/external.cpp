#include "formats/tflite/external.h"

#include <algorithm>

#include "base/checked.h"
#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/names.h"

namespace godwit::tflite {

Result<ExternalConstants::Slice> ExternalConstants::Open(const Model& model, const Tensor& tensor) {
  const auto found = std::ranges::find(model.external_buffers, tensor.external_buffer, &ExternalBuffer::id);
  CHECK(found != model.external_buffers.end());
  if (!found->packing.empty() && found->packing != kUnpacked) {
    return Diag(diag::kTflitePacking, Concat("the constant is stored as '", Printable(found->packing), "'"))
        .Tensor(std::string(tensor.name));
  }
  const std::string_view name = model.external_buffer_groups[found->group];
  const auto end = CheckedAdd(found->offset, found->length);
  TRY(MappedFile::Ptr file, files_.OpenFile(name, end.value_or(UINT64_MAX)));
  if (!FitsWithin(found->offset, found->length, file->size())) {
    return Diag(diag::kTfliteBufferRange,
                Concat(std::to_string(found->length), " bytes are said to lie at byte ", std::to_string(found->offset),
                       " of '", Printable(name), "', which has ", std::to_string(file->size())))
        .Tensor(std::string(tensor.name));
  }
  const ByteSpan bytes = file->bytes().subspan(found->offset, found->length);
  return Slice{bytes, std::move(file)};
}

}  // namespace godwit::tflite
