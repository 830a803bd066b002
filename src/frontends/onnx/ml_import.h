// Rows of ai.onnx.ml that need a file of their own.
#pragma once

#include "frontends/onnx/calc.h"

namespace godwit::from_onnx {

/// The scores after NONE, LOGISTIC, SOFTMAX or SOFTMAX_ZERO.
Result<ValueId> PostTransform(NodeImport& n, ValueId scores, std::string_view how);

Status ImportTreeEnsemble(NodeImport& n);
Status ImportTreeEnsembleRegressor(NodeImport& n);

}  // namespace godwit::from_onnx
