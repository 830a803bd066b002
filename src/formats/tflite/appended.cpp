#include "formats/tflite/appended.h"

#include <algorithm>
#include <optional>

#include "base/checked.h"

namespace godwit::tflite {

namespace {

constexpr uint32_t kLocalMagic = 0x04034b50, kCentralMagic = 0x02014b50, kEndMagic = 0x06054b50;
constexpr uint64_t kCentralBytes = 46, kEndBytes = 22, kMaxComment = 65535;
constexpr uint64_t kMemberOffset = 42;                           // within an entry of the directory
constexpr uint64_t kDirectoryBytes = 12, kDirectoryOffset = 16;  // within the record at the end

struct Directory {
  uint64_t at = 0;     // of the directory in the file
  uint64_t end = 0;    // of the record behind it
  uint64_t base = 0;   // what offsets in it count from
  uint64_t start = 0;  // of the first member
};

// Whether there are entries and every one leads to a member; notes where the first one starts.
bool Walk(ByteSpan file, Directory* d) {
  d->start = d->at;
  uint64_t at = d->at;
  while (at < d->end) {
    if (!FitsWithin(at, kCentralBytes, d->end) || LoadLe<uint32_t>(file.data() + at) != kCentralMagic) return false;
    const std::byte* entry = file.data() + at;
    const uint64_t member = d->base + LoadLe<uint32_t>(entry + kMemberOffset);
    if (!FitsWithin(member, 4, d->at) || LoadLe<uint32_t>(file.data() + member) != kLocalMagic) return false;
    d->start = std::min(d->start, member);
    at += kCentralBytes + LoadLe<uint16_t>(entry + 28) + LoadLe<uint16_t>(entry + 30) + LoadLe<uint16_t>(entry + 32);
  }
  return at == d->end && d->start < d->at;
}

// The record that ends an archive, with its comment, where the bytes end.
std::optional<uint64_t> EndRecord(ByteSpan bytes) {
  if (bytes.size() < kEndBytes) return std::nullopt;
  const uint64_t last = bytes.size() - kEndBytes;
  const uint64_t lowest = last - std::min<uint64_t>(last, kMaxComment);
  for (uint64_t end = last;; --end) {
    const std::byte* p = bytes.data() + end;
    if (LoadLe<uint32_t>(p) == kEndMagic && LoadLe<uint16_t>(p + 20) == last - end) return end;
    if (end == lowest) return std::nullopt;
  }
}

std::optional<Directory> FindDirectory(ByteSpan file) {
  const auto end = EndRecord(file);
  if (!end) return std::nullopt;
  const auto bytes = LoadLe<uint32_t>(file.data() + *end + kDirectoryBytes);
  const auto offset = LoadLe<uint32_t>(file.data() + *end + kDirectoryOffset);
  if (bytes > *end || offset > *end - bytes) return std::nullopt;
  // Offsets count from the start of the file, or from the start of the archive.
  Directory d{*end - bytes, *end, *end - bytes - offset, 0};
  return Walk(file, &d) ? std::optional(d) : std::nullopt;
}

}  // namespace

ByteSpan FindAppended(ByteSpan file, uint64_t from) {
  const auto directory = FindDirectory(file);
  return directory && directory->start >= from ? file.subspan(directory->start) : ByteSpan();
}

MovedArchive MoveAppended(ByteSpan archive, uint64_t to) {
  const auto end = EndRecord(archive);
  const auto own = FindDirectory(archive);
  // Offsets as they are in a file that holds nothing else are right at any place.
  if (!end || (own && own->base == 0)) return {archive, {}};
  const auto bytes = LoadLe<uint32_t>(archive.data() + *end + kDirectoryBytes);
  if (bytes > *end) return {archive, {}};
  const uint64_t start = *end - bytes;
  MovedArchive out{archive.first(start), std::string(AsText(archive.subspan(start)))};
  auto* text = reinterpret_cast<std::byte*>(out.directory.data());
  // Whatever they counted from, they come to count from the start of the file.
  const auto by = static_cast<uint32_t>(to + start) - LoadLe<uint32_t>(text + bytes + kDirectoryOffset);
  const auto move = [&](uint64_t at) { StoreLe(text + at, LoadLe<uint32_t>(text + at) + by); };
  for (uint64_t at = 0; FitsWithin(at, kCentralBytes, bytes);) {
    move(at + kMemberOffset);
    at += kCentralBytes + LoadLe<uint16_t>(text + at + 28) + LoadLe<uint16_t>(text + at + 30) +
          LoadLe<uint16_t>(text + at + 32);
  }
  move(bytes + kDirectoryOffset);
  return out;
}

}  // namespace godwit::tflite
