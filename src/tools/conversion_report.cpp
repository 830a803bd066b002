// A conversion as a page and as JSON: what was decided, what stays and why, and each layer beside its source.
#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/text.h"
#include "report/compare_report.h"
#include "tools/conversion.h"

namespace godwit::tools {

namespace {

bool IsPage(const std::string& path) { return path.ends_with(".html") || path.ends_with(".htm"); }

std::vector<Comparison> AsComparison(const std::string& output, const ConvertReport& report) {
  if (!report.proved) return {};
  Comparison out;
  out.file = output;
  out.proof = report.proof;
  out.layers = report.layers;
  out.layers_missing = report.layers_missing;
  return {out};
}

std::string Row(std::initializer_list<std::string> cells) {
  std::string out = "<tr>";
  for (const std::string& cell : cells) out += Concat("<td>", HtmlEscape(cell), "</td>");
  return out + "</tr>\n";
}

std::string Decisions(const std::string& output, const ConvertReport& report) {
  std::string out = Concat("<h2>What was written</h2>\n<div class=\"card\"><pre>",
                           HtmlEscape(ConversionText(output, report, false)), "</pre></div>\n");
  if (!report.moves.empty()) {
    out += "<h2>Transposes that stay</h2>\n<div class=\"card scroll\"><table><tr><th>tensor<th>bytes<th>why</tr>\n";
    for (const ConvertReport::Move& move : report.moves) {
      out += Row({move.tensor, move.bytes ? std::to_string(*move.bytes) : "open", move.why});
    }
    out += "</table></div>\n";
  }
  if (!report.simplify.rewrites.empty()) {
    out += "<h2>Rewrites</h2>\n<div class=\"card scroll\"><table><tr><th>rule<th>times</tr>\n";
    for (const auto& [rule, count] : report.simplify.rewrites) out += Row({rule, std::to_string(count)});
    out += "</table></div>\n";
  }
  return out;
}

}  // namespace

Status CheckReportName(const std::string& path) {
  if (IsPage(path) || path.ends_with(".json")) return Ok{};
  return Diag(diag::kUsage, Concat("--report: '", Printable(path, 200), "' ends neither in .html nor in .json"));
}

Status WriteConversionReport(const std::string& path, const std::string& input, const std::string& output,
                             const ConvertReport& report, const std::vector<std::string>& read) {
  TRY(AtomicFile file, AtomicFile::Create(path, read));
  const std::vector<Comparison> layers = AsComparison(output, report);
  if (IsPage(path)) {
    RETURN_IF_ERROR(file.Write(ComparePage(input, layers, Decisions(output, report))));
  } else {
    RETURN_IF_ERROR(file.Write(Concat("{\"conversion\":", ConversionJson(input, output, report),
                                      ",\"layers\":", CompareJson(input, layers, true), "}\n")));
  }
  return file.Commit();
}

}  // namespace godwit::tools
