// What the rows of elementwise operators share.
#pragma once

#include <utility>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

/// The node is the core operator as it stands, without attributes.
template <const OpDef& Op>
Status ImportSame(NodeImport& n) {
  n.Ignore("consumed_inputs");
  return n.Same(Op);
}

/// Operands 0 and 1, brought to numpy broadcasting: before version 7 of ai.onnx the attributes `axis` and `broadcast`
/// say where the second one lies within the first.
Result<std::pair<ValueId, ValueId>> BroadcastOperands(NodeImport& n);

template <const OpDef& Op>
Status ImportBinary(NodeImport& n) {
  TRY(auto ab, BroadcastOperands(n));
  TRY(ValueId y, n.Emit(Op, {ab.first, ab.second}));
  n.Out(0, y);
  return Ok{};
}

/// `b` with `trailing` dims of 1 appended.
Result<ValueId> AppendOnes(NodeImport& n, ValueId b, int trailing);

}  // namespace godwit::from_onnx
