// Fits a graph to what a target can run. Nodes are offered to the target from last to first: each row of the target's
// table that could serve is tried, then the repairs that the failures name, each of which puts a fragment of other
// nodes in the node's place and offers those; what is left is reported, all of it. Because users come before what
// they use, a row may take in the nodes that feed it, and what nobody wants is not written.
#pragma once

#include <memory>
#include <vector>

#include "base/diag.h"
#include "passes/legalise/scope.h"
#include "targets/misfit.h"

namespace godwit {

/// What a target does with a node.
class LegaliseTarget {
 public:
  virtual ~LegaliseTarget() = default;
  /// Writes the node by one of its rows: empty. Else what each row that could have served lacks, best row first, and
  /// nothing is left behind of the attempt.
  virtual std::vector<targets::Misfit> Place(Scope& scope, NodeId node) = 0;
  /// `result` of the scope around a fragment is `value` of it.
  virtual void Alias(Scope& fragment, ValueId value, ValueId result) = 0;
  /// The same for what no node of the fragment makes: a copy is written.
  virtual void Copy(Scope& fragment, ValueId value, ValueId result) = 0;
  /// How much has been written, and a return to that.
  struct Mark {
    size_t nodes = 0, constants = 0;
  };
  [[nodiscard]] virtual Mark Here() const = 0;
  virtual void Return(Mark mark) = 0;
};

class Legaliser {
 public:
  explicit Legaliser(LegaliseTarget* target) : target_(target) {}

  /// Offers the nodes of the region that somebody wants.
  void Walk(Scope& scope, RegionId region);
  /// Notes that a value is needed.
  void Want(Scope& scope, ValueId value);
  /// Notes that a value has been written with another node than the one that makes it.
  static void Given(Scope& scope, ValueId value) { scope.wanted[value.index] = false; }
  /// What could not be written.
  void ReportTo(DiagSink* sink);
  /// A problem that no repair helps with.
  void Report(const Scope& scope, NodeId node, Diag diag);

  struct Checkpoint {
    LegaliseTarget::Mark written;
    size_t wants = 0, problems = 0, warnings = 0;
  };
  [[nodiscard]] Checkpoint Here() const { return {target_->Here(), log_.size(), problems_.size(), warnings_.size()}; }
  void Return(const Checkpoint& to);

 private:
  void Place(Scope& scope, NodeId node);
  bool TryRepair(Scope& scope, NodeId node, const targets::Misfit& misfit, std::string* why);
  void WalkFragment(Scope& fragment);
  void Warn(const Scope& scope, NodeId node, const targets::Misfit& misfit);

  LegaliseTarget* target_;
  std::vector<std::pair<Scope*, ValueId>> log_;
  std::vector<Diag> problems_, warnings_;
  std::vector<std::unique_ptr<Scope>> fragments_;
};

/// The diagnostic names the node of the model that the scope's node is, or is part of.
void NameSource(const Scope& scope, NodeId node, Diag* diag);

}  // namespace godwit
