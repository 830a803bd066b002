// Comparison of two models: the same samples through both, their outputs as a proof judges them, their layers where
// they are wanted or where the outputs differ.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "verify/layers.h"
#include "verify/proof.h"

namespace godwit {

struct CompareOptions {
  ProofOptions proof;
  bool layers = false;    ///< also where nothing differs
  bool pictures = false;  ///< layers with what a page draws of them
};

struct Comparison {
  std::string file;
  ProofReport proof;
  std::optional<LayerComparison> layers;
  std::string layers_missing;  ///< why there are none although they were wanted
};

/// Inputs and outputs are matched by name, or by place where no names agree and the types do; outputs that only one
/// side has are left out, and said; so are states that only the other model keeps, which hold their first contents.
/// Ports of the other model that have their channels elsewhere, or are quantised where the reference's are not, are
/// compared as the reference has them. compare.interface where the models do not take the same inputs.
Result<Comparison> CompareModels(const Graph& reference, const Graph& other, const CompareOptions& options);

}  // namespace godwit
