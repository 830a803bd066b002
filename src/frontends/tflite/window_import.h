// The options that sliding windows share, as attributes of core operators with the channels last.
#pragma once

#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

/// channel_axis, strides, auto_pad and, where the operator has them, dilations of two spatial axes.
Attrs Window2d(OpImport& n, bool dilated);
Attrs Window3d(OpImport& n);

}  // namespace godwit::from_tflite
