#include "exec/plan/integer/rows.h"

namespace godwit::plan {

void EmitInteger(Lowering& l, const Cluster& c, std::string label, std::vector<SlotId> reads, FunctionStep::Body body) {
  auto step = std::make_unique<FunctionStep>(std::move(label), std::move(body));
  step->reads = std::move(reads);
  step->writes = {l.Define(c.y.value, Layout::kPlain)};
  step->fused = c.body;
  l.Emit(std::move(step), c.last);
}

}  // namespace godwit::plan
