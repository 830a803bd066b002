// Names of runtimes and what they stand for.
#include <fmt/format.h>

#include "base/diag_targets.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "base/toml.h"
#include "targets/tflite.h"

namespace godwit::targets {

namespace {

struct Named {
  std::string_view name;
  int runtime;
};
// LiteRT took up TensorFlow's numbers: 1.4 is what TensorFlow 2.20 ships.
constexpr Named kNamed[] = {
    {"tflite@2.5", 205},  {"tflite@2.6", 206},  {"tflite@2.7", 207},  {"tflite@2.8", 208},  {"tflite@2.9", 209},
    {"tflite@2.10", 210}, {"tflite@2.11", 211}, {"tflite@2.12", 212}, {"tflite@2.13", 213}, {"tflite@2.14", 214},
    {"tflite@2.15", 215}, {"tflite@2.16", 216}, {"tflite@2.17", 217}, {"tflite@2.18", 218}, {"tflite@2.19", 219},
    {"tflite@2.20", 220}, {"litert@1.4", 220},  {"litert@2.1", 221},  {"litert@2.2", 222},
};

}  // namespace

std::vector<std::string> TfliteProfileNames() {
  std::vector<std::string> out;
  for (const Named& named : kNamed) out.emplace_back(named.name);
  return out;
}

std::string TfliteRuntimeName(int runtime) { return fmt::format("{}.{}.0", runtime / 100, runtime % 100); }

bool IsTfliteChoice(std::string_view op) {
  return op == "UNIDIRECTIONAL_SEQUENCE_LSTM" || op == "UNIDIRECTIONAL_SEQUENCE_RNN" ||
         op == "BIDIRECTIONAL_SEQUENCE_LSTM" || op == "BIDIRECTIONAL_SEQUENCE_RNN";
}

Result<TfliteProfile> TfliteProfileFromToml(std::string_view text) {
  TRY(const std::vector<TomlEntry> entries, ParseToml(text));
  TfliteProfile out;
  for (const TomlEntry& entry : entries) {
    if (!entry.section.empty() || entry.key != "runtime") continue;
    TRY(out, ParseTfliteProfile(entry.value.text));
  }
  for (const TomlEntry& entry : entries) {
    if (entry.section.empty() && entry.key == "runtime") continue;
    const bool known =
        entry.key == "require" || entry.key == "forbid" || entry.key == "allow_custom" || entry.key == "prefer";
    if (!entry.section.empty() || !known || entry.value.kind != TomlValue::Kind::kList) {
      return Diag(diag::kTargetProfile,
                  fmt::format("line {}: '{}' is not understood", entry.line, Printable(entry.key)))
          .Hint("runtime = \"...\", and the lists require, forbid, allow_custom and prefer");
    }
    for (const TomlValue& item : entry.value.items) {
      if (entry.key == "forbid") {
        out.forbid.insert(item.text);
      } else if (entry.key == "allow_custom") {
        out.allow_custom.insert(item.text);
      } else if (entry.key == "prefer") {
        if (!IsTfliteChoice(item.text)) {
          return Diag(diag::kTargetProfile,
                      fmt::format("line {}: '{}' need not be asked for", entry.line, Printable(item.text)))
              .Hint("UNIDIRECTIONAL_SEQUENCE_LSTM or _RNN, BIDIRECTIONAL_SEQUENCE_LSTM or _RNN");
        }
        out.prefer.insert(item.text);
      } else if (IsTfliteLimit(item.text)) {
        out.require.push_back(item.text);
      } else {
        return Diag(diag::kTargetProfile, fmt::format("line {}: '{}' is no limit", entry.line, Printable(item.text)))
            .Hint("rank<=4");
      }
    }
  }
  return out;
}

Result<TfliteProfile> ParseTfliteProfile(std::string_view text) {
  if (text.ends_with(".toml")) {
    TRY(const MappedFile::Ptr file, MappedFile::Open(std::string(text), {}));
    TRY(TfliteProfile own, TfliteProfileFromToml(AsText(file->bytes())));
    own.name = std::string(text);
    return own;
  }
  TfliteProfile out;
  std::string_view rest = text;
  const size_t plus = std::min(rest.find('+'), rest.size());
  const std::string_view base = rest.substr(0, plus);
  rest.remove_prefix(plus);
  if (base == "tflite" || base == "litert" || base.empty()) {
    if (base == "tflite") out.runtime = 220;
  } else {
    const Named* found = nullptr;
    for (const Named& named : kNamed) {
      if (named.name == base) found = &named;
    }
    if (found == nullptr) {
      return Diag(diag::kTargetProfile, fmt::format("there is no target '{}'", Printable(base)))
          .Hint("tflite@2.5 to tflite@2.20, litert@1.4, litert@2.1, litert@2.2, each with +xnnpack or +gpu");
    }
    out.runtime = found->runtime;
  }
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('+'), rest.size());
    const std::string_view delegate = rest.substr(0, end);
    if (delegate == "xnnpack") {
      out.xnnpack = true;
    } else if (delegate == "gpu") {
      out.gpu = true;
    } else {
      return Diag(diag::kTargetProfile, fmt::format("there is no delegate '{}'", Printable(delegate)))
          .Hint("+xnnpack, +gpu");
    }
    rest.remove_prefix(end);
  }
  if (!text.empty()) out.name = std::string(text);
  return out;
}

}  // namespace godwit::targets
