#include "passes/layout/channel_order.h"

#include <algorithm>
#include <numeric>

#include "ir/op_def.h"

namespace godwit {

namespace {

constexpr std::string_view kChannelAxis = "channel_axis";

// The node's channel axis, non-negative; -1 where there is none or the rank is not known.
int64_t ChannelOf(const Attrs& attrs, int rank) {
  int64_t axis = attrs.Int(kChannelAxis, 1);
  if (axis < 0) axis += rank;
  return axis >= 0 && axis < rank ? axis : -1;
}

}  // namespace

bool HasChannelAxis(const OpDef& op) {
  return std::any_of(op.attrs.begin(), op.attrs.end(), [](const AttrDef& a) { return a.name == kChannelAxis; });
}

Perm ChannelOrder::Moved(int rank, int64_t channel) const {
  Perm perm(static_cast<size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  perm.erase(perm.begin() + channel);
  perm.insert(perm.begin() + PlaceOf(rank), channel);
  return perm;
}

std::optional<int64_t> ChannelOrder::Runs(const LayoutForm& form) const {
  if (!HasChannelAxis(*form.op()) || !form.Has(0)) return 0;
  const Type x = form.Operand(0);
  if (!x.ranked() || x.rank() < 2) return 0;
  if (ChannelOf(form.attrs, x.rank()) != PlaceOf(x.rank())) return std::nullopt;
  return 0;
}

std::vector<Perm> ChannelOrder::Wanted(const Graph& graph, NodeId id, size_t operand) const {
  const Node& node = graph.node(id);
  if (operand != 0 || !HasChannelAxis(*node.op)) return {};
  const Type& x = graph.value(node.in[0]).type;
  if (!x.ranked() || x.rank() < 2) return {};
  const int64_t channel = ChannelOf(node.attrs, x.rank());
  if (channel < 0) return {};
  return {Moved(x.rank(), channel)};
}

Perm ChannelOrder::ImageOrder(int rank) const {
  if (place_ == Place::kFirst) return Moved(rank, rank - 1);
  return Moved(rank, 1);
}

}  // namespace godwit
