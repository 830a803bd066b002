// What --precision and --io-type say.
#pragma once

#include <string>

#include "base/result.h"
#include "passes/half.h"

namespace godwit {

/// "f32", "f16", "bf16", "mixed", "f16w"; `io` is "keep" or "half".
Status SetPrecision(const std::string& precision, const std::string& io, HalfOptions* half);

}  // namespace godwit
