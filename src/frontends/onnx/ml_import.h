// What the rows of ai.onnx.ml share, and those that need a file of their own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontends/onnx/calc.h"

namespace godwit::from_onnx {

/// Attribute lists as tensors.
Tensor TextTensor(const std::vector<std::string>& texts, Dims dims);
Tensor FloatTensor(const std::vector<double>& values, Dims dims);

/// The scores after NONE, LOGISTIC, SOFTMAX or SOFTMAX_ZERO.
Result<ValueId> PostTransform(NodeImport& n, ValueId scores, std::string_view how);
/// The class labels of a classifier: integers or texts, whichever attribute has any.
Result<Tensor> ClassLabels(NodeImport& n, const char* ints, const char* strings);
/// The label of each row's largest score.
ValueId BestLabel(NodeImport& n, Calc& c, ValueId scores, const Tensor& labels);

Status ImportLinearClassifier(NodeImport& n);
Status ImportLinearRegressor(NodeImport& n);
Status ImportSvmRegressor(NodeImport& n);
Status ImportTreeEnsemble(NodeImport& n);
Status ImportTreeEnsembleClassifier(NodeImport& n);
Status ImportTreeEnsembleRegressor(NodeImport& n);

}  // namespace godwit::from_onnx
