#include "report/compare_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace godwit {

namespace {

constexpr char kPage[] =
#include "report/compare_page.inc"
    ;

std::string Number(double value) { return std::isfinite(value) ? ShortestDouble(value) : "null"; }
// Pictures need no more digits than a screen shows.
std::string Rough(double value) { return std::isfinite(value) ? fmt::format("{:.4g}", value) : "null"; }

template <class T, class F>
std::string Array(const std::vector<T>& values, F&& text) {
  std::string out = "[";
  for (size_t i = 0; i < values.size(); ++i) out += Concat(i == 0 ? "" : ",", text(values[i]));
  return out + "]";
}

std::string LayerJson(const LayerDeviation& l, bool pictures) {
  std::string out = fmt::format(
      "{{\"tensor\":{},\"node\":{},\"op\":{},\"twin\":{},\"matched_by\":{},\"type\":{},\"place\":{},"
      "\"departs\":{}",
      JsonQuote(l.tensor), JsonQuote(l.node), JsonQuote(l.op), JsonQuote(l.twin), JsonQuote(Name(l.by)),
      JsonQuote(l.type), JsonQuote(l.place), l.departs);
  if (!l.mismatch.empty()) return out + fmt::format(",\"mismatch\":{}}}", JsonQuote(l.mismatch));
  out +=
      fmt::format(",\"worst\":{},\"mean\":{},\"peak\":{},\"correlation\":{},\"sqnr\":{},\"tolerance\":{},\"exact\":{}",
                  Number(l.worst), Number(l.mean), Number(l.peak), Number(l.correlation), Number(l.sqnr),
                  Number(l.tolerance), l.exact);
  if (pictures && !l.values.empty()) {
    const auto count = [](int64_t n) { return std::to_string(n); };
    out += fmt::format(
        ",\"least\":{},\"most\":{},\"values\":{},\"errors\":{},\"channel_reference\":{},\"channel_other\":{},"
        "\"channel_worst\":{}",
        Rough(l.least), Rough(l.most), Array(l.values, count), Array(l.errors, count),
        Array(l.channel_reference, Rough), Array(l.channel_other, Rough), Array(l.channel_worst, Rough));
  }
  return out + "}";
}

std::string ComparisonJson(const Comparison& c, bool pictures) {
  std::string out = fmt::format("{{\"file\":{},\"proof\":{}", JsonQuote(c.file), ProofJson(c.proof));
  if (c.layers) {
    out += fmt::format(",\"unmatched\":{},\"idle\":{},\"first\":{},\"layers\":{}", c.layers->unmatched, c.layers->idle,
                       c.layers->first ? std::to_string(*c.layers->first) : "null",
                       Array(c.layers->layers, [&](const LayerDeviation& l) { return LayerJson(l, pictures); }));
  } else if (!c.layers_missing.empty()) {
    out += fmt::format(",\"layers_missing\":{}", JsonQuote(c.layers_missing));
  }
  return out + "}";
}

std::string LayerFigures(const LayerDeviation& l) {
  if (!l.mismatch.empty()) return l.mismatch;
  if (l.exact) return "equal to the last bit";
  return fmt::format("worst {:.1e}  mean {:.1e}  corr {:.6f}  sqnr {:.0f} dB  tolerance {:.1e}", l.worst, l.mean,
                     l.correlation, l.sqnr, l.tolerance);
}

std::string LayerName(const LayerDeviation& l) {
  return fmt::format("{} {}{}", l.op, Printable(l.tensor.empty() ? l.node : l.tensor, 60),
                     l.place.empty() ? "" : fmt::format(" in {}", l.place.substr(1)));
}

}  // namespace

std::string CompareText(const Comparison& c, bool per_layer) {
  std::string out = fmt::format("{}\n{}", Printable(c.file, 300), ProofText(c.proof, true));
  if (!c.layers) {
    if (!c.layers_missing.empty()) out += fmt::format("  no layers: {}\n", c.layers_missing);
    return out;
  }
  const LayerComparison& layers = *c.layers;
  if (layers.first) {
    const LayerDeviation& l = layers.layers[*layers.first];
    out += fmt::format("  the first layer that departs: {}{}: {}\n", LayerName(l),
                       l.node.empty() ? "" : fmt::format(" (node {})", Printable(l.node, 80)), LayerFigures(l));
  } else {
    out += "  no layer departs\n";
  }
  if (per_layer) {
    size_t wide = 0;
    for (const LayerDeviation& l : layers.layers) wide = std::max(wide, LayerName(l).size());
    for (const LayerDeviation& l : layers.layers) {
      out += fmt::format("  {} {:{}}  {}{}\n", l.departs ? "!" : " ", LayerName(l), wide, LayerFigures(l),
                         l.by == MatchedBy::kName ? "" : fmt::format("  (by {})", Name(l.by)));
    }
  }
  out +=
      fmt::format("  {} layers compared, {} of the reference have no twin{}\n", layers.layers.size(), layers.unmatched,
                  layers.idle == 0 ? "" : fmt::format(", {} are in branches that were not taken", layers.idle));
  return out;
}

std::string CompareJson(std::string_view reference, const std::vector<Comparison>& comparisons, bool pictures) {
  return fmt::format("{{\"reference\":{},\"files\":{}}}", JsonQuote(reference),
                     Array(comparisons, [&](const Comparison& c) { return ComparisonJson(c, pictures); }));
}

std::string ComparePage(std::string_view reference, const std::vector<Comparison>& comparisons, std::string_view more) {
  std::string data = CompareJson(reference, comparisons, true);
  // Nothing in a name may end the script element that holds the data.
  for (size_t at = data.find('<'); at != std::string::npos; at = data.find('<', at)) data.replace(at, 1, "\\u003c");
  return Concat("<!doctype html>\n<html lang=\"en\"><title>godwit compare</title>\n",
                "<script id=\"data\" type=\"application/json\">", data, "</script>\n", kPage, more, "</html>\n");
}

}  // namespace godwit
