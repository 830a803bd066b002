// What an operator's `eval` sees: concrete operands, attributes, a way to make results within the memory limits, and
// for control flow a way to run its regions. Evals are the reference semantics: obvious before fast.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ir/attrs.h"
#include "ir/op_def.h"
#include "ir/tensor.h"

namespace godwit {

class EvalCtx {
 public:
  EvalCtx(const OpDef& op, const Attrs& node_attrs, std::vector<RtValue> in, size_t n_out)
      : attrs(node_attrs), op_(op), in_(std::move(in)), out_(n_out), wanted_(n_out, true) {}
  virtual ~EvalCtx() = default;

  const Attrs& attrs;
  [[nodiscard]] const OpDef& op() const { return op_; }

  [[nodiscard]] size_t n_in() const { return in_.size(); }
  [[nodiscard]] size_t n_out() const { return out_.size(); }
  [[nodiscard]] bool Has(size_t i) const { return i < in_.size() && !in_[i].absent(); }
  [[nodiscard]] const RtValue& Value(size_t i) const { return in_[i]; }
  /// The operand as a tensor (an invalid one when it is absent or something else).
  [[nodiscard]] const Tensor& In(size_t i) const { return i < in_.size() ? in_[i].tensor : kNoTensor; }
  /// An integer (or bool) operand's elements; empty when absent.
  [[nodiscard]] std::vector<int64_t> Ints(size_t i) const;
  [[nodiscard]] bool Wants(size_t i) const { return i < wanted_.size() && wanted_[i]; }

  /// Makes result `i`, not initialised. The pointer is good until the context goes.
  virtual Result<Tensor*> Make(size_t i, DType dtype, Dims dims);
  void Set(size_t i, RtValue value) {
    if (i < out_.size()) out_[i] = std::move(value);
  }

  /// Runs region `k` with these parameters.
  virtual Result<std::vector<RtValue>> RunRegion(size_t k, std::vector<RtValue> params);
  /// Seed of random operators: fixed by the run, so that the same run gives the same numbers.
  [[nodiscard]] virtual uint64_t seed() const { return 0; }

  [[nodiscard]] Diag Fail(std::string_view constraint, std::string what) const;
  [[nodiscard]] Result<int> Axis(std::string_view constraint, int64_t axis, int rank) const;
  /// exec.no_kernel for this operator with these types.
  [[nodiscard]] Diag NoKernel(std::string what) const;

  [[nodiscard]] std::vector<RtValue>& results() { return out_; }
  std::vector<bool>& wanted() { return wanted_; }

 private:
  static const Tensor kNoTensor;
  const OpDef& op_;
  std::vector<RtValue> in_;
  std::vector<RtValue> out_;
  std::vector<bool> wanted_;
};

}  // namespace godwit
