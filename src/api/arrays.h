// Tensors as NumPy arrays and back.
#pragma once

#include <memory>

#include "base/mapped_file.h"
#include "base/result.h"
#include "formats/npy/npy.h"
#include "ir/tensor.h"

namespace godwit {

/// `expected` decides what opaque bytes are (bf16 and the 8-bit floats have no NumPy type); kNone where nothing is
/// known. The tensor shares the file's bytes where it can.
Result<Tensor> TensorFromNpy(const NpyArray& array, DType expected, const MappedFile::Ptr& file);
/// Borrows the tensor's bytes. Types that NumPy lacks become int8, uint8 (4 and 2 bits) or opaque bytes.
NpyArray NpyFromTensor(const Tensor& tensor);

/// Writes named values to a .npz: a sequence as NAME.0, NAME.1 ..., a map as NAME.keys and NAME.0 ...; empty optionals
/// are left out.
Status WriteValues(const std::string& path, const std::vector<std::pair<std::string, RtValue>>& values,
                   const std::vector<std::string>& inputs);

}  // namespace godwit
