#include "exec/plan/integer/scans.h"

#include "exec/plan/lowering.h"
#include "ops/ops.h"

namespace godwit::plan {

ScanParts PartsOf(Lowering& l, const Cluster& cluster) {
  ScanParts parts;
  for (const ValueId v : l.graph().node(cluster.core()).out) {
    parts.results.emplace_back();
    if (!v) continue;
    const std::vector<NodeId>& users = l.UsersOf(v);
    if (users.empty() && l.Uses(v) == 0 && !l.IsOutput(v)) continue;
    auto stored = users.size() == 1 && l.Uses(v) == 1 ? StoredBy(l, users[0]) : std::nullopt;
    if (!stored) return {};
    parts.results.back() = *std::move(stored);
    parts.quantizes.push_back(users[0]);
  }
  return parts;
}

std::optional<Cluster> ScanClusterAt(Lowering& l, NodeId scan) {
  const Node& node = l.graph().node(scan);
  if (node.op != &ops::kScan) return std::nullopt;
  Cluster c;
  c.kind = Cluster::Kind::kLstm;
  c.body = {scan};
  const ScanParts parts = PartsOf(l, c);
  if (parts.results.size() != 3 || parts.quantizes.empty()) return std::nullopt;
  for (const ValueId v : node.in) {
    if (!v || !StoredOf(l, v)) return std::nullopt;
    c.reals.push_back(v);
  }
  if (!IsStoredLstm(l, c, parts)) return std::nullopt;
  c.last = parts.quantizes[0];
  for (const NodeId id : parts.quantizes) {
    if (l.IsBefore(id, c.last)) c.last = id;
  }
  for (const NodeId id : parts.quantizes) {
    if (id != c.last) c.others.push_back(id);
  }
  if (const auto y = StoredBy(l, c.last)) c.y = *y;
  return c;
}

}  // namespace godwit::plan
