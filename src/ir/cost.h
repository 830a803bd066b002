// What an operator's `macs` sees: the types of its operands and results, and its attributes.
#pragma once

#include <vector>

#include "ir/attrs.h"
#include "ir/op_def.h"
#include "ir/type.h"

namespace godwit {

class CostCtx {
 public:
  CostCtx(const OpDef& op_def, const Attrs& node_attrs, std::vector<const Type*> in, std::vector<const Type*> out)
      : op(op_def), attrs(node_attrs), in_(std::move(in)), out_(std::move(out)) {}

  const OpDef& op;
  const Attrs& attrs;

  /// nullptr when absent.
  [[nodiscard]] const Type* In(size_t i) const { return i < in_.size() ? in_[i] : nullptr; }
  [[nodiscard]] const Type* Out(size_t i) const { return i < out_.size() ? out_[i] : nullptr; }
  [[nodiscard]] size_t n_in() const { return in_.size(); }
  [[nodiscard]] size_t n_out() const { return out_.size(); }

  /// Elements of a type; symbolic dims count as one, so that the figure is per unit of each symbol. 0 when the rank is
  /// not known.
  [[nodiscard]] static double Elements(const Type* type) {
    if (type == nullptr || !type->ranked()) return 0;
    double n = 1;
    for (const Dim& d : type->shape()) n *= Extent(d);
    return n;
  }
  [[nodiscard]] static double Extent(const Dim& d) { return d.is_static() ? static_cast<double>(d.value()) : 1; }

 private:
  std::vector<const Type*> in_, out_;
};

}  // namespace godwit
