// Attributes that ONNX's convolutions and poolings share, as those of the core operators.
#pragma once

#include <initializer_list>
#include <string_view>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

/// Reads strides, dilations, pads, auto_pad and ceil_mode into `attrs`, leaving out what is a default.
Status ReadWindow(NodeImport& n, Attrs* attrs);
/// Reads kernel_shape of a pooling into `kernel`.
Status ReadKernel(NodeImport& n, Attrs* attrs);
/// kernel_shape of a convolution repeats what the weights' shape says; fails where it contradicts. `first` is the
/// axis of the weights where the spatial ones begin.
Status CheckKernel(NodeImport& n, ValueId weights, size_t first);

/// Sets an integer attribute unless it has the fallback's value.
Status CopyInt(NodeImport& n, std::string_view from, std::string_view to, int64_t fallback, Attrs* attrs);
Status CopyFloat(NodeImport& n, std::string_view from, std::string_view to, double fallback, Attrs* attrs);

}  // namespace godwit::from_onnx
