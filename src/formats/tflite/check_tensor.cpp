#include "base/checked.h"
#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/checker.h"
#include "formats/tflite/names.h"

namespace godwit::tflite {

std::optional<int64_t> ElementsOf(std::span<const int32_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (const int32_t d : shape) {
    if (d < 0) return std::nullopt;
    empty = empty || d == 0;
    // Whatever stands beside a zero, there are no elements.
    if (!empty && __builtin_mul_overflow(count, int64_t{d}, &count)) return std::nullopt;
  }
  return empty ? 0 : count;
}

void Checker::CheckTensor(const SubGraph& graph, const Tensor& t, const std::string& at) {
  if (TypeName(t.type).empty()) {
    return FailTensor(diag::kTfliteTensorType, t, at,
                      Concat("element type ", std::to_string(static_cast<int>(t.type)), " is not known"));
  }
  if (t.buffer >= model_.buffers.size() && !(t.buffer == 0 && model_.buffers.empty())) {
    return FailTensor(diag::kTfliteIndex, t, at,
                      Concat("buffer ", std::to_string(t.buffer), " of ", std::to_string(model_.buffers.size())));
  }
  if (!CheckShape(t, at)) return;
  if (t.is_variable && IsConstant(t)) {
    return FailTensor(diag::kTfliteTensorSize, t, at, "a variable with constant bytes");
  }
  if (t.sparsity != nullptr) {
    CheckSparsity(t, at);
  } else if (IsConstant(t)) {
    CheckBytes(t, at);
  }
  if (t.quantization != nullptr) CheckQuantization(graph, t, at);
}

bool Checker::CheckShape(const Tensor& t, const std::string& at) {
  if (static_cast<int64_t>(t.shape.size()) > limits_.rank) {
    problems_->Add(LimitExceeded(limits_, &Limits::rank, t.shape.size(), "dimensions of a tensor")
                       .At(at)
                       .Tensor(std::string(t.name)));
    return false;
  }
  if (!ElementsOf(t.shape)) {
    FailTensor(diag::kTfliteTensorShape, t, at, "a dimension is negative, or the elements cannot be counted");
    return false;
  }
  if (t.shape_signature.empty()) return true;
  if (t.shape_signature.size() != t.shape.size()) {
    FailTensor(diag::kTfliteTensorShape, t, at,
               Concat(std::to_string(t.shape.size()), " dimensions in one shape, ",
                      std::to_string(t.shape_signature.size()), " in the other"));
    return false;
  }
  for (const int32_t d : t.shape_signature) {
    if (d >= -1) continue;
    FailTensor(diag::kTfliteTensorShape, t, at, Concat("a dimension of ", std::to_string(d)));
    return false;
  }
  return true;
}

void Checker::CheckBytes(const Tensor& t, const std::string& at) {
  const auto elements = static_cast<uint64_t>(*ElementsOf(t.shape));
  if (t.type == TensorType::kString) return CheckTexts(t, elements, at);
  const uint64_t bits = BitsOf(t.type);
  if (bits == 0) return FailTensor(diag::kTfliteTensorSize, t, at, "a constant of a type that has no values");
  uint64_t have = 0;
  if (t.external_buffer == 0) {
    have = model_.buffers[t.buffer].size();
  } else {
    const ExternalBuffer* found = nullptr;
    for (const ExternalBuffer& e : model_.external_buffers) {
      if (e.id == t.external_buffer) found = &e;
    }
    if (found == nullptr) {
      return FailTensor(diag::kTfliteExternal, t, at,
                        Concat("constant ", std::to_string(t.external_buffer), " is not in the list"));
    }
    if (!found->packing.empty() && found->packing != kUnpacked) return;
    have = found->length;
  }
  const auto all = CheckedMul(elements, bits);
  if (!all || have != (*all + 7) / 8) {
    FailTensor(
        diag::kTfliteTensorSize, t, at,
        Concat(std::to_string(have), " bytes for ", std::to_string(elements), " elements of ", TypeName(t.type)));
  }
}

// How many texts the bytes hold: their number, where each begins and where the last ends, then the texts.
void Checker::CheckTexts(const Tensor& t, uint64_t elements, const std::string& at) {
  if (t.external_buffer != 0) return FailTensor(diag::kTfliteTensorSize, t, at, "texts in another file");
  int64_t& texts = texts_of_buffer_[t.buffer];
  if (texts == kUnread) {
    texts = kNoTexts;
    const ByteSpan bytes = model_.buffers[t.buffer].bytes;
    const uint64_t count = bytes.size() < 4 ? 0 : LoadLe<uint32_t>(bytes.data());
    if (bytes.size() >= 8 && FitsWithin(4, 4 * (count + 1), bytes.size())) {
      uint64_t last = 4 * (count + 2);
      bool good = true;
      for (uint64_t k = 0; k <= count && good; ++k) {
        const uint64_t begin = LoadLe<uint32_t>(bytes.data() + 4 * (k + 1));
        good = k == 0 ? begin == last : begin >= last;
        last = begin;
      }
      if (good && last == bytes.size()) texts = static_cast<int64_t>(count);
    }
  }
  if (texts == kNoTexts) {
    FailTensor(diag::kTfliteTensorSize, t, at, "the list of where texts begin makes no sense");
  } else if (static_cast<uint64_t>(texts) != elements) {
    FailTensor(diag::kTfliteTensorSize, t, at,
               Concat(std::to_string(texts), " texts for ", std::to_string(elements), " elements"));
  }
}

}  // namespace godwit::tflite
