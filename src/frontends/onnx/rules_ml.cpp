// ai.onnx.ml: what turns features into other features, and linear models. Trees are in rules_trees.cpp.
#include <cmath>

#include "frontends/onnx/calc.h"
#include "frontends/onnx/elementwise_import.h"
#include "frontends/onnx/ml_import.h"
#include "ir/convert.h"

namespace godwit::from_onnx {

namespace {

Tensor Texts(const std::vector<std::string>& texts, Dims dims) {
  Tensor t(DType::kString, std::move(dims));
  for (size_t i = 0; i < texts.size(); ++i) t.mutable_data<StringRef>()[i] = Intern(texts[i]);
  return t;
}
Tensor Singles(const std::vector<double>& values, Dims dims) {
  return Tensor::F32(std::move(dims), std::vector<float>(values.begin(), values.end()));
}
Dims Count(size_t n) { return {static_cast<int64_t>(n)}; }

Status ImportBinarizer(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const double threshold, n.Float("threshold", 0));
  Calc c(n);
  n.Out(0, c.Cast(c.Op(ops::kLess, {c.Number(x, threshold), x}), n.DtypeOf(x)));
  return c.status();
}

// The keys or the values of a LabelEncoder: one of `NAME_floats`, `NAME_int64s`, `NAME_strings`, `NAME_tensor`.
Result<Tensor> Column(NodeImport& n, const std::string& name) {
  if (n.HasAttr(name + "_tensor")) return n.TensorAttr(name + "_tensor");
  TRY(const std::vector<std::string> texts, n.Strs(name + "_strings"));
  if (!texts.empty()) return Texts(texts, Count(texts.size()));
  TRY(const std::vector<int64_t> wholes, n.Ints(name + "_int64s"));
  if (!wholes.empty()) return Tensor::I64(Count(wholes.size()), wholes);
  TRY(const std::vector<double> reals, n.Floats(name + "_floats"));
  if (!reals.empty()) return Singles(reals, Count(reals.size()));
  return Diag(diag::kOnnxAttrMissing, "one of " + name + "_tensor, _strings, _int64s and _floats must be given");
}

Status ImportLabelEncoder(NodeImport& n) {
  TRY(Tensor keys, Column(n, "keys"));
  TRY(Tensor values, Column(n, "values"));
  TRY(const std::vector<std::string> text, [&]() -> Result<std::vector<std::string>> {
    TRY(std::string s, n.Str("default_string", "_Unused"));
    return std::vector<std::string>{std::move(s)};
  }());
  TRY(const int64_t whole, n.Int("default_int64", -1));
  TRY(const double real, n.Float("default_float", -0.0));
  TRY(Tensor fallback, n.TensorAttr("default_tensor"));
  if (!fallback.valid()) {
    fallback = values.dtype() == DType::kString ? Texts(text, {}) : Tensor(values.dtype(), {});
    if (values.dtype() == DType::kF32 || values.dtype() == DType::kF64) {
      StoreF64(values.dtype(), real, fallback.mutable_raw());
    } else if (values.dtype() != DType::kString) {
      StoreI64(values.dtype(), whole, fallback.mutable_raw());
    }
  }
  return n.Same(ops::kLabelEncode, {{"keys", keys}, {"values", values}, {"fallback", fallback.Reshaped({1})}});
}

// The first version: strings to their index in the list, or back.
Status EncodeByIndex(NodeImport& n, const std::vector<std::string>& texts, const std::vector<int64_t>& numbers) {
  TRY(ValueId x, n.In(0));
  TRY(const int64_t whole, n.Int("default_int64", -1));
  auto text = n.Str("default_string", "_Unused");
  if (!text.ok()) return text.TakeDiag();
  const Tensor names = Texts(texts, Count(texts.size()));
  const Tensor ids = Tensor::I64(Count(numbers.size()), numbers);
  if (n.DtypeOf(x) == DType::kString) {
    return n.Same(ops::kLabelEncode, {{"keys", names}, {"values", ids}, {"fallback", Tensor::I64({1}, {whole})}});
  }
  return n.Same(ops::kLabelEncode, {{"keys", ids}, {"values", names}, {"fallback", Texts({*text}, {1})}});
}

Status ImportLabelEncoder1(NodeImport& n) {
  TRY(const std::vector<std::string> texts, n.Strs("classes_strings"));
  std::vector<int64_t> numbers(texts.size());
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int64_t>(i);
  return EncodeByIndex(n, texts, numbers);
}

Status ImportCategoryMapper(NodeImport& n) {
  TRY(const std::vector<std::string> texts, n.Strs("cats_strings"));
  TRY(const std::vector<int64_t> numbers, n.Ints("cats_int64s"));
  if (texts.size() != numbers.size()) return n.BadValue("cats_strings", "not as many as cats_int64s");
  return EncodeByIndex(n, texts, numbers);
}

Status ImportScaler(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const std::vector<double> offset, n.Floats("offset"));
  TRY(const std::vector<double> scale, n.Floats("scale"));
  // Integers and doubles keep their digits until the end.
  const DType wide = n.DtypeOf(x) == DType::kF32 ? DType::kF32 : DType::kF64;
  Calc c(n);
  ValueId y = c.Cast(x, wide);
  const auto constant = [&](const std::vector<double>& values) {
    return c.Cast(n.Constant(Singles(values, values.size() == 1 ? Dims{} : Count(values.size()))), wide);
  };
  if (!offset.empty()) y = c.Sub(y, constant(offset));
  if (!scale.empty()) y = c.Mul(y, constant(scale));
  n.Out(0, c.Cast(y, DType::kF32));
  return c.status();
}

Status ImportImputer(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const std::vector<double> reals, n.Floats("imputed_value_floats"));
  TRY(const std::vector<int64_t> wholes, n.Ints("imputed_value_int64s"));
  TRY(const double missing, n.Float("replaced_value_float", 0));
  TRY(const int64_t missing_whole, n.Int("replaced_value_int64", 0));
  const DType dtype = n.DtypeOf(x);
  if (reals.empty() && wholes.empty()) return n.BadValue("imputed_value_floats", "no values to put in are given");
  Calc c(n);
  const ValueId values = c.Cast(
      n.Constant(reals.empty() ? Tensor::I64(Count(wholes.size()), wholes) : Singles(reals, Count(reals.size()))),
      dtype);
  ValueId is_missing;
  if (IsFloat(dtype) && std::isnan(missing) && !reals.empty()) {
    is_missing = c.Op(ops::kIsNan, {x});
  } else {
    const double gap = reals.empty() ? static_cast<double>(missing_whole) : missing;
    is_missing = c.Op(ops::kEqual, {x, c.Number(x, gap)});
  }
  n.Out(0, c.Op(ops::kWhere, {is_missing, values, x}));
  return c.status();
}

// A last axis is added, 1 where the element is that category.
Status ImportOneHotEncoder(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const std::vector<std::string> texts, n.Strs("cats_strings"));
  TRY(const std::vector<int64_t> numbers, n.Ints("cats_int64s"));
  n.Ignore("zeros");  // 0 asks for an error where no category fits; the row of zeros tells the same
  const bool text = n.DtypeOf(x) == DType::kString;
  if (text ? texts.empty() : numbers.empty()) return n.BadValue("cats_int64s", "no categories of the input's type");
  const ValueId cats =
      n.Constant(text ? Texts(texts, Count(texts.size())) : Tensor::I64(Count(numbers.size()), numbers));
  Calc c(n);
  TRY(const ValueId column, AppendOnes(n, text ? x : c.Cast(x, DType::kI64), 1));
  n.Out(0, c.Cast(c.Op(ops::kEqual, {column, cats}), DType::kF32));
  return c.status();
}

constexpr Rule kRules[] = {
    {"Binarizer", 1, ImportBinarizer},
    {"CastMap", 1, nullptr, "maps as inputs are not supported"},
    {"CategoryMapper", 1, ImportCategoryMapper},
    {"DictVectorizer", 1, nullptr, "maps as inputs are not supported"},
    {"Imputer", 1, ImportImputer},
    {"LabelEncoder", 1, ImportLabelEncoder1},
    {"LabelEncoder", 2, ImportLabelEncoder},
    {"OneHotEncoder", 1, ImportOneHotEncoder},
    {"SVMClassifier", 1, nullptr, "support vector machines are not supported"},
    {"SVMRegressor", 1, nullptr, "support vector machines are not supported"},
    {"Scaler", 1, ImportScaler},
    {"TreeEnsemble", 5, ImportTreeEnsemble},
    {"TreeEnsembleRegressor", 1, ImportTreeEnsembleRegressor},
};

}  // namespace

extern const RuleSet kMlRules{"ai.onnx.ml", kRules};

}  // namespace godwit::from_onnx
