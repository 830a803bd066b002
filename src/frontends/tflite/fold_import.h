// How an operator whose subgraph takes two elements and gives one puts them together.
#pragma once

#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

enum class Fold : uint8_t { kUnknown, kReplace, kAdd, kMul, kMax, kMin, kAnd, kOr };

/// Of one operator over the two inputs, or of none where the second is handed on; kUnknown for anything else.
Fold FoldOf(const tflite::Model& model, int64_t subgraph);
/// Two tensors put together so, element by element.
ValueId Folded(OpImport& n, Fold fold, ValueId a, ValueId b);
/// The axes of x put together so, none of them left; a failure where x's elements do not go together so.
ValueId FoldedAxes(OpImport& n, Fold fold, ValueId x, const std::vector<int64_t>& axes);
/// Whether `v` is known to change nothing.
bool IsNeutral(OpImport& n, Fold fold, ValueId v);

}  // namespace godwit::from_tflite
