// godwit list: the tables that this build holds.
#include <cstdio>

#include "base/text.h"
#include "tools/catalog.h"
#include "tools/completion.h"
#include "tools/problems.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    {"--json", OptionKind::kFlag, "", "the table as JSON"},
    {"--markdown", OptionKind::kFlag, "", "the table as a page"},
    {"--man", OptionKind::kFlag, "", "the commands as a manual page"},
};

int Run(const Args& args) {
  const std::string& name = args.words()[0];
  if (args.Has("--man")) {
    if (name != "commands") {
      return Complain(Diag(diag::kUsage, "only the commands have a manual page").Hint("godwit list commands --man"),
                      false);
    }
    const std::string page = ManPage();
    std::fwrite(page.data(), 1, page.size(), stdout);
    return 0;
  }
  std::vector<std::string_view> names;
  for (const Catalog& c : AllCatalogs()) {
    names.push_back(c.name);
    if (c.name != name) continue;
    const std::string text = args.Has("--json")       ? c.json()
                             : args.Has("--markdown") ? Concat("<!-- Written by `make docs`. -->\n# ", c.title, "\n\n",
                                                               c.doc, "\n\n", c.markdown())
                                                      : c.text();
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  std::string known;
  for (const std::string_view n : names) known += Concat(known.empty() ? "" : ", ", n);
  const std::string_view near = Nearest(name, names);
  return Complain(
      Diag(diag::kUsage, Concat("there is no table '", Printable(name, 100), "'"))
          .Hint(near.empty() ? Concat("there are ", known) : Concat("did you mean `godwit list ", near, "`?")),
      false);
}

}  // namespace

extern const Verb kListVerb = {
    "list",
    "Shows a table that this build holds: targets, operators, limits, rewriting rules, what is read and written, "
    "diagnostics.",
    "targets|kernels|ops|limits|rules|imports|exports|diagnostics|commands [--json|--markdown]",
    "godwit list limits",
    kOptions,
    false,
    1,
    1,
    "the name of a table: targets, kernels, ops, limits, rules, imports, exports, diagnostics or commands",
    Run,
};

}  // namespace godwit::tools
