// Moves a scale and shift of channels to where it costs nothing: up into what makes a value, or down into what reads
// it. Both walk over what only moves elements or treats channels alike, and change weights and constants at the ends.
#pragma once

#include "passes/channel_map.h"

namespace godwit {

/// Plans first and changes the graph only when the whole walk has succeeded.
class ScaleMover {
 public:
  explicit ScaleMover(RewriteCtx& ctx) : ctx_(ctx) {}

  /// Makes `v`, which has `users` users, hold what it holds times scale plus shift.
  bool Up(ValueId v, const Channels& channels, size_t users = 1);
  /// Lets all users of `v` expect it without the scale and shift that it has now; `instead` takes its place.
  bool Down(ValueId v, const Channels& channels, ValueId instead);
  /// What is planned so far, and going back to it.
  [[nodiscard]] size_t Mark() const { return edits_.size(); }
  void Back(size_t mark) { edits_.resize(mark); }
  /// Makes the changes; gives what stands for `v` from now on.
  Result<ValueId> Apply(ValueId v);

 private:
  struct Edit {
    ValueId old, now;  ///< a value that is replaced, or
    NodeId node;       ///< a node that gets `now` as an operand
    size_t operand = 0;
  };

  bool UpNode(ValueId v, const Node& node, const Channels& channels);
  bool UpArithmetic(ValueId v, const Node& node, const Channels& channels);
  bool UpConstant(const Node& node, ValueId x, ValueId constant, const Channels& channels);
  bool UpNorm(const Node& node, const Channels& channels);
  bool UpBatchNorm(const Node& node, const Channels& channels);
  bool UpMatMul(const Node& node, const Channels& channels);
  bool UpConcat(const Node& node, const Channels& channels);
  bool UpPart(const Node& node, ValueId v, const Channels& channels);
  bool DownNode(const Node& node, size_t operand, ValueId v, const Channels& channels, ValueId instead);
  bool Scaled(ValueId v, ValueId now);

  RewriteCtx& ctx_;
  std::vector<Edit> edits_;
  int depth_ = 0;
};

}  // namespace godwit
