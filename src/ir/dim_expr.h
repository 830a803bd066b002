// The inside of a symbolic dim: a sum of integer multiples of products of atoms, in canonical order. Atoms are symbols
// and the functions that polynomials cannot express: floor(a/b), max, min. Only dim*.cpp include this.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ir/dim.h"

namespace godwit {

struct DimAtom {
  enum class Kind : uint8_t { kSymbol, kFloor, kMax, kMin };
  Kind kind;
  std::string name;       ///< of a symbol
  std::vector<Dim> args;  ///< floor: numerator, denominator; max, min: two or more in text order
  std::string text;       ///< canonical; equal atoms have equal texts
  int depth = 1;          ///< of nesting; bounded, so recursion over atoms is safe
};
using DimAtomPtr = std::shared_ptr<const DimAtom>;

struct DimTerm {
  int64_t coeff = 0;
  std::vector<std::pair<DimAtomPtr, int>> factors;  ///< with powers, in text order; empty: the constant term
  std::string key;                                  ///< text of the factors
};

struct Dim::Expr {
  std::vector<DimTerm> terms;  ///< by key, the constant last; no zero coefficients
  std::string text;
  int depth = 1;
};

/// Operations on the canonical form. Whatever would overflow 64 bits or grow without bound becomes an opaque symbol,
/// named after the operation, so that equal inputs still give equal results.
struct DimBuilder {
  using Terms = std::vector<DimTerm>;

  static Terms TermsOf(const Dim& dim);
  /// Sorts, merges, drops zeros; keys that are empty are filled in. nullopt when a coefficient leaves 64 bits or a
  /// power grows too large.
  static std::optional<Dim> TryMake(Terms terms);
  /// For terms that are part of an existing dim, which cannot fail.
  static Dim Make(Terms terms);
  static Dim Opaque(const std::string& what);
  static Dim OfAtom(DimAtom atom);
  /// The atom when the dim is exactly one atom.
  static DimAtomPtr SoleAtom(const Dim& dim);
  static std::string KeyOf(const std::vector<std::pair<DimAtomPtr, int>>& factors);
  static Dim Pick(DimAtom::Kind kind, const Dim& a, const Dim& b);
  static Dim Rebuild(const Dim& dim, const std::function<std::optional<Dim>(const std::string&)>& lookup);
  static const Dim::Expr* ExprOf(const Dim& dim) { return dim.expr_.get(); }
};

}  // namespace godwit
