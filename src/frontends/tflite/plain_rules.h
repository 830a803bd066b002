// Import functions of operators that are core operators as they stand.
#pragma once

#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

template <const OpDef& Op>
void Unary(OpImport& n) {
  n.Out(0, n.Emit(Op, {n.In(0)}));
}
template <const OpDef& Op>
void Binary(OpImport& n) {
  n.Out(0, n.Emit(Op, {n.In(0), n.In(1)}));
}

}  // namespace godwit::from_tflite
