// Elements put together, apart and elsewhere.
#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"
#include "frontends/tflite/movement_import.h"
#include "frontends/tflite/tensor_import.h"
#include "ops/arithmetic.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

void ImportConcat(OpImport& n) {
  std::vector<size_t> all;
  bool quantised = false;
  for (size_t i = 0; i < n.n_in(); ++i) {
    all.push_back(i);
    quantised = quantised || n.Quantised(i);
  }
  if (all.empty()) {
    n.Unsupported("of nothing");
    return;
  }
  // Parts of several scales are brought to the result's.
  const bool stored = !quantised || n.OneScale(all);
  if (!stored) n.set_arithmetic(ops::kLitert);
  std::vector<ValueId> parts;
  for (const size_t i : all) parts.push_back(stored ? n.Stored(i) : n.Real(i));
  const ValueId y = n.Emit(ops::kConcat, std::move(parts), {{"axis", n.Int("axis")}});
  n.Out(0, stored ? n.ActivateStored(y) : n.Activate(y));
}

void ImportPack(OpImport& n) {
  const int64_t axis = n.Int("axis");
  std::vector<ValueId> parts;
  for (size_t i = 0; i < n.n_in(); ++i) parts.push_back(n.Unsqueeze(n.Stored(i), {axis}));
  n.Out(0, n.Emit(ops::kConcat, std::move(parts), {{"axis", axis}}));
}

void ImportUnpack(OpImport& n) {
  const ValueId x = n.Stored(0);
  const int64_t axis = n.Int("axis");
  const auto parts = n.EmitN(ops::kSplit, {x}, n.n_out(), {{"axis", axis}});
  for (size_t i = 0; i < n.n_out(); ++i) n.Out(i, n.Squeeze(parts[i], {axis}));
}

void SplitInto(OpImport& n, ValueId x, const std::vector<int64_t>& axis, ValueId sizes) {
  if (!n.ok()) return;
  if (axis.size() != 1) {
    n.BadOption("axis", fmt::format("{} axes", axis.size()));
    return;
  }
  std::vector<ValueId> in{x};
  if (sizes) in.push_back(sizes);
  const auto parts = n.EmitN(ops::kSplit, std::move(in), n.n_out(), {{"axis", axis[0]}});
  for (size_t i = 0; i < n.n_out(); ++i) n.Out(i, parts[i]);
}

void ImportSplit(OpImport& n) { SplitInto(n, n.Stored(1), n.ConstInts(0), {}); }

// A size of -1 is what the others leave.
void ImportSplitV(OpImport& n) {
  const ValueId x = n.Stored(0);
  std::vector<int64_t> sizes = n.ConstInts(1);
  const std::vector<int64_t> axis = n.ConstInts(2);
  if (!n.ok() || axis.empty()) return;
  const auto open = std::find(sizes.begin(), sizes.end(), -1);
  if (open != sizes.end()) {
    int64_t rest = n.DimOf(x, static_cast<int>(axis[0]));
    for (const int64_t s : sizes) rest = CheckedAdd(rest, s == -1 ? 0 : -std::max<int64_t>(s, 0)).value_or(-1);
    *open = rest;
  }
  SplitInto(n, x, axis, n.I64s(sizes));
}

// [dims][before, after] as all that come before, then all that come after.
ValueId Pads(OpImport& n, ValueId pads) {
  if (const auto known = n.KnownInts(pads)) {
    std::vector<int64_t> out;
    for (size_t side = 0; side < 2; ++side) {
      for (size_t k = side; k < known->size(); k += 2) out.push_back((*known)[k]);
    }
    return n.I64s(out);
  }
  return n.Reshape(n.Transpose(pads, {1, 0}), {-1});
}

// What stands for zero in a quantised tensor.
ValueId ZeroOf(OpImport& n, size_t i, ValueId x) {
  const auto quant = WholeQuant(n.InTensor(i));
  if (quant == nullptr || quant->zero_points.empty()) return {};
  return n.Number(x, static_cast<double>(quant->zero_points[0]));
}

void ImportPad(OpImport& n) {
  const ValueId x = n.Stored(0);
  std::vector<ValueId> in{x, Pads(n, n.Stored(1))};
  if (!n.ok()) return;
  if (const ValueId zero = ZeroOf(n, 0, x)) in.push_back(zero);
  n.Out(0, n.Emit(ops::kPad, std::move(in)));
}

void ImportPadV2(OpImport& n) {
  n.Out(0, n.Emit(ops::kPad, {n.Stored(0), Pads(n, n.Stored(1)), n.Reshape(n.Stored(2), {})}));
}

void ImportMirrorPad(OpImport& n) {
  ValueId x = n.Stored(0);
  const ValueId pads = n.Stored(1);
  if (n.options().Enum<tflite::MirrorPadMode>("mode") == tflite::MirrorPadMode::kReflect) {
    n.Out(0, n.Emit(ops::kPad, {x, Pads(n, pads)}, {{"mode", std::string("reflect")}}));
    return;
  }
  // The border itself is mirrored too: pieces turned round, beside the whole.
  const auto known = n.KnownInts(Pads(n, pads));
  if (!n.ok()) return;
  if (!known) {
    n.Unsupported("symmetric padding by amounts that are not known");
    return;
  }
  const size_t rank = known->size() / 2;
  for (size_t k = 0; k < rank; ++k) {
    const auto axis = static_cast<int64_t>(k);
    const int64_t before = (*known)[k], after = (*known)[k + rank];
    std::vector<ValueId> parts;
    if (before > 0) parts.push_back(n.Slice(x, axis, before - 1, INT64_MIN, -1));
    parts.push_back(x);
    if (after > 0) parts.push_back(n.Slice(x, axis, -1, -1 - after, -1));
    if (parts.size() > 1) x = n.Emit(ops::kConcat, std::move(parts), {{"axis", axis}});
  }
  n.Out(0, x);
}

void ImportReverse(OpImport& n) {
  ValueId x = n.Stored(0);
  for (const int64_t axis : n.ConstInts(1)) x = n.Slice(x, axis, -1, INT64_MIN, -1);
  n.Out(0, x);
}

void ImportReverseSequence(OpImport& n) {
  n.Out(0, n.Emit(ops::kReverseSequence, {n.Stored(0), n.Stored(1)},
                  {{"batch_axis", n.Int("batch_dim")}, {"time_axis", n.Int("seq_dim")}}));
}

void ImportDepthToSpace(OpImport& n) {
  n.Out(0, n.Emit(ops::kDepthToSpace, {n.Stored(0)}, {{"block", n.Int("block_size")}, {"channel_axis", int64_t{-1}}}));
}
void ImportSpaceToDepth(OpImport& n) {
  n.Out(0, n.Emit(ops::kSpaceToDepth, {n.Stored(0)}, {{"block", n.Int("block_size")}, {"channel_axis", int64_t{-1}}}));
}

// Dims for a reshape, at most one of which is not known.
std::vector<int64_t> ReshapeDims(OpImport& n, const Shape& shape) {
  std::vector<int64_t> out;
  bool open = false;
  for (const Dim& d : shape) {
    if (!d.is_static() && open) n.Unsupported("several dims are not known");
    open = open || !d.is_static();
    out.push_back(d.is_static() ? d.value() : -1);
  }
  return out;
}

// Blocks of the picture become batches of their own: [b, h/s, s, w/s, s, c] with both s in front.
void ImportSpaceToBatch(OpImport& n) {
  ValueId x = n.Stored(0);
  const std::vector<int64_t> block = n.ConstInts(1), pads = n.ConstInts(2);
  const int rank = n.Rank(x);
  if (!n.ok()) return;
  const size_t m = block.size();
  if (pads.size() != 2 * m || rank < static_cast<int>(m) + 1) {
    n.BadOption("block_shape", fmt::format("{} blocks and {} pads for rank {}", m, pads.size(), rank));
    return;
  }
  std::vector<int64_t> before(static_cast<size_t>(rank), 0), after(static_cast<size_t>(rank), 0);
  bool padded = false;
  for (size_t k = 0; k < m; ++k) {
    before[k + 1] = pads[2 * k], after[k + 1] = pads[2 * k + 1];
    padded = padded || pads[2 * k] != 0 || pads[2 * k + 1] != 0;
  }
  if (padded) {
    before.insert(before.end(), after.begin(), after.end());
    std::vector<ValueId> in{x, n.I64s(before)};
    if (const ValueId zero = ZeroOf(n, 0, x)) in.push_back(zero);
    x = n.Emit(ops::kPad, std::move(in));
  }
  if (!n.ok()) return;
  const Shape shape = n.TypeOf(x).shape();
  Shape split{shape[0]}, joined;
  std::vector<int64_t> perm;
  Dim batch = shape[0];
  for (size_t k = 0; k < m; ++k) {
    if (block[k] < 1) {
      n.BadOption("block_shape", fmt::format("{}", block[k]));
      return;
    }
    split.push_back(Dim::FloorDiv(shape[k + 1], Dim(block[k])));
    split.emplace_back(block[k]);
    batch = batch * Dim(block[k]);
    perm.push_back(static_cast<int64_t>(2 * k + 2));
  }
  perm.push_back(0);
  joined.push_back(batch);
  for (size_t k = 0; k < m; ++k) {
    perm.push_back(static_cast<int64_t>(2 * k + 1));
    joined.push_back(split[2 * k + 1]);
  }
  for (size_t k = m + 1; k < shape.size(); ++k) {
    perm.push_back(static_cast<int64_t>(k + m));
    split.push_back(shape[k]);
    joined.push_back(shape[k]);
  }
  x = n.Transpose(n.Reshape(x, ReshapeDims(n, split)), std::move(perm));
  n.Out(0, n.Reshape(x, ReshapeDims(n, joined)));
}

void ImportBatchToSpace(OpImport& n) {
  ValueId x = n.Stored(0);
  const std::vector<int64_t> block = n.ConstInts(1), crops = n.ConstInts(2);
  const int rank = n.Rank(x);
  if (!n.ok()) return;
  const size_t m = block.size();
  if (crops.size() != 2 * m || rank < static_cast<int>(m) + 1) {
    n.BadOption("block_shape", fmt::format("{} blocks and {} crops for rank {}", m, crops.size(), rank));
    return;
  }
  const Shape shape = n.TypeOf(x).shape();
  Shape split, joined;
  int64_t blocks = 1;
  for (const int64_t b : block) {
    if (b < 1 || b > INT32_MAX || blocks > INT32_MAX) {
      n.BadOption("block_shape", fmt::format("{}", b));
      return;
    }
    split.emplace_back(b);
    blocks *= b;
  }
  const Dim batch = Dim::FloorDiv(shape[0], Dim(blocks));
  split.push_back(batch);
  joined.push_back(batch);
  std::vector<int64_t> perm{static_cast<int64_t>(m)};
  for (size_t k = 0; k < m; ++k) {
    split.push_back(shape[k + 1]);
    joined.push_back(shape[k + 1] * Dim(block[k]));
    perm.push_back(static_cast<int64_t>(m + 1 + k));
    perm.push_back(static_cast<int64_t>(k));
  }
  for (size_t k = m + 1; k < shape.size(); ++k) {
    split.push_back(shape[k]);
    joined.push_back(shape[k]);
    perm.push_back(static_cast<int64_t>(m + k));
  }
  x = n.Transpose(n.Reshape(x, ReshapeDims(n, split)), std::move(perm));
  x = n.Reshape(x, ReshapeDims(n, joined));
  for (size_t k = 0; k < m; ++k) {
    const int64_t begin = crops[2 * k], end = crops[2 * k + 1];
    if (begin < 0 || end < 0) {
      n.BadOption("crops", fmt::format("{} and {}", begin, end));
      return;
    }
    if (begin != 0 || end != 0) x = n.Slice(x, static_cast<int64_t>(k + 1), begin, end == 0 ? kToEnd : -end);
  }
  n.Out(0, x);
}

void ImportDilate(OpImport& n) { n.Out(0, Dilated(n, n.Stored(0), n.ConstInts(1), n.Reshape(n.Stored(2), {}))); }

constexpr Rule kRules[] = {
    {B::kBatchToSpaceNd, Numbers::kStored, ImportBatchToSpace},
    {B::kConcatenation, Numbers::kStored, ImportConcat},
    {B::kDepthToSpace, Numbers::kStored, ImportDepthToSpace},
    {B::kDilate, Numbers::kStored, ImportDilate},
    {B::kMirrorPad, Numbers::kStored, ImportMirrorPad},
    {B::kPack, Numbers::kStored, ImportPack},
    {B::kPad, Numbers::kStored, ImportPad},
    {B::kPadv2, Numbers::kStored, ImportPadV2},
    {B::kReverseSequence, Numbers::kStored, ImportReverseSequence},
    {B::kReverseV2, Numbers::kStored, ImportReverse},
    {B::kSpaceToBatchNd, Numbers::kStored, ImportSpaceToBatch},
    {B::kSpaceToDepth, Numbers::kStored, ImportSpaceToDepth},
    {B::kSplit, Numbers::kStored, ImportSplit},
    {B::kSplitV, Numbers::kStored, ImportSplitV},
    {B::kUnpack, Numbers::kStored, ImportUnpack},
};

}  // namespace

extern const RuleSet kMovementRules{kRules};

}  // namespace godwit::from_tflite
