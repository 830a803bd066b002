#include "base/blocks.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace godwit {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kLarge = size_t{256} << 10;  // smaller ones the heap keeps by itself
constexpr size_t kBudget = size_t{24} << 20;  // of large blocks in use and kept

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeeps = false;  // what is used after its end must not be there
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool kKeeps = false;
#else
constexpr bool kKeeps = true;
#endif
#else
constexpr bool kKeeps = true;
#endif

struct Block {
  std::byte* data;
  size_t bytes;
};

class Keeper {
 public:
  /// A block of that many bytes or more; null where there is no memory.
  Block Take(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    // The one that fits best: half of it at least is used.
    auto best = kept_.end();
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
      if (it->bytes >= bytes && it->bytes / 2 <= bytes && (best == kept_.end() || it->bytes < best->bytes)) best = it;
    }
    Block block{nullptr, bytes};
    if (best != kept_.end()) {
      block = *best;
      kept_bytes_ -= block.bytes;
      kept_.erase(best);
    } else {
      MakeRoom(bytes);
      block.data = static_cast<std::byte*>(std::aligned_alloc(kAlignment, bytes));
    }
    if (block.data != nullptr) in_use_ += block.bytes;
    return block;
  }

  void GiveBack(const Block& block) {
    const std::lock_guard<std::mutex> lock(mutex_);
    in_use_ -= block.bytes;
    MakeRoom(block.bytes);
    if (in_use_ + kept_bytes_ + block.bytes > kBudget) {
      std::free(block.data);
      return;
    }
    kept_.push_back(block);
    kept_bytes_ += block.bytes;
  }

  void Forget() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Block& b : kept_) std::free(b.data);
    kept_.clear();
    kept_bytes_ = 0;
  }

  size_t kept_bytes() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return kept_bytes_;
  }

 private:
  // The longest kept go first.
  void MakeRoom(size_t bytes) {
    while (!kept_.empty() && in_use_ + kept_bytes_ + bytes > kBudget) {
      std::free(kept_.front().data);
      kept_bytes_ -= kept_.front().bytes;
      kept_.erase(kept_.begin());
    }
  }

  std::mutex mutex_;
  std::vector<Block> kept_;  // in the order they were given back
  size_t in_use_ = 0, kept_bytes_ = 0;
};

Keeper& TheKeeper() {
  // Never destroyed: tensors of other static objects may be given back at exit.
  static auto& keeper = *new Keeper;
  return keeper;
}

}  // namespace

std::shared_ptr<std::byte> AllocateBlock(size_t bytes) {
  const size_t rounded = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  if (!kKeeps || rounded < kLarge) {
    auto* data = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
    if (data == nullptr) return nullptr;
    return {data, [](std::byte* p) { std::free(p); }};
  }
  const Block block = TheKeeper().Take(rounded);
  if (block.data == nullptr) return nullptr;
  return {block.data, [bytes_kept = block.bytes](std::byte* p) { TheKeeper().GiveBack({p, bytes_kept}); }};
}

void ForgetBlocks() { TheKeeper().Forget(); }

size_t KeptBlockBytes() { return TheKeeper().kept_bytes(); }

}  // namespace godwit
