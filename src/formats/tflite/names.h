// The texts that the format gives a meaning to.
#pragma once

#include <string_view>

namespace godwit::tflite {

/// In bytes 4 to 7.
inline constexpr std::string_view kIdentifier = "TFL3";
/// The metadata that says where constants are when they are not in the tables, and what it says then.
inline constexpr std::string_view kBufferLocation = "buffer_location";
inline constexpr std::string_view kOutside = "outside flatbuffers";

/// How a constant in another file is stored when it is stored as it would be here.
inline constexpr std::string_view kUnpacked = "unpacked";

}  // namespace godwit::tflite
