// Small text helpers that every room needs. Formatting with numbers goes through fmt in the .cpp files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace godwit {

namespace internal {
std::string ConcatViews(const std::string_view* parts, size_t n);
}  // namespace internal

/// Joins string-like parts.
template <class... Parts>
std::string Concat(const Parts&... parts) {
  const std::string_view views[] = {std::string_view(parts)...};
  return internal::ConcatViews(views, sizeof...(parts));
}

/// Names from files may hold anything: control characters and invalid UTF-8 become \xNN, long ones are cut.
std::string Printable(std::string_view text, size_t max_bytes = 1024);
/// A JSON string literal; invalid UTF-8 becomes U+FFFD.
std::string JsonQuote(std::string_view text);
/// & < > " ' escaped, invalid UTF-8 replaced.
std::string HtmlEscape(std::string_view text);
bool IsValidUtf8(std::string_view text);

std::vector<std::string_view> Split(std::string_view text, char separator);
std::string_view Trim(std::string_view text);
bool ParseInt(std::string_view text, int64_t* out);
bool ParseDouble(std::string_view text, double* out);
/// The shortest text that reads back to the same double, "nan", "inf", "-inf".
std::string ShortestDouble(double value);
std::string ShortestFloat(float value);
/// "102.1 MB", "512 B".
std::string HumanBytes(uint64_t bytes);
/// "4.09 G", "312 M", "17".
std::string HumanCount(double count);

}  // namespace godwit
