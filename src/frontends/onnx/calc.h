// Arithmetic over values of the graph being built, for operators that are a formula: the first failure is kept, what
// follows it does nothing, and `status` tells it in the end.
#pragma once

#include <memory>
#include <vector>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

class Calc {
 public:
  explicit Calc(NodeImport& n) : n_(n) {}

  ValueId Op(const OpDef& op, std::vector<ValueId> in, Attrs attrs = {});
  ValueId Add(ValueId a, ValueId b) { return Op(ops::kAdd, {a, b}); }
  ValueId Sub(ValueId a, ValueId b) { return Op(ops::kSub, {a, b}); }
  ValueId Mul(ValueId a, ValueId b) { return Op(ops::kMul, {a, b}); }
  ValueId Div(ValueId a, ValueId b) { return Op(ops::kDiv, {a, b}); }
  ValueId Cast(ValueId x, DType to);
  /// A rank-0 constant of the element type of `like`.
  ValueId Number(ValueId like, double value);
  /// The operand; the failure where it is absent.
  ValueId In(size_t i);

  [[nodiscard]] bool ok() const { return failure_ == nullptr; }
  Status status();

 private:
  NodeImport& n_;
  std::unique_ptr<Diag> failure_;
};

}  // namespace godwit::from_onnx
