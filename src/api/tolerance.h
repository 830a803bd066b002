// What `--tolerance` states.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "verify/proof.h"

namespace godwit {

/// "abs=1e-3", "rel=1e-4", "corr=0.999", "sqnr=40", or one of these for one output: "logits:rel=1e-4".
Status AddTolerance(std::string_view text, std::map<std::string, StatedTolerance>* out);

}  // namespace godwit
