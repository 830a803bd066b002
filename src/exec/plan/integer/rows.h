// The tables of integer kernels, by the last operator of the cluster they do, and what their steps share.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "exec/plan/integer/cluster.h"
#include "exec/plan/lowering.h"

namespace godwit::plan {

using ClusterFn = Result<bool> (*)(Lowering&, const Cluster&);
struct ClusterRow {
  const OpDef* op;
  ClusterFn lower;
};

/// Convolutions and matrix products.
std::span<const ClusterRow> ProductRows();
/// Elementwise operators of two operands.
std::span<const ClusterRow> BinaryRows();
/// Comparisons, whose results are not stored by a scale.
std::span<const ClusterRow> CompareRows();
/// Functions of one operand, by table where it has 8 bits.
std::span<const ClusterRow> TableRows();
/// Softmax, normalisation and reductions.
std::span<const ClusterRow> LineRows();
/// Pooling and resizing.
std::span<const ClusterRow> WindowRows();
/// What moves stored integers, changing their scale.
std::span<const ClusterRow> MoveClusterRows();

/// A step that is a function of the frame; it finds its memory by `reads` and `writes`.
class FunctionStep final : public Step {
 public:
  using Body = std::function<Status(Frame&, const Step&)>;
  FunctionStep(std::string label, Body body) : label_(std::move(label)), body_(std::move(body)) {}
  Status Run(Frame& frame) const override { return body_(frame, *this); }
  [[nodiscard]] std::string Label() const override { return label_; }

 private:
  std::string label_;
  Body body_;
};

/// Emits a step from the stored operands to the cluster's result.
void EmitInteger(Lowering& l, const Cluster& c, std::string label, std::vector<SlotId> reads, FunctionStep::Body body);

inline bool IsByte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

/// Calls f with a value of the C++ type of 8- and 16-bit integers; false for any other.
template <class F>
bool WithInteger(DType dtype, F f) {
  switch (dtype) {
    case DType::kU8: f(uint8_t{}); return true;
    case DType::kI8: f(int8_t{}); return true;
    case DType::kI16: f(int16_t{}); return true;
    default: return false;
  }
}

}  // namespace godwit::plan
