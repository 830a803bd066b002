// BMP: palettes of 1, 4 and 8 bits, colours of 16, 24 and 32, rows bottom-up or top-down. Not compressed ones.
#include <bit>

#include "formats/pictures/decoders.h"

namespace godwit::pictures {

namespace {

// Where a colour lies in a pixel of 16 or 32 bits.
struct Channel {
  uint32_t mask = 0;

  [[nodiscard]] uint8_t Of(uint32_t pixel) const {
    if (mask == 0) return 0;
    const uint32_t top = mask >> std::countr_zero(mask);
    const uint64_t value = (pixel & mask) >> std::countr_zero(mask);
    return static_cast<uint8_t>((value * 255 + top / 2) / top);
  }
};

struct Header {
  int64_t width = 0, height = 0;
  bool top_down = false;
  int bits = 0;
  size_t pixels = 0;        ///< offset of the rows
  size_t palette = 0;       ///< offset of the palette
  size_t colours = 0;       ///< entries that it has
  size_t palette_step = 4;  ///< bytes of one
  Channel channel[3];       ///< red, green, blue
};

Result<Header> ReadHeader(ByteSpan file) {
  if (file.size() < 26) return Malformed("the BMP header is cut off");
  Header h;
  h.pixels = LoadLe<uint32_t>(file.data() + 10);
  const auto size = LoadLe<uint32_t>(file.data() + 14);
  uint32_t compression = 0;
  if (size == 12) {  // the first version's, with 16-bit sizes and palettes of three bytes
    h.width = LoadLe<uint16_t>(file.data() + 18);
    h.height = LoadLe<uint16_t>(file.data() + 20);
    h.bits = LoadLe<uint16_t>(file.data() + 24);
    h.palette_step = 3;
  } else {
    if (size < 40 || file.size() < 54) return Malformed("the BMP header is cut off");
    h.width = LoadLe<int32_t>(file.data() + 18);
    h.height = LoadLe<int32_t>(file.data() + 22);
    h.bits = LoadLe<uint16_t>(file.data() + 28);
    compression = LoadLe<uint32_t>(file.data() + 30);
    h.colours = LoadLe<uint32_t>(file.data() + 46);
    h.top_down = h.height < 0;
    if (h.top_down) h.height = -h.height;
  }
  if (h.bits != 1 && h.bits != 4 && h.bits != 8 && h.bits != 16 && h.bits != 24 && h.bits != 32) {
    return Malformed("a BMP picture with an unknown number of bits");
  }
  h.palette = 14 + size_t{size};
  if (h.bits <= 8 && (h.colours == 0 || h.colours > (size_t{1} << h.bits))) h.colours = size_t{1} << h.bits;
  if (compression == 3 || compression == 6) {
    if (file.size() < 66) return Malformed("the BMP header is cut off");
    for (size_t i = 0; i < 3; ++i) h.channel[i].mask = LoadLe<uint32_t>(file.data() + 54 + 4 * i);
  } else if (compression == 0) {
    const bool narrow = h.bits == 16;
    h.channel[0].mask = narrow ? 0x7c00 : 0xff0000;
    h.channel[1].mask = narrow ? 0x03e0 : 0x00ff00;
    h.channel[2].mask = narrow ? 0x001f : 0x0000ff;
  } else {
    return Unsupported("a compressed BMP picture");
  }
  return h;
}

}  // namespace

Result<Picture> DecodeBmp(ByteSpan file, const Limits& limits) {
  TRY(const Header h, ReadHeader(file));
  TRY(Picture picture, MakePicture(h.width, h.height, limits));
  const size_t stride = (static_cast<size_t>(h.width) * static_cast<size_t>(h.bits) + 31) / 32 * 4;
  if (h.pixels > file.size() || (file.size() - h.pixels) / stride < static_cast<size_t>(h.height)) {
    return Malformed("the rows of the BMP picture are cut off");
  }
  if (h.bits <= 8 && (h.palette > file.size() || (file.size() - h.palette) / h.palette_step < h.colours)) {
    return Malformed("the palette of the BMP picture is cut off");
  }
  uint8_t* out = picture.rgb.data();
  for (int64_t y = 0; y < h.height; ++y) {
    const auto row_index = static_cast<size_t>(h.top_down ? y : h.height - 1 - y);
    const auto* row = reinterpret_cast<const uint8_t*>(file.data()) + h.pixels + row_index * stride;
    for (size_t x = 0; x < static_cast<size_t>(h.width); ++x, out += 3) {
      if (h.bits <= 8) {
        const size_t at = x * static_cast<size_t>(h.bits);
        const unsigned shift = 8 - static_cast<unsigned>(h.bits) - static_cast<unsigned>(at % 8);
        const size_t index = (row[at / 8] >> shift) & ((1U << h.bits) - 1U);
        if (index >= h.colours) return Malformed("a colour beyond the BMP picture's palette");
        const auto* entry = reinterpret_cast<const uint8_t*>(file.data()) + h.palette + index * h.palette_step;
        for (size_t k = 0; k < 3; ++k) out[k] = entry[2 - k];
      } else if (h.bits == 24) {
        for (size_t k = 0; k < 3; ++k) out[k] = row[3 * x + 2 - k];
      } else {
        const uint32_t pixel = h.bits == 16 ? LoadLe<uint16_t>(reinterpret_cast<const std::byte*>(row + 2 * x))
                                            : LoadLe<uint32_t>(reinterpret_cast<const std::byte*>(row + 4 * x));
        for (size_t k = 0; k < 3; ++k) out[k] = h.channel[k].Of(pixel);
      }
    }
  }
  return picture;
}

}  // namespace godwit::pictures
