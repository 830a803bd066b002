// y = scale[c] * x + shift[c], with one number for each index along an axis, or one for all: what batch normalisation
// with known statistics and arithmetic with constants are.
#pragma once

#include <optional>
#include <vector>

#include "rewrite/context.h"

namespace godwit {

/// Numbers along an axis; a vector of one element holds for every index, and the axis does not matter then.
struct Channels {
  int64_t axis = 0;
  std::vector<double> scale = {1.0};
  std::vector<double> shift = {0.0};

  [[nodiscard]] size_t size() const { return scale.size() > shift.size() ? scale.size() : shift.size(); }
  [[nodiscard]] bool uniform() const { return size() == 1; }
  [[nodiscard]] double Scale(size_t i) const { return scale[scale.size() == 1 ? 0 : i]; }
  [[nodiscard]] double Shift(size_t i) const { return shift[shift.size() == 1 ? 0 : i]; }
  [[nodiscard]] bool Shifts() const;
  [[nodiscard]] bool Scales() const;
  [[nodiscard]] bool Positive() const;
  [[nodiscard]] bool Finite() const;
  /// Both vectors of `n` elements.
  [[nodiscard]] Channels Spread(int64_t n) const;
  /// this after `first`; nullopt when they speak of different axes.
  [[nodiscard]] std::optional<Channels> After(const Channels& first) const;
};

struct ChannelMap {
  ValueId x;
  Channels channels;
};

/// The node as such a map of its operand; its result has its operand's type.
std::optional<ChannelMap> AsChannelMap(RewriteCtx& ctx, const Node& node);

/// A floating-point constant of at most 65536 elements, widened.
std::optional<std::vector<double>> LoadNumbers(RewriteCtx& ctx, ValueId v);
/// Numbers of a constant that broadcasts into a value of `shape` along at most one axis; only `scale` is set.
std::optional<Channels> AlongOneAxis(RewriteCtx& ctx, ValueId constant, const Shape& shape);
/// A constant that broadcasts along `axis` of a value of rank `rank`.
ValueId ChannelConstant(RewriteCtx& ctx, DType dtype, const std::vector<double>& numbers, int64_t axis, int rank);
/// A constant of rank 1.
ValueId VectorConstant(RewriteCtx& ctx, DType dtype, const std::vector<double>& numbers);

/// The same numbers seen through a reshape: `to` and `from` are shapes of the same elements, `channels` lie along an
/// axis of `to`, the result along one of `from`. nullopt when no single axis of `from` tells them apart.
std::optional<Channels> ThroughReshape(const Shape& from, const Shape& to, const Channels& channels);

}  // namespace godwit
