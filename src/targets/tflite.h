// What TFLite runtimes run: the table of their kernels (tflite_operators.def) and the profiles that cut it down to one
// runtime, its delegates and what a user allows. The writer asks it about every operator before that is kept, so that
// nothing can be written that the runtime would refuse or compute wrongly.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ir/type.h"
#include "targets/misfit.h"

namespace godwit::targets {

/// Runtimes as major * 100 + minor of TensorFlow's numbers: LiteRT 1.4 is 220, 2.1 is 221, 2.2 is 222.
inline constexpr int kOldestTflite = 205;
inline constexpr int kNewestTflite = 222;

struct TfliteRow {
  std::string_view op;
  int version;
  int since;
  std::string_view types;
  std::string_view limits;
  std::string_view evidence;
};
std::span<const TfliteRow> AllTfliteRows();

struct TfliteProfile {
  std::string name = "litert@2.1";
  int runtime = 221;
  bool xnnpack = false;
  bool gpu = false;
  std::vector<std::string> require;    ///< limits that every operator must keep, "rank<=4"
  std::set<std::string> forbid;        ///< operators that may not be written
  std::set<std::string> allow_custom;  ///< custom operators that may be
  std::set<std::string> prefer;        ///< operators that are written only where they are asked for
};
/// "tflite@2.14", "litert@2.1+xnnpack", or a file "my.toml" that says
///
///   runtime = "litert@2.1+xnnpack"
///   require = ["rank<=4"]
///   forbid = ["GATHER_ND"]
///   allow_custom = ["MyOperator"]
///   prefer = ["UNIDIRECTIONAL_SEQUENCE_LSTM"]
///
/// "" is the default. target.profile for anything else.
Result<TfliteProfile> ParseTfliteProfile(std::string_view text);
/// The same from the text of such a file.
Result<TfliteProfile> TfliteProfileFromToml(std::string_view text);
/// Whether an operator is written only where it is asked for.
bool IsTfliteChoice(std::string_view op);
/// Whether a limit can be read: "rank<=4".
bool IsTfliteLimit(std::string_view limit);
/// Names that ParseTfliteProfile takes, without delegates.
std::vector<std::string> TfliteProfileNames();
/// "2.21.0": a runtime as it is written into models.
std::string TfliteRuntimeName(int runtime);

/// One operator as it would be written.
struct TfliteTensor {
  const TensorType* type = nullptr;  ///< null: absent
  bool constant = false;
};
struct TfliteUse {
  std::string_view op;
  std::vector<TfliteTensor> in, out;
  std::function<std::optional<double>(std::string_view)> option = {};  ///< a number or flag of its options
};

struct TfliteFit {
  int version = 0;  ///< lowest that is right; 0: none
  int since = 0;    ///< the first runtime that has it
  Misfit misfit;    ///< where there is none. The operand is one of `in`; cast_to is not set
  TypeSet takes;    ///< kCast: what that operand may be
};
TfliteFit FitTflite(const TfliteUse& use, const TfliteProfile& profile);

enum class TfliteDelegate : uint8_t { kXnnpack, kGpu };
/// What delegates take over; version, runtime and evidence are not set.
struct TfliteDelegateRow {
  TfliteDelegate delegate;
  TfliteRow row;
};
std::span<const TfliteDelegateRow> AllTfliteDelegateRows();
/// Why the delegate leaves the operator to the builtin kernels; empty where it takes it.
std::string DelegateRefuses(TfliteDelegate delegate, const TfliteUse& use);

}  // namespace godwit::targets
