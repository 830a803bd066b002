#include "backends/tflite/emit.h"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::to_tflite {

Status EmitSame(NodeExport& n) {
  n.Emit(n.row().builtin, n.Ins());
  return Ok{};
}

Status ChannelsLast(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const int64_t axis = FromFront(n.attrs().Int("channel_axis", 1), rank);
  if (axis == rank - 1) return Ok{};
  return n.LacksLayout(
      fmt::format("{} has its channels in axis {} of {}, TFLite in the last one", n.op().name, axis, rank));
}

std::vector<int64_t> AxisLast(int64_t axis, int64_t rank) {
  std::vector<int64_t> perm;
  for (int64_t k = 0; k < rank; ++k) {
    if (k != axis) perm.push_back(k);
  }
  perm.push_back(axis);
  return perm;
}

std::vector<int64_t> Inverse(const std::vector<int64_t>& perm) {
  std::vector<int64_t> out(perm.size());
  for (size_t k = 0; k < perm.size(); ++k) out[static_cast<size_t>(perm[k])] = static_cast<int64_t>(k);
  return out;
}

Shape Permuted(const Shape& shape, const std::vector<int64_t>& perm) {
  Shape out;
  for (const int64_t p : perm) out.push_back(shape[static_cast<size_t>(p)]);
  return out;
}

Ref Padded(NodeExport& n, Ref x, const std::vector<int64_t>& before, const std::vector<int64_t>& after,
           std::optional<double> value) {
  const auto none = [](int64_t v) { return v == 0; };
  if (std::all_of(before.begin(), before.end(), none) && std::all_of(after.begin(), after.end(), none)) return x;
  TensorType type = n.TypeOf(x);
  std::vector<int32_t> pairs;
  for (size_t k = 0; k < before.size(); ++k) {
    type.shape[k] = type.shape[k] + Dim(before[k]) + Dim(after[k]);
    pairs.push_back(static_cast<int32_t>(before[k]));
    pairs.push_back(static_cast<int32_t>(after[k]));
  }
  const Ref table = n.Const(
      Tensor::Of<int32_t>(DType::kI32, {static_cast<int64_t>(before.size()), 2}, std::span<const int32_t>(pairs)));
  if (!value) return n.Temp("PAD", {x, table}, type);
  const DType dtype = type.dtype;
  return n.Temp("PADV2", {x, table, n.Number(dtype, *value)}, type);
}

}  // namespace godwit::to_tflite
