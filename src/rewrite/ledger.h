// What may be rewritten and what has been: the options of a run and its counters, shared by rules and passes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "ir/graph.h"
#include "rewrite/rule.h"

namespace godwit {

struct RewriteEvent {
  std::string_view rule;
  NodeId node;         ///< may be gone by now
  int64_t number = 0;  ///< 1 for the first rewrite of the run
};

struct RewriteOptions {
  int level = 2;                    ///< 0: nothing; 1: exact rules; 2: reassociating ones too; 3: approximate ones too
  std::set<std::string> off = {};   ///< names of rules and passes that do not run
  std::set<std::string> only = {};  ///< when not empty, no others run
  int64_t limit = -1;               ///< rewrites after which everything stops; negative: none
  std::function<void(const RewriteEvent&)> trace = {};
};

class Ledger {
 public:
  explicit Ledger(RewriteOptions options) : options_(std::move(options)) {}

  [[nodiscard]] bool Allows(std::string_view rule, Numerics numerics) const;
  /// Whether the limit leaves room for one more.
  [[nodiscard]] bool Open() const { return options_.limit < 0 || total_ < options_.limit; }
  void Count(std::string_view rule, NodeId node);

  [[nodiscard]] int64_t total() const { return total_; }
  [[nodiscard]] const std::map<std::string, int64_t, std::less<>>& by_rule() const { return by_rule_; }
  [[nodiscard]] const RewriteOptions& options() const { return options_; }

 private:
  RewriteOptions options_;
  int64_t total_ = 0;
  std::map<std::string, int64_t, std::less<>> by_rule_;
};

}  // namespace godwit
