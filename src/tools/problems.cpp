#include "tools/problems.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <map>

#include "base/text.h"
#include "tools/progress.h"

namespace godwit::tools {

namespace {

constexpr size_t kNamesShown = 4;

std::string Names(std::string_view title, const std::vector<std::string>& names, size_t shown) {
  std::string out;
  for (size_t i = 0; i < names.size() && i < shown; ++i) {
    out += Concat(i == 0 ? "" : ", ", Printable(names[i], 120));
  }
  if (names.empty()) return {};
  if (names.size() > shown) out += Concat(" and ", std::to_string(names.size() - shown), " more");
  return Concat("  ", title, " ", out, "\n");
}

std::string GroupText(const std::vector<const Diag*>& group, size_t shown) {
  const Diag& first = *group.front();
  if (group.size() == 1) return FormatDiag(first);
  std::vector<std::string> nodes, tensors;
  bool same = true;
  for (const Diag* d : group) {
    if (!d->node.empty()) nodes.push_back(d->node);
    if (!d->tensors.empty()) tensors.push_back(d->tensors.front());
    same = same && d->what == first.what;
  }
  const DiagDef* def = FindDiag(first.id);
  Diag head = first;
  head.node.clear();
  head.tensors.clear();
  head.at.clear();
  head.what =
      Concat(std::to_string(group.size()), nodes.size() == group.size() ? " nodes: " : " times: ", first.op_type,
             first.op_type.empty() ? "" : ": ", same || def == nullptr ? std::string_view(first.what) : def->title);
  head.hint.clear();
  std::string out = FormatDiag(head);
  if (!same) out += Concat("  first: ", Printable(first.what), "\n");
  out += Names("nodes", nodes, shown) + Names("tensors", tensors, shown);
  if (!first.hint.empty()) out += Concat("  hint: ", Printable(first.hint), "\n");
  return out;
}

}  // namespace

std::string GroupedText(std::span<const Diag> diags, bool all_names) {
  // Groups in the order in which each first occurs.
  std::map<std::string, size_t> index;
  std::vector<std::vector<const Diag*>> groups;
  for (const Diag& d : diags) {
    const std::string key = Concat(std::to_string(static_cast<int>(d.severity)), "\n", d.id, "\n", d.op_type);
    const auto [it, fresh] = index.emplace(key, groups.size());
    if (fresh) groups.emplace_back();
    groups[it->second].push_back(&d);
  }
  std::string out;
  for (const auto& group : groups) out += GroupText(group, all_names ? SIZE_MAX : kNamesShown);
  return out;
}

Result<Problems> Problems::From(const Args& args) {
  Problems p;
  for (const std::string& limit : args.All("--limit")) RETURN_IF_ERROR(SetLimit(&p.load_.limits, limit));
  for (const std::string& id : args.All("--allow")) {
    if (FindDiag(id) == nullptr) {
      std::vector<std::string_view> ids;
      for (const DiagDef& def : AllDiags()) ids.push_back(def.id);
      const std::string_view near = Nearest(id, ids);
      return Diag(diag::kUsage, Concat("--allow: there is no diagnostic '", Printable(id, 100), "'"))
          .Hint(near.empty() ? "see `godwit list diagnostics`" : Concat("did you mean ", near, "?"));
    }
    p.allowed_.insert(id);
  }
  p.load_.allow_external = args.All("--allow-external");
  p.load_.signature = args.Text("--signature");
  p.json_ = args.Text("--diag") == "json";
  p.strict_ = args.Has("--strict");
  p.quiet_ = args.Has("--quiet");
  p.verbose_ = args.Has("--verbose");
  p.colour_ = WantsColour(args);
  return p;
}

int Problems::Show(std::span<const Diag> diags) const {
  DiagSink shown;
  for (const Diag& d : diags) {
    Diag copy = d;
    if (copy.severity == Severity::kWarning) {
      if (allowed_.contains(copy.id)) continue;
      if (strict_) copy.severity = Severity::kError;
    }
    if (quiet_ && copy.severity != Severity::kError) continue;
    shown.Add(std::move(copy));
  }
  std::string text;
  if (json_) {
    for (const Diag& d : shown.all()) text += DiagToJson(d) + "\n";
  } else {
    text = GroupedText(shown.all(), verbose_);
    if (colour_) text = Coloured(text);
  }
  Progress::Hide();
  std::fwrite(text.data(), 1, text.size(), stderr);
  return static_cast<int>(shown.exit());
}

std::string Coloured(std::string_view text) {
  struct Style {
    std::string_view start, codes;
    char end;
  };
  constexpr Style kStyles[] = {{"error[", "\x1B[1;31m", ']'},
                               {"warning[", "\x1B[1;33m", ']'},
                               {"note[", "\x1B[1;36m", ']'},
                               {"  hint:", "\x1B[32m", ':'}};
  std::string out;
  for (const std::string_view line : Split(text, '\n')) {
    if (!out.empty() || line.data() != text.data()) out += '\n';
    const auto* style =
        std::find_if(std::begin(kStyles), std::end(kStyles), [&](const Style& s) { return line.starts_with(s.start); });
    const size_t end = style == std::end(kStyles) ? std::string_view::npos : line.find(style->end);
    if (end == std::string_view::npos) {
      out += line;
    } else {
      out += Concat(style->codes, line.substr(0, end + 1), "\x1B[0m", line.substr(end + 1));
    }
  }
  return out;
}

int Complain(const Diag& diag, bool json) {
  std::string text = json ? DiagToJson(diag) + "\n" : FormatDiag(diag);
  if (!json && TerminalHasColours()) text = Coloured(text);
  Progress::Hide();
  std::fwrite(text.data(), 1, text.size(), stderr);
  return static_cast<int>(diag.exit);
}

}  // namespace godwit::tools
