// What the rules that recognise composites share: the cone of nodes that a composite stands for, and readers of the
// usual arithmetic in any spelling: products, scaled and shifted values, small polynomials.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "rewrite/context.h"

namespace godwit::fuse {

/// The nodes that a composite takes the place of: the rule's node and those above it that were read. Reading through
/// the cone's functions takes the nodes in.
class Cone {
 public:
  explicit Cone(RewriteCtx& ctx) : ctx_(&ctx), nodes_{ctx.id()} {}

  [[nodiscard]] RewriteCtx& ctx() const { return *ctx_; }
  [[nodiscard]] size_t size() const { return nodes_.size(); }
  /// The node that makes `v` when its operator is `op`.
  const Node* Take(ValueId v, const OpDef& op);
  /// The node that makes `v`.
  const Node* Take(ValueId v);
  /// Whether `v` is used within the cone alone, and at least once.
  [[nodiscard]] bool Inside(ValueId v) const;
  /// Whether no node but the rule's own has a result that is used elsewhere: then all of them go.
  [[nodiscard]] bool Closed() const;

 private:
  [[nodiscard]] bool Has(NodeId id) const;
  RewriteCtx* ctx_;
  std::vector<NodeId> nodes_;
};

/// One number that leaves the other operand's shape as it is: `result` has the shape of `other`.
std::optional<double> Number(RewriteCtx& ctx, ValueId constant, ValueId other, ValueId result);

/// The constant and the other operand of an add or mul (either way round), or of a sub or div by a constant.
struct ByNumber {
  ValueId x;
  double number = 0;
};
std::optional<ByNumber> ReadByNumber(RewriteCtx& ctx, const Node& node);

/// number * the factors: multiplications, divisions by numbers and negations, down to what other nodes use too.
struct Product {
  double number = 1;
  std::vector<ValueId> factors;
};
Product TakeProduct(Cone& cone, ValueId v);

/// slope * x + offset, x being as far up as the arithmetic goes and nobody else uses what lies between.
struct Affine {
  ValueId x;
  double slope = 1;
  double offset = 0;
};
Affine TakeAffine(Cone& cone, ValueId v);

/// `v` as a polynomial of x of degree 3 at most, by rising powers.
using Poly = std::array<double, 4>;
std::optional<Poly> TakePoly(Cone& cone, ValueId v, ValueId x);

/// A tensor whose elements are all `value`.
Tensor FilledTensor(DType dtype, Dims dims, double value);

/// Whether a constant of the model means `wanted`, given the precision in which it was written.
bool Near(DType dtype, double value, double wanted);
/// The same for a polynomial.
bool Near(DType dtype, const Poly& value, const Poly& wanted);

}  // namespace godwit::fuse
