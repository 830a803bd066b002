// Moves between the plain and the blocked layout (see conv.h), and transposition of plain tensors.
#pragma once

#include <cstdint>
#include <span>

#include "base/threads.h"

namespace godwit::kernels {

/// N x C x spatial -> [n][ceil(C / 16)][spatial][16]; lanes past C become zero.
template <class T>
void PlainToBlocked(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t spatial, T* y,
                    ThreadPool* pool = nullptr);

template <class T>
void BlockedToPlain(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t spatial, T* y,
                    ThreadPool* pool = nullptr);

/// N x spatial x C -> blocked, and back: the channels-last layout.
template <class T>
void LastToBlocked(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t spatial, T* y,
                   ThreadPool* pool = nullptr);

template <class T>
void BlockedToLast(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t spatial, T* y,
                   ThreadPool* pool = nullptr);

/// y's axis i is x's axis permutation[i]; `shape` is x's. Elements are `element_bytes` long: 1, 2, 4, 8 or 16. False,
/// and nothing done, for other sizes.
bool Transpose(const void* x, std::span<const std::int64_t> shape, std::span<const int> permutation, int element_bytes,
               void* y, ThreadPool* pool = nullptr);

}  // namespace godwit::kernels
