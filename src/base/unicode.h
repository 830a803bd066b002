// UTF-8 to code points and back, and simple case mapping (one code point to one) of the bicameral scripts in common
// use: Latin, Greek, Cyrillic, Armenian and full-width letters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace godwit {

/// Bytes that are no UTF-8 become U+FFFD, one each.
std::vector<char32_t> DecodeUtf8(std::string_view text);
void AppendUtf8(char32_t c, std::string* out);

char32_t ToLower(char32_t c);
char32_t ToUpper(char32_t c);
std::string ToLowerUtf8(std::string_view text);
std::string ToUpperUtf8(std::string_view text);

}  // namespace godwit
