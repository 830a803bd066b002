// Comparisons of models for people, for programs, and as one page with pictures that needs no network.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "verify/compare.h"

namespace godwit {

/// The proof's lines, and with `per_layer` a line for each layer; the first that departs is named in any case.
std::string CompareText(const Comparison& comparison, bool per_layer);
/// {"reference":..., "files":[{"file":..., "proof":{...}, "layers":[...], "first":...}]}; `pictures` adds histograms
/// and channels.
std::string CompareJson(std::string_view reference, const std::vector<Comparison>& comparisons, bool pictures);
/// Error by layer, histograms, means along the channels; `more` is HTML that follows.
std::string ComparePage(std::string_view reference, const std::vector<Comparison>& comparisons,
                        std::string_view more = {});

}  // namespace godwit
