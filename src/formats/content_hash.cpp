#include "formats/content_hash.h"

#include <algorithm>
#include <bit>

namespace godwit {

namespace {

// Both halves of the product, folded: every bit of either factor reaches every bit of the result.
uint64_t Fold(uint64_t x, uint64_t y) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(x) * y;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

void ContentHash::Mix(uint64_t word) {
  a_ = Fold(a_ ^ word, 0x9E3779B97F4A7C15) + 0xA4093822299F31D0;
  b_ = std::rotl(Fold(b_ + word, 0xC2B2AE3D27D4EB4F), 23) ^ 0x082EFA98EC4E6C89;
}

void ContentHash::Add(ByteSpan bytes) {
  const size_t have = size_ % 8;
  size_ += bytes.size();
  if (have != 0) {
    const size_t step = std::min<size_t>(8 - have, bytes.size());
    std::copy_n(bytes.begin(), step, rest_ + have);
    bytes = bytes.subspan(step);
    if (have + step < 8) return;
    Mix(LoadLe<uint64_t>(rest_));
  }
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) Mix(LoadLe<uint64_t>(bytes.data()));
  std::copy(bytes.begin(), bytes.end(), rest_);
}

std::pair<uint64_t, uint64_t> ContentHash::Value() const {
  ContentHash last = *this;
  std::fill(last.rest_ + size_ % 8, last.rest_ + 8, std::byte{});
  last.Mix(LoadLe<uint64_t>(last.rest_));
  last.Mix(size_);
  return {last.a_, last.b_};
}

}  // namespace godwit
