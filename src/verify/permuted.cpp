#include "verify/permuted.h"

#include "base/diag.h"
#include "ir/convert.h"
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

Result<Tensor> Dequantized(const Tensor& tensor, const Quant& quant) {
  const size_t n = quant.scales.size();
  if (n == 0 || quant.block != 0 || (n > 1 && (quant.axis < 0 || quant.axis >= tensor.rank()))) {
    return Diag(diag::kExecInput, "a tensor's quantisation does not fit it");
  }
  int64_t inner = 1;
  for (int k = quant.axis + 1; n > 1 && k < tensor.rank(); ++k) inner *= tensor.dim(k);
  std::vector<double> numbers = ToF64(tensor);
  for (size_t i = 0; i < numbers.size(); ++i) {
    const size_t at = n == 1 ? 0 : i / static_cast<size_t>(inner) % n;
    const auto zero = at < quant.zero_points.size() ? static_cast<double>(quant.zero_points[at]) : 0.0;
    numbers[i] = (numbers[i] - zero) * quant.scales[at];
  }
  TRY(Tensor out, Tensor::Make(DType::kF32, tensor.dims()));
  RETURN_IF_ERROR(FromF64(numbers, &out));
  return out;
}

}  // namespace godwit
