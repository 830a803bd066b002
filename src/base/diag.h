// Diagnostics: what is wrong, where, why and what to do. Every id is listed in a diagnostics_*.def (or is a
// numbered constraint of an operator, "gather.c1") and has a page that `godwit explain ID` prints.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace godwit {

/// The exit contract of the command line; each diagnostic belongs to one of these.
enum class Exit : uint8_t {
  kDone = 0,
  kUsage = 1,
  kIo = 2,
  kMalformed = 3,
  kUnsupported = 4,
  kLimit = 5,
  kUnsafe = 6,
  kDiffers = 7,
  kTarget = 8,
  kGoal = 9,
  kDefect = 70,
};

enum class Severity : uint8_t { kError, kWarning, kNote };

/// One row of a diagnostics_*.def.
struct DiagDef {
  std::string_view id;     ///< stable dotted id, "onnx.attr.missing"
  Exit exit;               ///< exit status when it is an error
  std::string_view title;  ///< one line, for groups and lists
  std::string_view page;   ///< what it means and what to do, for `godwit explain`
};

struct Diag {
  std::string id;
  Exit exit = Exit::kDefect;
  Severity severity = Severity::kError;
  std::string what;                  ///< one sentence, with the figures
  std::string file;                  ///< the file it is about, if any
  std::string at;                    ///< byte offset or field path in the file
  std::string node;                  ///< source node name (and op type)
  std::string op_type;               ///< source operator, the key under which problems are grouped
  std::vector<std::string> tensors;  ///< source tensor names
  std::string hint;                  ///< what to do, ready to paste where possible

  Diag() = default;
  Diag(const DiagDef& def, std::string what_in) : id(def.id), exit(def.exit), what(std::move(what_in)) {}

  Diag&& At(std::string v) && {
    at = std::move(v);
    return std::move(*this);
  }
  Diag&& File(std::string v) && {
    file = std::move(v);
    return std::move(*this);
  }
  Diag&& Node(std::string v) && {
    node = std::move(v);
    return std::move(*this);
  }
  Diag&& Tensor(std::string v) && {
    tensors.push_back(std::move(v));
    return std::move(*this);
  }
  Diag&& Hint(std::string v) && {
    hint = std::move(v);
    return std::move(*this);
  }
  Diag&& As(Severity v) && {
    severity = v;
    return std::move(*this);
  }
};

/// Where problems are collected, so that all of them are reported and not only the first.
class DiagSink {
 public:
  void Add(Diag diag);
  [[nodiscard]] const std::vector<Diag>& all() const { return diags_; }
  [[nodiscard]] size_t error_count() const { return errors_; }
  [[nodiscard]] size_t warning_count() const { return diags_.size() - errors_; }
  [[nodiscard]] bool has_errors() const { return errors_ != 0; }
  /// The exit status of the gravest error: the first of kUnsafe, kLimit, kIo, kMalformed, kUnsupported ... that occurs.
  [[nodiscard]] Exit exit() const;

 private:
  std::vector<Diag> diags_;
  size_t errors_ = 0;
};

/// All rows of the diagnostics_*.def files, sorted by id.
std::span<const DiagDef> AllDiags();
const DiagDef* FindDiag(std::string_view id);

/// One human-readable block: "error[id]: what\n  at ...\n  hint: ...". Control characters in names are escaped.
std::string FormatDiag(const Diag& diag);
/// One JSON object on one line.
std::string DiagToJson(const Diag& diag);

/// The rows themselves, as `diag::kOnnxAttrMissing`.
namespace diag {
#define GODWIT_DIAG(name, id, exit, title, page) extern const DiagDef name;
#include "base/diagnostics.def"
#undef GODWIT_DIAG
}  // namespace diag

}  // namespace godwit
