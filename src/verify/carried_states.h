// What models keep from one sample of a proof to the next.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"
#include "ir/state.h"
#include "verify/proof.h"

namespace godwit {

/// The place of a name, or how many there are.
size_t FindName(const std::vector<std::string>& names, const std::string& name);
std::vector<std::string> InputNames(const Graph& graph);

class CarriedStates {
 public:
  using Values = std::vector<RtValue>;

  // Those of the source: what a run left is what the next sample begins with.
  Status Find(const Graph& source);
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  /// Takes what a run left; inputs with a stated value keep that.
  void Carry(const Graph& source, const Values& reference, const ProofOptions& options);
  void PutInto(Values* inputs) const;

  // Those that the written model has and the source does not: they must make no difference.
  /// Whether the input, which is the written model's at `place`, is such a state: it begins with its initial value.
  bool TakeOwn(const Graph& written, const std::string& input, size_t place);
  [[nodiscard]] size_t own() const { return own_slots_.size(); }
  void CarryOwn(const Graph& written, const Values& actual);
  [[nodiscard]] const RtValue& Own(size_t place) const { return own_left_.at(place); }

 private:
  std::vector<StateSlot> slots_, own_slots_;
  std::map<size_t, RtValue> left_;      // by the source's inputs
  std::map<size_t, RtValue> own_left_;  // by the written model's
};

}  // namespace godwit
