// The summary for people and, as JSON, for programs.
#include <fmt/format.h>

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "formats/tflite/appended.h"
#include "formats/zip/zip_reader.h"
#include "report/summary.h"

namespace godwit {

namespace {

std::vector<std::pair<std::string, int64_t>> ByCount(const std::map<std::string, int64_t>& counts) {
  std::vector<std::pair<std::string, int64_t>> rows(counts.begin(), counts.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return rows;
}

void Ports(std::string* out, std::string_view title, const std::vector<PortSummary>& ports) {
  *out += fmt::format("{}\n", title);
  size_t width = 0;
  for (const PortSummary& p : ports) width = std::max(width, std::min<size_t>(Printable(p.name).size(), 48));
  for (const PortSummary& p : ports) *out += fmt::format("  {:{}}  {}\n", Printable(p.name), width, Printable(p.type));
  if (ports.empty()) *out += "  none\n";
}

std::string Megabytes(double bytes) { return HumanBytes(static_cast<uint64_t>(bytes)); }

std::string LayerTable(const ModelSummary& s) {
  std::string out = fmt::format("\nlayers\n  {:>5}  {:<40}  {:<24}  {:<24}  {:>10}  {:>9}\n", "#", "name", "operator",
                                "result", "parameters", "MACs");
  for (size_t i = 0; i < s.layers.size(); ++i) {
    const LayerSummary& layer = s.layers[i];
    out += fmt::format("  {:>5}  {:<40}  {:<24}  {:<24}  {:>10}  {:>9}\n", i, Printable(layer.name, 40),
                       Printable(layer.op_type, 24), Printable(layer.output, 40),
                       layer.parameters == 0 ? "" : HumanCount(static_cast<double>(layer.parameters)),
                       layer.macs == 0 ? "" : HumanCount(layer.macs));
  }
  return out;
}

std::string PortsJson(const std::vector<PortSummary>& ports) {
  std::string out = "[";
  for (const PortSummary& p : ports) {
    out +=
        fmt::format("{}{{\"name\":{},\"type\":{}}}", out.size() > 1 ? "," : "", JsonQuote(p.name), JsonQuote(p.type));
  }
  return out + "]";
}

std::string CountsJson(const std::map<std::string, int64_t>& counts) {
  std::string out = "{";
  for (const auto& [name, n] : counts) out += fmt::format("{}{}:{}", out.size() > 1 ? "," : "", JsonQuote(name), n);
  return out + "}";
}

// Metadata that is no text: what an archive holds, how long anything else is.
std::string Shown(const std::string& value) {
  constexpr std::string_view kDigits = "base64:";
  const auto bytes =
      value.starts_with(kDigits) ? FromBase64(std::string_view(value).substr(kDigits.size())) : std::nullopt;
  if (!bytes) return Printable(value, 100);
  // Offsets of an archive behind the tables may count from the start of the file that it was in.
  const tflite::MovedArchive moved = tflite::MoveAppended(AsBytes(*bytes), 0);
  const std::string archive = Concat(AsText(moved.members), moved.directory);
  const auto zip = ZipReader::Open(AsBytes(archive), {});
  if (!zip.ok() || zip->entries().empty()) return fmt::format("{} of binary data", HumanBytes(bytes->size()));
  std::string out;
  for (size_t i = 0; i < zip->entries().size() && i < 8; ++i) {
    const ZipEntry& entry = zip->entries()[i];
    out += fmt::format("{}{} ({})", i > 0 ? ", " : "", Printable(entry.name, 60), HumanBytes(entry.bytes));
  }
  if (zip->entries().size() > 8) out += fmt::format(" and {} more files", zip->entries().size() - 8);
  return out;
}

}  // namespace

std::string SummaryText(const ModelSummary& s, bool layers) {
  std::string out;
  std::string opsets;
  for (const auto& [domain, version] : s.opsets) {
    opsets += fmt::format("{}{} {}", opsets.empty() ? "" : ", ", Printable(domain), version);
  }
  out += fmt::format("{}{}{}\n", s.format, opsets.empty() ? "" : ", ", opsets);
  if (!s.producer.empty()) out += fmt::format("made by {}\n", Printable(s.producer));
  if (!s.name.empty()) out += fmt::format("graph '{}'\n", Printable(s.name));
  out += "\n";
  Ports(&out, "inputs", s.inputs);
  Ports(&out, "outputs", s.outputs);

  out += fmt::format("\nparameters       {:>10}   {}\n", HumanCount(static_cast<double>(s.parameters)),
                     HumanBytes(s.weight_bytes));
  for (const auto& [dtype, w] : s.weights) {
    out += fmt::format("  {:<14} {:>10}   {} in {} tensor{}\n", dtype, HumanCount(static_cast<double>(w.elements)),
                       HumanBytes(w.bytes), w.tensors, w.tensors == 1 ? "" : "s");
  }
  out += fmt::format("multiply-adds    {:>10}\n", HumanCount(s.macs));
  out += fmt::format("peak activations {:>10}\n", Megabytes(s.peak_activation_bytes));
  if (!s.symbols.empty()) {
    std::string names;
    for (const std::string& n : s.symbols) names += fmt::format("{}{}", names.empty() ? "" : ", ", Printable(n));
    out += fmt::format("  (with {} = 1; --shape fixes them)\n", names);
  }
  out += fmt::format("\noperators        {:>10}   in {} core operator{}{}\n", s.source_nodes, s.core_nodes,
                     s.core_nodes == 1 ? "" : "s",
                     s.subgraphs > 0 ? fmt::format(", {} sub-graph{}", s.subgraphs, s.subgraphs == 1 ? "" : "s") : "");
  for (const auto& [name, n] : ByCount(s.op_counts)) out += fmt::format("  {:>8}  {}\n", n, Printable(name));
  if (!s.metadata.empty()) {
    out += "\nmetadata\n";
    for (const auto& [key, value] : s.metadata) out += fmt::format("  {} = {}\n", Printable(key, 60), Shown(value));
  }
  if (layers) out += LayerTable(s);
  return out;
}

std::string SummaryJson(const ModelSummary& s, bool layers) {
  std::string out = "{";
  out += fmt::format("\"format\":{},\"producer\":{},\"name\":{}", JsonQuote(s.format), JsonQuote(s.producer),
                     JsonQuote(s.name));
  out += ",\"opsets\":{";
  for (size_t i = 0; i < s.opsets.size(); ++i) {
    out += fmt::format("{}{}:{}", i ? "," : "", JsonQuote(s.opsets[i].first), s.opsets[i].second);
  }
  out += "},\"metadata\":{";
  bool first = true;
  for (const auto& [key, value] : s.metadata) {
    out += fmt::format("{}{}:{}", first ? "" : ",", JsonQuote(key), JsonQuote(value));
    first = false;
  }
  out += fmt::format("}},\"inputs\":{},\"outputs\":{}", PortsJson(s.inputs), PortsJson(s.outputs));
  out += fmt::format(",\"parameters\":{},\"weight_bytes\":{},\"weights\":{{", s.parameters, s.weight_bytes);
  first = true;
  for (const auto& [dtype, w] : s.weights) {
    out += fmt::format("{}{}:{{\"tensors\":{},\"elements\":{},\"bytes\":{}}}", first ? "" : ",", JsonQuote(dtype),
                       w.tensors, w.elements, w.bytes);
    first = false;
  }
  out +=
      fmt::format("}},\"macs\":{:.0f},\"peak_activation_bytes\":{:.0f},\"symbols\":[", s.macs, s.peak_activation_bytes);
  for (size_t i = 0; i < s.symbols.size(); ++i) out += fmt::format("{}{}", i ? "," : "", JsonQuote(s.symbols[i]));
  out += fmt::format("],\"source_nodes\":{},\"core_nodes\":{},\"subgraphs\":{},\"operators\":{},\"core_operators\":{}",
                     s.source_nodes, s.core_nodes, s.subgraphs, CountsJson(s.op_counts), CountsJson(s.core_op_counts));
  if (layers) {
    out += ",\"layers\":[";
    for (size_t i = 0; i < s.layers.size(); ++i) {
      const LayerSummary& l = s.layers[i];
      out += fmt::format(
          "{}{{\"name\":{},\"op\":{},\"scope\":{},\"output\":{},\"parameters\":{},\"macs\":{:.0f},\"output_bytes\":{:."
          "0f}}}",
          i ? "," : "", JsonQuote(l.name), JsonQuote(l.op_type), JsonQuote(l.scope), JsonQuote(l.output), l.parameters,
          l.macs, l.output_bytes);
    }
    out += "]";
  }
  return out + "}\n";
}

}  // namespace godwit
