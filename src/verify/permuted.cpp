#include "verify/permuted.h"

#include "base/diag.h"
#include "ops/strided_copy.h"

namespace godwit {

Result<Tensor> Permuted(const Tensor& tensor, const std::vector<int64_t>& perm) {
  const size_t rank = tensor.dims().size();
  if (perm.size() != rank) return Diag(diag::kExecInput, "a tensor has another rank than its order");
  Dims strides(rank, 1), dims(rank, 1);
  for (size_t k = rank; k-- > 1;) strides[k - 1] = strides[k] * tensor.dims()[k];
  ops::StridedBlock block;
  for (size_t k = 0; k < rank; ++k) {
    const auto from = static_cast<size_t>(perm[k]);
    dims[k] = tensor.dims()[from];
    block.src.push_back(strides[from]);
  }
  TRY(Tensor out, Tensor::Make(tensor.dtype(), dims));
  block.dims = dims;
  block.dst.assign(rank, 1);
  for (size_t k = rank; k-- > 1;) block.dst[k - 1] = block.dst[k] * dims[k];
  ops::StridedCopy(std::move(block), ByteSize(tensor.dtype()), tensor.raw(), out.mutable_raw());
  return out;
}

}  // namespace godwit
