// Tensors that a node states or makes from a few numbers: Constant, Range, EyeLike.
#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

Status ImportConstant(NodeImport& n) {
  if (n.HasAttr("value")) {
    TRY(godwit::Constant value, n.ConstantAttr("value"));
    n.Out(0, n.builder().graph().AddConstant(std::move(value)));
    return Ok{};
  }
  Tensor value;
  if (n.HasAttr("sparse_value")) {
    TRY(value, n.TensorAttr("sparse_value"));
  } else if (n.HasAttr("value_float")) {
    TRY(const double v, n.Float("value_float"));
    value = Tensor::F32({}, {static_cast<float>(v)});
  } else if (n.HasAttr("value_floats")) {
    TRY(const std::vector<double> v, n.Floats("value_floats"));
    value = Tensor::F32({static_cast<int64_t>(v.size())}, std::vector<float>(v.begin(), v.end()));
  } else if (n.HasAttr("value_int")) {
    TRY(const int64_t v, n.Int("value_int"));
    value = Tensor::ScalarI64(v);
  } else if (n.HasAttr("value_ints")) {
    TRY(const std::vector<int64_t> v, n.Ints("value_ints"));
    value = Tensor::I64({static_cast<int64_t>(v.size())}, v);
  } else if (n.HasAttr("value_string") || n.HasAttr("value_strings")) {
    const bool single = n.HasAttr("value_string");
    std::vector<std::string> texts;
    if (single) {
      TRY(std::string text, n.Str("value_string"));
      texts.push_back(std::move(text));
    } else {
      TRY(texts, n.Strs("value_strings"));
    }
    value = Tensor(DType::kString, single ? Dims{} : Dims{static_cast<int64_t>(texts.size())});
    for (size_t i = 0; i < texts.size(); ++i) value.mutable_data<StringRef>()[i] = Intern(texts[i]);
  }
  if (!value.valid()) return Diag(diag::kOnnxAttrMissing, "the Constant states no value");
  n.Out(0, n.Constant(std::move(value)));
  return Ok{};
}

Status ImportRange(NodeImport& n) {
  n.Ignore("stash_type");  // sums are exact to the last bit without it
  return n.Same(ops::kRange);
}

Status ImportEyeLike(NodeImport& n) {
  TRY(ValueId like, n.In(0));
  TRY(DType dtype, n.DtypeAttr("dtype", n.DtypeOf(like)));
  if (dtype == DType::kNone) return n.Unsupported("the element type of its input is not known");
  TRY(const int64_t k, n.Int("k", 0));
  TRY(ValueId shape, n.Emit(ops::kShapeOf, {like}));
  TRY(ValueId y, n.Emit(ops::kEye, {shape}, {{"dtype", dtype}, {"k", k}}));
  n.Out(0, y);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"Constant", 1, ImportConstant},
    {"EyeLike", 9, ImportEyeLike},
    {"Range", 11, ImportRange},
};

}  // namespace

extern const RuleSet kConstantRules{"", kRules};

}  // namespace godwit::from_onnx
