// The diagnostics of TFLite files. They stand apart from diag.h, so that a new one compiles only those rooms again.
#pragma once

#include "base/diag.h"

namespace godwit::diag {
#define GODWIT_DIAG(name, id, exit, title, page) extern const DiagDef name;
#include "base/diagnostics_tflite.def"
#undef GODWIT_DIAG
}  // namespace godwit::diag
