#include "tools/options.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace godwit::tools {

namespace {

constexpr Option kModelOptions[] = {
    {"--limit", OptionKind::kText, "NAME=VALUE", "raise or lower a safety limit; `godwit list limits` shows them", 0,
     true},
    {"--allow-external", OptionKind::kText, "DIR", "a further folder in which weights may lie", 0, true},
    {"--signature", OptionKind::kText, "NAME", "the entry of a TFLite model that is read; default: the main one"},
    {"--diag", OptionKind::kChoice, "text|json", "how problems are shown"},
    {"--strict", OptionKind::kFlag, "", "warnings count as errors"},
    {"--allow", OptionKind::kText, "ID", "accept this warning", 0, true},
};
constexpr Option kCommonOptions[] = {
    {"--quiet", OptionKind::kFlag, "", "show errors only", 'q'},
    {"--verbose", OptionKind::kFlag, "", "say more: every name of a problem, what each stage did", 'v'},
    {"--color", OptionKind::kChoice, "auto|always|never", "colours in messages; auto: on a terminal", 0, true},
    {"--progress", OptionKind::kChoice, "auto|always|never", "a line for what takes longer than half a second"},
};
constexpr Option kHelp = {"--help", OptionKind::kFlag, "", "this page", 'h'};

template <class F>
const Option* FindOption(const Verb& verb, F&& fits) {
  for (const Option* o : OptionsOf(verb)) {
    if (fits(*o)) return o;
  }
  return nullptr;
}

Diag Wrong(const Verb& verb, std::string what) {
  return Diag(diag::kUsage, std::move(what)).Hint(Concat("godwit ", verb.name, " --help"));
}

Diag UnknownOption(const Verb& verb, std::string_view name) {
  std::vector<std::string_view> names;
  FindOption(verb, [&](const Option& o) {
    names.push_back(o.name);
    return false;
  });
  const std::string_view near = Nearest(name, names);
  Diag d = Wrong(verb, Concat("'", name, "' is not an option of `godwit ", verb.name, "`"));
  if (!near.empty()) d.hint = Concat("did you mean ", near, "? ", d.hint, " lists them");
  return d;
}

Status CheckValue(const Verb& verb, const Option& option, std::string_view value) {
  const std::string shown = Printable(value, 100);
  int64_t whole = 0;
  double number = 0;
  switch (option.kind) {
    case OptionKind::kFlag: break;
    case OptionKind::kText:
      if (value.empty()) return Wrong(verb, Concat(option.name, " needs a value: ", option.value));
      break;
    case OptionKind::kInt:
      if (!ParseInt(value, &whole)) return Wrong(verb, Concat(option.name, ": '", shown, "' is not a whole number"));
      if (whole < option.least || whole > option.most) {
        return Wrong(verb, Concat(option.name, ": ", shown, " is not from ", std::to_string(option.least), " to ",
                                  std::to_string(option.most)));
      }
      break;
    case OptionKind::kNumber:
      if (!ParseDouble(value, &number) || !std::isfinite(number) || number < 0) {
        return Wrong(verb, Concat(option.name, ": '", shown, "' is not a number of zero or more"));
      }
      break;
    case OptionKind::kChoice: {
      const auto words = Split(option.value, '|');
      if (std::find(words.begin(), words.end(), value) != words.end()) break;
      Diag d = Wrong(verb, Concat(option.name, ": '", shown, "' is none of ", option.value));
      if (const std::string_view near = Nearest(value, words); !near.empty()) {
        d.hint = Concat("did you mean ", option.name, "=", near, "?");
      }
      return d;
    }
  }
  return Ok{};
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t kept = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      corner = row[j];
      row[j] = std::min({kept, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

void AppendOptions(const std::vector<const Option*>& options, std::string* out) {
  for (const Option* o : options) {
    std::string left = o->letter != 0 ? Concat("-", std::string(1, o->letter), ", ", o->name) : Concat("    ", o->name);
    if (!o->value.empty()) left += Concat(" ", o->value);
    const size_t wide = 34;
    *out += Concat("  ", left, left.size() < wide ? std::string(wide - left.size(), ' ') : " ", o->help,
                   o->repeated ? " (may be repeated)\n" : "\n");
  }
}

}  // namespace

std::span<const Option> ModelOptions() { return kModelOptions; }
std::span<const Option> CommonOptions() { return kCommonOptions; }

std::vector<const Option*> OptionsOf(const Verb& verb) {
  std::vector<const Option*> out;
  // A verb may say in its own words what a common option does there.
  const auto add = [&](std::span<const Option> options) {
    for (const Option& o : options) {
      const bool known = std::any_of(out.begin(), out.end(), [&](const Option* p) { return p->name == o.name; });
      if (!known) out.push_back(&o);
    }
  };
  add(verb.options);
  if (verb.reads_models) add(kModelOptions);
  add(kCommonOptions);
  add({&kHelp, 1});
  return out;
}

std::vector<std::string_view> ChoicesOf(const Verb& verb) {
  const std::string_view first = verb.use.substr(0, verb.use.find(' '));
  if (first.find('|') == std::string_view::npos || first.starts_with('[') || first.starts_with('-')) return {};
  return Split(first, '|');
}

Status Args::Take(const Verb& verb, const Option& option, std::string_view given) {
  RETURN_IF_ERROR(CheckValue(verb, option, given));
  auto& values = values_[option.name];
  if (!values.empty() && !option.repeated && option.kind != OptionKind::kFlag) {
    return Wrong(verb, Concat(option.name, " is given twice"));
  }
  values.emplace_back(given);
  return Ok{};
}

Result<Args> Args::Parse(const Verb& verb, std::span<char*> words) {
  Args args;
  bool only_words = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (only_words || word.size() < 2 || word[0] != '-') {
      if (word.empty()) return Wrong(verb, Concat("an empty ", verb.word.empty() ? "word" : verb.word, " is given"));
      args.words_.emplace_back(word);
      continue;
    }
    if (word == "--") {
      only_words = true;
      continue;
    }
    const bool is_long = word.starts_with("--");
    const size_t end = is_long ? word.find('=') : std::min<size_t>(2, word.size());
    const std::string_view name = word.substr(0, end);
    const Option* option = FindOption(
        verb, [&](const Option& o) { return is_long ? o.name == name : o.letter != 0 && o.letter == name[1]; });
    if (option == nullptr) return UnknownOption(verb, name);
    if (option == &kHelp) {
      args.help_ = true;
      return args;
    }
    const bool attached = end != std::string_view::npos && end < word.size();
    if (option->kind == OptionKind::kFlag) {
      if (attached) return Wrong(verb, Concat(option->name, " takes no value"));
      RETURN_IF_ERROR(args.Take(verb, *option, {}));
    } else if (attached) {
      RETURN_IF_ERROR(args.Take(verb, *option, word.substr(end + (is_long ? 1 : 0))));
    } else if (i + 1 < words.size()) {
      RETURN_IF_ERROR(args.Take(verb, *option, words[++i]));
    } else {
      return Wrong(verb, Concat(option->name, " needs a value: ", option->value));
    }
  }
  if (args.words_.size() < verb.least_words) {
    return Wrong(verb, Concat("`godwit ", verb.name, "` needs ", verb.word));
  }
  if (args.words_.size() > verb.most_words) {
    return Wrong(verb, Concat("'", Printable(args.words_[verb.most_words], 200), "' is one word too many"));
  }
  return args;
}

const std::vector<std::string>& Args::All(std::string_view option) const {
  static const std::vector<std::string> kNone;
  const auto it = values_.find(option);
  return it == values_.end() ? kNone : it->second;
}
std::string Args::Text(std::string_view option, std::string_view fallback) const {
  const auto& all = All(option);
  return all.empty() ? std::string(fallback) : all.back();
}
int64_t Args::Int(std::string_view option, int64_t fallback) const {
  int64_t value = fallback;
  return Has(option) && ParseInt(All(option).back(), &value) ? value : fallback;
}
double Args::Number(std::string_view option, double fallback) const {
  double value = fallback;
  return Has(option) && ParseDouble(All(option).back(), &value) ? value : fallback;
}

std::string HelpText(const Verb& verb) {
  std::string out = Concat("usage: godwit ", verb.name, verb.use.empty() ? "" : " ", verb.use, "\n", verb.summary,
                           "\n\nexample: ", verb.example, "\n\noptions:\n");
  AppendOptions(OptionsOf(verb), &out);
  return out;
}

std::string_view Nearest(std::string_view word, std::span<const std::string_view> words) {
  std::string_view best;
  if (word.size() > 64) return best;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : words) {
    const size_t distance = candidate.starts_with(word) && word.size() >= 3 ? 1 : EditDistance(word, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace godwit::tools
