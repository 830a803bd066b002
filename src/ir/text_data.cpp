#include "ir/text_data.h"

#include <cmath>
#include <cstring>

#include "base/text.h"
#include "ir/convert.h"

namespace godwit {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string Base64(const std::byte* data, size_t size) {
  std::string out;
  out.reserve((size + 2) / 3 * 4);
  for (size_t i = 0; i < size; i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) bits = bits << 8 | (i + k < size ? static_cast<uint32_t>(data[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) out += i + k <= size ? kAlphabet[(bits >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
}

int DigitOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Exactly `size` bytes.
bool DecodeBase64(std::string_view text, std::byte* out, size_t size) {
  if (text.size() != (size + 2) / 3 * 4) return false;
  for (size_t i = 0; i < size; i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 4; ++k) {
      const char c = text[i / 3 * 4 + k];
      const bool padding = i + k > size;
      const int digit = padding ? (c == '=' ? 0 : -1) : DigitOf(c);
      if (digit < 0) return false;
      bits = bits << 6 | static_cast<uint32_t>(digit);
    }
    for (size_t k = 0; k < 3 && i + k < size; ++k) out[i + k] = static_cast<std::byte>(bits >> (16 - 8 * k));
  }
  return true;
}

uint64_t Hash(const Tensor& tensor) {
  uint64_t h = 0xCBF29CE484222325U;
  auto mix = [&](uint64_t v) { h = (h ^ v) * 0x100000001B3U; };
  if (tensor.dtype() == DType::kString) {
    for (StringRef s : tensor.span<StringRef>()) {
      for (char c : *s) mix(static_cast<unsigned char>(c));
      mix(256);
    }
  } else {
    for (size_t i = 0; i < tensor.bytes(); ++i) mix(static_cast<uint64_t>(tensor.raw()[i]));
  }
  return h;
}

std::string Number(const Tensor& t, int64_t i) {
  const std::byte* element = t.raw() + static_cast<size_t>(i) * ByteSize(t.dtype());
  switch (Info(t.dtype()).kind) {
    case DKind::kUnsigned: return std::to_string(LoadU64(t.dtype(), element));
    case DKind::kFloat:
      if (t.dtype() == DType::kF32) return ShortestFloat(t.data<float>()[i]);
      return ShortestDouble(LoadF64(t.dtype(), element));
    case DKind::kComplex: {
      const std::complex<double> c = LoadComplex(t.dtype(), element);
      return Concat(ShortestDouble(c.real()), ":", ShortestDouble(c.imag()));
    }
    case DKind::kString: return QuoteText(*t.data<StringRef>()[i]);
    default: return std::to_string(LoadI64(t.dtype(), element));
  }
}

// Whether numbers as text say every bit: a NaN has more bits than its name, a bool byte may be neither 0 nor 1.
bool TextIsExact(const Tensor& t) {
  if (t.dtype() == DType::kString) return true;
  if (t.dtype() == DType::kBool) {
    for (uint8_t b : t.span<uint8_t>()) {
      if (b > 1) return false;
    }
    return true;
  }
  if (!IsFloat(t.dtype()) && !IsComplex(t.dtype())) return true;
  for (const std::complex<double>& v : ToComplex(t)) {
    if (std::isnan(v.real()) || std::isnan(v.imag())) return false;
  }
  return true;
}

Status ScanElement(Scanner& s, DType dtype, std::byte* element) {
  switch (Info(dtype).kind) {
    case DKind::kString: {
      TRY(const std::string text, s.Quoted());
      const StringRef ref = Intern(text);
      std::memcpy(element, &ref, sizeof(ref));
      return Ok{};
    }
    case DKind::kFloat: {
      TRY(const double value, s.Double());
      StoreF64(dtype, value, element);
      return Ok{};
    }
    case DKind::kComplex: {
      TRY(const double real, s.Double());
      RETURN_IF_ERROR(s.Expect(":"));
      TRY(const double imaginary, s.Double());
      StoreComplex(dtype, {real, imaginary}, element);
      return Ok{};
    }
    default: break;
  }
  const size_t at = s.position();
  if (dtype == DType::kU64) {
    TRY(const uint64_t value, s.Unsigned());
    StoreU64(dtype, value, element);
    return Ok{};
  }
  TRY(const int64_t value, s.Int());
  StoreI64(dtype, value, element);
  if (LoadI64(dtype, element) != value) return s.ErrorAt(at, Concat("number out of range of ", Name(dtype)));
  return Ok{};
}

// What stands for contents that the text left out.
class ElidedSource final : public TensorSource {
 public:
  explicit ElidedSource(uint64_t bytes) : bytes_(bytes) {}
  [[nodiscard]] Result<Tensor> Load() const override {
    return Diag(diag::kIrElided, "the text form left out the contents of this constant")
        .Hint("print the graph with its data");
  }
  [[nodiscard]] uint64_t stored_bytes() const override { return bytes_; }

 private:
  uint64_t bytes_;
};

}  // namespace

std::string ElidedText(uint64_t bytes) { return Concat("elided ", std::to_string(bytes)); }

std::string TensorDataText(const Tensor& tensor, const TextOptions& options) {
  const bool full = options.data == TextOptions::Data::kFull;
  if (tensor.size() > options.inline_elements && !full) {
    Constant constant;
    constant.data = tensor;
    std::string out = ElidedText(constant.stored_bytes());
    if (options.data == TextOptions::Data::kHash) out += Concat(" hash \"", std::to_string(Hash(tensor)), "\"");
    return out;
  }
  const bool strings = tensor.dtype() == DType::kString;
  if (!strings && (tensor.size() > options.inline_elements || !TextIsExact(tensor))) {
    return Concat("base64 \"", Base64(tensor.raw(), tensor.bytes()), "\"");
  }
  std::string out = "[";
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (i != 0) out += ',';
    out += Number(tensor, i);
  }
  return out += ']';
}

Result<std::variant<Tensor, std::shared_ptr<const TensorSource>>> ScanTensorData(Scanner& s, const TensorType& type) {
  using Data = std::variant<Tensor, std::shared_ptr<const TensorSource>>;
  if (type.dtype == DType::kNone || !type.is_static()) return s.Error("contents need a type with a known shape");
  Dims dims;
  for (const Dim& d : type.shape) dims.push_back(d.value());
  const Result<int64_t> size = CheckedByteSize(type.dtype, dims);
  if (!size.ok()) return s.Error(size.diag().what);
  if (s.AcceptWord("elided")) {
    TRY(const uint64_t bytes, s.Unsigned());
    if (s.AcceptWord("hash")) {
      TRY(const std::string hash, s.Quoted());
    }
    return Data(std::make_shared<const ElidedSource>(bytes));
  }
  const size_t at = s.position();
  if (s.AcceptWord("base64")) {
    TRY(const std::string text, s.Quoted());
    if (type.dtype == DType::kString || text.size() != (static_cast<size_t>(*size) + 2) / 3 * 4) {
      return s.ErrorAt(at, "contents do not fit the type");
    }
    TRY(Tensor tensor, Tensor::Make(type.dtype, std::move(dims)));
    if (!DecodeBase64(text, tensor.mutable_raw(), tensor.bytes())) return s.ErrorAt(at, "not base64");
    return Data(std::move(tensor));
  }
  RETURN_IF_ERROR(s.Expect("["));
  // Elements are collected first: the text must hold them before memory is taken for the shape.
  const size_t element_size = ByteSize(type.dtype);
  std::vector<std::byte> bytes;
  while (!s.Accept("]")) {
    if (!bytes.empty()) RETURN_IF_ERROR(s.Expect(","));
    if (bytes.size() >= static_cast<size_t>(*size)) return s.Error("more elements than the shape has");
    bytes.resize(bytes.size() + element_size);
    RETURN_IF_ERROR(ScanElement(s, type.dtype, bytes.data() + bytes.size() - element_size));
  }
  if (bytes.size() != static_cast<size_t>(*size)) return s.Error("fewer elements than the shape has");
  TRY(Tensor tensor, Tensor::Make(type.dtype, std::move(dims)));
  if (!bytes.empty()) std::memcpy(tensor.mutable_raw(), bytes.data(), bytes.size());
  return Data(std::move(tensor));
}

}  // namespace godwit
