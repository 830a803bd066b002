#include "api/profile.h"

#include "base/diag_targets.h"
#include "base/text.h"

namespace godwit {

Result<targets::TfliteProfile> ReadProfile(const std::string& text, const TargetLimits& limits) {
  TRY(targets::TfliteProfile profile, targets::ParseTfliteProfile(text));
  profile.require.insert(profile.require.end(), limits.require.begin(), limits.require.end());
  profile.forbid.insert(limits.forbid.begin(), limits.forbid.end());
  profile.allow_custom.insert(limits.allow_custom.begin(), limits.allow_custom.end());
  for (const std::string& op : limits.prefer) {
    if (targets::IsTfliteChoice(op)) continue;
    return Diag(diag::kTargetProfile, Concat("'", Printable(op), "' need not be asked for"))
        .Hint("UNIDIRECTIONAL_SEQUENCE_LSTM or _RNN, BIDIRECTIONAL_SEQUENCE_LSTM or _RNN");
  }
  profile.prefer.insert(limits.prefer.begin(), limits.prefer.end());
  return profile;
}

}  // namespace godwit
