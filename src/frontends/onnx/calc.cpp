#include "frontends/onnx/calc.h"

namespace godwit::from_onnx {

ValueId Calc::Op(const OpDef& op, std::vector<ValueId> in, Attrs attrs) {
  if (failure_) return {};
  auto out = n_.Emit(op, std::move(in), std::move(attrs));
  if (out.ok()) return *out;
  failure_ = out.TakeDiag();
  return {};
}

ValueId Calc::Cast(ValueId x, DType to) {
  if (failure_ || n_.DtypeOf(x) == to) return x;
  return Op(ops::kCast, {x}, {{"to", to}});
}

ValueId Calc::Number(ValueId like, double value) { return failure_ ? ValueId() : n_.ScalarLike(like, value); }

ValueId Calc::In(size_t i) {
  if (failure_) return {};
  auto in = n_.In(i);
  if (in.ok()) return *in;
  failure_ = in.TakeDiag();
  return {};
}

Status Calc::status() {
  if (failure_) return std::move(failure_);
  return Ok{};
}

}  // namespace godwit::from_onnx
