// What all verbs that read models share: limits, and showing problems to people (grouped) or programs (a JSON object
// a line) on the error stream.
#pragma once

#include <set>
#include <span>
#include <string>

#include "api/load.h"
#include "base/diag.h"
#include "tools/options.h"

namespace godwit::tools {

class Problems {
 public:
  static Result<Problems> From(const Args& args);

  /// What to load a model with, but for its shapes.
  [[nodiscard]] const LoadOptions& load() const { return load_; }
  [[nodiscard]] const Limits& limits() const { return load_.limits; }
  [[nodiscard]] bool quiet() const { return quiet_; }
  [[nodiscard]] bool verbose() const { return verbose_; }

  /// Shows everything and returns the exit status that it means.
  int Show(std::span<const Diag> diags) const;
  int Show(const DiagSink& sink) const { return Show(sink.all()); }
  int Show(const Diag& diag) const { return Show(std::span<const Diag>(&diag, 1)); }

 private:
  LoadOptions load_;
  std::set<std::string, std::less<>> allowed_;
  bool json_ = false;
  bool strict_ = false;
  bool quiet_ = false;
  bool verbose_ = false;
  bool colour_ = false;
};

/// Wrong use, before there is a Problems: shows it and returns its status.
int Complain(const Diag& diag, bool json);

/// Problems of one kind together: "17 nodes: Resize: ..." with the first few node and tensor names, or with all.
std::string GroupedText(std::span<const Diag> diags, bool all_names = false);
/// The same text with colours for the words that say how grave it is, and for hints.
std::string Coloured(std::string_view text);

}  // namespace godwit::tools
