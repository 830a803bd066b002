// Poolings, channels last.
#include <fmt/format.h>

#include "frontends/tflite/window_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

Attrs PoolWindow(OpImport& n) {
  Attrs attrs = Window2d(n, false);
  const int64_t h = n.Int("filter_height"), w = n.Int("filter_width");
  if (h < 1 || w < 1) n.BadOption("filter_height", fmt::format("a window of {} x {}", h, w));
  attrs.Set("kernel", std::vector<int64_t>{h, w});
  return attrs;
}

void ImportMaxPool(OpImport& n) {
  Attrs attrs = PoolWindow(n);
  n.Out(0, n.ActivateStored(n.Emit(ops::kMaxPool, {n.In(0)}, std::move(attrs))));
}

void ImportAveragePool(OpImport& n) {
  Attrs attrs = PoolWindow(n);
  n.Out(0, n.Activate(n.Emit(ops::kAvgPool, {n.In(0)}, std::move(attrs))));
}

// The root of the mean square of what lies inside.
void ImportL2Pool(OpImport& n) {
  Attrs attrs = PoolWindow(n);
  const ValueId x = n.In(0);
  const ValueId mean = n.Emit(ops::kAvgPool, {n.Mul(x, x)}, std::move(attrs));
  n.Out(0, n.Activate(n.Emit(ops::kSqrt, {mean})));
}

constexpr Rule kRules[] = {
    {B::kAveragePool2d, Numbers::kReal, ImportAveragePool},
    {B::kL2Pool2d, Numbers::kReal, ImportL2Pool},
    {B::kMaxPool2d, Numbers::kStored, ImportMaxPool},
};

}  // namespace

extern const RuleSet kPoolRules{kRules};

}  // namespace godwit::from_tflite
