#include "formats/zip/zip_writer.h"

#include <zlib.h>

#include <algorithm>

namespace godwit {

namespace {

constexpr uint16_t kDate1980 = 0x0021;  // 1 January 1980, the first day of zip's calendar
constexpr uint32_t kNone32 = UINT32_MAX;

void Put(std::string* out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t Clip32(uint64_t v) { return std::min<uint64_t>(v, kNone32); }

struct Member {
  std::string_view name;
  uint64_t bytes, stored, offset;
  uint32_t crc;
  uint16_t method;
  [[nodiscard]] bool big() const { return bytes >= kNone32 || stored >= kNone32 || offset >= kNone32; }
};

// The part that local header and directory share: version, flags, method, time, checksum, sizes, lengths.
void PutCommon(std::string* out, const Member& m, size_t extra) {
  Put(out, m.big() ? 45 : 20, 2);
  Put(out, 0, 2);
  Put(out, m.method, 2);
  Put(out, 0, 2);
  Put(out, kDate1980, 2);
  Put(out, m.crc, 4);
  Put(out, m.big() ? kNone32 : m.stored, 4);
  Put(out, m.big() ? kNone32 : m.bytes, 4);
  Put(out, m.name.size(), 2);
  Put(out, extra, 2);
}

// Raw deflate of all pieces; false when it would not be shorter or zlib fails, and the member is stored instead.
bool Deflate(std::span<const ByteSpan> pieces, uint64_t bytes, std::string* out) {
  z_stream z{};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
  std::string step(1 << 16, '\0');
  bool good = true;
  for (size_t i = 0; i <= pieces.size() && good; ++i) {
    ByteSpan piece = i < pieces.size() ? pieces[i] : ByteSpan();
    const int flush = i < pieces.size() ? Z_NO_FLUSH : Z_FINISH;
    do {
      const size_t in = std::min<size_t>(piece.size(), 1U << 30);
      z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(piece.data()));
      z.avail_in = static_cast<uInt>(in);
      do {
        z.next_out = reinterpret_cast<Bytef*>(step.data());
        z.avail_out = static_cast<uInt>(step.size());
        good = deflate(&z, flush) != Z_STREAM_ERROR;
        out->append(step.data(), step.size() - z.avail_out);
        good = good && out->size() < bytes;
      } while (good && z.avail_out == 0);
      piece = piece.subspan(in);
    } while (good && !piece.empty());
  }
  deflateEnd(&z);
  return good;
}

}  // namespace

Status ZipWriter::Add(std::string_view name, std::span<const ByteSpan> pieces, bool deflate) {
  Member m{name, 0, 0, file_->offset(), 0, 0};
  uLong crc = 0;
  for (const ByteSpan piece : pieces) {
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(piece.data()), piece.size());
    m.bytes += piece.size();
  }
  m.crc = static_cast<uint32_t>(crc);
  m.stored = m.bytes;
  std::string packed;
  const bool shorter = deflate && Deflate(pieces, m.bytes, &packed);
  if (shorter) {
    m.method = 8;
    m.stored = packed.size();
  }

  std::string header;
  std::string extra;
  if (m.big()) {
    Put(&extra, 1, 2);
    Put(&extra, 16, 2);
    Put(&extra, m.bytes, 8);
    Put(&extra, m.stored, 8);
  }
  Put(&header, 0x04034b50, 4);
  PutCommon(&header, m, extra.size());
  header.append(name).append(extra);
  RETURN_IF_ERROR(file_->Write(header));
  if (shorter) {
    RETURN_IF_ERROR(file_->Write(packed));
  } else {
    for (const ByteSpan piece : pieces) RETURN_IF_ERROR(file_->Write(piece));
  }

  if (m.big()) {
    extra[2] = 24;
    Put(&extra, m.offset, 8);
  }
  Put(&directory_, 0x02014b50, 4);
  Put(&directory_, m.big() ? 45 : 20, 2);
  PutCommon(&directory_, m, extra.size());
  directory_.append(10, '\0');  // comment length, disk, attributes
  Put(&directory_, m.big() ? kNone32 : m.offset, 4);
  directory_.append(name).append(extra);
  ++entries_;
  return Ok{};
}

Status ZipWriter::Finish() {
  const uint64_t offset = file_->offset();
  std::string end;
  if (entries_ >= UINT16_MAX || offset >= kNone32 || directory_.size() >= kNone32) {
    Put(&end, 0x06064b50, 4);
    Put(&end, 44, 8);
    Put(&end, 45, 2);
    Put(&end, 45, 2);
    Put(&end, 0, 4 + 4);
    Put(&end, entries_, 8);
    Put(&end, entries_, 8);
    Put(&end, directory_.size(), 8);
    Put(&end, offset, 8);
    Put(&end, 0x07064b50, 4);
    Put(&end, 0, 4);
    Put(&end, offset + directory_.size(), 8);
    Put(&end, 1, 4);
  }
  const uint64_t count = std::min<uint64_t>(entries_, UINT16_MAX);
  Put(&end, 0x06054b50, 4);
  Put(&end, 0, 4);
  Put(&end, count, 2);
  Put(&end, count, 2);
  Put(&end, Clip32(directory_.size()), 4);
  Put(&end, Clip32(offset), 4);
  Put(&end, 0, 2);
  RETURN_IF_ERROR(file_->Write(directory_));
  return file_->Write(end);
}

}  // namespace godwit
