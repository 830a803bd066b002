#include <string_view>

#include "base/diag.h"
#include "base/text.h"
#include "tools/completion.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

// Text as roff reads it: no request at the start of a line, hyphens that can be copied.
std::string Roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += Concat("\\&", std::string(1, c));
    } else {
      out += c;
    }
  }
  return out;
}

void AddOption(const Option& o, std::string* out) {
  *out += ".TP\n";
  if (o.letter != 0) *out += Concat("\\fB\\-", std::string(1, o.letter), "\\fR, ");
  *out += Concat("\\fB", Roff(o.name), "\\fR");
  if (!o.value.empty()) *out += Concat(" \\fI", Roff(o.value), "\\fR");
  *out += Concat("\n", Roff(o.help), o.repeated ? " (may be repeated)\n" : "\n");
}

bool IsCommon(const Option& option) {
  for (const Option& o : CommonOptions()) {
    if (&o == &option) return true;
  }
  for (const Option& o : ModelOptions()) {
    if (&o == &option) return true;
  }
  return option.name == "--help";
}

}  // namespace

std::string ManPage() {
  std::string out = Concat(
      ".\\\" Written by `make docs`.\n.TH GODWIT 1 \"\" \"godwit ", GODWIT_VERSION,
      "\" \"User Commands\"\n.SH NAME\ngodwit \\- reads, checks, runs and rewrites trained models\n.SH SYNOPSIS\n"
      ".B godwit\n.I VERB\n[\\fIarguments\\fR]\n.SH VERBS\n");
  for (const Verb* verb : AllVerbs()) {
    out += Concat(".SS \"godwit ", verb->name, verb->use.empty() ? "" : " ", Roff(verb->use), "\"\n",
                  Roff(verb->summary), "\n");
    for (const Option* o : OptionsOf(*verb)) {
      if (!IsCommon(*o)) AddOption(*o, &out);
    }
    out += Concat(".PP\nExample:\n.B ", Roff(verb->example), "\n");
  }
  out += ".SH OPTIONS OF EVERY VERB\n";
  for (const Option& o : CommonOptions()) AddOption(o, &out);
  out += ".SH OPTIONS OF VERBS THAT READ MODELS\n";
  for (const Option& o : ModelOptions()) AddOption(o, &out);
  out += ".SH EXIT STATUS\n";
  const std::pair<int, std::string_view> statuses[] = {
      {0, "done, and proved where a proof was asked for"},
      {1, "wrong use of the command"},
      {2, "a file cannot be read or written"},
      {3, "the input is malformed"},
      {4, "an operator or feature of the source is not known"},
      {5, "a safety limit was exceeded"},
      {6, "an unsafe reference, or code in the file, was refused"},
      {7, "results differ by more than the tolerance, or a suite has failures"},
      {8, "the target cannot run this model"},
      {9, "an accuracy goal cannot be met"},
      {70, "a defect of godwit"},
      {130, "interrupted"},
  };
  for (const auto& [status, meaning] : statuses) {
    out += Concat(".TP\n.B ", std::to_string(status), "\n", Roff(meaning), "\n");
  }
  return out;
}

}  // namespace godwit::tools
