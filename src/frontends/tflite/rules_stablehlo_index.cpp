// The operators of StableHLO that pick and place slices by index, in the general form of their specification, and sort.
#include <fmt/format.h>

#include <algorithm>

#include "frontends/tflite/fold_import.h"
#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/movement_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;
using Ints = std::vector<int64_t>;

// The axes in front, then the others in order.
Ints InFront(const Ints& axes, size_t rank) {
  Ints all = axes;
  for (size_t k = 0; k < rank; ++k) {
    const auto axis = static_cast<int64_t>(k);
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) all.push_back(axis);
  }
  return all;
}

bool Holds(const Ints& list, int64_t value) { return std::find(list.begin(), list.end(), value) != list.end(); }

ValueId Reordered(OpImport& n, ValueId x, const Ints& perm) {
  return std::is_sorted(perm.begin(), perm.end()) ? x : n.Transpose(x, perm);
}

Ints Inverse(const Ints& perm) {
  Ints inverse(perm.size());
  for (size_t k = 0; k < perm.size(); ++k) inverse[static_cast<size_t>(perm[k])] = static_cast<int64_t>(k);
  return inverse;
}

// The coordinates of each slice, which lie along `index_vector_dim`, as the last dim. One behind the last says that
// each index is a coordinate.
ValueId Coordinates(OpImport& n, size_t operand) {
  ValueId v = n.Stored(operand);
  const int64_t rank = n.Rank(v), at = n.Int("index_vector_dim");
  if (!n.ok()) return {};
  if (at < 0 || at > rank) return n.BadOption("index_vector_dim", fmt::format("{} for rank {}", at, rank));
  if (n.DtypeOf(v) != DType::kI32 && n.DtypeOf(v) != DType::kI64) v = n.Cast(v, DType::kI64);
  if (at == rank) return n.Unsqueeze(v, {rank});
  Ints perm;
  for (int64_t k = 0; k < rank; ++k) {
    if (k != at) perm.push_back(k);
  }
  perm.push_back(at);
  return Reordered(n, v, perm);
}

// The places of a box of these extents, a coordinate for each dim that `counts`: [the extents that count, coordinates].
ValueId PlacesIn(OpImport& n, const Ints& extents, const std::vector<bool>& counts, DType dtype) {
  constexpr int64_t kMost = int64_t{1} << 20;
  Dims shape;
  int64_t places = 1;
  const int64_t most = kMost / std::max<int64_t>(static_cast<int64_t>(extents.size()), 1);
  for (size_t k = 0; k < extents.size(); ++k) {
    if (!counts[k]) continue;
    shape.push_back(extents[k]);
    if (extents[k] > most || (places *= extents[k]) > most) return n.Unsupported("slices of too many elements");
  }
  Ints values;
  for (int64_t p = 0; p < places; ++p) {
    int64_t rest = p;
    Ints at(extents.size(), 0);
    for (size_t k = extents.size(); k-- > 0;) {
      if (!counts[k]) continue;
      at[k] = rest % extents[k];
      rest /= extents[k];
    }
    values.insert(values.end(), at.begin(), at.end());
  }
  shape.push_back(static_cast<int64_t>(extents.size()));
  return n.Cast(n.builder().Constant(Tensor::I64(shape, values)), dtype);
}

ValueId List(OpImport& n, const Ints& values, DType dtype) { return n.Cast(n.I64s(values), dtype); }

// A slice for each index, moved so that it lies in x. Its dims but the collapsed ones go to `offset_dims` of the
// result.
void ImportGather(OpImport& n) {
  ValueId x = n.Stored(0), starts = Coordinates(n, 1);
  const Ints dims = n.Dims(x), sizes = n.Ints("slice_sizes"), placed = n.Ints("start_index_map"),
             offset = n.Ints("offset_dims"), collapsed = n.Ints("collapsed_slice_dims");
  const int64_t batch = n.Rank(starts) - 1;
  if (!n.ok()) return;
  const size_t rank = dims.size();
  const size_t out_rank = static_cast<size_t>(batch) + rank - std::min(rank, collapsed.size());
  if (!AreAxes(n, "start_index_map", placed, rank) || !AreAxes(n, "collapsed_slice_dims", collapsed, rank) ||
      !AreAxes(n, "offset_dims", offset, out_rank))
    return;
  if (sizes.size() != rank || offset.size() != rank - collapsed.size() || placed.empty() ||
      n.DimOf(starts, -1) != static_cast<int64_t>(placed.size())) {
    n.Unsupported("its options, indices and operand do not belong together");
    return;
  }
  for (size_t k = 0; k < rank; ++k) {
    const auto axis = static_cast<int64_t>(k);
    if (sizes[k] < 0 || sizes[k] > dims[k] || (Holds(collapsed, axis) && sizes[k] != 1)) {
      n.BadOption("slice_sizes", fmt::format("{} of a dim of {}", sizes[k], dims[k]));
      return;
    }
    if (!Holds(placed, axis) && sizes[k] != dims[k]) x = n.Slice(x, axis, 0, sizes[k]);
  }
  // What is indexed comes first, and slices of more than one element become an index for each of them.
  const Ints order = InFront(placed, rank);
  const DType index = n.DtypeOf(starts);
  Ints extents, room, between;
  for (size_t k = 0; k < placed.size(); ++k) {
    const auto axis = static_cast<size_t>(placed[k]);
    extents.push_back(sizes[axis]);
    room.push_back(dims[axis] - sizes[axis]);
    between.push_back(batch + static_cast<int64_t>(k));
  }
  starts = n.Emit(ops::kMin, {starts, List(n, room, index)});
  starts = n.Emit(ops::kMax, {starts, n.Number(starts, 0)});
  const bool single = std::all_of(extents.begin(), extents.end(), [](int64_t e) { return e == 1; });
  const ValueId ordered = Reordered(n, x, order);
  ValueId y;
  if (single) {
    y = n.Unsqueeze(n.Emit(ops::kGatherNd, {ordered, starts}), between);
  } else {
    const ValueId places = PlacesIn(n, extents, std::vector<bool>(extents.size(), true), index);
    y = n.Emit(ops::kGatherNd, {ordered, n.Add(n.Unsqueeze(starts, between), places)});
  }
  // [batch, dims of x in that order] -> dims of the result, the collapsed ones last until they go.
  const Ints at = Inverse(order);
  Ints perm, gone;
  int64_t next_batch = 0;
  size_t next_dim = 0;
  for (size_t o = 0; o < out_rank; ++o) {
    if (!Holds(offset, static_cast<int64_t>(o))) {
      perm.push_back(next_batch++);
      continue;
    }
    while (Holds(collapsed, static_cast<int64_t>(next_dim))) ++next_dim;
    perm.push_back(batch + at[next_dim++]);
  }
  for (const int64_t c : collapsed) {
    gone.push_back(static_cast<int64_t>(perm.size()));
    perm.push_back(batch + at[static_cast<size_t>(c)]);
  }
  y = Reordered(n, y, perm);
  n.Out(0, gone.empty() ? y : n.Squeeze(y, gone));
}

std::string_view ReductionOf(Fold fold) {
  switch (fold) {
    case Fold::kReplace: return "none";
    case Fold::kAdd: return "add";
    case Fold::kMul: return "mul";
    case Fold::kMax: return "max";
    case Fold::kMin: return "min";
    default: return {};
  }
}

// Where a window of updates goes in x: its first element at the coordinates, each element of it for itself.
struct Windows {
  Ints placed;               ///< dims of x that coordinates speak of, then those that no window fills
  Ints extents;              ///< of a window along them
  std::vector<bool> counts;  ///< whether updates have a dim for that
  Ints dims;                 ///< of x along them
};

// Whether every element is known to land in x.
bool LandsInside(OpImport& n, ValueId starts, const Windows& w) {
  const auto known = n.KnownInts(starts);
  if (!known) return false;
  for (size_t i = 0; i < known->size(); ++i) {
    const size_t k = i % w.placed.size();
    if ((*known)[i] < 0 || (*known)[i] > w.dims[k] - w.extents[k]) return false;
  }
  return true;
}

// Elements of windows of updates meet those of x where they land, and are dropped where they land outside.
void ImportScatter(OpImport& n) {
  const ValueId x = n.Stored(0), updates = n.Stored(2);
  ValueId starts = Coordinates(n, 1);
  const Ints dims = n.Dims(x), of_updates = n.Dims(updates), window = n.Ints("update_window_dims"),
             inserted = n.Ints("inserted_window_dims"), map = n.Ints("scatter_dims_to_operand_dims");
  const std::string_view reduction =
      ReductionOf(FoldOf(n.importer().model(), n.Int("update_computation_subgraph_index")));
  const int64_t batch = n.Rank(starts) - 1;
  if (!n.ok()) return;
  const size_t rank = dims.size();
  if (reduction.empty() || (n.DtypeOf(x) == DType::kBool && reduction != "none")) {
    n.Unsupported("updates meet what is there in another way than by a sum, a product or an extreme");
    return;
  }
  if (!AreAxes(n, "update_window_dims", window, of_updates.size()) ||
      !AreAxes(n, "inserted_window_dims", inserted, rank) || !AreAxes(n, "scatter_dims_to_operand_dims", map, rank))
    return;
  if (window.size() + inserted.size() != rank || window.size() + static_cast<size_t>(batch) != of_updates.size() ||
      n.n_in() != 3 || n.DimOf(starts, -1) != static_cast<int64_t>(map.size())) {
    n.Unsupported("its options, indices and operands do not belong together");
    return;
  }
  Ints update_dim(rank, -1);
  for (size_t k = 0, next = 0; k < rank; ++k) {
    if (!Holds(inserted, static_cast<int64_t>(k))) update_dim[k] = window[next++];
  }
  const auto extent = [&](size_t k) { return update_dim[k] < 0 ? 1 : of_updates[static_cast<size_t>(update_dim[k])]; };
  Windows w;
  w.placed = map;
  for (size_t k = 0; k < rank; ++k) {
    const auto axis = static_cast<int64_t>(k);
    if (!Holds(map, axis) && extent(k) != dims[k]) w.placed.push_back(axis);
  }
  if (w.placed.empty()) {
    n.Unsupported("no dim is indexed");
    return;
  }
  for (const int64_t p : w.placed) {
    const auto k = static_cast<size_t>(p);
    w.extents.push_back(extent(k));
    w.counts.push_back(update_dim[k] >= 0);
    w.dims.push_back(dims[k]);
  }
  const DType index = n.DtypeOf(starts);
  if (const auto more = static_cast<int64_t>(w.placed.size() - map.size()); more > 0) {
    Ints pads(2 * static_cast<size_t>(batch + 1), 0);
    pads.back() = more;
    starts = n.Emit(ops::kPad, {starts, n.I64s(pads)});
  }
  const bool inside = LandsInside(n, starts, w);
  Ints between;
  for (const bool counts : w.counts) {
    if (counts) between.push_back(batch + static_cast<int64_t>(between.size()));
  }
  if (!between.empty()) starts = n.Add(n.Unsqueeze(starts, between), PlacesIn(n, w.extents, w.counts, index));

  const Ints order = InFront(w.placed, rank);
  ValueId data = Reordered(n, x, order);
  if (!inside) {
    // Behind the end of each of these dims there is room for what lands outside.
    Ints pads(2 * rank, 0);
    for (size_t k = 0; k < w.placed.size(); ++k) pads[rank + k] = 1;
    data = n.Emit(ops::kPad, {data, n.I64s(pads)});
    const ValueId end = List(n, w.dims, index);
    const ValueId before = n.Emit(ops::kLess, {starts, n.Number(starts, 0)});
    starts = n.Emit(ops::kWhere, {before, end, n.Emit(ops::kMin, {starts, end})});
  }
  Ints perm;
  for (size_t k = 0; k < of_updates.size(); ++k) {
    if (!Holds(window, static_cast<int64_t>(k))) perm.push_back(static_cast<int64_t>(k));
  }
  for (const int64_t k : order) {
    if (update_dim[static_cast<size_t>(k)] >= 0) perm.push_back(update_dim[static_cast<size_t>(k)]);
  }
  ValueId y =
      n.Emit(ops::kScatterNd, {data, starts, Reordered(n, updates, perm)}, {{"reduction", std::string(reduction)}});
  if (!inside) {
    Ints axes;
    for (size_t k = 0; k < w.placed.size(); ++k) axes.push_back(static_cast<int64_t>(k));
    y = n.Emit(ops::kSlice, {y, n.I64s(Ints(axes.size(), 0)), n.I64s(w.dims), n.I64s(axes)});
  }
  n.Out(0, Reordered(n, y, Inverse(order)));
}

// Which operand is the key, and whether it descends: of a comparator that is one comparison of an operand's two
// elements.
struct Order {
  size_t key = 0;
  bool descends = false;
};

std::optional<Order> OrderOf(const tflite::Model& model, int64_t subgraph, size_t operands) {
  if (subgraph < 0 || subgraph >= static_cast<int64_t>(model.subgraphs.size())) return std::nullopt;
  const tflite::SubGraph& body = model.subgraphs[static_cast<size_t>(subgraph)];
  if (body.inputs.size() != 2 * operands || body.outputs.size() != 1 || body.operators.size() != 1) return std::nullopt;
  const tflite::Operator& op = body.operators[0];
  if (op.inputs.size() != 2 || op.outputs.size() != 1 || op.outputs[0] != body.outputs[0]) return std::nullopt;
  using Direction = tflite::StablehloComparisonDirection;
  bool less = false;
  switch (model.CodeOf(op).code) {
    case B::kLess: less = true; break;
    case B::kGreater: break;
    case B::kStablehloCompare:
      switch (model.OptionsFor(op).Enum<Direction>("comparison_direction")) {
        case Direction::kStablehloComparisonDirectionLt: less = true; break;
        case Direction::kStablehloComparisonDirectionGt: break;
        default: return std::nullopt;
      }
      break;
    default: return std::nullopt;
  }
  for (size_t k = 0; k < operands; ++k) {
    const int32_t a = body.inputs[2 * k], b = body.inputs[2 * k + 1];
    if (op.inputs[0] == a && op.inputs[1] == b) return Order{k, !less};
    if (op.inputs[0] == b && op.inputs[1] == a) return Order{k, less};
  }
  return std::nullopt;
}

// Equal keys keep their order.
void ImportSort(OpImport& n) {
  const auto order = OrderOf(n.importer().model(), n.Int("comparator_subgraph_index"), n.n_in());
  if (!order) {
    n.Unsupported("its order is not that of one operand's elements");
    return;
  }
  const ValueId key = n.Stored(order->key);
  const int64_t rank = n.Rank(key), axis = n.Int("dimension");
  if (!n.ok()) return;
  if (axis < -rank || axis >= rank) {
    n.BadOption("dimension", fmt::format("{} for rank {}", axis, rank));
    return;
  }
  const ValueId count = n.Slice(n.Emit(ops::kShapeOf, {key}), 0, (axis + rank) % rank, (axis + rank) % rank + 1);
  const auto sorted =
      n.EmitN(ops::kTopK, {key, count}, 2, {{"axis", axis}, {"largest", int64_t{order->descends ? 1 : 0}}});
  for (size_t i = 0; i < n.n_in() && n.ok(); ++i) {
    n.Out(i, i == order->key ? sorted[0] : n.Emit(ops::kGatherElements, {n.Stored(i), sorted[1]}, {{"axis", axis}}));
  }
}

// Starts come as one operand a dim.
void ImportUpdateSlice(OpImport& n) {
  const ValueId x = n.Stored(0), update = n.Stored(1);
  std::vector<ValueId> parts;
  for (size_t i = 2; i < n.n_in(); ++i) parts.push_back(n.Reshape(n.Cast(n.Stored(i), DType::kI64), {1}));
  if (parts.empty()) return n.Out(0, update);
  n.Out(0,
        UpdatedSlice(n, x, update, parts.size() == 1 ? parts[0] : n.Emit(ops::kConcat, parts, {{"axis", int64_t{0}}})));
}

constexpr Rule kRules[] = {
    {B::kStablehloDynamicUpdateSlice, Numbers::kStored, ImportUpdateSlice},
    {B::kStablehloGather, Numbers::kStored, ImportGather},
    {B::kStablehloScatter, Numbers::kStored, ImportScatter},
    {B::kStablehloSort, Numbers::kStored, ImportSort},
};

}  // namespace

extern const RuleSet kStablehloIndexRules{kRules};

}  // namespace godwit::from_tflite
