// The command line as tables: a verb is a row with its options, and the parser, `--help`, the generated command page
// and shell completion all come from it. Wrong use is one diagnostic that names the nearest right spelling.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace godwit::tools {

enum class OptionKind : uint8_t {
  kFlag,    ///< takes no value
  kText,    ///< any text that is not empty
  kInt,     ///< a whole number from `least` to `most`
  kNumber,  ///< a finite number, zero or more
  kChoice,  ///< one of the words of `value`, split at '|'
};

struct Option {
  std::string_view name;  ///< "--sample"
  OptionKind kind = OptionKind::kFlag;
  std::string_view value;  ///< what stands for the value in help: "NAME=FILE"
  std::string_view help;
  char letter = 0;  ///< 'o' for -o
  bool repeated = false;
  int64_t least = 0;
  int64_t most = INT64_MAX;
};

class Args;

struct Verb {
  std::string_view name;
  std::string_view summary;  ///< one sentence, shown in the list of verbs and as the second line of help
  std::string_view use;      ///< what follows the verb: "FILE [-o OUT.npz]"
  std::string_view example;  ///< a whole command that works in a checkout
  std::span<const Option> options;
  bool reads_models = true;  ///< whether it takes kModelOptions as well
  size_t least_words = 0;    ///< how many words (files) it takes
  size_t most_words = SIZE_MAX;
  std::string_view word;  ///< what a word is: "FILE"
  int (*run)(const Args& args) = nullptr;
};

/// What every verb that reads models takes: limits, and which problems count.
std::span<const Option> ModelOptions();
/// What every verb takes: how much is said, and how.
std::span<const Option> CommonOptions();
/// All that a verb takes, its own first, --help last.
std::vector<const Option*> OptionsOf(const Verb& verb);
/// The words that may follow the verb where they are few: those of a `use` that starts with "a|b|c".
std::vector<std::string_view> ChoicesOf(const Verb& verb);

/// A command line that fits its verb.
class Args {
 public:
  static Result<Args> Parse(const Verb& verb, std::span<char*> words);

  [[nodiscard]] bool Has(std::string_view option) const { return values_.contains(option); }
  /// The last one given, else the fallback.
  [[nodiscard]] std::string Text(std::string_view option, std::string_view fallback = {}) const;
  [[nodiscard]] int64_t Int(std::string_view option, int64_t fallback) const;
  [[nodiscard]] double Number(std::string_view option, double fallback) const;
  /// All that were given, in order.
  [[nodiscard]] const std::vector<std::string>& All(std::string_view option) const;
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }
  [[nodiscard]] bool wants_help() const { return help_; }

 private:
  Status Take(const Verb& verb, const Option& option, std::string_view given);
  std::map<std::string_view, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> words_;
  bool help_ = false;
};

/// Two lines of use, an example, the options.
std::string HelpText(const Verb& verb);
/// The word of `words` that `word` was most likely meant to be, "" when none is near.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> words);

}  // namespace godwit::tools
