#include "tools/completion.h"

#include <string_view>
#include <vector>

#include "base/text.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

std::string Replaced(std::string_view text, std::string_view characters, std::string_view before) {
  std::string out;
  for (const char c : text) {
    if (characters.find(c) != std::string_view::npos) out += before;
    out += c;
  }
  return out;
}

// For text within single quotes, in any shell.
std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string Joined(const std::vector<std::string_view>& words, std::string_view between) {
  std::string out;
  for (const std::string_view w : words) out += Concat(out.empty() ? "" : between, w);
  return out;
}

std::string Letter(const Option& o) { return Concat("-", std::string(1, o.letter)); }

}  // namespace

std::string BashCompletion() {
  std::string names, values, options, words;
  for (const Verb* verb : AllVerbs()) {
    names += Concat(names.empty() ? "" : " ", verb->name);
    std::string list;
    for (const Option* o : OptionsOf(*verb)) {
      if (o->letter != 0) list += Concat(Letter(*o), " ");
      list += Concat(o->name, " ");
      if (o->kind != OptionKind::kChoice) continue;
      values += Concat(
          "    ", verb->name, ":", o->name, o->letter != 0 ? Concat("|", verb->name, ":", Letter(*o)) : std::string(),
          ") COMPREPLY=($(compgen -W ", Quoted(Joined(Split(o->value, '|'), " ")), " -- \"$cur\")); return ;;\n");
    }
    list.pop_back();
    options += Concat("      ", verb->name, ") options=", Quoted(list), " ;;\n");
    if (const auto choices = ChoicesOf(*verb); !choices.empty()) {
      words += Concat("    ", verb->name, ") COMPREPLY=($(compgen -W ", Quoted(Joined(choices, " ")),
                      " -- \"$cur\")); return ;;\n");
    }
  }
  return Concat(
      "# Completion of godwit for bash. Written by `godwit completion bash`.\n"
      "_godwit() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb='' options='' i\n"
      "  COMPREPLY=()\n"
      "  # --option=value comes as three words.\n"
      "  if [ \"$cur\" = '=' ]; then cur=''; elif [ \"$prev\" = '=' ]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    case ${COMP_WORDS[i]} in -*) ;; *) verb=${COMP_WORDS[i]}; break ;; esac\n"
      "  done\n"
      "  if [ -z \"$verb\" ]; then\n"
      "    COMPREPLY=($(compgen -W ",
      Quoted(names + " help --help --version"),
      " -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"$verb:$prev\" in\n"
      "    help:*) COMPREPLY=($(compgen -W ",
      Quoted(names), " -- \"$cur\")); return ;;\n", values,
      "  esac\n"
      "  if [ \"${cur#-}\" != \"$cur\" ]; then\n"
      "    case $verb in\n",
      options,
      "    esac\n"
      "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case $verb in\n",
      words,
      "  esac\n"
      "  COMPREPLY=($(compgen -f -- \"$cur\"))\n"
      "}\n"
      "complete -o filenames -F _godwit godwit\n");
}

std::string ZshCompletion() {
  std::string verbs, cases;
  const auto inner = [](std::string_view text) { return Replaced(text, "[]:\\", "\\"); };
  for (const Verb* verb : AllVerbs()) {
    verbs += Concat("    ", Quoted(Concat(verb->name, ":", Replaced(verb->summary, ":\\", "\\"))), "\n");
    cases += Concat("    ", verb->name, ")\n      _arguments");
    for (const Option* o : OptionsOf(*verb)) {
      std::string tail = Concat("[", inner(o->help), "]");
      if (o->kind == OptionKind::kChoice) {
        tail += Concat(":value:(", Joined(Split(o->value, '|'), " "), ")");
      } else if (o->kind != OptionKind::kFlag) {
        tail += Concat(":", inner(o->value), ":", o->kind == OptionKind::kText ? "_files" : "");
      }
      const std::string_view many = o->repeated ? "*" : "";
      const std::string_view takes = o->kind == OptionKind::kFlag ? "" : "=";
      cases += Concat(" \\\n        ", Quoted(Concat(many, o->name, takes, tail)));
      if (o->letter != 0)
        cases += Concat(" \\\n        ", Quoted(Concat(many, Letter(*o), takes.empty() ? "" : "+", tail)));
    }
    if (const auto choices = ChoicesOf(*verb); !choices.empty()) {
      cases += Concat(" \\\n        ", Quoted(Concat("1:word:(", Joined(choices, " "), ")")));
    } else if (verb->most_words > 0) {
      cases += Concat(" \\\n        ", Quoted("*:file:_files"));
    }
    cases += " ;;\n";
  }
  return Concat(
      "#compdef godwit\n"
      "# Completion of godwit for zsh. Written by `godwit completion zsh`.\n"
      "_godwit() {\n"
      "  local -a verbs\n"
      "  verbs=(\n",
      verbs,
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $words[1] in\n",
      cases,
      "  esac\n"
      "}\n"
      "_godwit \"$@\"\n");
}

std::string FishCompletion() {
  std::string out = "# Completion of godwit for fish. Written by `godwit completion fish`.\n";
  for (const Verb* verb : AllVerbs()) {
    out +=
        Concat("complete -c godwit -f -n __fish_use_subcommand -a ", verb->name, " -d ", Quoted(verb->summary), "\n");
    const std::string when = Concat("complete -c godwit -n '__fish_seen_subcommand_from ", verb->name, "'");
    for (const Option* o : OptionsOf(*verb)) {
      out += when;
      if (o->letter != 0) out += Concat(" -s ", std::string(1, o->letter));
      out += Concat(" -l ", o->name.substr(2));
      if (o->kind == OptionKind::kChoice) {
        out += Concat(" -x -a ", Quoted(Joined(Split(o->value, '|'), " ")));
      } else if (o->kind == OptionKind::kText) {
        out += " -r";
      } else if (o->kind != OptionKind::kFlag) {
        out += " -x";
      }
      out += Concat(" -d ", Quoted(o->help), "\n");
    }
    if (const auto choices = ChoicesOf(*verb); !choices.empty()) {
      out += Concat(when, " -f -a ", Quoted(Joined(choices, " ")), "\n");
    }
  }
  return out;
}

}  // namespace godwit::tools
