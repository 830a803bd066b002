// Clusters that spell out a layer of filters with a memory: two results, the layer's and what it keeps.
#pragma once

#include <optional>

#include "exec/plan/integer/cluster.h"

namespace godwit::plan {

std::optional<Cluster> SvdfClusterAt(Lowering& l, NodeId quantize);
Result<bool> LowerSvdf(Lowering& l, const Cluster& c);

}  // namespace godwit::plan
