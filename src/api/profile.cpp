#include "api/profile.h"

namespace godwit {

Result<targets::TfliteProfile> ReadProfile(const std::string& text, const TargetLimits& limits) {
  TRY(targets::TfliteProfile profile, targets::ParseTfliteProfile(text));
  profile.require.insert(profile.require.end(), limits.require.begin(), limits.require.end());
  profile.forbid.insert(limits.forbid.begin(), limits.forbid.end());
  profile.allow_custom.insert(limits.allow_custom.begin(), limits.allow_custom.end());
  return profile;
}

}  // namespace godwit
