#include "passes/layout/layout.h"

namespace godwit {

namespace {

Type Permuted(const Type& type, const Perm& perm) {
  if (perm.empty() || !type.ranked() || type.shape().size() != perm.size()) return type;
  Type out = type;
  for (size_t k = 0; k < perm.size(); ++k) out.tensor().shape[k] = type.shape()[static_cast<size_t>(perm[k])];
  if (const auto& quant = type.tensor().quant; quant && quant->axis >= 0) {
    Quant moved = *quant;
    for (size_t k = 0; k < perm.size(); ++k) {
      if (perm[k] == quant->axis) moved.axis = static_cast<int>(k);
    }
    out.tensor().quant = std::make_shared<const Quant>(std::move(moved));
  }
  return out;
}

}  // namespace

Type LayoutForm::Operand(size_t i) const {
  if (!Has(i)) return Type();
  return Permuted(graph.value(graph.node(node).in[i]).type, i < operands.size() ? operands[i] : Perm());
}

Type LayoutForm::Result(size_t i) const {
  const std::vector<ValueId>& out = graph.node(node).out;
  if (i >= out.size() || !out[i]) return Type();
  return Permuted(graph.value(out[i]).type, i < results.size() ? results[i] : Perm());
}

std::optional<std::vector<int64_t>> LayoutForm::Ints(size_t i) const {
  for (const auto& [operand, held] : numbers) {
    if (operand == i) return held;
  }
  if (!Has(i)) return std::nullopt;
  const auto dims = facts.Contents(graph.node(node).in[i]);
  if (!dims) return std::nullopt;
  std::vector<int64_t> out;
  for (const Dim& d : *dims) {
    if (!d.is_static()) return std::nullopt;
    out.push_back(d.value());
  }
  return out;
}

}  // namespace godwit
