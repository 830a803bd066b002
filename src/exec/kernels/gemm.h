// Matrix products C = epilogue(A * B), in f32 and f64.
//
// Each element of C is one chain of fused multiply-adds over k = 0, 1, ..., K-1 that starts at zero, so the result
// depends neither on the shapes around it, nor on the blocking, the vector width or the threads.
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "exec/kernels/epilogue.h"

namespace godwit::kernels {

/// Elements of packed B for a K x N matrix.
std::int64_t PackedBSize(std::int64_t k, std::int64_t n);

/// Packs B for Gemm: [n / 16][k][16], zero in the columns past n. B is K x N with rows `ldb` apart, or, when
/// `transposed`, N x K.
template <class T>
void PackB(const T* b, std::int64_t ldb, bool transposed, std::int64_t k, std::int64_t n, T* packed,
           ThreadPool* pool = nullptr);

template <class T>
struct GemmArgs {
  std::int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;  // M x K, rows `lda` apart; K x M when a_transposed
  std::int64_t lda = 0;
  bool a_transposed = false;
  const T* packed_b = nullptr;
  T* c = nullptr;  // M x N, rows `ldc` apart
  std::int64_t ldc = 0;
  Epilogue<T> epilogue;  // `residual` has the layout of C; `bias` has n values, `row_bias` m
};

template <class T>
void Gemm(const GemmArgs<T>& args, ThreadPool* pool = nullptr);

/// A batch of products whose B is not constant. Matrix i of A starts at a + a_offsets[i], and so on.
template <class T>
struct BatchedGemmArgs {
  std::int64_t batch = 0, m = 0, n = 0, k = 0;
  const T* a = nullptr;
  const std::int64_t* a_offsets = nullptr;
  std::int64_t lda = 0;
  bool a_transposed = false;
  const T* b = nullptr;
  const std::int64_t* b_offsets = nullptr;
  std::int64_t ldb = 0;
  bool b_transposed = false;
  T* c = nullptr;
  const std::int64_t* c_offsets = nullptr;
  std::int64_t ldc = 0;
  Epilogue<T> epilogue;  // `residual` is offset like C; the biases are the same for the whole batch
};

template <class T>
void BatchedGemm(const BatchedGemmArgs<T>& args, ThreadPool* pool = nullptr);

extern template void PackB<float>(const float*, std::int64_t, bool, std::int64_t, std::int64_t, float*, ThreadPool*);
extern template void PackB<double>(const double*, std::int64_t, bool, std::int64_t, std::int64_t, double*, ThreadPool*);
extern template void Gemm<float>(const GemmArgs<float>&, ThreadPool*);
extern template void Gemm<double>(const GemmArgs<double>&, ThreadPool*);
extern template void BatchedGemm<float>(const BatchedGemmArgs<float>&, ThreadPool*);
extern template void BatchedGemm<double>(const BatchedGemmArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
