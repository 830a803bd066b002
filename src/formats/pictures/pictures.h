// Encoded pictures as pixels: PNG, JPEG, BMP and the PNM family. The kind is told by content. Colour profiles, gamma
// and orientation are left alone, alpha is dropped: models were trained on what plain decoders give.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

namespace godwit {

struct Picture {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> rgb;  ///< rows from the top, three bytes a pixel
};

/// picture.malformed for damaged files, picture.unsupported for kinds that are known but not read (WebP, TIFF,
/// JPEG 2000, GIF) or not known at all.
Result<Picture> DecodePicture(ByteSpan file, const Limits& limits);

/// The luma of an RGB pixel by ITU-R 601, in the 16-bit fixed point that the usual tools share.
inline uint8_t Luma(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16);
}

}  // namespace godwit
