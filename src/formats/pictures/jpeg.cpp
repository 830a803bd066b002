// JPEG through libjpeg, with its default (accurate) transform and smooth chroma upsampling. Its errors come as long
// jumps, so the functions that are jumped out of hold nothing that would need destroying.
#include <csetjmp>
#include <cstdio>

// jpeglib.h needs size_t and FILE from the headers above.
#include <jerror.h>
#include <jpeglib.h>

#include "formats/pictures/decoders.h"

namespace godwit::pictures {

namespace {

// Progressive files may pile scan upon scan, each of which costs a pass over all pixels.
constexpr int kMaxScans = 500;

struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];

  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info); }
};

Decoder& Of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

void Fail(j_common_ptr info) {
  Decoder& d = Of(info);
  d.errors.format_message(info, d.message);
  std::longjmp(d.jump, 1);
}

// Damage that the library could live with is damage all the same.
void OnMessage(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code != JWRN_EXTRANEOUS_DATA) Fail(info);
}

void OnProgress(j_common_ptr info) {
  const auto* d = reinterpret_cast<j_decompress_ptr>(info);
  if (d->input_scan_number > kMaxScans) ERREXITS(info, JERR_OUT_OF_MEMORY, "more scans than any encoder writes");
}

bool ReadHeader(Decoder& d, ByteSpan file) {
  if (setjmp(d.jump)) return false;
  jpeg_create_decompress(&d.info);
  d.info.progress = &d.progress;
  jpeg_mem_src(&d.info, reinterpret_cast<const unsigned char*>(file.data()), static_cast<unsigned long>(file.size()));
  jpeg_read_header(&d.info, TRUE);
  return true;
}

bool ReadRows(Decoder& d, uint8_t* pixels) {
  if (setjmp(d.jump)) return false;
  d.info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&d.info);
  while (d.info.output_scanline < d.info.output_height) {
    JSAMPROW row = pixels + size_t{3} * d.info.output_width * d.info.output_scanline;
    jpeg_read_scanlines(&d.info, &row, 1);
  }
  jpeg_finish_decompress(&d.info);
  return true;
}

}  // namespace

Result<Picture> DecodeJpeg(ByteSpan file, const Limits& limits) {
  Decoder d;
  d.info = {};
  d.progress = {};
  d.message[0] = 0;
  d.info.client_data = &d;
  d.info.err = jpeg_std_error(&d.errors);
  d.errors.error_exit = Fail;
  d.errors.emit_message = OnMessage;
  d.progress.progress_monitor = OnProgress;
  if (!ReadHeader(d, file)) return Malformed(d.message);
  if (d.info.num_components != 1 && d.info.num_components != 3) {
    return Unsupported("a JPEG picture that is neither grey nor of three colours");
  }
  // A block of 8 by 8 pixels takes one bit at the least, so a header cannot ask for room that its file does not fill.
  if (uint64_t{d.info.image_width} * d.info.image_height / 512 > file.size()) {
    return Malformed("more pixels than the bytes of the file can hold");
  }
  TRY(Picture picture, MakePicture(d.info.image_width, d.info.image_height, limits));
  if (!ReadRows(d, picture.rgb.data())) return Malformed(d.message);
  return picture;
}

}  // namespace godwit::pictures
