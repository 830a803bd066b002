// Sums of products with constant weights, as the gates of recurrent cells are made of them, in any spelling: gemm or
// matmul, one for all gates or one for each, over one operand or several side by side, bias in one part or more.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "rewrite/context.h"

namespace godwit::recurrent {

/// What one operand adds to some columns.
struct Term {
  ValueId input;               ///< without views that keep its rows
  ValueId weight;              ///< a constant matrix; invalid: the input's own columns, from `out` on
  bool transposed = false;     ///< the weight is [outputs, inputs]
  int64_t in = 0, inputs = 0;  ///< the weight's inputs that meet it
  int64_t out = 0;             ///< the weight's first output
};

/// A constant added to all rows.
struct Bias {
  ValueId value;
  int64_t first = 0;    ///< its first column
  bool spread = false;  ///< one number for all columns
};

/// `width` columns of a value: a sum of terms and biases.
struct Linear {
  int64_t width = 0;  ///< 0: there is none
  std::vector<Term> terms;
  std::vector<Bias> biases;
};

/// The numbers that the biases add up to; nothing where they are too many to look at.
std::optional<std::vector<double>> SumOf(const Graph& graph, const Linear& linear);

/// Reads values of the region that `ctx` is in, and remembers through which nodes.
class Reader {
 public:
  explicit Reader(RewriteCtx& ctx) : ctx_(ctx) {}

  [[nodiscard]] RewriteCtx& ctx() { return ctx_; }
  const Node* Take(ValueId v);
  const Node* Take(ValueId v, const OpDef& op);
  /// What a value is a view of that has the same rows: their last axis is the same, the others hold them in order.
  ValueId Peel(ValueId v);
  /// Zeros whatever is fed.
  [[nodiscard]] bool IsZero(ValueId v);
  /// Columns of the value; false where they are no such sum. The sum is in canonical order.
  bool Read(ValueId v, int64_t first, int64_t width, Linear* out);
  /// The columns of a split or slice along the last axis are columns of what is cut: that and the first one there.
  bool StepInto(ValueId* v, int64_t* first, int64_t width);

  /// Forgets what was read since `other` was copied.
  void Restore(const Reader& other) {
    nodes_ = other.nodes_;
    views_ = other.views_;
  }
  /// Nodes that compute, and those that only view.
  [[nodiscard]] const std::unordered_set<uint32_t>& nodes() const { return nodes_; }
  [[nodiscard]] const std::unordered_set<uint32_t>& views() const { return views_; }

 private:
  bool ReadAny(ValueId v, int64_t first, Linear* out, int depth);
  bool ReadProduct(ValueId x, const Term& like, Linear* out, int depth);
  bool ReadBias(ValueId v, int64_t first, Linear* out);

  RewriteCtx& ctx_;
  std::unordered_set<uint32_t> nodes_, views_;
};

/// Orders terms by weight, biases by value, so that equal sums are told in the same order.
void Normalise(Linear* linear);

/// Extent of the last axis, where it is known.
std::optional<int64_t> Columns(const RewriteCtx& ctx, ValueId v);

}  // namespace godwit::recurrent
