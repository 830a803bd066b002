#include "tools/problems.h"

#include <cstdio>
#include <map>

#include "base/text.h"

namespace godwit::tools {

namespace {

constexpr size_t kNamesShown = 4;

std::string Names(std::string_view title, const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < names.size() && i < kNamesShown; ++i) {
    out += Concat(i == 0 ? "" : ", ", Printable(names[i], 120));
  }
  if (names.empty()) return {};
  if (names.size() > kNamesShown) out += Concat(" and ", std::to_string(names.size() - kNamesShown), " more");
  return Concat("  ", title, " ", out, "\n");
}

std::string GroupText(const std::vector<const Diag*>& group) {
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
  out += Names("nodes", nodes) + Names("tensors", tensors);
  if (!first.hint.empty()) out += Concat("  hint: ", Printable(first.hint), "\n");
  return out;
}

}  // namespace

std::string GroupedText(std::span<const Diag> diags) {
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
  for (const auto& group : groups) out += GroupText(group);
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
  p.json_ = args.Text("--diag") == "json";
  p.strict_ = args.Has("--strict");
  p.quiet_ = args.Has("--quiet");
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
    text = GroupedText(shown.all());
  }
  std::fwrite(text.data(), 1, text.size(), stderr);
  return static_cast<int>(shown.exit());
}

int Complain(const Diag& diag, bool json) {
  const std::string text = json ? DiagToJson(diag) + "\n" : FormatDiag(diag);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return static_cast<int>(diag.exit);
}

}  // namespace godwit::tools
