#include "formats/pictures/pictures.h"

#include <fmt/format.h>

#include "formats/pictures/decoders.h"

namespace godwit {

namespace pictures {

Diag Malformed(std::string_view what) { return Diag(diag::kPictureMalformed, std::string(what)); }
Diag Unsupported(std::string_view what) { return Diag(diag::kPictureUnsupported, std::string(what)); }

Result<Picture> MakePicture(int64_t width, int64_t height, const Limits& limits) {
  if (width <= 0 || height <= 0) return Malformed(fmt::format("{} x {} pixels", width, height));
  if (height > limits.picture_pixels / width) {
    return LimitExceeded(limits, &Limits::picture_pixels, static_cast<uint64_t>(width) * static_cast<uint64_t>(height),
                         "a picture");
  }
  Picture p;
  p.width = width;
  p.height = height;
  p.rgb.resize(static_cast<size_t>(width * height * 3));
  return p;
}

}  // namespace pictures

Result<Picture> DecodePicture(ByteSpan file, const Limits& limits) {
  const std::string_view text = AsText(file);
  if (text.starts_with("\x89PNG\r\n\x1a\n")) return pictures::DecodePng(file, limits);
  if (text.starts_with("\xff\xd8\xff")) return pictures::DecodeJpeg(file, limits);
  if (text.starts_with("BM")) return pictures::DecodeBmp(file, limits);
  if (text.size() > 2 && text[0] == 'P' && text[1] >= '1' && text[1] <= '6') return pictures::DecodePnm(file, limits);
  if (text.starts_with("RIFF") && text.substr(8).starts_with("WEBP")) {
    return pictures::Unsupported("a WebP picture; PNG, JPEG, BMP and PNM are read");
  }
  if (text.starts_with(std::string_view("II*\0", 4)) || text.starts_with(std::string_view("MM\0*", 4))) {
    return pictures::Unsupported("a TIFF picture; PNG, JPEG, BMP and PNM are read");
  }
  if (text.starts_with(std::string_view("\0\0\0\x0cjP  ", 8)) || text.starts_with("\xff\x4f\xff\x51")) {
    return pictures::Unsupported("a JPEG 2000 picture; PNG, JPEG, BMP and PNM are read");
  }
  if (text.starts_with("GIF8")) return pictures::Unsupported("a GIF picture; PNG, JPEG, BMP and PNM are read");
  return pictures::Unsupported("no known kind of picture");
}

}  // namespace godwit
