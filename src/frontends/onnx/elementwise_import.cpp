#include "frontends/onnx/elementwise_import.h"

#include <fmt/format.h>

namespace godwit::from_onnx {

Result<ValueId> AppendOnes(NodeImport& n, ValueId b, int trailing) {
  if (trailing <= 0) return b;
  TRY(const int rank, n.Rank(b));
  std::vector<int64_t> dims(static_cast<size_t>(rank), 0);  // 0 copies the dim
  dims.resize(static_cast<size_t>(rank + trailing), 1);
  return n.Emit(ops::kReshape, {b, n.I64s(dims)});
}

Result<std::pair<ValueId, ValueId>> BroadcastOperands(NodeImport& n) {
  TRY(ValueId a, n.In(0));
  TRY(ValueId b, n.In(1));
  if (n.version() >= 7) return std::pair(a, b);
  n.Ignore("consumed_inputs");
  TRY(const int64_t broadcast, n.Int("broadcast", 0));
  if (!n.HasAttr("axis") || broadcast == 0) return std::pair(a, b);
  TRY(int64_t axis, n.Int("axis"));
  TRY(const int a_rank, n.Rank(a));
  TRY(const int b_rank, n.Rank(b));
  if (axis < 0) axis += a_rank;
  if (axis < 0 || axis + b_rank > a_rank) {
    return n.BadValue("axis", fmt::format("operands of ranks {} and {} do not meet at {}", a_rank, b_rank, axis));
  }
  TRY(b, AppendOnes(n, b, b_rank == 0 ? 0 : static_cast<int>(a_rank - axis - b_rank)));
  return std::pair(a, b);
}

}  // namespace godwit::from_onnx
