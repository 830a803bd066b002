// Models whose outputs are integers that stand for real numbers, made to give those.
#pragma once

#include <optional>
#include <utility>

#include "base/result.h"
#include "verify/proof.h"

namespace godwit {

/// Two ways to compute in integers may round apart by design: quantised outputs are judged as the real numbers that
/// they stand for, whose noise can be measured. The two models with such outputs, and `options` told of them; nothing
/// where there are none.
Result<std::optional<std::pair<Graph, Graph>>> InRealNumbers(const Graph& source, const Graph& written,
                                                             ProofOptions* options);

}  // namespace godwit
