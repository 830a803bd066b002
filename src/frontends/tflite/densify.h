// Sparse constants as dense ones.
#pragma once

#include "base/bytes.h"
#include "formats/tflite/model.h"
#include "ir/tensor.h"

namespace godwit::from_tflite {

/// `bytes` are the elements that are not zero, in the order in which the sparsity goes over them.
Result<Tensor> Densify(DType dtype, const Dims& dims, ByteSpan bytes, const tflite::Sparsity& sparsity);

}  // namespace godwit::from_tflite
