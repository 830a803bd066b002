// Diagnostics as the public interface shows them.
#pragma once

#include <vector>

#include "base/diag.h"
#include "godwit/godwit.hpp"

namespace godwit {

inline void Tell(const Diag& diag, std::vector<Problem>* problems) {
  if (problems == nullptr) return;
  problems->push_back({diag.id, diag.severity == Severity::kError, static_cast<int>(diag.exit), FormatDiag(diag)});
}

}  // namespace godwit
