// Softmax with the meaning it had before version 13.
#pragma once

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

/// All axes from `axis` on are taken together. `mode` is that of the core operator.
Result<ValueId> EmitFlatSoftmax(NodeImport& n, ValueId x, int64_t axis, const char* mode);

}  // namespace godwit::from_onnx
