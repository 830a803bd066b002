// What a person and a program read of a proof.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "verify/proof.h"

namespace godwit {

namespace {

// Figures next to 1 tell nothing when they are rounded to it.
std::string Correlation(double value) {
  if (value == 1) return "1";
  return value > 0.9999 ? fmt::format("1 - {:.1e}", 1 - value) : fmt::format("{:.5f}", value);
}

std::string Figures(const OutputProof& o) {
  if (o.exact) return "equal to the last bit";
  return fmt::format("worst error {:.1e} of peak, mean {:.1e}, correlation {}, tolerance {:.1e}", o.worst, o.mean,
                     Correlation(o.correlation), o.tolerance);
}

const OutputProof* Worst(const std::vector<OutputProof>& outputs) {
  const OutputProof* worst = nullptr;
  double ratio = -1;
  for (const OutputProof& o : outputs) {
    if (o.verdict == Verdict::kNotRun) continue;
    double here = o.tolerance > 0 ? o.worst / o.tolerance : o.worst;
    if (o.verdict == Verdict::kDiffers) here += 1e30;
    if (here > ratio) ratio = here, worst = &o;
  }
  return worst;
}

std::string Number(double value) { return std::isfinite(value) ? ShortestDouble(value) : "null"; }

}  // namespace

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kProved: return "proved";
    case Verdict::kVacuous: return "vacuous";
    case Verdict::kDiffers: return "differs";
    case Verdict::kNotRun: return "not run";
  }
  return "not run";
}

std::string ProofText(const ProofReport& report, bool detail) {
  std::string out;
  if (report.verdict == Verdict::kNotRun) {
    out = fmt::format("proof: not made: {}\n", report.reason);
  } else {
    const std::string_view verdict = report.verdict == Verdict::kProved    ? "the written model gives the same"
                                     : report.verdict == Verdict::kVacuous ? "vacuous"
                                                                           : "FAILED";
    out = fmt::format("proof: {}: {} sample{}, judged by {}, {:.2f} s\n", verdict, report.samples,
                      report.samples == 1 ? "" : "s", report.judges.empty() ? "godwit" : report.judges, report.seconds);
    const OutputProof* worst = Worst(report.outputs);
    if (!report.reason.empty()) {
      out += fmt::format("       {}\n", report.reason);
    } else if (worst != nullptr) {
      const auto exact = std::count_if(report.outputs.begin(), report.outputs.end(),
                                       [](const OutputProof& o) { return o.exact && o.verdict != Verdict::kNotRun; });
      const bool all = exact == static_cast<std::ptrdiff_t>(report.outputs.size());
      out +=
          fmt::format("       {}{}\n", Figures(*worst),
                      all || report.outputs.size() == 1
                          ? ""
                          : fmt::format(" ('{}', the worst of {})", Printable(worst->name, 80), report.outputs.size()));
    }
  }
  // What weakens the proof is said even in brief.
  for (const OutputProof& o : report.outputs) {
    const bool weak = o.verdict == Verdict::kVacuous || o.verdict == Verdict::kNotRun;
    if (weak && report.verdict == Verdict::kProved && !detail) {
      out += fmt::format("       not proved: '{}' is {}\n", Printable(o.name, 100), o.note);
    }
    if (o.idle > 0) {
      out +=
          fmt::format("       {} of {} samples show nothing of '{}': the source itself is off by its peak there ({})\n",
                      o.idle, report.samples, Printable(o.name, 100), o.judge);
    }
  }
  if (!detail) return out;
  for (const OutputProof& o : report.outputs) {
    out += fmt::format("       {} '{}' ({}): {}{}\n", Name(o.verdict), Printable(o.name, 100), o.judge,
                       o.verdict == Verdict::kNotRun ? "" : Figures(o), o.note.empty() ? "" : "; " + o.note);
  }
  for (const std::string& note : report.notes) out += fmt::format("       {}\n", note);
  return out;
}

std::string ProofJson(const ProofReport& report) {
  std::string out = fmt::format(
      "{{\"verdict\":{},\"reason\":{},\"samples\":{},\"macs\":{},\"seconds\":{},\"judges\":{},\"outputs\":[",
      JsonQuote(Name(report.verdict)), JsonQuote(report.reason), report.samples, Number(report.macs),
      Number(report.seconds), JsonQuote(report.judges));
  for (size_t i = 0; i < report.outputs.size(); ++i) {
    const OutputProof& o = report.outputs[i];
    out += fmt::format(
        "{}{{\"name\":{},\"judge\":{},\"verdict\":{},\"exact\":{},\"worst\":{},\"mean\":{},\"correlation\":{},"
        "\"sqnr\":{},\"tolerance\":{},\"noise\":{},\"idle\":{},\"note\":{}}}",
        i == 0 ? "" : ",", JsonQuote(o.name), JsonQuote(o.judge), JsonQuote(Name(o.verdict)), o.exact, Number(o.worst),
        Number(o.mean), Number(o.correlation), Number(o.sqnr), Number(o.tolerance),
        o.noise < 0 ? "null" : Number(o.noise), o.idle, JsonQuote(o.note));
  }
  out += "],\"notes\":[";
  for (size_t i = 0; i < report.notes.size(); ++i) out += Concat(i == 0 ? "" : ",", JsonQuote(report.notes[i]));
  return out + "]}";
}

}  // namespace godwit
