#include "base/unicode.h"

namespace godwit {

namespace {

// Upper-case letters [first, last] whose lower-case ones are `offset` further on; step 2: upper and lower alternate.
struct CaseRange {
  char32_t first, last;
  int offset;
  int step;
};

constexpr CaseRange kCases[] = {
    {0x41, 0x5A, 32, 1},     {0xC0, 0xD6, 32, 1},     {0xD8, 0xDE, 32, 1},     {0x100, 0x12E, 1, 2},
    {0x132, 0x136, 1, 2},    {0x139, 0x147, 1, 2},    {0x14A, 0x176, 1, 2},    {0x178, 0x178, -121, 1},
    {0x179, 0x17D, 1, 2},    {0x182, 0x184, 1, 2},    {0x187, 0x187, 1, 1},    {0x18B, 0x18B, 1, 1},
    {0x191, 0x191, 1, 1},    {0x198, 0x198, 1, 1},    {0x1A0, 0x1A4, 1, 2},    {0x1AF, 0x1AF, 1, 1},
    {0x1B3, 0x1B5, 1, 2},    {0x1CD, 0x1DB, 1, 2},    {0x1DE, 0x1EE, 1, 2},    {0x1F4, 0x1F4, 1, 1},
    {0x1F8, 0x21E, 1, 2},    {0x222, 0x232, 1, 2},    {0x246, 0x24E, 1, 2},    {0x370, 0x372, 1, 2},
    {0x376, 0x376, 1, 1},    {0x386, 0x386, 38, 1},   {0x388, 0x38A, 37, 1},   {0x38C, 0x38C, 64, 1},
    {0x38E, 0x38F, 63, 1},   {0x391, 0x3A1, 32, 1},   {0x3A3, 0x3AB, 32, 1},   {0x3D8, 0x3EE, 1, 2},
    {0x400, 0x40F, 80, 1},   {0x410, 0x42F, 32, 1},   {0x460, 0x480, 1, 2},    {0x48A, 0x4BE, 1, 2},
    {0x4C0, 0x4C0, 15, 1},   {0x4C1, 0x4CD, 1, 2},    {0x4D0, 0x52E, 1, 2},    {0x531, 0x556, 48, 1},
    {0x1E00, 0x1E94, 1, 2},  {0x1EA0, 0x1EFE, 1, 2},  {0x1F08, 0x1F0F, -8, 1}, {0x1F18, 0x1F1D, -8, 1},
    {0x1F28, 0x1F2F, -8, 1}, {0x1F38, 0x1F3F, -8, 1}, {0x1F48, 0x1F4D, -8, 1}, {0x1F68, 0x1F6F, -8, 1},
    {0x2160, 0x216F, 16, 1}, {0x24B6, 0x24CF, 26, 1}, {0xFF21, 0xFF3A, 32, 1}, {0x10400, 0x10427, 40, 1},
};

char32_t Shifted(char32_t c, int offset) { return static_cast<char32_t>(static_cast<int>(c) + offset); }

template <char32_t (*kMap)(char32_t)>
std::string Mapped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char32_t c : DecodeUtf8(text)) AppendUtf8(kMap(c), &out);
  return out;
}

}  // namespace

std::vector<char32_t> DecodeUtf8(std::string_view text) {
  std::vector<char32_t> out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[i + k]); };
    const unsigned char lead = byte(0);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    char32_t c = length == 1 ? lead : lead & (0x7FU >> length);
    bool sound = length != 0 && length <= text.size() - i;
    for (size_t k = 1; sound && k < length; ++k) {
      sound = (byte(k) & 0xC0) == 0x80;
      c = (c << 6) | (byte(k) & 0x3FU);
    }
    sound = sound && !(length == 3 && (c < 0x800 || (c >= 0xD800 && c < 0xE000))) &&
            !(length == 4 && (c < 0x10000 || c > 0x10FFFF));
    out.push_back(sound ? c : U'\uFFFD');
    i += sound ? length : 1;
  }
  return out;
}

void AppendUtf8(char32_t c, std::string* out) {
  const auto put = [out](char32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
    return put(0x80 | (c & 0x3F));
  }
  if (c < 0x10000) {
    put(0xE0 | (c >> 12));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
  }
  put(0x80 | ((c >> 6) & 0x3F));
  put(0x80 | (c & 0x3F));
}

char32_t ToLower(char32_t c) {
  for (const CaseRange& r : kCases) {
    if (c >= r.first && c <= r.last && (c - r.first) % static_cast<char32_t>(r.step) == 0) return Shifted(c, r.offset);
  }
  return c;
}

char32_t ToUpper(char32_t c) {
  if (c == 0x3C2) return 0x3A3;  // the sigma at the end of a word
  for (const CaseRange& r : kCases) {
    const char32_t first = Shifted(r.first, r.offset);
    const char32_t last = Shifted(r.last, r.offset);
    if (c >= first && c <= last && (c - first) % static_cast<char32_t>(r.step) == 0) return Shifted(c, -r.offset);
  }
  return c;
}

std::string ToLowerUtf8(std::string_view text) { return Mapped<ToLower>(text); }
std::string ToUpperUtf8(std::string_view text) { return Mapped<ToUpper>(text); }

}  // namespace godwit
