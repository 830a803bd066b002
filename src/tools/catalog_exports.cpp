// The catalogue of what is written as ONNX.
#include "tools/catalog_exports.h"

#include <algorithm>
#include <vector>

#include "backends/onnx/export.h"
#include "backends/onnx/row.h"
#include "base/text.h"
#include "tools/table.h"

namespace godwit::tools {

namespace {

struct ExportRow {
  std::string op, onnx, versions;
};

std::vector<ExportRow> ExportRows() {
  std::vector<ExportRow> out;
  for (const to_onnx::RowSet* set : to_onnx::AllRowSets()) {
    for (const to_onnx::Row& row : set->rows) {
      std::string versions = std::to_string(row.since);
      if (row.last <= to_onnx::kNewestOpset) {
        versions += row.last == row.since ? "" : Concat(" to ", std::to_string(row.last));
      } else {
        versions += " on";
      }
      out.push_back({std::string(row.op->name), std::string(row.onnx),
                     row.domain.empty() ? versions : Concat(row.domain, " ", versions)});
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const ExportRow& a, const ExportRow& b) { return a.op < b.op; });
  return out;
}

Table ExportTable(bool markdown) {
  Table table({"operator", "written as", "by operator set"});
  for (const ExportRow& r : ExportRows()) {
    table.Add({markdown ? Concat("`", r.op, "`") : r.op, r.onnx, r.versions});
  }
  return table;
}

}  // namespace

std::string ExportsText() { return ExportTable(false).Text(); }
std::string ExportsMarkdown() { return ExportTable(true).Markdown(); }
std::string ExportsJson() {
  JsonRows rows;
  for (const ExportRow& r : ExportRows()) {
    rows.Row().Field("operator", r.op).Field("onnx", r.onnx).Field("versions", r.versions);
  }
  return rows.Take();
}

}  // namespace godwit::tools
