// The diagnostics of reading TFLite models. They stand apart from diag.h, so that a new one compiles only their room
// again.
#pragma once

#include "base/diag.h"

namespace godwit::diag {
#define GODWIT_DIAG(name, id, exit, title, page) extern const DiagDef name;
#include "base/diagnostics_tflite_import.def"
#undef GODWIT_DIAG
}  // namespace godwit::diag
