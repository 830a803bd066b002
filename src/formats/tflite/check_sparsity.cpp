#include "base/checked.h"
#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/checker.h"

namespace godwit::tflite {

namespace {

// Whether `order` holds each number from `from` to below `from` + its size once.
bool IsPermutation(std::span<const int32_t> order, int64_t from) {
  std::vector<bool> seen(order.size());
  for (const int32_t v : order) {
    const int64_t k = v - from;
    if (k < 0 || k >= static_cast<int64_t>(order.size()) || seen[static_cast<size_t>(k)]) return false;
    seen[static_cast<size_t>(k)] = true;
  }
  return true;
}

// The sizes of the dimensions that are stored: those of the tensor in blocks, then those of a block. Nothing if blocks
// do not divide the shape.
std::optional<std::vector<int64_t>> StoredShape(const Tensor& t) {
  const Sparsity& s = *t.sparsity;
  const size_t rank = t.shape.size();
  std::vector<int64_t> out(t.shape.begin(), t.shape.end());
  out.resize(rank + s.block_map.size());
  for (size_t i = rank; i < out.size(); ++i) {
    // Blocks are dense, and say themselves how large they are.
    size_t level = 0;
    while (s.traversal_order[level] != static_cast<int32_t>(i)) ++level;
    const int64_t block = s.dimensions[level].dense_size;
    int64_t& whole = out[static_cast<size_t>(s.block_map[i - rank])];
    if (s.dimensions[level].format != DimensionType::kDense || block <= 0 || whole % block != 0) return std::nullopt;
    whole /= block;
    out[i] = block;
  }
  return out;
}

// How many entries a level of compressed indices has below `parents` entries of the level above; nothing if the lists
// contradict each other.
std::optional<int64_t> WalkLevel(const SparseDimension& d, int64_t parents, int64_t size) {
  if (static_cast<int64_t>(d.segments.size()) != parents + 1 || d.segments[0] != 0) return std::nullopt;
  const auto entries = static_cast<int64_t>(d.indices.size());
  for (int64_t p = 0; p < parents; ++p) {
    const int64_t begin = d.segments[static_cast<size_t>(p)], end = d.segments[static_cast<size_t>(p) + 1];
    if (begin > end || end > entries) return std::nullopt;
    int64_t last = -1;
    for (int64_t k = begin; k < end; ++k) {
      const int64_t index = d.indices[static_cast<size_t>(k)];
      if (index <= last || index >= size) return std::nullopt;
      last = index;
    }
  }
  return d.segments[static_cast<size_t>(parents)] == entries ? std::optional(entries) : std::nullopt;
}

}  // namespace

void Checker::CheckSparsity(const Tensor& t, const std::string& at) {
  const Sparsity& s = *t.sparsity;
  const size_t rank = t.shape.size();
  const auto fail = [&](std::string what) { FailTensor(diag::kTfliteSparsity, t, at, std::move(what)); };
  const size_t levels = rank + s.block_map.size();
  if (s.traversal_order.size() != levels || s.dimensions.size() != levels ||
      !IsPermutation(s.traversal_order.first(rank), 0) ||
      !IsPermutation(s.traversal_order.subspan(rank), static_cast<int64_t>(rank))) {
    return fail("the order of its dimensions is none");
  }
  for (const int32_t d : s.block_map) {
    if (d < 0 || static_cast<size_t>(d) >= rank) return fail("a block of a dimension that is not there");
  }
  const auto shape = StoredShape(t);
  if (!shape) return fail("blocks that do not divide its shape");
  int64_t entries = 1;
  for (size_t level = 0; level < levels; ++level) {
    const SparseDimension& d = s.dimensions[level];
    const int64_t size = (*shape)[static_cast<size_t>(s.traversal_order[level])];
    std::optional<int64_t> next;
    if (d.format == DimensionType::kDense) {
      if (d.dense_size == size) next = CheckedMul(entries, size);
    } else if (d.format == DimensionType::kSparseCsr) {
      next = WalkLevel(d, entries, size);
    }
    if (!next) return fail(Concat("the lists of level ", std::to_string(level), " make no sense"));
    entries = *next;
  }
  const auto bits = CheckedMul<uint64_t>(static_cast<uint64_t>(entries), BitsOf(t.type));
  const uint64_t have = t.external_buffer != 0 ? 0 : model_.buffers.empty() ? 0 : model_.buffers[t.buffer].size();
  if (!bits || *bits % 8 != 0 || have != *bits / 8) {
    fail(Concat(std::to_string(have), " bytes for ", std::to_string(entries), " values of ", TypeName(t.type)));
  }
}

}  // namespace godwit::tflite
