// Reductions, running sums, places of extremes, and sums by segment.
#include <fmt/format.h>

#include <cfloat>

#include "frontends/tflite/op_import.h"
#include "frontends/tflite/tensor_import.h"
#include "ir/convert.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

enum Mode { kSum, kMean, kMax, kMin, kProd };
constexpr std::string_view kModes[] = {"sum", "mean", "max", "min", "prod"};

// The axes are a list or a scalar; none of them reduces nothing.
template <Mode M>
void Reduce(OpImport& n) {
  ValueId axes = n.Stored(1);
  if (!n.ok()) return;
  if (!n.TypeOf(axes).ranked() || n.TypeOf(axes).rank() != 1) axes = n.Reshape(axes, {-1});
  if (const auto known = n.KnownInts(axes)) axes = n.I64s(*known);
  const bool extreme = M == kMax || M == kMin;
  const ValueId x = extreme && n.Wants(0) && n.OneScale({0}) ? n.Stored(0) : n.In(0);
  Attrs attrs{{"mode", std::string(kModes[M])}, {"empty_axes_is_none", int64_t{1}}};
  if (!n.Flag("keep_dims")) attrs.Set("keep_dims", int64_t{0});
  n.Out(0, n.Emit(ops::kReduce, {x, axes}, std::move(attrs)));
}

template <bool Largest>
void ArgReduce(OpImport& n) {
  const ValueId x = n.Stored(0);
  const std::vector<int64_t> axis = n.ConstInts(1);
  if (!n.ok()) return;
  if (axis.size() != 1) {
    n.BadOption("axis", fmt::format("{} axes", axis.size()));
    return;
  }
  n.Out(0, n.Emit(ops::kArgReduce, {x},
                  {{"mode", std::string(Largest ? "max" : "min")}, {"axis", axis[0]}, {"keep_dims", int64_t{0}}}));
}

void ImportTopK(OpImport& n) {
  const auto out = n.EmitN(ops::kTopK, {n.Stored(0), n.Reshape(n.Stored(1), {1})}, 2);
  n.Out(0, out[0]);
  n.Out(1, out[out.size() - 1]);
}

void ImportCumsum(OpImport& n) {
  Attrs attrs{{"mode", std::string("sum")}};
  if (n.Flag("exclusive")) attrs.Set("exclusive", int64_t{1});
  if (n.Flag("reverse")) attrs.Set("reverse", int64_t{1});
  n.Out(0, n.Emit(ops::kCum, {n.In(0), n.Reshape(n.Stored(1), {})}, std::move(attrs)));
}

enum Segment { kAddUp, kMultiply, kLargest, kSmallest };
constexpr std::string_view kReductions[] = {"add", "mul", "max", "min"};

// What a segment of no element holds.
double Empty(Segment how, DType dtype) {
  switch (how) {
    case kAddUp: return 0;
    case kMultiply: return 1;
    default: break;
  }
  const bool low = how == kLargest;
  if (IsFloat(dtype)) return low ? -static_cast<double>(FLT_MAX) : static_cast<double>(FLT_MAX);
  return static_cast<double>(low ? IntMin(dtype) : IntMax(dtype));
}

// Rows of data are gathered into rows of a tensor that holds what empty segments hold.
void EmitSegments(OpImport& n, Segment how, ValueId segments) {
  const ValueId data = n.In(0), ids = n.Stored(1);
  const int rank = n.Rank(ids);
  if (!n.ok()) return;
  const ValueId rest = n.Emit(ops::kShapeOf, {data}, {{"start", int64_t{rank}}});
  const ValueId shape = n.Emit(ops::kConcat, {n.Cast(segments, DType::kI64), rest}, {{"axis", int64_t{0}}});
  const ValueId empty = n.Emit(ops::kExpand, {n.Number(data, Empty(how, n.DtypeOf(data))), shape});
  n.Out(0,
        n.Emit(ops::kScatterNd, {empty, n.Unsqueeze(ids, {-1}), data}, {{"reduction", std::string(kReductions[how])}}));
}

template <Segment How>
void UnsortedSegment(OpImport& n) {
  EmitSegments(n, How, n.Reshape(n.Stored(2), {1}));
}

// As many segments as the last id asks for: the ids ascend.
void ImportSegmentSum(OpImport& n) {
  const ValueId last = n.Slice(n.Stored(1), 0, -1, kToEnd);
  EmitSegments(n, kAddUp, n.Add(last, n.Number(last, 1)));
}

constexpr Rule kRules[] = {
    {B::kArgMax, Numbers::kStored, ArgReduce<true>},
    {B::kArgMin, Numbers::kStored, ArgReduce<false>},
    {B::kCumsum, Numbers::kReal, ImportCumsum},
    {B::kMean, Numbers::kReal, Reduce<kMean>},
    {B::kReduceAll, Numbers::kStored, Reduce<kMin>},
    {B::kReduceAny, Numbers::kStored, Reduce<kMax>},
    {B::kReduceMax, Numbers::kReal, Reduce<kMax>},
    {B::kReduceMin, Numbers::kReal, Reduce<kMin>},
    {B::kReduceProd, Numbers::kReal, Reduce<kProd>},
    {B::kSegmentSum, Numbers::kReal, ImportSegmentSum},
    {B::kSum, Numbers::kReal, Reduce<kSum>},
    {B::kTopkV2, Numbers::kStored, ImportTopK},
    {B::kUnsortedSegmentMax, Numbers::kReal, UnsortedSegment<kLargest>},
    {B::kUnsortedSegmentMin, Numbers::kReal, UnsortedSegment<kSmallest>},
    {B::kUnsortedSegmentProd, Numbers::kReal, UnsortedSegment<kMultiply>},
    {B::kUnsortedSegmentSum, Numbers::kReal, UnsortedSegment<kAddUp>},
};

}  // namespace

extern const RuleSet kReduceRules{kRules};

}  // namespace godwit::from_tflite
