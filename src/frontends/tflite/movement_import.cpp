#include "frontends/tflite/movement_import.h"

#include <fmt/format.h>

#include "base/checked.h"

namespace godwit::from_tflite {

ValueId Dilated(OpImport& n, ValueId x, const std::vector<int64_t>& steps, ValueId value) {
  const std::vector<int64_t> dims = n.Dims(x);
  if (!n.ok()) return {};
  if (steps.size() != dims.size()) {
    return n.Unsupported(fmt::format("{} distances of elements for rank {}", steps.size(), dims.size()));
  }
  for (size_t k = 0; k < dims.size(); ++k) {
    const int64_t step = steps[k];
    if (step < 1 || step > INT32_MAX) return n.Unsupported(fmt::format("elements {} apart", step));
    if (step == 1 || dims[k] == 0) continue;
    // Each element with its gap behind it as a dim of its own; the last gap is cut off.
    const auto axis = static_cast<int64_t>(k);
    std::vector<int64_t> pads(2 * (dims.size() + 1), 0);
    pads[dims.size() + 1 + k + 1] = step - 1;
    x = n.Emit(ops::kPad, {n.Unsqueeze(x, {axis + 1}), n.I64s(pads), value});
    std::vector<int64_t> joined = n.Dims(x);
    if (!n.ok()) return {};
    const auto whole = CheckedMul(dims[k], step);
    if (!whole) return n.Unsupported(fmt::format("elements {} apart over a dim of {}", step, dims[k]));
    joined[k] = *whole;
    joined.erase(joined.begin() + axis + 1);
    x = n.Slice(n.Reshape(x, joined), axis, 0, *whole - step + 1);
  }
  return x;
}

ValueId UpdatedSlice(OpImport& n, ValueId x, ValueId update, ValueId starts) {
  const std::vector<int64_t> dims = n.Dims(update);
  if (!n.ok() || dims.empty()) return update;
  const ValueId room = n.Sub(n.Emit(ops::kShapeOf, {x}), n.I64s(dims));
  const ValueId first = n.Emit(ops::kMax, {n.Emit(ops::kMin, {starts, room}), n.builder().ScalarI64(0)});
  // The update in the place where it goes, and which elements that is.
  const ValueId pads = n.Emit(ops::kConcat, {first, n.Sub(room, first)}, {{"axis", int64_t{0}}});
  const ValueId all = n.Emit(ops::kExpand, {n.builder().Scalar(DType::kBool, 1), n.I64s(dims)});
  const ValueId here = n.Emit(ops::kPad, {all, pads});
  return n.Emit(ops::kWhere, {here, n.Emit(ops::kPad, {update, pads}), x});
}

bool AreAxes(OpImport& n, std::string_view field, const std::vector<int64_t>& axes, size_t rank) {
  std::vector<bool> seen(rank);
  for (const int64_t a : axes) {
    if (a < 0 || a >= static_cast<int64_t>(rank) || seen[static_cast<size_t>(a)]) {
      n.BadOption(field, fmt::format("{} is no further axis of {}", a, rank));
      return false;
    }
    seen[static_cast<size_t>(a)] = true;
  }
  return n.ok();
}

}  // namespace godwit::from_tflite
