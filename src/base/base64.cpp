#include "base/base64.h"

namespace godwit {

namespace {
constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}  // namespace

std::string Base64(ByteSpan bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (i + k < bytes.size() ? std::to_integer<uint32_t>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::optional<std::string> FromBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t bits = 0;
    size_t digits = 0;
    for (size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      const size_t digit = kDigits.find(c);
      const bool padding = c == '=' && i + 4 == text.size() && k >= 2;
      if (padding ? digits > k : digit == std::string_view::npos || digits != k) return std::nullopt;
      bits = bits << 6 | static_cast<uint32_t>(padding ? 0 : digit);
      digits += padding ? 0 : 1;
    }
    for (size_t k = 0; k + 1 < digits; ++k) out += static_cast<char>(bits >> (16 - 8 * k) & 0xFF);
  }
  return out;
}

}  // namespace godwit
