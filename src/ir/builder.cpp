#include "ir/builder.h"

#include <string>

#include "base/text.h"
#include "ir/convert.h"

namespace godwit {

Result<std::vector<ValueId>> Builder::EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs) {
  const bool open_ended = !op.results.empty() && (op.results.back().flags & OperandDef::kVariadic) != 0;
  if (n_out > op.results.size() && !open_ended) {
    return Diag(diag::kOpType,
                Concat(op.name, " makes ", std::to_string(op.results.size()), " results, not ", std::to_string(n_out)));
  }
  const NodeId id = graph_.AddNode(region_, op, std::move(in), n_out, std::move(attrs), origin_);
  RETURN_IF_ERROR(inference_.InferNode(id));
  return graph_.node(id).out;
}

Result<ValueId> Builder::Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs) {
  TRY(std::vector<ValueId> out, EmitN(op, std::move(in), 1, std::move(attrs)));
  return out[0];
}

ValueId Builder::I64s(const std::vector<int64_t>& values) {
  return Constant(Tensor::I64({static_cast<int64_t>(values.size())}, values));
}

ValueId Builder::Scalar(DType dtype, double value) {
  Tensor t(dtype, {});
  StoreF64(dtype, value, t.mutable_raw());
  return Constant(std::move(t));
}

}  // namespace godwit
