#include "frontends/onnx/ml_import.h"

#include <fmt/format.h>

#include <limits>

namespace godwit::from_onnx {

Tensor TextTensor(const std::vector<std::string>& texts, Dims dims) {
  Tensor t(DType::kString, std::move(dims));
  for (size_t i = 0; i < texts.size(); ++i) t.mutable_data<StringRef>()[i] = Intern(texts[i]);
  return t;
}

Tensor FloatTensor(const std::vector<double>& values, Dims dims) {
  return Tensor::F32(std::move(dims), std::vector<float>(values.begin(), values.end()));
}

Result<ValueId> PostTransform(NodeImport& n, ValueId scores, std::string_view how) {
  if (how == "NONE") return scores;
  if (how == "LOGISTIC") return n.Emit(ops::kSigmoid, {scores});
  if (how == "SOFTMAX") return n.Emit(ops::kSoftmax, {scores}, {{"axis", int64_t{-1}}});
  if (how == "SOFTMAX_ZERO") {
    // Scores that are zero stay so and take no part.
    Calc c(n);
    const ValueId zero = c.Number(scores, 0);
    const ValueId is_zero = c.Op(ops::kEqual, {scores, zero});
    const ValueId least = c.Number(scores, -std::numeric_limits<double>::infinity());
    const ValueId y = c.Op(ops::kSoftmax, {c.Op(ops::kWhere, {is_zero, least, scores})}, {{"axis", int64_t{-1}}});
    const ValueId result = c.Op(ops::kWhere, {is_zero, zero, y});
    RETURN_IF_ERROR(c.status());
    return result;
  }
  return n.Unsupported(fmt::format("post_transform {} is not supported", how));
}

Result<Tensor> ClassLabels(NodeImport& n, const char* ints, const char* strings) {
  TRY(const std::vector<int64_t> numbers, n.Ints(ints));
  TRY(const std::vector<std::string> texts, n.Strs(strings));
  if (!texts.empty()) return TextTensor(texts, {static_cast<int64_t>(texts.size())});
  if (!numbers.empty()) return Tensor::I64({static_cast<int64_t>(numbers.size())}, numbers);
  return n.BadValue(ints, "no class labels");
}

ValueId BestLabel(NodeImport& n, Calc& c, ValueId scores, const Tensor& labels) {
  const ValueId best =
      c.Op(ops::kArgReduce, {scores}, {{"mode", std::string("max")}, {"axis", int64_t{1}}, {"keep_dims", int64_t{0}}});
  return c.Op(ops::kGather, {n.Constant(labels), best}, {{"axis", int64_t{0}}});
}

}  // namespace godwit::from_onnx
