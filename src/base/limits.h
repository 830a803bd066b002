// The safety limits as one struct that readers take, and the table of them that the command line shows and sets.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/diag.h"
#include "base/result.h"

namespace godwit {

struct Limits {
#define GODWIT_LIMIT(field, name, fallback, doc) int64_t field = fallback;
#include "base/limits.def"
#undef GODWIT_LIMIT
};

struct LimitDef {
  std::string_view name;
  int64_t fallback;
  std::string_view doc;
  int64_t Limits::*field;
};

/// All limits in the order of the table.
std::span<const LimitDef> AllLimits();
const LimitDef* FindLimit(std::string_view name);
/// Applies "NAME=VALUE", where VALUE may end in K, M or G (powers of 1024).
Status SetLimit(Limits* limits, std::string_view name_and_value);

/// limit.exceeded, naming the limit, its present value and what the file asked for.
Diag LimitExceeded(const Limits& limits, int64_t Limits::*field, uint64_t wanted, std::string_view what);

}  // namespace godwit
