#include "formats/zip/zip_reader.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <unordered_set>

#include "base/checked.h"
#include "base/text.h"

namespace godwit {

namespace {

constexpr uint32_t kLocalMagic = 0x04034b50, kCentralMagic = 0x02014b50, kEndMagic = 0x06054b50;
constexpr uint32_t kEnd64Magic = 0x06064b50, kLocator64Magic = 0x07064b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr size_t kMaxComment = 65535;
constexpr uint64_t kRatioFrom = uint64_t{256} << 20;

Diag Malformed(std::string what) { return Diag(diag::kZipMalformed, std::move(what)); }

struct Directory {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t entries = 0;
};

Result<Directory> FindDirectory(ByteSpan file) {
  if (file.size() < kEndBytes) return Malformed("a zip archive without its directory: the file is cut off");
  const size_t lowest = file.size() - std::min(file.size(), kEndBytes + kMaxComment);
  size_t end = file.size() - kEndBytes;
  while (LoadLe<uint32_t>(file.data() + end) != kEndMagic) {
    if (end == lowest) return Malformed("a zip archive without its directory: the file is cut off");
    --end;
  }
  const std::byte* p = file.data() + end;
  Directory out{LoadLe<uint32_t>(p + 16), LoadLe<uint32_t>(p + 12), LoadLe<uint16_t>(p + 10)};
  const bool big = out.offset == UINT32_MAX || out.bytes == UINT32_MAX || out.entries == UINT16_MAX;
  if (big && end >= kLocatorBytes && LoadLe<uint32_t>(p - kLocatorBytes) == kLocator64Magic) {
    const auto at = LoadLe<uint64_t>(p - kLocatorBytes + 8);
    if (!FitsWithin(at, kEnd64Bytes, end) || LoadLe<uint32_t>(file.data() + at) != kEnd64Magic) {
      return Malformed("the zip64 end of the directory is not where it should be");
    }
    const std::byte* q = file.data() + at;
    out = {LoadLe<uint64_t>(q + 48), LoadLe<uint64_t>(q + 40), LoadLe<uint64_t>(q + 32)};
  }
  if (!FitsWithin(out.offset, out.bytes, end)) return Malformed("the zip directory does not lie within the file");
  return out;
}

// Sizes and offset that do not fit 32 bits stand in an extra field, those that overflow in this order.
Status ReadZip64(ByteSpan extra, ZipEntry* entry) {
  while (extra.size() >= 4) {
    const auto id = LoadLe<uint16_t>(extra.data());
    const size_t size = LoadLe<uint16_t>(extra.data() + 2);
    if (size > extra.size() - 4) return Malformed("an extra field of a zip member is cut off");
    ByteSpan body = extra.subspan(4, size);
    extra = extra.subspan(4 + size);
    if (id != 1) continue;
    for (uint64_t* value : {&entry->bytes, &entry->stored_bytes, &entry->header_offset}) {
      if (*value != UINT32_MAX) continue;
      if (body.size() < 8) return Malformed("the zip64 sizes of a member are cut off");
      *value = LoadLe<uint64_t>(body.data());
      body = body.subspan(8);
    }
  }
  return Ok{};
}

// zlib works in its own structures; this keeps their release in one place.
struct Inflater {
  z_stream stream{};
  bool ready = false;
  Inflater() { ready = inflateInit2(&stream, -MAX_WBITS) == Z_OK; }
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

bool Inflate(ByteSpan from, uint64_t bytes, std::vector<std::byte>* out) {
  Inflater inflater;
  if (!inflater.ready) return false;
  z_stream& z = inflater.stream;
  constexpr uint64_t kStep = uint64_t{1} << 24;
  // The announced size is believed only as far as bytes really come out.
  out->clear();
  uint64_t eaten = 0;
  int state = Z_OK;
  while (state == Z_OK) {
    const uint64_t have = out->size();
    const uint64_t room = std::min(kStep, bytes - have + 1);
    out->resize(static_cast<size_t>(have + room));
    const uint64_t in = std::min(kStep, from.size() - eaten);
    z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(from.data() + eaten));
    z.avail_in = static_cast<uInt>(in);
    z.next_out = reinterpret_cast<Bytef*>(out->data() + have);
    z.avail_out = static_cast<uInt>(room);
    state = inflate(&z, Z_NO_FLUSH);
    eaten += in - z.avail_in;
    const uint64_t made = room - z.avail_out;
    out->resize(static_cast<size_t>(have + made));
    if (out->size() > bytes) return false;
    if (state == Z_BUF_ERROR || (made == 0 && in == z.avail_in)) break;
  }
  return state == Z_STREAM_END && out->size() == bytes && eaten == from.size();
}

uint32_t Crc(ByteSpan bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

Result<ZipReader> ZipReader::Open(ByteSpan file, const Limits& limits) {
  TRY(const Directory directory, FindDirectory(file));
  if (directory.entries > static_cast<uint64_t>(limits.zip_entries)) {
    return LimitExceeded(limits, &Limits::zip_entries, directory.entries, "members of a zip archive");
  }
  ZipReader out;
  out.file_ = file;
  out.limits_ = limits;
  ByteSpan rest = file.subspan(static_cast<size_t>(directory.offset), static_cast<size_t>(directory.bytes));
  if (directory.entries > rest.size() / kCentralBytes) return Malformed("the zip directory is shorter than it says");
  std::unordered_set<std::string_view> names;
  uint64_t total = 0;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    if (rest.size() < kCentralBytes || LoadLe<uint32_t>(rest.data()) != kCentralMagic) {
      return Malformed("the zip directory is damaged");
    }
    const std::byte* p = rest.data();
    const auto flags = LoadLe<uint16_t>(p + 8);
    ZipEntry entry{{},
                   LoadLe<uint32_t>(p + 20),
                   LoadLe<uint32_t>(p + 24),
                   LoadLe<uint32_t>(p + 42),
                   LoadLe<uint32_t>(p + 16),
                   LoadLe<uint16_t>(p + 10)};
    const size_t name = LoadLe<uint16_t>(p + 28);
    const size_t extra = LoadLe<uint16_t>(p + 30);
    const size_t comment = LoadLe<uint16_t>(p + 32);
    if (rest.size() - kCentralBytes < name + extra + comment) return Malformed("the zip directory is cut off");
    entry.name = AsText(rest.subspan(kCentralBytes, name));
    RETURN_IF_ERROR(ReadZip64(rest.subspan(kCentralBytes + name, extra), &entry));
    rest = rest.subspan(kCentralBytes + name + extra + comment);
    if ((flags & 1U) != 0) return Diag(diag::kZipUnsupported, Concat("zip member '", entry.name, "' is encrypted"));
    if (!names.insert(entry.name).second) return Malformed(Concat("zip member '", entry.name, "' occurs twice"));
    total = CheckedAdd(total, entry.bytes).value_or(UINT64_MAX);
    if (total > static_cast<uint64_t>(limits.zip_bytes)) {
      // Only what is packed can grow; stored members are as long as the file says.
      if (total > file.size())
        return LimitExceeded(limits, &Limits::zip_bytes, total, "unpacked bytes of a zip archive");
    }
    out.entries_.push_back(entry);
  }
  return out;
}

Result<ByteSpan> ZipReader::Read(const ZipEntry& entry, std::vector<std::byte>* owned) const {
  const auto bad = [&](std::string_view what) { return Malformed(Concat("zip member '", entry.name, "' ", what)); };
  if (!FitsWithin(entry.header_offset, kLocalBytes, file_.size())) return bad("starts beyond the end of the file");
  const std::byte* p = file_.data() + entry.header_offset;
  if (LoadLe<uint32_t>(p) != kLocalMagic) return bad("does not start where the directory says");
  const uint64_t name = LoadLe<uint16_t>(p + 26);
  const uint64_t data = entry.header_offset + kLocalBytes + name + LoadLe<uint16_t>(p + 28);
  if (!FitsWithin(data, entry.stored_bytes, file_.size())) return bad("is cut off");
  const ByteSpan local_name =
      file_.subspan(static_cast<size_t>(entry.header_offset) + kLocalBytes, static_cast<size_t>(name));
  if (AsText(local_name) != entry.name || LoadLe<uint16_t>(p + 8) != entry.method) {
    return bad("is described differently in the directory");
  }
  ByteSpan bytes = file_.subspan(static_cast<size_t>(data), static_cast<size_t>(entry.stored_bytes));
  if (entry.method == 0) {
    if (entry.stored_bytes != entry.bytes) return bad("is stored, but with two sizes");
  } else if (entry.method == 8) {
    const auto ratio = static_cast<uint64_t>(std::max<int64_t>(1, limits_.zip_ratio));
    if (entry.bytes > kRatioFrom && entry.bytes / ratio > entry.stored_bytes) {
      return LimitExceeded(limits_, &Limits::zip_ratio, entry.bytes / std::max<uint64_t>(1, entry.stored_bytes),
                           Concat("growth of zip member '", entry.name, "'"));
    }
    if (!Inflate(bytes, entry.bytes, owned)) return bad("does not unpack to the size that the directory says");
    bytes = *owned;
  } else {
    return Diag(diag::kZipUnsupported, Concat("zip member '", entry.name, "' is compressed by method ",
                                              std::to_string(entry.method), "; stored and deflate are read"));
  }
  if (Crc(bytes) != entry.crc) return bad("is damaged (its checksum differs)");
  return bytes;
}

}  // namespace godwit
