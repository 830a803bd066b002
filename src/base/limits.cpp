#include "base/limits.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/checked.h"
#include "base/text.h"

namespace godwit {

namespace {

constexpr LimitDef kTable[] = {
#define GODWIT_LIMIT(field, name, fallback, doc) {name, fallback, doc, &Limits::field},
#include "base/limits.def"
#undef GODWIT_LIMIT
};

bool ParseAmount(std::string_view text, int64_t* out) {
  int64_t unit = 1;
  if (!text.empty()) {
    switch (text.back()) {
      case 'K': unit = int64_t{1} << 10; break;
      case 'M': unit = int64_t{1} << 20; break;
      case 'G': unit = int64_t{1} << 30; break;
      default: break;
    }
    if (unit != 1) text.remove_suffix(1);
  }
  int64_t count = 0;
  if (!ParseInt(text, &count) || count < 0) return false;
  const auto amount = CheckedMul(count, unit);
  if (amount) *out = *amount;
  return amount.has_value();
}

}  // namespace

std::span<const LimitDef> AllLimits() { return kTable; }

const LimitDef* FindLimit(std::string_view name) {
  const auto* it =
      std::find_if(std::begin(kTable), std::end(kTable), [&](const LimitDef& d) { return d.name == name; });
  return it == std::end(kTable) ? nullptr : it;
}

Status SetLimit(Limits* limits, std::string_view name_and_value) {
  const size_t equals = name_and_value.find('=');
  if (equals == std::string_view::npos) {
    return Diag(diag::kUsage, Concat("'", name_and_value, "' is not NAME=VALUE"))
        .Hint("--limit nodes=2000000; `godwit list limits` shows all of them");
  }
  const std::string_view name = name_and_value.substr(0, equals);
  const LimitDef* def = FindLimit(name);
  if (def == nullptr) {
    return Diag(diag::kUsage, Concat("there is no limit named '", name, "'")).Hint("see `godwit list limits`");
  }
  int64_t value = 0;
  if (!ParseAmount(name_and_value.substr(equals + 1), &value)) {
    return Diag(diag::kUsage, Concat("'", name_and_value.substr(equals + 1), "' is not a value for limit ", name))
        .Hint("a whole number, or one with K, M or G behind it");
  }
  limits->*(def->field) = value;
  return Ok{};
}

Diag LimitExceeded(const Limits& limits, int64_t Limits::*field, uint64_t wanted, std::string_view what) {
  const auto* def =
      std::find_if(std::begin(kTable), std::end(kTable), [&](const LimitDef& d) { return d.field == field; });
  const std::string wanted_text = std::to_string(wanted);
  return Diag(diag::kLimitExceeded,
              Concat(what, ": ", wanted_text, " is more than limit ", def->name, " = ", std::to_string(limits.*field)))
      .Hint(Concat("if the file is trusted: --limit ", def->name, "=", wanted_text));
}

}  // namespace godwit
