// Reductions, softmax and normalisation over the middle axis of an outer x count x inner tensor.
//
// The order is part of the contract: lane i of sixteen takes the elements i, i + 16, i + 32, ... in turn, starting from
// the operation's neutral element, and the lanes are then combined pairwise, i with i + 8, + 4, + 2, + 1. Plain tensors
// (inner = 1) and blocked ones (inner = 16, reduced over space) therefore give the same bits.
#pragma once

#include <cstdint>

#include "base/threads.h"

namespace godwit::kernels {

enum class ReduceOp : std::uint8_t { kSum, kMean, kMax, kMin, kProd, kSumSquare, kL1, kL2 };

/// y is outer x inner. Max and min are NaN where an operand is.
template <class T>
void Reduce(ReduceOp op, const T* x, std::int64_t outer, std::int64_t count, std::int64_t inner, T* y,
            ThreadPool* pool = nullptr);

/// exp(x - max) / sum, or x - max - log(sum) when `logarithm`. y may be x.
template <class T>
void Softmax(const T* x, std::int64_t outer, std::int64_t count, std::int64_t inner, bool logarithm, T* y,
             ThreadPool* pool = nullptr);

/// How the normalised value becomes the result: fma(normalised, scale, offset). A null scale or offset is left out.
template <class T>
struct Affine {
  const T* scale = nullptr;
  const T* offset = nullptr;
};

/// Rows of `count` elements: (x - mean) / sqrt(variance + epsilon), then the affine with one value for each column.
/// `centred` false leaves the mean out: the root-mean-square norm. `mean` and `inverse` (of the deviation) may be null.
template <class T>
void NormRows(const T* x, std::int64_t rows, std::int64_t count, double epsilon, bool centred, const Affine<T>& affine,
              T* y, T* mean = nullptr, T* inverse = nullptr, ThreadPool* pool = nullptr);

/// Group and instance norm: each of batch x groups rows holds channels / groups times `spatial` elements; the affine
/// has one value for each channel.
template <class T>
void NormGroups(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t groups, std::int64_t spatial,
                double epsilon, const Affine<T>& affine, T* y, ThreadPool* pool = nullptr);

/// fma(x - centre, scale, offset) for each channel of an outer x channels x inner tensor: batch norm with known
/// statistics.
template <class T>
void NormChannels(const T* x, std::int64_t outer, std::int64_t channels, std::int64_t inner, const T* centre,
                  const T* scale, const T* offset, T* y, ThreadPool* pool = nullptr);

}  // namespace godwit::kernels
