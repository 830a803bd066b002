// PNG through libpng. Its errors come as long jumps, so the function that is jumped out of holds nothing that would
// need destroying.
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "formats/pictures/decoders.h"

namespace godwit::pictures {

namespace {

struct Source {
  const std::byte* at;
  size_t left;
  char message[128];
};

void Read(png_structp png, png_bytep out, size_t size) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (size > source->left) png_error(png, "the file ends too early");
  std::memcpy(out, source->at, size);
  source->at += size;
  source->left -= size;
}

void Fail(png_structp png, png_const_charp message) {
  auto* source = static_cast<Source*>(png_get_error_ptr(png));
  std::snprintf(source->message, sizeof source->message, "%s", message);
  std::longjmp(png_jmpbuf(png), 1);
}

void Warn(png_structp, png_const_charp) {}

struct Handles {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Handles() { png_destroy_read_struct(&png, &info, nullptr); }
};

// Reads up to the pixels and asks for 8-bit RGB without alpha. `stored_bits` is what a sample takes in the file.
bool ReadHeader(png_structp png, png_infop info, int* stored_bits) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_read_info(png, info);
  *stored_bits = png_get_bit_depth(png, info);
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_strip_alpha(png);
  png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return true;
}

bool ReadRows(png_structp png, png_bytep pixels, size_t stride, png_uint_32 height, int passes) {
  if (setjmp(png_jmpbuf(png))) return false;
  for (int pass = 0; pass < passes; ++pass) {
    for (png_uint_32 y = 0; y < height; ++y) png_read_row(png, pixels + y * stride, nullptr);
  }
  png_read_end(png, nullptr);
  return true;
}

}  // namespace

Result<Picture> DecodePng(ByteSpan file, const Limits& limits) {
  Source source{file.data(), file.size(), {}};
  Handles h;
  h.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, Fail, Warn);
  h.info = h.png ? png_create_info_struct(h.png) : nullptr;
  if (!h.info) return Malformed("libpng does not start");
  png_set_read_fn(h.png, &source, Read);
  png_set_user_limits(h.png, 0x7fffffff, 0x7fffffff);
  png_set_chunk_malloc_max(h.png, 8000000);
  int stored_bits = 0;
  if (!ReadHeader(h.png, h.info, &stored_bits)) return Malformed(source.message);
  const png_uint_32 width = png_get_image_width(h.png, h.info);
  const png_uint_32 height = png_get_image_height(h.png, h.info);
  // Deflate never packs more than 1032 bytes into one, so a header cannot ask for room that its file does not fill.
  const uint64_t raw_row = (uint64_t{width} * static_cast<uint64_t>(stored_bits) + 7) / 8;
  if (raw_row * height / 1032 > file.size()) return Malformed("more pixels than the bytes of the file can hold");
  TRY(Picture picture, MakePicture(width, height, limits));
  const size_t stride = png_get_rowbytes(h.png, h.info);
  if (stride != size_t{3} * width) return Malformed("rows are not of three bytes a pixel");
  const int passes = png_get_interlace_type(h.png, h.info) == PNG_INTERLACE_ADAM7 ? 7 : 1;
  if (!ReadRows(h.png, picture.rgb.data(), stride, height, passes)) return Malformed(source.message);
  return picture;
}

}  // namespace godwit::pictures
