// Losses.
#include <fmt/format.h>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

Result<Attrs> ReadLoss(NodeImport& n) {
  Attrs attrs;
  TRY(std::string reduction, n.Str("reduction", "mean"));
  if (reduction != "mean" && reduction != "sum" && reduction != "none")
    return n.BadValue("reduction", fmt::format("'{}' is not none, mean or sum", reduction));
  if (reduction != "mean") attrs.Set("reduction", std::move(reduction));
  if (n.HasAttr("ignore_index")) {
    TRY(const int64_t index, n.Int("ignore_index"));
    attrs.Set("ignore_index", index);
  }
  return attrs;
}

Status ImportNll(NodeImport& n) {
  TRY(Attrs attrs, ReadLoss(n));
  return n.Same(ops::kNllLoss, std::move(attrs));
}

Status ImportSoftmaxCrossEntropy(NodeImport& n) {
  TRY(Attrs attrs, ReadLoss(n));
  TRY(ValueId scores, n.In(0));
  TRY(ValueId labels, n.In(1));
  TRY(ValueId log, n.Emit(ops::kSoftmax, {scores}, {{"axis", int64_t{1}}, {"mode", "log"}}));
  TRY(ValueId loss, n.Emit(ops::kNllLoss, {log, labels, n.InOrNone(2)}, std::move(attrs)));
  n.Out(0, loss);
  n.Out(1, log);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"NegativeLogLikelihoodLoss", 12, ImportNll},
    {"SoftmaxCrossEntropyLoss", 12, ImportSoftmaxCrossEntropy},
};

}  // namespace

extern const RuleSet kLossRules{"", kRules};

}  // namespace godwit::from_onnx
