// Moves of elements that several rows are made of.
#pragma once

#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

/// Elements with gaps between them: `steps[k]` from one to the next along axis k, `value` (a scalar) in the gaps.
ValueId Dilated(OpImport& n, ValueId x, const std::vector<int64_t>& steps, ValueId value);
/// x with `update` in the place where it starts; starts (i64, one a dim) are moved so that it fits.
ValueId UpdatedSlice(OpImport& n, ValueId x, ValueId update, ValueId starts);
/// Whether the option names axes of a tensor of that rank, each once; a failure otherwise.
bool AreAxes(OpImport& n, std::string_view field, const std::vector<int64_t>& axes, size_t rank);

}  // namespace godwit::from_tflite
