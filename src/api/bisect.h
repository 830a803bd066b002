// Which rewrite of a simplification is the first after which the model gives other results: found by halving.
#pragma once

#include <string>

#include "passes/simplify.h"
#include "verify/proof.h"

namespace godwit {

struct Bisection {
  int64_t total = 0;      ///< rewrites of the whole simplification
  int64_t first_bad = 0;  ///< number of the first that departs; 0: none does
  std::string rule;
  std::string node;  ///< source name of the node that it rewrote
  std::string op;
  ProofReport proof;  ///< of the graph after that rewrite, or after all of them
  int proofs = 0;     ///< how many were made
};

/// Simplifies clones of the graph with more and fewer rewrites and proves each against the graph itself.
Result<Bisection> BisectRewrites(const Graph& source, const SimplifyOptions& rewriting, const ProofOptions& proof);

}  // namespace godwit
