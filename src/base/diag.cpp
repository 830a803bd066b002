#include "base/diag.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/result.h"
#include "base/text.h"

namespace godwit {

namespace diag {
#define GODWIT_DIAG(name, id, exit, title, page) extern const DiagDef name{id, exit, title, page};
#include "base/diagnostics_all.def"
#undef GODWIT_DIAG
}  // namespace diag

namespace {

constexpr DiagDef kTable[] = {
#define GODWIT_DIAG(name, id, exit, title, page) {id, exit, title, page},
#include "base/diagnostics_all.def"
#undef GODWIT_DIAG
};

constexpr auto SortedTable() {
  std::array<DiagDef, std::size(kTable)> rows{};
  std::copy(std::begin(kTable), std::end(kTable), rows.begin());
  std::sort(rows.begin(), rows.end(), [](const DiagDef& a, const DiagDef& b) { return a.id < b.id; });
  return rows;
}
constexpr auto kSorted = SortedTable();

// Which error decides the exit status when several kinds occur: the one a person must act on first.
int Gravity(Exit exit) {
  switch (exit) {
    case Exit::kDefect: return 10;
    case Exit::kUnsafe: return 9;
    case Exit::kLimit: return 8;
    case Exit::kIo: return 7;
    case Exit::kUsage: return 6;
    case Exit::kMalformed: return 5;
    case Exit::kUnsupported: return 4;
    case Exit::kTarget: return 3;
    case Exit::kDiffers: return 2;
    case Exit::kGoal: return 1;
    case Exit::kDone: return 0;
  }
  return 0;
}

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kError: return "error";
    case Severity::kWarning: return "warning";
    case Severity::kNote: return "note";
  }
  return "error";
}

}  // namespace

namespace internal {
void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "godwit: defect: %s does not hold at %s:%d\n", condition, file, line);
#ifdef GODWIT_ABORT_ON_DEFECT
  std::abort();  // a fuzzer keeps the input that led here
#else
  std::_Exit(static_cast<int>(Exit::kDefect));
#endif
}
}  // namespace internal

void DiagSink::Add(Diag diag) {
  if (diag.severity == Severity::kError) ++errors_;
  diags_.push_back(std::move(diag));
}

Exit DiagSink::exit() const {
  Exit worst = Exit::kDone;
  for (const Diag& d : diags_) {
    if (d.severity == Severity::kError && Gravity(d.exit) > Gravity(worst)) worst = d.exit;
  }
  return worst;
}

std::span<const DiagDef> AllDiags() { return kSorted; }

const DiagDef* FindDiag(std::string_view id) {
  auto it = std::lower_bound(kSorted.begin(), kSorted.end(), id,
                             [](const DiagDef& row, std::string_view key) { return row.id < key; });
  return it != kSorted.end() && it->id == id ? &*it : nullptr;
}

std::string FormatDiag(const Diag& d) {
  std::string out = Concat(SeverityName(d.severity), "[", d.id, "]: ", Printable(d.what), "\n");
  if (!d.file.empty() || !d.at.empty()) {
    out += Concat("  in ", Printable(d.file), d.at.empty() ? "" : " at ", Printable(d.at), "\n");
  }
  if (!d.node.empty()) out += Concat("  node ", Printable(d.node), "\n");
  if (!d.tensors.empty()) {
    out += "  tensors";
    for (const std::string& t : d.tensors) out += Concat(" '", Printable(t), "'");
    out += "\n";
  }
  if (!d.hint.empty()) out += Concat("  hint: ", Printable(d.hint), "\n");
  return out;
}

std::string DiagToJson(const Diag& d) {
  std::string out = Concat("{\"id\":", JsonQuote(d.id), ",\"severity\":", JsonQuote(SeverityName(d.severity)),
                           ",\"exit\":", std::to_string(static_cast<int>(d.exit)), ",\"what\":", JsonQuote(d.what));
  auto field = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) out += Concat(",\"", key, "\":", JsonQuote(value));
  };
  field("file", d.file);
  field("at", d.at);
  field("node", d.node);
  field("op", d.op_type);
  if (!d.tensors.empty()) {
    out += ",\"tensors\":[";
    for (size_t i = 0; i < d.tensors.size(); ++i) out += Concat(i ? "," : "", JsonQuote(d.tensors[i]));
    out += "]";
  }
  field("hint", d.hint);
  return out + "}";
}

}  // namespace godwit
