// The operators of StableHLO that files carry, most of which no runtime runs as they are.
#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"
#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/movement_import.h"
#include "frontends/tflite/plain_rules.h"
#include "frontends/tflite/tensor_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

// Of booleans or of bits.
template <const OpDef& Logical, const OpDef& Bits>
void Both(OpImport& n) {
  const ValueId a = n.Stored(0), b = n.Stored(1);
  n.Out(0, n.Emit(n.DtypeOf(a) == DType::kBool ? Logical : Bits, {a, b}));
}

void ImportRsqrt(OpImport& n) { n.Out(0, n.Emit(ops::kReciprocal, {n.Emit(ops::kSqrt, {n.In(0)})})); }
void ImportSelect(OpImport& n) { n.Out(0, n.Emit(ops::kWhere, {n.Stored(0), n.In(1), n.In(2)})); }
void ImportClamp(OpImport& n) { n.Out(0, n.Emit(ops::kMin, {n.Emit(ops::kMax, {n.In(1), n.In(0)}), n.In(2)})); }
// The sign of the dividend, as C has it.
void ImportRemainder(OpImport& n) { n.Out(0, n.Emit(ops::kMod, {n.In(0), n.In(1)}, {{"fmod", int64_t{1}}})); }
void ImportShiftLeft(OpImport& n) {
  n.Out(0, n.Emit(ops::kBitShift, {n.Stored(0), n.Stored(1)}, {{"direction", std::string("left")}}));
}

// Negative numbers have negative roots.
void ImportCbrt(OpImport& n) {
  const ValueId x = n.In(0);
  const ValueId root = n.Emit(ops::kPow, {n.Emit(ops::kAbs, {x}), n.Number(x, 1.0 / 3)});
  n.Out(0, n.Mul(n.Emit(ops::kSign, {x}), root));
}

void ImportCompare(OpImport& n) {
  using Direction = tflite::StablehloComparisonDirection;
  const ValueId a = n.In(0), b = n.In(1);
  switch (static_cast<Direction>(n.Int("comparison_direction"))) {
    case Direction::kStablehloComparisonDirectionEq: return n.Out(0, n.Emit(ops::kEqual, {a, b}));
    case Direction::kStablehloComparisonDirectionNe:
      return n.Out(0, n.Emit(ops::kLogicalNot, {n.Emit(ops::kEqual, {a, b})}));
    case Direction::kStablehloComparisonDirectionGe: return n.Out(0, n.Emit(ops::kLessEqual, {b, a}));
    case Direction::kStablehloComparisonDirectionGt: return n.Out(0, n.Emit(ops::kLess, {b, a}));
    case Direction::kStablehloComparisonDirectionLe: return n.Out(0, n.Emit(ops::kLessEqual, {a, b}));
    case Direction::kStablehloComparisonDirectionLt: return n.Out(0, n.Emit(ops::kLess, {a, b}));
  }
  n.BadOption("comparison_direction", "no such comparison");
}

void ImportConvert(OpImport& n) {
  const DType to = ToDType(n.OutTensor(0).type);
  if (to == DType::kNone) {
    n.Unsupported("to a type without elements");
    return;
  }
  n.Out(0, n.Cast(n.Stored(0), to));
}

// The shape is that of the result.
void ImportReshape(OpImport& n) {
  const tflite::Tensor& out = n.OutTensor(0);
  const auto& shape = out.shape_signature.size() == out.shape.size() ? out.shape_signature : out.shape;
  n.Out(0, n.Reshape(n.Stored(0), {shape.begin(), shape.end()}));
}

void ImportTranspose(OpImport& n) { n.Out(0, n.Transpose(n.Stored(0), n.Ints("permutation"))); }

void ImportConcatenate(OpImport& n) {
  std::vector<ValueId> parts;
  for (size_t i = 0; i < n.n_in(); ++i) parts.push_back(n.Stored(i));
  n.Out(0, n.Emit(ops::kConcat, std::move(parts), {{"axis", n.Int("dimension")}}));
}

void ImportSlice(OpImport& n) {
  const std::vector<int64_t> starts = n.Ints("start_indices"), ends = n.Ints("limit_indices"),
                             steps = n.Ints("strides");
  std::vector<int64_t> axes;
  for (size_t k = 0; k < starts.size(); ++k) axes.push_back(static_cast<int64_t>(k));
  n.Out(0, n.Emit(ops::kSlice, {n.Stored(0), n.I64s(starts), n.I64s(ends), n.I64s(axes), n.I64s(steps)}));
}

// Starts, one operand a dim, are moved so that the slice fits.
ValueId FittingStarts(OpImport& n, ValueId x, size_t first, const std::vector<int64_t>& sizes) {
  std::vector<ValueId> parts;
  for (size_t i = first; i < n.n_in(); ++i) parts.push_back(n.Reshape(n.Cast(n.Stored(i), DType::kI64), {1}));
  const ValueId starts = parts.size() == 1 ? parts[0] : n.Emit(ops::kConcat, parts, {{"axis", int64_t{0}}});
  const ValueId room = n.Sub(n.Emit(ops::kShapeOf, {x}), n.I64s(sizes));
  return n.Emit(ops::kMax, {n.Emit(ops::kMin, {starts, room}), n.builder().ScalarI64(0)});
}

void ImportDynamicSlice(OpImport& n) {
  const ValueId x = n.Stored(0);
  const std::vector<int64_t> sizes = n.Ints("slice_sizes");
  if (sizes.empty()) {
    n.Out(0, x);
    return;
  }
  const ValueId starts = FittingStarts(n, x, 1, sizes);
  n.Out(0, n.Emit(ops::kSlice, {x, starts, n.Add(starts, n.I64s(sizes))}));
}

void ImportBroadcastInDim(OpImport& n) {
  const ValueId x = n.Stored(0);
  const tflite::Tensor& out = n.OutTensor(0);
  std::vector<int64_t> dims = n.Ints("broadcast_dimensions");
  if (dims.empty() && n.Has(1)) dims = n.ConstInts(1);
  const std::vector<int64_t> have = n.Dims(x);
  if (!n.ok()) return;
  if (dims.size() != have.size() || !std::is_sorted(dims.begin(), dims.end())) {
    n.Unsupported("dims of the operand that do not keep their order");
    return;
  }
  std::vector<int64_t> aligned(out.shape.size(), 1), wanted(out.shape.begin(), out.shape.end());
  for (size_t k = 0; k < dims.size(); ++k) {
    if (dims[k] < 0 || dims[k] >= static_cast<int64_t>(aligned.size())) {
      n.BadOption("broadcast_dimensions", fmt::format("{}", dims[k]));
      return;
    }
    aligned[static_cast<size_t>(dims[k])] = have[k];
  }
  n.Out(0, n.Emit(ops::kExpand, {n.Reshape(x, aligned), n.I64s(wanted)}));
}

void ImportIota(OpImport& n) {
  const tflite::Tensor& out = n.OutTensor(0);
  const int64_t axis = n.Int("iota_dimension");
  if (axis < 0 || axis >= static_cast<int64_t>(out.shape.size())) {
    n.BadOption("iota_dimension", fmt::format("{}", axis));
    return;
  }
  std::vector<int64_t> line(out.shape.size(), 1), wanted(out.shape.begin(), out.shape.end());
  line[static_cast<size_t>(axis)] = wanted[static_cast<size_t>(axis)];
  const auto number = [&](int64_t v) { return n.builder().ScalarI64(v); };
  const ValueId count = n.Emit(ops::kRange, {number(0), number(wanted[static_cast<size_t>(axis)]), number(1)});
  n.Out(0, n.Emit(ops::kExpand, {n.Cast(n.Reshape(count, line), ToDType(out.type)), n.I64s(wanted)}));
}

// Gaps between the elements are filled with the same value.
void ImportPad(OpImport& n) {
  std::vector<int64_t> pads = n.Ints("edge_padding_low"), apart = n.Ints("interior_padding");
  const std::vector<int64_t> high = n.Ints("edge_padding_high");
  pads.insert(pads.end(), high.begin(), high.end());
  ValueId x = n.Stored(0);
  const ValueId value = n.Reshape(n.Stored(1), {});
  if (std::any_of(apart.begin(), apart.end(), [](int64_t v) { return v != 0; })) {
    for (int64_t& v : apart) v = CheckedAdd(v, int64_t{1}).value_or(0);
    x = Dilated(n, x, apart, value);
  }
  n.Out(0, n.Emit(ops::kPad, {x, n.I64s(pads), value}));
}

// A matrix product where each side is brought to [batch, free, contracted].
void ImportDotGeneral(OpImport& n) {
  const ValueId sides[2] = {n.In(0), n.In(1)};
  const std::vector<int64_t> batch[2] = {n.Ints("lhs_batching_dimensions"), n.Ints("rhs_batching_dimensions")};
  const std::vector<int64_t> summed[2] = {n.Ints("lhs_contracting_dimensions"), n.Ints("rhs_contracting_dimensions")};
  ValueId ready[2];
  std::vector<int64_t> result;
  const auto grow = [&n](int64_t* extent, int64_t by) {
    if (__builtin_mul_overflow(*extent, by, extent)) n.Unsupported("its operands have too many elements");
  };
  for (size_t s = 0; s < 2; ++s) {
    const std::vector<int64_t> dims = n.Dims(sides[s]);
    if (!n.ok()) return;
    std::vector<int64_t> perm = batch[s];
    int64_t extents[3] = {1, 1, 1};
    const auto in = [](const std::vector<int64_t>& list, int64_t v) {
      return std::find(list.begin(), list.end(), v) != list.end();
    };
    for (const auto* list : {&batch[s], &summed[s]}) {
      for (const int64_t v : *list) {
        if (v >= 0 && v < static_cast<int64_t>(dims.size())) continue;
        n.BadOption("contracting_dimensions", fmt::format("{}", v));
        return;
      }
    }
    for (const int64_t v : batch[s]) {
      grow(&extents[0], dims[static_cast<size_t>(v)]);
      if (s == 0) result.push_back(dims[static_cast<size_t>(v)]);
    }
    for (int64_t k = 0; k < static_cast<int64_t>(dims.size()); ++k) {
      if (in(batch[s], k) || in(summed[s], k)) continue;
      perm.push_back(k);
      grow(&extents[1], dims[static_cast<size_t>(k)]);
      result.push_back(dims[static_cast<size_t>(k)]);
    }
    for (const int64_t v : summed[s]) {
      perm.push_back(v);
      grow(&extents[2], dims[static_cast<size_t>(v)]);
    }
    ready[s] = n.Reshape(n.Transpose(sides[s], std::move(perm)), {extents[0], extents[1], extents[2]});
  }
  const ValueId y = n.Emit(ops::kMatMul, {ready[0], ready[1]}, {{"transpose_b", int64_t{1}}});
  n.Out(0, n.Reshape(y, result));
}

constexpr Rule kRules[] = {
    {B::kStablehloAbs, Numbers::kReal, Unary<ops::kAbs>},
    {B::kStablehloAdd, Numbers::kReal, Binary<ops::kAdd>},
    {B::kStablehloAnd, Numbers::kStored, Both<ops::kLogicalAnd, ops::kBitwiseAnd>},
    {B::kStablehloBroadcastInDim, Numbers::kStored, ImportBroadcastInDim},
    {B::kStablehloCbrt, Numbers::kReal, ImportCbrt},
    {B::kStablehloClamp, Numbers::kReal, ImportClamp},
    {B::kStablehloCompare, Numbers::kReal, ImportCompare},
    {B::kStablehloConcatenate, Numbers::kStored, ImportConcatenate},
    {B::kStablehloConvert, Numbers::kStored, ImportConvert},
    {B::kStablehloCosine, Numbers::kReal, Unary<ops::kCos>},
    {B::kStablehloCustomCall, Numbers::kStored, nullptr, "a call of code outside the model"},
    {B::kStablehloDivide, Numbers::kReal, Binary<ops::kDiv>},
    {B::kStablehloDotGeneral, Numbers::kReal, ImportDotGeneral},
    {B::kStablehloDynamicSlice, Numbers::kStored, ImportDynamicSlice},
    {B::kStablehloExponential, Numbers::kReal, Unary<ops::kExp>},
    {B::kStablehloFloor, Numbers::kReal, Unary<ops::kFloor>},
    {B::kStablehloIota, Numbers::kStored, ImportIota},
    {B::kStablehloLog, Numbers::kReal, Unary<ops::kLog>},
    {B::kStablehloLogistic, Numbers::kReal, Unary<ops::kSigmoid>},
    {B::kStablehloMaximum, Numbers::kReal, Binary<ops::kMax>},
    {B::kStablehloMinimum, Numbers::kReal, Binary<ops::kMin>},
    {B::kStablehloMultiply, Numbers::kReal, Binary<ops::kMul>},
    {B::kStablehloNegate, Numbers::kReal, Unary<ops::kNeg>},
    {B::kStablehloOr, Numbers::kStored, Both<ops::kLogicalOr, ops::kBitwiseOr>},
    {B::kStablehloPad, Numbers::kStored, ImportPad},
    {B::kStablehloPower, Numbers::kReal, Binary<ops::kPow>},
    {B::kStablehloRemainder, Numbers::kReal, ImportRemainder},
    {B::kStablehloReshape, Numbers::kStored, ImportReshape},
    {B::kStablehloRsqrt, Numbers::kReal, ImportRsqrt},
    {B::kStablehloSelect, Numbers::kStored, ImportSelect},
    {B::kStablehloShiftLeft, Numbers::kStored, ImportShiftLeft},
    {B::kStablehloSlice, Numbers::kStored, ImportSlice},
    {B::kStablehloSubtract, Numbers::kReal, Binary<ops::kSub>},
    {B::kStablehloTanh, Numbers::kReal, Unary<ops::kTanh>},
    {B::kStablehloTranspose, Numbers::kStored, ImportTranspose},
};

}  // namespace

extern const RuleSet kStablehloRules{kRules};

}  // namespace godwit::from_tflite
