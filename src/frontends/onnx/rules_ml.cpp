// ai.onnx.ml: what turns features into other features. Models are in linear_import.cpp and tree_import.cpp.
#include <cmath>

#include "frontends/onnx/calc.h"
#include "frontends/onnx/elementwise_import.h"
#include "frontends/onnx/ml_import.h"
#include "ir/convert.h"

namespace godwit::from_onnx {

namespace {

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
  if (!texts.empty()) return TextTensor(texts, Count(texts.size()));
  TRY(const std::vector<int64_t> wholes, n.Ints(name + "_int64s"));
  if (!wholes.empty()) return Tensor::I64(Count(wholes.size()), wholes);
  TRY(const std::vector<double> reals, n.Floats(name + "_floats"));
  if (!reals.empty()) return FloatTensor(reals, Count(reals.size()));
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
    fallback = values.dtype() == DType::kString ? TextTensor(text, {}) : Tensor(values.dtype(), {});
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
  const Tensor names = TextTensor(texts, Count(texts.size()));
  const Tensor ids = Tensor::I64(Count(numbers.size()), numbers);
  if (n.DtypeOf(x) == DType::kString) {
    return n.Same(ops::kLabelEncode, {{"keys", names}, {"values", ids}, {"fallback", Tensor::I64({1}, {whole})}});
  }
  return n.Same(ops::kLabelEncode, {{"keys", ids}, {"values", names}, {"fallback", TextTensor({*text}, {1})}});
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
    return c.Cast(n.Constant(FloatTensor(values, values.size() == 1 ? Dims{} : Count(values.size()))), wide);
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
      n.Constant(reals.empty() ? Tensor::I64(Count(wholes.size()), wholes) : FloatTensor(reals, Count(reals.size()))),
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
      n.Constant(text ? TextTensor(texts, Count(texts.size())) : Tensor::I64(Count(numbers.size()), numbers));
  Calc c(n);
  TRY(const ValueId column, AppendOnes(n, text ? x : c.Cast(x, DType::kI64), 1));
  n.Out(0, c.Cast(c.Op(ops::kEqual, {column, cats}), DType::kF32));
  return c.status();
}

// Columns of the last axis; a vector counts as one row.
Status ImportArrayFeatureExtractor(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId picks, n.In(1));
  TRY(const int rank, n.Rank(x));
  Calc c(n);
  if (rank == 1) x = c.Op(ops::kReshape, {x, n.I64s({1, -1})});
  const ValueId flat = c.Op(ops::kReshape, {picks, n.I64s({-1})});
  n.Out(0, c.Op(ops::kGather, {x, flat}, {{"axis", int64_t{-1}}}));
  return c.status();
}

Status ImportNormalizer(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  auto norm = n.Str("norm", "MAX");
  if (!norm.ok()) return norm.TakeDiag();
  if (*norm != "MAX" && *norm != "L1" && *norm != "L2") return n.BadValue("norm", *norm);
  Calc c(n);
  x = c.Cast(x, n.DtypeOf(x) == DType::kF64 ? DType::kF64 : DType::kF32);
  const ValueId total = c.Op(ops::kReduce, {x, n.I64s({-1})},
                             {{"mode", std::string(*norm == "MAX"  ? "max"
                                                   : *norm == "L1" ? "l1"
                                                                   : "l2")}});
  // Rows of zeros stay zeros.
  const ValueId divisor = c.Op(ops::kWhere, {c.Op(ops::kEqual, {total, c.Number(x, 0)}), c.Number(x, 1), total});
  n.Out(0, c.Cast(c.Div(x, divisor), DType::kF32));
  return c.status();
}

// Each operand as floats, one after the other.
Status ImportFeatureVectorizer(NodeImport& n) {
  n.Ignore("inputdimensions");  // the operands' own shapes say it
  Calc c(n);
  std::vector<ValueId> parts;
  for (size_t i = 0; i < n.n_in(); ++i) parts.push_back(c.Cast(c.In(i), DType::kF32));
  n.Out(0, c.Op(ops::kConcat, std::move(parts), {{"axis", int64_t{-1}}}));
  return c.status();
}

Status ImportZipMap(NodeImport& n) {
  TRY(Tensor keys, ClassLabels(n, "classlabels_int64s", "classlabels_strings"));
  return n.Same(ops::kZipMap, {{"keys", std::move(keys)}});
}

constexpr Rule kRules[] = {
    {"ArrayFeatureExtractor", 1, ImportArrayFeatureExtractor},
    {"Binarizer", 1, ImportBinarizer},
    {"CastMap", 1, nullptr, "maps as inputs are not supported"},
    {"CategoryMapper", 1, ImportCategoryMapper},
    {"DictVectorizer", 1, nullptr, "maps as inputs are not supported"},
    {"FeatureVectorizer", 1, ImportFeatureVectorizer},
    {"Imputer", 1, ImportImputer},
    {"LabelEncoder", 1, ImportLabelEncoder1},
    {"LabelEncoder", 2, ImportLabelEncoder},
    {"LinearClassifier", 1, ImportLinearClassifier},
    {"LinearRegressor", 1, ImportLinearRegressor},
    {"Normalizer", 1, ImportNormalizer},
    {"OneHotEncoder", 1, ImportOneHotEncoder},
    {"SVMClassifier", 1, nullptr, "votes between the pairs of a support vector classifier are not supported"},
    {"SVMRegressor", 1, ImportSvmRegressor},
    {"Scaler", 1, ImportScaler},
    {"TreeEnsemble", 5, ImportTreeEnsemble},
    {"TreeEnsembleClassifier", 1, ImportTreeEnsembleClassifier},
    {"TreeEnsembleRegressor", 1, ImportTreeEnsembleRegressor},
    {"ZipMap", 1, ImportZipMap},
};

}  // namespace

extern const RuleSet kMlRules{"ai.onnx.ml", kRules};

}  // namespace godwit::from_onnx
