// Clusters around a scan: several results, each stored by a quantize of its own.
#pragma once

#include <optional>
#include <vector>

#include "exec/plan/integer/cluster.h"

namespace godwit::plan {

struct ScanParts {
  std::vector<std::optional<Stored>> results;  ///< as the scan has them; nothing where nobody wants it
  std::vector<NodeId> quantizes;
};
/// Of a cluster whose core is a scan. Without results where one is asked for in another way.
ScanParts PartsOf(Lowering& l, const Cluster& cluster);
/// The cluster around a scan, where an integer kernel takes it.
std::optional<Cluster> ScanClusterAt(Lowering& l, NodeId scan);

bool IsStoredLstm(Lowering& l, const Cluster& cluster, const ScanParts& parts);
Result<bool> LowerStoredLstm(Lowering& l, const Cluster& cluster);

}  // namespace godwit::plan
