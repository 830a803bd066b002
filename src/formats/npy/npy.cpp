#include "formats/npy/npy.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/text.h"
#include "formats/npy/npy_header.h"
#include "formats/zip/zip_reader.h"
#include "formats/zip/zip_writer.h"

namespace godwit {

namespace {

using Bytes = std::vector<std::byte>;
using std::string_view_literals::operator""sv;

// Bytes that are swapped together: complex numbers swap each half, text each character.
size_t SwapUnit(NpyType type) {
  switch (type.kind) {
    case 'c': return static_cast<size_t>(type.bytes / 2);
    case 'U': return 4;
    case 'S':
    case 'V': return 1;
    default: return static_cast<size_t>(type.bytes);
  }
}

Bytes Swapped(ByteSpan from, size_t unit) {
  Bytes out(from.begin(), from.end());
  for (size_t i = 0; i + unit <= out.size(); i += unit) std::reverse(out.data() + i, out.data() + i + unit);
  return out;
}

// Column-major to row-major: element (i0, i1, ...) of the source lies at i0 + n0 * (i1 + n1 * ...).
Bytes ToRowMajor(ByteSpan from, const std::vector<int64_t>& shape, size_t element) {
  Bytes out(from.size());
  const size_t rank = shape.size();
  std::vector<int64_t> index(rank, 0), stride(rank, 1);
  for (size_t d = 1; d < rank; ++d) stride[d] = stride[d - 1] * shape[d - 1];
  int64_t source = 0;
  for (size_t at = 0; at < out.size(); at += element) {
    std::memcpy(out.data() + at, from.data() + static_cast<size_t>(source) * element, element);
    for (size_t d = rank; d-- > 0;) {
      source += stride[d];
      if (++index[d] < shape[d]) break;
      source -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

Diag Cut() { return Diag(diag::kNpyHeader, "the file of the array is cut off"); }

void AppendUtf8(uint32_t c, std::string* out) {
  const auto put = [&](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  }
}

// The text is valid UTF-8.
std::vector<uint32_t> CodePoints(std::string_view text) {
  std::vector<uint32_t> out;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t n = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = n == 1 ? lead : lead & (0x7FU >> n);
    for (size_t k = 1; k < n; ++k) c = c << 6 | (static_cast<uint8_t>(text[i + k]) & 0x3FU);
    out.push_back(c);
    i += n;
  }
  return out;
}

}  // namespace

std::string NpyDescr(NpyType type) {
  const bool no_order =
      type.kind == 'b' || type.kind == 'S' || type.kind == 'V' || (type.bytes == 1 && type.kind != 'U');
  const int64_t size = type.kind == 'U' ? type.bytes / 4 : type.bytes;
  return Concat(no_order ? "|" : "<", std::string(1, type.kind), std::to_string(size));
}

Result<NpyArray> ReadNpy(ByteSpan file, const Limits& limits) {
  constexpr size_t kMagic = 8;
  if (file.size() < kMagic + 2 || !AsText(file).starts_with("\x93NUMPY"sv)) {
    return Diag(diag::kNpyHeader, "this is not a .npy file");
  }
  const auto version = static_cast<uint8_t>(file[6]);
  if (version < 1 || version > 3) {
    return Diag(diag::kNpyHeader, Concat("version ", std::to_string(version), " of .npy is not known"));
  }
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (file.size() < kMagic + length_bytes) return Cut();
  const uint64_t length =
      version == 1 ? LoadLe<uint16_t>(file.data() + kMagic) : LoadLe<uint32_t>(file.data() + kMagic);
  if (length > static_cast<uint64_t>(limits.header_bytes)) {
    return LimitExceeded(limits, &Limits::header_bytes, length, "bytes of the array's header");
  }
  if (!FitsWithin(kMagic + length_bytes, length, file.size())) return Cut();
  TRY(npy::Header header, npy::ParseHeader(AsText(file.subspan(kMagic + length_bytes, static_cast<size_t>(length)))));

  const ByteSpan data = file.subspan(kMagic + length_bytes + static_cast<size_t>(length));
  const auto count = CheckedProduct(header.shape);
  const auto bytes = count ? CheckedMul(*count, header.type.bytes) : std::nullopt;
  if (!bytes) return Diag(diag::kNpyHeader, "the array has more bytes than can be counted");
  if (static_cast<uint64_t>(*bytes) > data.size()) return Cut();
  // Elements of no width (empty texts) take no bytes however many there are; nothing may loop over them unbounded.
  if (*bytes == 0 && *count > limits.growth_bytes) {
    return LimitExceeded(limits, &Limits::growth_bytes, static_cast<uint64_t>(*count), "elements without bytes");
  }

  NpyArray out{header.type, std::move(header.shape), data.first(static_cast<size_t>(*bytes)), nullptr};
  const auto own = [&](Bytes made) {
    auto owner = std::make_shared<const Bytes>(std::move(made));
    out.bytes = *owner;
    out.owner = std::move(owner);
  };
  const size_t unit = SwapUnit(out.type);
  if (header.big_endian && unit > 1) own(Swapped(out.bytes, unit));
  if (header.fortran_order && out.shape.size() > 1 && !out.bytes.empty()) {
    own(ToRowMajor(out.bytes, out.shape, static_cast<size_t>(out.type.bytes)));
  }
  return out;
}

Result<std::vector<NamedNpy>> ReadNpz(ByteSpan file, const Limits& limits) {
  TRY(const ZipReader zip, ZipReader::Open(file, limits));
  std::vector<NamedNpy> out;
  for (const ZipEntry& entry : zip.entries()) {
    std::string_view name = entry.name;
    if (name.ends_with(".npy")) name.remove_suffix(4);
    auto owned = std::make_shared<Bytes>();
    TRY(const ByteSpan bytes, zip.Read(entry, owned.get()));
    auto array = ReadNpy(bytes, limits);
    if (!array.ok()) {
      Diag diag = array.diag();
      diag.at = Concat("member '", entry.name, "'");
      return diag;
    }
    if (!owned->empty() && array->owner == nullptr) array->owner = owned;
    out.push_back({std::string(name), *std::move(array)});
  }
  return out;
}

Result<std::vector<std::string>> NpyStrings(const NpyArray& array) {
  if (array.type.kind != 'U' && array.type.kind != 'S') {
    return Diag(diag::kNpyDtype, Concat("an array of type '", NpyDescr(array.type), "' holds no text"));
  }
  const auto count = static_cast<size_t>(CheckedProduct(array.shape).value_or(0));
  const auto width = static_cast<size_t>(array.type.bytes);
  std::vector<std::string> out(count);
  for (size_t i = 0; i < count; ++i) {
    const ByteSpan element = array.bytes.subspan(i * width, width);
    if (array.type.kind == 'S') {
      const std::string_view text = AsText(element);
      out[i] = text.substr(0, text.find_last_not_of('\0') + 1);
      continue;
    }
    size_t length = width / 4;
    while (length > 0 && LoadLe<uint32_t>(element.data() + 4 * (length - 1)) == 0) --length;
    for (size_t k = 0; k < length; ++k) {
      const auto c = LoadLe<uint32_t>(element.data() + 4 * k);
      if (c > 0x10FFFF) return Diag(diag::kNpyHeader, "a text of the array holds what is no character");
      AppendUtf8(c, &out[i]);
    }
  }
  return out;
}

NpyArray NpyFromStrings(const std::vector<std::string>& strings, std::vector<int64_t> shape) {
  const bool text = std::all_of(strings.begin(), strings.end(), [](const std::string& s) { return IsValidUtf8(s); });
  std::vector<std::vector<uint32_t>> points;
  size_t longest = 1;  // NumPy has no texts of width 0 on disk
  for (const std::string& s : strings) {
    if (text) points.push_back(CodePoints(s));
    longest = std::max(longest, text ? points.back().size() : s.size());
  }
  const size_t width = text ? 4 * longest : longest;
  auto bytes = std::make_shared<Bytes>(strings.size() * width);
  for (size_t i = 0; i < strings.size(); ++i) {
    std::byte* const at = bytes->data() + i * width;
    if (text) {
      for (size_t k = 0; k < points[i].size(); ++k) StoreLe(at + 4 * k, points[i][k]);
    } else {
      std::copy_n(AsBytes(strings[i]).data(), strings[i].size(), at);
    }
  }
  return {{text ? 'U' : 'S', static_cast<int64_t>(width)}, std::move(shape), *bytes, bytes};
}

Status WriteNpy(const NpyArray& array, AtomicFile* file) {
  RETURN_IF_ERROR(file->Write(npy::MakeHeader(array.type, array.shape)));
  return file->Write(array.bytes);
}

Status WriteNpz(std::span<const NamedNpy> arrays, bool deflate, AtomicFile* file) {
  ZipWriter zip(file);
  for (const NamedNpy& named : arrays) {
    const std::string header = npy::MakeHeader(named.array.type, named.array.shape);
    const ByteSpan pieces[] = {AsBytes(header), named.array.bytes};
    RETURN_IF_ERROR(zip.Add(named.name + ".npy", pieces, deflate));
  }
  return zip.Finish();
}

}  // namespace godwit
