// einsum as transpositions, products of matrices and sums: operands are joined one after the other, from the left.
#include <algorithm>
#include <map>

#include "ops/decompose.h"
#include "ops/einsum.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

bool Holds(const Labels& labels, int label) { return std::find(labels.begin(), labels.end(), label) != labels.end(); }

// A value whose axes carry labels, each label once.
struct Term {
  Expr x;
  Labels labels;
};

// Brings the axes into the order of `labels`, which are those of the term.
Expr Ordered(const Term& t, const Labels& labels) {
  std::vector<int64_t> perm;
  for (const int label : labels) perm.push_back(std::find(t.labels.begin(), t.labels.end(), label) - t.labels.begin());
  return Transpose(t.x, std::move(perm));
}

// Drops all but the diagonal of axes that carry the same label.
Term Diagonal(Term t) {
  for (size_t i = 0; i < t.labels.size(); ++i) {
    for (size_t j = t.labels.size(); --j > i;) {
      if (t.labels[i] != t.labels[j]) continue;
      DecomposeCtx& ctx = t.x.ctx();
      const auto at = [&](size_t axis) {
        std::vector<int64_t> trailing;
        for (size_t k = axis + 1; k < t.labels.size(); ++k) trailing.push_back(static_cast<int64_t>(k - axis));
        return Unsqueeze(Range(ctx, Extent::Of(t.x, static_cast<int>(axis))), trailing);
      };
      const Expr kept = Where(Equal(at(i), at(j)), t.x, ScalarOf(ctx, t.x.dtype(), 0));
      t.x = Reduce(kept, "sum", {static_cast<int64_t>(j)}, false);
      t.labels.erase(t.labels.begin() + static_cast<int64_t>(j));
    }
  }
  return t;
}

// Sums over labels that nobody else has.
Term Summed(Term t, const Labels& needed) {
  std::vector<int64_t> axes;
  Labels left;
  for (size_t k = 0; k < t.labels.size(); ++k) {
    if (Holds(needed, t.labels[k])) {
      left.push_back(t.labels[k]);
    } else {
      axes.push_back(static_cast<int64_t>(k));
    }
  }
  return {Reduce(t.x, "sum", axes, false), std::move(left)};
}

// Elementwise product, its axes being the labels of a and those that b adds.
Term Multiplied(const Term& a, const Term& b) {
  Labels all = a.labels;
  for (const int label : b.labels) {
    if (!Holds(all, label)) all.push_back(label);
  }
  const auto spread = [&all](const Term& t) {
    Labels order;
    std::vector<int64_t> missing;
    for (size_t k = 0; k < all.size(); ++k) {
      if (Holds(t.labels, all[k])) {
        order.push_back(all[k]);
      } else {
        missing.push_back(static_cast<int64_t>(k));
      }
    }
    return Unsqueeze(Ordered(t, order), missing);
  };
  return {spread(a) * spread(b), all};
}

// Sums a * b over the labels that both have and nobody needs, as a product of matrices.
Term Contracted(const Term& a, const Term& b, const Labels& needed) {
  Labels batch, rows, inner, columns;
  for (const int label : a.labels) {
    (!Holds(b.labels, label) ? rows : Holds(needed, label) ? batch : inner).push_back(label);
  }
  for (const int label : b.labels) {
    if (!Holds(a.labels, label)) columns.push_back(label);
  }
  const bool broadcast = std::any_of(inner.begin(), inner.end(), [](int label) { return label >= kEllipsisBase; });
  if (inner.empty() || broadcast) return Summed(Multiplied(a, b), needed);
  const auto order = [&](const Labels& x, const Labels& y) {
    Labels all = batch;
    all.insert(all.end(), x.begin(), x.end());
    all.insert(all.end(), y.begin(), y.end());
    return all;
  };
  const Expr left = Ordered(a, order(rows, inner));
  const Expr right = Ordered(b, order(inner, columns));
  // Rows, inner and columns become one axis each.
  const auto joined = [&](const Expr& x, size_t first, size_t count) {
    Extent product = 1;
    for (size_t k = 0; k < count; ++k) product = product * Extent::Of(x, static_cast<int>(first + k));
    return product;
  };
  const auto matrix = [&](const Expr& x, size_t m, size_t n) {
    if (m == 1 && n == 1) return x;
    Extents dims;
    for (size_t k = 0; k < batch.size(); ++k) dims.push_back(Extent::Of(x, static_cast<int>(k)));
    dims.push_back(joined(x, batch.size(), m));
    dims.push_back(joined(x, batch.size() + m, n));
    return Reshape(x, dims);
  };
  Expr y = MatMul(matrix(left, rows.size(), inner.size()), matrix(right, inner.size(), columns.size()));
  Labels result = order(rows, columns);
  if (rows.size() != 1 || columns.size() != 1) {
    Extents dims;
    for (size_t k = 0; k < batch.size(); ++k) dims.push_back(Extent::Of(y, static_cast<int>(k)));
    for (size_t k = 0; k < rows.size(); ++k) dims.push_back(Extent::Of(left, static_cast<int>(batch.size() + k)));
    for (size_t k = 0; k < columns.size(); ++k) {
      dims.push_back(Extent::Of(right, static_cast<int>(batch.size() + inner.size() + k)));
    }
    y = Reshape(y, dims);
  }
  return {y, std::move(result)};
}

}  // namespace

Status DecomposeEinsum(DecomposeCtx& ctx) {
  std::vector<int> ranks;
  for (size_t i = 0; i < ctx.n_in(); ++i) ranks.push_back(RankedOperand(ctx, i).rank());
  if (ctx.failed()) return Ok{};
  EinsumParse parse = ParseEinsum(ctx.attrs.Str("equation"), ranks);
  if (!parse.error.empty()) return ctx.Cannot(parse.error);
  const EinsumEquation& equation = parse.equation;
  // What the operands from i on, and the result, still want.
  const auto needed = [&](size_t i) {
    Labels all = equation.result;
    for (; i < equation.operands.size(); ++i) {
      all.insert(all.end(), equation.operands[i].begin(), equation.operands[i].end());
    }
    return all;
  };
  const DType dtype = ctx.TypeOfIn(0).dtype();
  Term sum;
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    Labels others = needed(i + 1);
    Term next = Diagonal({Widen(Operand(ctx, i)), equation.operands[i]});
    others.insert(others.end(), sum.labels.begin(), sum.labels.end());
    next = Summed(std::move(next), others);
    sum = i == 0 ? std::move(next) : Contracted(sum, next, needed(i + 1));
  }
  Result0(ctx, Ordered(sum, equation.result), dtype);
  return Ok{};
}

}  // namespace godwit::ops
