// A first handful of operators: the pattern for every other table.
#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

Status ImportIdentity(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  n.Out(0, x);
  return Ok{};
}

Status ImportShape(NodeImport& n) {
  TRY(int64_t start, n.Int("start", 0));
  Attrs attrs;
  if (start != 0) attrs.Set("start", start);
  if (n.HasAttr("end")) {
    TRY(int64_t end, n.Int("end"));
    attrs.Set("end", end);
  }
  return n.Same(ops::kShapeOf, std::move(attrs));
}

constexpr Rule kRules[] = {
    {"Identity", 1, ImportIdentity},
    {"Shape", 1, ImportShape},
};

}  // namespace

extern const RuleSet kBasicRules{"", kRules};

}  // namespace godwit::from_onnx
