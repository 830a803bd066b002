#include "frontends/tflite/densify.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "base/diag_tflite_import.h"

namespace godwit::from_tflite {

namespace {

constexpr size_t kMostLevels = 16;  // dims of the tensor and of a block

Diag Bad(std::string what) { return Diag(diag::kTfliteTensor, "sparse constant: " + std::move(what)); }

// One turn of the traversal: which entries of a level belong to a place of the level above.
struct Level {
  const tflite::SparseDimension* dim = nullptr;
  size_t next = 0, end = 0;
};

}  // namespace

Result<Tensor> Densify(DType dtype, const Dims& dims, ByteSpan bytes, const tflite::Sparsity& sparsity) {
  const size_t rank = dims.size();
  const size_t levels = sparsity.traversal_order.size();
  if (levels < rank || levels > kMostLevels || levels != sparsity.dimensions.size() ||
      sparsity.block_map.size() != levels - rank || Info(dtype).bits < 8) {
    return Bad(fmt::format("{} levels for {} dims and {} blocked ones, {} bits an element", levels, rank,
                           sparsity.block_map.size(), Info(dtype).bits));
  }
  TRY(Tensor out, Tensor::Make(dtype, dims));
  std::memset(out.mutable_raw(), 0, out.bytes());
  if (out.size() == 0 || levels == 0) return out;

  // How far one step of each level goes in the dense tensor, and which dim it moves in.
  std::vector<int64_t> block(rank, 1), scale(levels), axis(levels), extent(levels, -1);
  for (size_t l = 0; l < levels; ++l) {
    const int64_t place = sparsity.traversal_order[l];
    if (place < 0 || place >= static_cast<int64_t>(levels)) return Bad(fmt::format("level {} goes over {}", l, place));
    axis[l] = place < static_cast<int64_t>(rank) ? place : sparsity.block_map[static_cast<size_t>(place) - rank];
    if (axis[l] < 0 || axis[l] >= static_cast<int64_t>(rank)) return Bad(fmt::format("a block of dim {}", axis[l]));
    if (place >= static_cast<int64_t>(rank)) {
      if (sparsity.dimensions[l].format != tflite::DimensionType::kDense || sparsity.dimensions[l].dense_size < 1) {
        return Bad("a block that is sparse itself");
      }
      int64_t& b = block[static_cast<size_t>(axis[l])];
      if (b > INT32_MAX) return Bad("blocks of blocks");
      b *= sparsity.dimensions[l].dense_size;
    }
  }
  for (size_t l = 0; l < levels; ++l) {
    // Dense levels bound the work: none is longer than the dim that it goes over.
    const auto a = static_cast<size_t>(axis[l]);
    const tflite::SparseDimension& d = sparsity.dimensions[l];
    const bool in_block = sparsity.traversal_order[l] >= static_cast<int64_t>(rank);
    if (d.format == tflite::DimensionType::kDense && !in_block && d.dense_size * block[a] != dims[a]) {
      return Bad(fmt::format("{} blocks of {} over a dim of {}", d.dense_size, block[a], dims[a]));
    }
    if (block[a] > dims[a]) return Bad(fmt::format("a block of {} over a dim of {}", block[a], dims[a]));
  }
  std::vector<int64_t> inside(rank, 1);
  for (size_t l = levels; l-- > 0;) {
    const auto a = static_cast<size_t>(axis[l]);
    const bool in_block = sparsity.traversal_order[l] >= static_cast<int64_t>(rank);
    scale[l] = in_block ? inside[a] : block[a];
    if (in_block) inside[a] *= sparsity.dimensions[l].dense_size;
  }

  const size_t step = ByteSize(dtype);
  std::vector<Level> stack(levels);
  std::vector<int64_t> at(levels, 0);
  size_t value = 0;
  // `entry` is the place's number among those of its level, which the segments of the next one are counted by.
  const auto enter = [&](size_t l, size_t entry) -> Status {
    Level& level = stack[l];
    level.dim = &sparsity.dimensions[l];
    if (level.dim->format == tflite::DimensionType::kDense) {
      if (level.dim->dense_size < 0) return Bad("a dense dim of negative extent");
      level.next = entry * static_cast<size_t>(level.dim->dense_size);
      level.end = level.next + static_cast<size_t>(level.dim->dense_size);
      extent[l] = static_cast<int64_t>(level.next);
      return Ok{};
    }
    if (entry + 1 >= level.dim->segments.size()) return Bad("a segment is missing");
    const int64_t begin = level.dim->segments[entry], end = level.dim->segments[entry + 1];
    if (begin < 0 || end < begin || end > static_cast<int64_t>(level.dim->indices.size())) {
      return Bad(fmt::format("a segment from {} to {}", begin, end));
    }
    level.next = static_cast<size_t>(begin), level.end = static_cast<size_t>(end);
    return Ok{};
  };
  RETURN_IF_ERROR(enter(0, 0));
  for (size_t l = 0;;) {
    Level& level = stack[l];
    if (level.next == level.end) {
      if (l == 0) return out;
      --l;
      continue;
    }
    const size_t entry = level.next++;
    at[l] = level.dim->format == tflite::DimensionType::kDense ? static_cast<int64_t>(entry) - extent[l]
                                                               : level.dim->indices[entry];
    if (l + 1 < levels) {
      RETURN_IF_ERROR(enter(l + 1, entry));
      ++l;
      continue;
    }
    Dims place(rank, 0);
    for (size_t k = 0; k < levels; ++k) place[static_cast<size_t>(axis[k])] += at[k] * scale[k];
    int64_t offset = 0;
    for (size_t k = 0; k < rank; ++k) {
      if (place[k] < 0 || place[k] >= dims[k]) return Bad(fmt::format("an element at {} of dim {}", place[k], k));
      offset = offset * dims[k] + place[k];
    }
    if (bytes.size() / step <= value) return Bad("there are fewer values than places");
    std::memcpy(out.mutable_raw() + static_cast<size_t>(offset) * step, bytes.data() + value * step, step);
    ++value;
  }
}

}  // namespace godwit::from_tflite
