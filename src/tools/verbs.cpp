#include "tools/verbs.h"

#include <cstdio>

#include "base/text.h"
#include "tools/problems.h"
#include "tools/progress.h"
#include "tools/recipe_file.h"

namespace godwit::tools {

namespace {

constexpr const Verb* kVerbs[] = {
#define GODWIT_VERB(Name) &k##Name##Verb,
#include "tools/verb_list.def"
#undef GODWIT_VERB
};

int PrintText(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

bool WantsJson(std::span<char*> words) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--diag=json" || (word == "--diag" && i + 1 < words.size() && words[i + 1] == std::string_view("json")))
      return true;
  }
  return false;
}

}  // namespace

std::span<const Verb* const> AllVerbs() { return kVerbs; }

const Verb* FindVerb(std::string_view name) {
  for (const Verb* verb : kVerbs) {
    if (verb->name == name) return verb;
  }
  return nullptr;
}

std::string OverviewText() {
  std::string out =
      "usage: godwit VERB [ARGUMENTS]\nReads, checks, converts and runs trained models.\n\nexample: godwit run "
      "examples/shapes/model.onnx\n\nverbs:\n";
  for (const Verb* verb : kVerbs) {
    out += Concat("  ", verb->name, std::string(verb->name.size() < 10 ? 10 - verb->name.size() : 1, ' '),
                  verb->summary, "\n");
  }
  return out + "\n`godwit VERB --help` teaches a verb.\n";
}

int RunProgram(std::span<char*> words) {
  if (words.empty()) {
    const std::string text = OverviewText();
    std::fwrite(text.data(), 1, text.size(), stderr);
    return static_cast<int>(Exit::kUsage);
  }
  std::string_view name = words[0];
  if (name == "--help" || name == "-h" || name == "help") {
    if (words.size() < 2) return PrintText(OverviewText());
    name = words[1];
    if (const Verb* verb = FindVerb(name)) return PrintText(HelpText(*verb));
  }
  if (name == "--version") name = "version";
  const Verb* verb = FindVerb(name);
  const bool json = WantsJson(words);
  if (verb == nullptr) {
    std::vector<std::string_view> names;
    for (const Verb* v : kVerbs) names.push_back(v->name);
    const std::string_view near = Nearest(name, names);
    return Complain(
        Diag(diag::kUsage, Concat("there is no verb '", Printable(name, 200), "'"))
            .Hint(near.empty() ? "`godwit --help` lists them" : Concat("did you mean `godwit ", near, "`?")),
        json);
  }
  auto expanded = ExpandRecipe(*verb, words.subspan(1));
  if (!expanded.ok()) return Complain(expanded.diag(), json);
  std::vector<char*> pointers;
  for (std::string& word : *expanded) pointers.push_back(word.data());
  const auto args = Args::Parse(*verb, pointers);
  if (!args.ok()) return Complain(args.diag(), json);
  if (args->wants_help()) return PrintText(HelpText(*verb));
  const Progress line(*args);
  return verb->run(*args);
}

}  // namespace godwit::tools
