#include "tools/recipe_file.h"

#include <algorithm>
#include <set>

#include "base/mapped_file.h"
#include "base/text.h"
#include "base/toml.h"

namespace godwit::tools {

namespace {

constexpr std::string_view kInputs = "inputs";  // the words, in a recipe

const Option* FindLong(const Verb& verb, std::string_view name) {
  for (const Option* o : OptionsOf(verb)) {
    if (o->name.substr(2) == name) return o;
  }
  return nullptr;
}

// What the command line says itself, and the recipe that it names.
struct Given {
  std::set<std::string, std::less<>> options;
  std::string recipe;
  bool words = false;
};
Given Survey(const Verb& verb, std::span<char*> words) {
  Given out;
  const std::vector<const Option*> options = OptionsOf(verb);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.size() < 2 || word[0] != '-') {
      out.words = true;
      continue;
    }
    const bool is_long = word.starts_with("--");
    const size_t end = is_long ? word.find('=') : 2;
    const auto at = std::find_if(options.begin(), options.end(), [&](const Option* o) {
      return is_long ? o->name == word.substr(0, end) : o->letter != 0 && o->letter == word[1];
    });
    if (at == options.end()) continue;  // the parser says so
    out.options.insert(std::string((*at)->name.substr(2)));
    if ((*at)->kind == OptionKind::kFlag) continue;
    std::string_view value;
    if (end != std::string_view::npos && end < word.size()) {
      value = word.substr(end + (is_long ? 1 : 0));
    } else if (i + 1 < words.size()) {
      value = words[++i];
    }
    if ((*at)->name == kRecipeOption.name) out.recipe = value;
  }
  return out;
}

Result<std::string> AsWord(const TomlEntry& entry, const TomlValue& value) {
  switch (value.kind) {
    case TomlValue::Kind::kText: return value.text;
    case TomlValue::Kind::kInt: return std::to_string(value.integer);
    case TomlValue::Kind::kNumber: return ShortestDouble(value.number);
    default: break;
  }
  return Diag(diag::kUsage, Concat("'", Printable(entry.key, 100), "' holds what is no option's value"))
      .At(Concat("line ", std::to_string(entry.line)));
}

Status Add(const Verb& verb, const TomlEntry& entry, std::vector<std::string>* out) {
  const auto wrong = [&](std::string_view why) {
    return Diag(diag::kUsage, Concat("'", Printable(entry.key, 100), "' ", why))
        .At(Concat("line ", std::to_string(entry.line)));
  };
  const Option* option = FindLong(verb, entry.key);
  const bool words = entry.key == kInputs;
  if (!entry.section.empty() || (option == nullptr && !words) || entry.key == kRecipeOption.name.substr(2)) {
    return wrong(Concat("is not an option of `godwit ", verb.name, "`"));
  }
  if (option != nullptr && option->kind == OptionKind::kFlag) {
    if (entry.value.kind != TomlValue::Kind::kFlag) return wrong("is true or false");
    if (entry.value.flag) out->push_back(std::string(option->name));
    return Ok{};
  }
  const bool list = entry.value.kind == TomlValue::Kind::kList;
  if (list && !words && !option->repeated) return wrong("takes one value");
  const std::vector<TomlValue> one = {entry.value};
  for (const TomlValue& value : list ? entry.value.items : one) {
    TRY(std::string word, AsWord(entry, value));
    out->push_back(words ? std::move(word) : Concat(option->name, "=", word));
  }
  return Ok{};
}

}  // namespace

Result<std::vector<std::string>> ExpandRecipe(const Verb& verb, std::span<char*> words) {
  std::vector<std::string> out(words.begin(), words.end());
  if (FindLong(verb, kRecipeOption.name.substr(2)) == nullptr) return out;
  const Given given = Survey(verb, words);
  if (given.recipe.empty()) return out;
  TRY(const MappedFile::Ptr file, MappedFile::Open(given.recipe));
  const auto name_file = [&](Diag diag) {
    if (diag.file.empty()) diag.file = given.recipe;
    return diag;
  };
  auto entries = ParseToml({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()});
  if (!entries.ok()) return name_file(entries.diag());
  std::vector<std::string> from_recipe;
  for (const TomlEntry& entry : *entries) {
    if (given.options.contains(entry.key) || (entry.key == kInputs && given.words)) continue;
    if (Status added = Add(verb, entry, &from_recipe); !added.ok()) return name_file(added.diag());
  }
  out.insert(out.begin(), from_recipe.begin(), from_recipe.end());
  return out;
}

std::string RecipeText(const Verb& verb, const Args& args) {
  const std::set<std::string_view> left_out = {
      kRecipeOption.name, kSaveRecipeOption.name, "--json", "--diag", "--quiet", "--verbose", "--help", "--progress"};
  std::string out = Concat("# godwit ", verb.name, " --recipe THIS\n");
  const auto list = [&](std::string_view key, const std::vector<std::string>& values, bool one) {
    out += Concat(key, " = ");
    if (one) {
      out += TomlQuote(values.back());
    } else {
      for (size_t i = 0; i < values.size(); ++i) out += Concat(i == 0 ? "[" : ", ", TomlQuote(values[i]));
      out += "]";
    }
    out += "\n";
  };
  list(kInputs, args.words(), false);
  for (const Option* o : OptionsOf(verb)) {
    if (left_out.contains(o->name) || !args.Has(o->name)) continue;
    if (o->kind == OptionKind::kFlag) {
      out += Concat(o->name.substr(2), " = true\n");
    } else if (o->kind == OptionKind::kInt || o->kind == OptionKind::kNumber) {
      out += Concat(o->name.substr(2), " = ", args.Text(o->name), "\n");
    } else {
      list(o->name.substr(2), args.All(o->name), !o->repeated);
    }
  }
  return out;
}

}  // namespace godwit::tools
