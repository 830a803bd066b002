// Operators that only rename memory.
#include "exec/plan/lower_rules.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

Result<bool> LowerView(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId in = node.in[0], out = node.out[0];
  if (!out || !l.IsStatic(in) || !l.IsStatic(out)) return false;
  const SlotId source = l.Plain(in);
  if (l.slot(source).kind == Slot::Kind::kDynamic) return false;
  l.Alias(out, source);
  return true;
}

constexpr LowerRule kRules[] = {
    {&ops::kReshape, LowerView},   {&ops::kIdentity, LowerView}, {&ops::kSqueeze, LowerView},
    {&ops::kUnsqueeze, LowerView}, {&ops::kFlatten, LowerView},
};

}  // namespace

std::span<const LowerRule> ViewRules() { return kRules; }

}  // namespace godwit::plan
