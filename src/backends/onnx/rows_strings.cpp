// Operators on strings.
#include "backends/onnx/emit.h"
#include "ir/convert.h"

namespace godwit::to_onnx {

namespace {

std::vector<std::string> Texts(const Tensor& t) {
  std::vector<std::string> out;
  for (const StringRef s : t.span<StringRef>()) out.push_back(*s);
  return out;
}

Status EmitSplit(NodeExport& n) {
  OnnxAttrs attrs;
  if (const std::string delimiter(n.attrs().Str("delimiter")); !delimiter.empty()) attrs.Set("delimiter", delimiter);
  if (n.attrs().Has("most")) attrs.Set("maxsplit", n.attrs().Int("most"));
  n.EmitAs("StringSplit", n.Ins(), {n.Out(0), n.Out(1)}, attrs);
  return Ok{};
}

Status EmitNormalize(NodeExport& n) {
  const std::string_view change = n.attrs().Str("case", "none");
  OnnxAttrs attrs;
  if (change == "lower") attrs.Set("case_change_action", std::string("LOWER"));
  if (change == "upper") attrs.Set("case_change_action", std::string("UPPER"));
  attrs.SetInt("is_case_sensitive", n.attrs().Int("case_sensitive", 0), 0);
  if (const auto& stops = n.attrs().Strs("stop_words"); !stops.empty()) attrs.Set("stopwords", stops);
  n.Emit("StringNormalizer", n.Ins(), attrs);
  return Ok{};
}

Status EmitRegex(NodeExport& n) {
  n.Emit("RegexFullMatch", n.Ins(), {{"pattern", std::string(n.attrs().Str("pattern"))}});
  return Ok{};
}

Status EmitTfIdf(NodeExport& n) {
  const std::string_view mode = n.attrs().Str("mode");
  OnnxAttrs attrs{{"mode", std::string(mode == "tf"    ? "TF"
                                       : mode == "idf" ? "IDF"
                                                       : "TFIDF")},
                  {"min_gram_length", n.attrs().Int("shortest")},
                  {"max_gram_length", n.attrs().Int("longest")},
                  {"max_skip_count", n.attrs().Int("skips")},
                  {"ngram_counts", n.attrs().Ints("starts")},
                  {"ngram_indexes", n.attrs().Ints("columns")}};
  if (const auto& weights = n.attrs().Floats("weights"); !weights.empty()) attrs.Set("weights", weights);
  const Tensor* pool = n.attrs().TensorOf("pool");
  if (pool == nullptr) return n.LacksForm("TfIdfVectorizer has a pool");
  if (pool->dtype() == DType::kString) {
    attrs.Set("pool_strings", Texts(*pool));
  } else {
    attrs.Set("pool_int64s", ToI64(*pool));
  }
  n.Emit("TfIdfVectorizer", n.Ins(), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kRegexFullMatch, "RegexFullMatch", 20, EmitRegex},
    {&ops::kStringConcat, "StringConcat", 20, EmitSame},
    {&ops::kStringNormalize, "StringNormalizer", 10, EmitNormalize},
    {&ops::kStringSplit, "StringSplit", 20, EmitSplit},
    {&ops::kTfIdf, "TfIdfVectorizer", 9, EmitTfIdf},
};

}  // namespace

extern const RowSet kStringRows{kRows};

}  // namespace godwit::to_onnx
