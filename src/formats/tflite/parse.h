// Reads TFLite bytes into the views of model.h: constants untouched, memory bounded by the limits.
#pragma once

#include "base/bytes.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/result.h"
#include "formats/tflite/model.h"

namespace godwit::tflite {

/// The views point into `file`. Every offset, length and alignment is proven; what indices mean is not: see CheckModel.
Result<Model> ParseModel(ByteSpan file, const Limits& limits);

/// Reports every way in which the parts of the model do not fit together: indices out of range, operators that use what
/// nobody has made, constants of another size than their tensor's, quantisation, sparsity and options that mean
/// nothing. A model without errors can be walked without asking again.
void CheckModel(const Model& model, const Limits& limits, DiagSink* problems);

}  // namespace godwit::tflite
