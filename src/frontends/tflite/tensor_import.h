// TFLite tensors as types and constants of ours: element types, dense, packed and sparse payloads, quantisation.
#pragma once

#include <memory>

#include "base/limits.h"
#include "formats/tflite/model.h"
#include "ir/graph.h"

namespace godwit::from_tflite {

/// kNone for resources, variants and numbers that name no element type.
DType ToDType(tflite::TensorType type);

/// Whether integers of the tensor stand for real numbers. Biases, of 32 and 64 bits, go by the scales of what they are
/// added to, and are not meant here.
bool IsQuantised(const tflite::Tensor& tensor);
/// Whether they have a scale at all, whatever their width.
bool HasScale(const tflite::Tensor& tensor);
/// The scale and zero point, where there is one of each for the whole tensor; null otherwise.
std::shared_ptr<const Quant> WholeQuant(const tflite::Tensor& tensor);

/// A constant whose bytes stay in the file until they are wanted; sparse ones come dense, within the limit of growth.
/// `keep_alive` owns the bytes and the views.
Result<Constant> ToConstant(const tflite::Tensor& tensor, ByteSpan bytes, const Limits& limits,
                            std::shared_ptr<const void> keep_alive);

}  // namespace godwit::from_tflite
