#include "rewrite/ledger.h"

namespace godwit {

std::string_view Name(Numerics numerics) {
  switch (numerics) {
    case Numerics::kExact: return "exact";
    case Numerics::kReassociating: return "reassociating";
    case Numerics::kApproximate: return "approximate";
  }
  return "";
}

bool Ledger::Allows(std::string_view rule, Numerics numerics) const {
  if (options_.level < 1 + static_cast<int>(numerics)) return false;
  const std::string name(rule);
  return !options_.off.contains(name) && (options_.only.empty() || options_.only.contains(name));
}

void Ledger::Count(std::string_view rule, NodeId node) {
  ++total_;
  const auto it = by_rule_.find(rule);
  if (it == by_rule_.end()) {
    by_rule_.emplace(rule, 1);
  } else {
    ++it->second;
  }
  if (options_.trace) options_.trace({rule, node, total_});
}

}  // namespace godwit
