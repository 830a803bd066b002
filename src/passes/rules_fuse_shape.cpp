#include "passes/rules_fuse_shape.h"

#include "ops/ops.h"

namespace godwit::fuse {

Result<std::optional<ValueId>> ReshapeTo(RewriteCtx& ctx, ValueId x, const Shape& shape) {
  if (!ctx.Ranked(x)) return std::optional<ValueId>();
  const Shape& from = ctx.ShapeOf(x);
  if (from == shape) return std::optional(x);
  std::vector<int64_t> dims;
  bool hole = false;
  for (size_t k = 0; k < shape.size(); ++k) {
    if (shape[k].is_static() && shape[k].value() != 0) {
      dims.push_back(shape[k].value());
    } else if (k < from.size() && from[k] == shape[k]) {
      dims.push_back(0);
    } else if (!hole) {
      dims.push_back(-1);
      hole = true;
    } else {
      return std::optional<ValueId>();
    }
  }
  TRY(const ValueId y, ctx.Emit(ops::kReshape, {x, ctx.I64s(dims)}));
  return std::optional(y);
}

Result<bool> ReplaceAll(RewriteCtx& ctx, const std::vector<ValueId>& from, const std::vector<ValueId>& to) {
  for (size_t i = 0; i < from.size(); ++i) {
    if (!Meet(ctx.TypeOf(from[i]), ctx.TypeOf(to[i]))) return false;
  }
  for (size_t i = 0; i < from.size(); ++i) RETURN_IF_ERROR(ctx.editor().ReplaceValue(from[i], to[i]));
  return true;
}

}  // namespace godwit::fuse
