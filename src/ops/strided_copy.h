// Moves elements between two strided places: the one kernel behind transpose, slice, expand, concat, split and
// everything else that only changes where elements lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ir/tensor.h"
#include "ops/plain.h"

namespace godwit::ops {

/// Strides in elements. Source strides may be zero (repetition) or negative (reversal).
struct StridedBlock {
  Dims dims;
  std::vector<int64_t> src;
  std::vector<int64_t> dst;
};

void StridedCopy(StridedBlock block, size_t element_bytes, const std::byte* src, std::byte* dst);

/// For each of `outer` blocks: row i of the result is row map[i] of the source's `rows` rows of `row_bytes` bytes. A
/// negative entry leaves the row as it is. Neighbouring rows go in one copy.
void TakeRows(const std::byte* src, std::byte* dst, int64_t outer, int64_t rows, size_t row_bytes,
              const std::vector<int64_t>& map);

/// `count` copies of one element.
void FillElements(std::byte* dst, int64_t count, const std::byte* element, size_t element_bytes);

/// Products of dims before and after `axis`; 0 for a tensor without elements.
int64_t OuterCount(const Dims& dims, int axis);
int64_t InnerCount(const Dims& dims, int axis);

}  // namespace godwit::ops
