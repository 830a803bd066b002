// Operators on strings.
#include <fmt/format.h>

#include "base/regex.h"
#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

using Ints = std::vector<int64_t>;

Status ImportStringConcat(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  RETURN_IF_ERROR(n.In(1));
  return n.Same(ops::kStringConcat);
}

Status ImportStringSplit(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(std::string delimiter, n.Str("delimiter", ""));
  Attrs attrs{{"delimiter", delimiter}};
  if (n.HasAttr("maxsplit")) {
    TRY(int64_t most, n.Int("maxsplit"));
    attrs.Set("most", most);
  }
  return n.Same(ops::kStringSplit, std::move(attrs));
}

Status ImportStringNormalizer(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(std::string action, n.Str("case_change_action", "NONE"));
  TRY(int64_t exact, n.Int("is_case_sensitive", 0));
  TRY(std::vector<std::string> stops, n.Strs("stopwords"));
  n.Ignore("locale");  // case maps by Unicode's simple mapping, the same everywhere
  const char* how = action == "NONE" ? "none" : action == "LOWER" ? "lower" : action == "UPPER" ? "upper" : nullptr;
  if (how == nullptr) return n.BadValue("case_change_action", action);
  Attrs attrs{{"case", std::string(how)}, {"case_sensitive", exact}};
  if (!stops.empty()) attrs.Set("stop_words", std::move(stops));
  return n.Same(ops::kStringNormalize, std::move(attrs));
}

Status ImportRegexFullMatch(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(std::string pattern, n.Str("pattern"));
  std::string error;
  if (!Regex::Compile(pattern, &error)) return n.BadValue("pattern", error);
  return n.Same(ops::kRegexFullMatch, {{"pattern", pattern}});
}

Status ImportTfIdfVectorizer(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(std::string mode, n.Str("mode"));
  const char* ours = mode == "TF" ? "tf" : mode == "IDF" ? "idf" : mode == "TFIDF" ? "tfidf" : nullptr;
  if (ours == nullptr) return n.BadValue("mode", mode);
  TRY(int64_t shortest, n.Int("min_gram_length"));
  TRY(int64_t longest, n.Int("max_gram_length"));
  TRY(int64_t skips, n.Int("max_skip_count"));
  TRY(Ints starts, n.Ints("ngram_counts"));
  TRY(Ints columns, n.Ints("ngram_indexes"));
  TRY(std::vector<double> weights, n.Floats("weights"));
  TRY(Ints numbers, n.Ints("pool_int64s"));
  TRY(std::vector<std::string> words, n.Strs("pool_strings"));
  if (numbers.empty() == words.empty()) return n.BadValue("pool_strings", "exactly one of the pools must be given");
  Tensor pool = Tensor::I64({static_cast<int64_t>(numbers.size())}, numbers);
  if (!words.empty()) {
    std::vector<StringRef> texts;
    for (const std::string& word : words) texts.push_back(Intern(word));
    pool = Tensor::Of<StringRef>(DType::kString, {static_cast<int64_t>(texts.size())}, texts);
  }
  Attrs attrs{
      {"mode", std::string(ours)},   {"shortest", shortest},          {"longest", longest},     {"skips", skips},
      {"starts", std::move(starts)}, {"columns", std::move(columns)}, {"pool", std::move(pool)}};
  if (!weights.empty()) attrs.Set("weights", std::move(weights));
  return n.Same(ops::kTfIdf, std::move(attrs));
}

constexpr Rule kRules[] = {
    {"RegexFullMatch", 20, ImportRegexFullMatch},     {"StringConcat", 20, ImportStringConcat},
    {"StringNormalizer", 10, ImportStringNormalizer}, {"StringSplit", 20, ImportStringSplit},
    {"TfIdfVectorizer", 9, ImportTfIdfVectorizer},
};

}  // namespace

extern const RuleSet kStringRules{"", kRules};

}  // namespace godwit::from_onnx
