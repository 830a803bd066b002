#include "formats/flatbuffers/flex_map.h"

#include <cstring>
#include <optional>

#include "base/diag_tflite_import.h"

namespace godwit::flat {

namespace {

enum Kind : unsigned {
  kInt = 1,
  kUint = 2,
  kFloat = 3,
  kIndirectInt = 6,
  kIndirectUint = 7,
  kIndirectFloat = 8,
  kMap = 9,
  kBool = 26
};

constexpr size_t kMostEntries = 4096;

// Everything is read at a place that is proven to lie inside.
class FlexReader {
 public:
  explicit FlexReader(ByteSpan bytes) : bytes_(bytes) {}

  [[nodiscard]] std::optional<uint64_t> Unsigned(size_t at, size_t width) const {
    if (width > 8 || at > bytes_.size() || bytes_.size() - at < width) return std::nullopt;
    uint64_t v = 0;
    for (size_t k = width; k-- > 0;) v = v << 8 | std::to_integer<uint64_t>(bytes_[at + k]);
    return v;
  }
  [[nodiscard]] std::optional<double> Number(unsigned kind, size_t at, size_t width) const {
    const auto raw = Unsigned(at, width);
    if (!raw) return std::nullopt;
    switch (kind) {
      case kInt: {
        const auto shift = static_cast<unsigned>(64 - 8 * width);
        return static_cast<double>(static_cast<int64_t>(*raw << shift) >> shift);
      }
      case kUint:
      case kBool: return static_cast<double>(*raw);
      case kFloat: {
        if (width == 8) return std::bit_cast<double>(*raw);
        if (width == 4) return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(*raw)));
        return std::nullopt;
      }
      default: return std::nullopt;
    }
  }
  /// Offsets count back from where they stand.
  [[nodiscard]] std::optional<size_t> Follow(size_t at, size_t width) const {
    const auto back = Unsigned(at, width);
    if (!back || *back > at) return std::nullopt;
    return at - static_cast<size_t>(*back);
  }
  [[nodiscard]] std::optional<std::string> Key(size_t at) const {
    if (at >= bytes_.size()) return std::nullopt;
    const std::string_view rest = AsText(bytes_.subspan(at));
    const size_t end = rest.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(rest.substr(0, end));
  }

 private:
  ByteSpan bytes_;
};

constexpr size_t WidthOf(unsigned packed) { return size_t{1} << (packed & 3U); }

}  // namespace

Result<std::map<std::string, double>> ReadFlexNumbers(ByteSpan bytes) {
  const auto bad = [](const char* what) {
    return Diag(diag::kFlexbuffer, std::string("not a map of options: ") + what);
  };
  if (bytes.size() < 3) return bad("it is too short");
  const FlexReader r(bytes);
  const size_t root_width = std::to_integer<size_t>(bytes[bytes.size() - 1]);
  const unsigned root_type = std::to_integer<unsigned>(bytes[bytes.size() - 2]);
  if (root_width == 0 || root_width > 8 || root_width + 2 > bytes.size()) return bad("the width of its root");
  if (root_type >> 2 != kMap) return bad("its root is something else");
  const auto values = r.Follow(bytes.size() - 2 - root_width, root_width);
  const size_t width = WidthOf(root_type);
  if (!values || *values < 3 * width) return bad("its root lies outside");
  const auto count = r.Unsigned(*values - width, width);
  const auto key_width = r.Unsigned(*values - 2 * width, width);
  const auto keys = r.Follow(*values - 3 * width, width);
  if (!count || !key_width || !keys || *count > kMostEntries ||
      (*key_width != 1 && *key_width != 2 && *key_width != 4 && *key_width != 8)) {
    return bad("its keys lie outside");
  }
  std::map<std::string, double> out;
  for (size_t i = 0; i < *count; ++i) {
    const auto key_at = r.Follow(*keys + i * static_cast<size_t>(*key_width), static_cast<size_t>(*key_width));
    const auto key = key_at ? r.Key(*key_at) : std::nullopt;
    const auto packed = r.Unsigned(*values + static_cast<size_t>(*count) * width + i, 1);
    if (!key || !packed) return bad("an entry lies outside");
    unsigned kind = static_cast<unsigned>(*packed) >> 2;
    size_t at = *values + i * width, of = width;
    if (kind >= kIndirectInt && kind <= kIndirectFloat) {
      const auto there = r.Follow(at, width);
      if (!there) return bad("an entry lies outside");
      at = *there, of = WidthOf(static_cast<unsigned>(*packed));
      kind = kind - kIndirectInt + kInt;
    }
    if (const auto number = r.Number(kind, at, of)) out[*key] = *number;
  }
  return out;
}

}  // namespace godwit::flat
