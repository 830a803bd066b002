// Bytes as text of 64 digits (RFC 4648, with padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace godwit {

std::string Base64(ByteSpan bytes);
/// Nothing where the text is none: other characters, or a length that is no multiple of four.
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace godwit
