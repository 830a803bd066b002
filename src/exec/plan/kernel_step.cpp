#include "exec/plan/kernel_step.h"

#include <cstring>

#include "base/text.h"

namespace godwit::plan {

Status KernelStep::Run(Frame& frame) const {
  const size_t operands = reads.size() - captures_.size();
  std::vector<RtValue> in;
  in.reserve(operands);
  for (size_t i = 0; i < operands; ++i) in.push_back(frame.Value(reads[i]));
  for (size_t i = 0; i < captures_.size(); ++i) frame.regions->Set(captures_[i], frame.Value(reads[operands + i]));
  std::vector<Tensor> targets(writes.size());
  for (size_t i = 0; i < writes.size(); ++i) {
    if (writes[i] && !frame.IsDynamic(writes[i])) targets[i] = frame.Value(writes[i]).tensor;
  }
  TRY(std::vector<RtValue> out, frame.regions->RunNode(node, std::move(in), targets));
  for (size_t i = 0; i < writes.size(); ++i) {
    if (!writes[i]) continue;
    if (frame.IsDynamic(writes[i])) {
      RETURN_IF_ERROR(frame.SetDynamic(writes[i], std::move(out[i])));
    } else {
      RETURN_IF_ERROR(Keep(out[i], &targets[i]));
    }
  }
  return Ok{};
}

Status KernelStep::Keep(const RtValue& made, Tensor* place) const {
  if (!made.is_tensor() || made.tensor.dtype() != place->dtype() || made.tensor.dims() != place->dims()) {
    return Diag(diag::kDefect, Concat(facts_.graph.node(node).op->name, " made ",
                                      made.is_tensor() ? Type(made.tensor.type()).ToString() : "something else",
                                      " where ", Type(place->type()).ToString(), " was inferred"));
  }
  if (made.tensor.raw() != place->raw() && place->bytes() > 0) {
    std::memcpy(place->mutable_raw(), made.tensor.raw(), place->bytes());
  }
  return Ok{};
}

}  // namespace godwit::plan
