// The PNM family: PBM, PGM and PPM, as text (P1 to P3) or bytes (P4 to P6).
#include <optional>

#include "formats/pictures/decoders.h"

namespace godwit::pictures {

namespace {

class Reader {
 public:
  explicit Reader(ByteSpan file) : text_(AsText(file)) {}

  /// The next number, after blanks and comments.
  std::optional<int64_t> Number() {
    SkipBlanks();
    if (at_ >= text_.size() || !IsDigit(text_[at_])) return std::nullopt;
    int64_t value = 0;
    while (at_ < text_.size() && IsDigit(text_[at_])) {
      value = value * 10 + (text_[at_++] - '0');
      if (value > 0x7fffffff) return std::nullopt;
    }
    return value;
  }
  /// The next digit of a text bitmap, whose digits need no blanks between them.
  std::optional<int64_t> Bit() {
    SkipBlanks();
    if (at_ >= text_.size() || (text_[at_] != '0' && text_[at_] != '1')) return std::nullopt;
    return text_[at_++] - '0';
  }
  void Skip(size_t n) { at_ += n; }
  [[nodiscard]] size_t left() const { return at_ < text_.size() ? text_.size() - at_ : 0; }
  uint8_t Byte() { return static_cast<uint8_t>(text_[at_++]); }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  void SkipBlanks() {
    while (at_ < text_.size()) {
      if (text_[at_] == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (text_[at_] != ' ' && (text_[at_] < '\t' || text_[at_] > '\r')) {
        return;
      } else {
        ++at_;
      }
    }
  }
  std::string_view text_;
  size_t at_ = 0;
};

uint8_t Scaled(int64_t value, int64_t top) {
  if (value > top) value = top;
  return static_cast<uint8_t>((value * 255 + top / 2) / top);
}

}  // namespace

Result<Picture> DecodePnm(ByteSpan file, const Limits& limits) {
  Reader in(file);
  in.Skip(1);
  const int kind = in.Byte() - '0';
  const auto width = in.Number();
  const auto height = in.Number();
  const bool bitmap = kind == 1 || kind == 4;
  const auto top = bitmap ? std::optional<int64_t>(1) : in.Number();
  if (!width || !height || !top || *top < 1 || *top > 65535) return Malformed("the PNM header makes no sense");
  const bool text = kind <= 3;
  const int64_t channels = kind == 3 || kind == 6 ? 3 : 1;
  if (!text) in.Skip(1);  // one blank ends the header
  // Proven before any room is made: text takes at least one character a value.
  if (*width <= 0 || *height <= 0) return Malformed("a PNM picture without pixels");
  const uint64_t row = bitmap && !text ? (static_cast<uint64_t>(*width) + 7) / 8
                                       : static_cast<uint64_t>(*width) * static_cast<uint64_t>(channels) *
                                             (!text && *top > 255 ? 2U : 1U);
  if (in.left() / row < static_cast<uint64_t>(*height)) return Malformed("the PNM picture is cut off");
  TRY(Picture picture, MakePicture(*width, *height, limits));
  uint8_t* out = picture.rgb.data();
  for (int64_t y = 0; y < *height; ++y) {
    uint8_t bits = 0;
    for (int64_t x = 0; x < *width; ++x, out += 3) {
      for (int64_t k = 0; k < channels; ++k) {
        std::optional<int64_t> value;
        if (kind == 1) {
          value = in.Bit();
        } else if (text) {
          value = in.Number();
        } else if (bitmap) {
          if (x % 8 == 0) bits = in.Byte();
          value = (bits >> (7 - x % 8)) & 1;
        } else {
          value = in.Byte();
          if (*top > 255) value = *value * 256 + in.Byte();
        }
        if (!value) return Malformed("a value of the PNM picture is not a number");
        out[k] = bitmap ? (*value != 0 ? uint8_t{0} : uint8_t{255}) : Scaled(*value, *top);
      }
      if (channels == 1) out[1] = out[2] = out[0];
    }
  }
  return picture;
}

}  // namespace godwit::pictures
