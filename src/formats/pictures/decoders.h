// The decoders behind DecodePicture. Internal to this folder.
#pragma once

#include <string_view>

#include "formats/pictures/pictures.h"

namespace godwit::pictures {

/// Room for that many pixels, after the limit; picture.malformed where there are none.
Result<Picture> MakePicture(int64_t width, int64_t height, const Limits& limits);
Diag Malformed(std::string_view what);
Diag Unsupported(std::string_view what);

Result<Picture> DecodePng(ByteSpan file, const Limits& limits);
Result<Picture> DecodeJpeg(ByteSpan file, const Limits& limits);
Result<Picture> DecodeBmp(ByteSpan file, const Limits& limits);
Result<Picture> DecodePnm(ByteSpan file, const Limits& limits);

}  // namespace godwit::pictures
