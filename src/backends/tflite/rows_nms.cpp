// NON_MAX_SUPPRESSION_V4 looks at one class of one picture: a node is one of these for each, their finds joined.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "backends/tflite/emit.h"
#include "backends/tflite/indices.h"

namespace godwit::to_tflite {

namespace {

/// Pictures times classes beyond this are not written out.
constexpr int64_t kMostParts = 512;
constexpr double kMostRoom = std::numeric_limits<int32_t>::max();

// One element, rank 0, of a row of operand `i`; `fallback` where there is none.
Result<Ref> Scalar(NodeExport& n, size_t i, DType dtype, double fallback) {
  if (!n.Has(i) || n.StaticDims(i) == Dims{0}) return n.Number(dtype, fallback);
  if (const auto known = n.Number(i)) return n.Number(dtype, *known);
  return CastTo(n, n.Reshaped(n.In(i), {}), dtype);
}

// As SLICE takes it: all there is of an open dim.
Ref Extents(NodeExport& n, const Shape& size) {
  std::vector<int64_t> numbers;
  for (const Dim& d : size) numbers.push_back(d.known().value_or(-1));
  return n.I32s(numbers);
}

Ref RowOf(NodeExport& n, Ref x, const std::vector<int64_t>& begin, const Shape& size, const Shape& shape) {
  const Ref part = n.Temp("SLICE", {x, n.I32s(begin), Extents(n, size)}, TensorType(n.TypeOf(x).dtype, size));
  return n.Reshaped(part, shape);
}

// The number of boxes, no more than which are kept: that much room is made for them.
Ref Most(NodeExport& n, Ref most) {
  const Ref shape = n.Temp("SHAPE", {n.In(0)}, TensorType(DType::kI32, {Dim(3)}), {{"out_type", DType::kI32}});
  const Ref boxes = RowOf(n, shape, {1}, {Dim(1)}, {});
  return n.Temp("MINIMUM", {most, boxes}, TensorType(DType::kI32, {}));
}

// Centres and extents (x, y, w, h) as corners (y, x, y, x).
Ref Corners(NodeExport& n, Ref boxes, const Dim& batch, const Dim& count) {
  const auto column = [&](int64_t k) {
    return n.Temp("SLICE", {boxes, n.I32s({0, 0, k}), Extents(n, {batch, count, Dim(1)})},
                  TensorType(DType::kF32, {batch, count, Dim(1)}));
  };
  const TensorType type(DType::kF32, {batch, count, Dim(1)});
  const auto halved = [&](Ref x) { return n.Temp("MUL", {x, n.Number(DType::kF32, 0.5)}, type); };
  const Ref x = column(0), y = column(1), w = halved(column(2)), h = halved(column(3));
  const auto of = [&](std::string_view op, Ref a, Ref b) { return n.Temp(op, {a, b}, type); };
  return n.Temp("CONCATENATION", {of("SUB", y, h), of("SUB", x, w), of("ADD", y, h), of("ADD", x, w)},
                TensorType(DType::kF32, {batch, count, Dim(4)}), {{"axis", 2}});
}

Status EmitNms(NodeExport& n) {
  TRY(const int boxes_rank, n.Rank(0));
  TRY(const int scores_rank, n.Rank(1));
  if (boxes_rank != 3 || scores_rank != 3) return n.NotThis();
  const Dim batch = n.ShapeOf(1)[0], classes = n.ShapeOf(1)[1], count = n.ShapeOf(0)[1];
  if (!batch.is_static() || !classes.is_static()) {
    return n.Lacks(diag::kTargetConstant,
                   "the numbers of pictures and classes of nms must be known when it is written");
  }
  if (batch.value() * classes.value() > kMostParts || batch.value() * classes.value() < 1) {
    return n.LacksForm("there are too many pictures and classes");
  }
  if (n.DtypeOf(0) != DType::kF32) return n.LacksForm("NON_MAX_SUPPRESSION_V4 takes f32");
  Ref most;
  if (const auto known = n.Number(2); known && *known > kMostRoom) {
    most = n.ScalarI32(std::numeric_limits<int32_t>::max());
  } else {
    TRY(most, Scalar(n, 2, DType::kI32, 0));
  }
  if (!count.is_static()) {
    most = Most(n, most);
  } else if (const auto known = n.Number(2); known && *known > static_cast<double>(count.value())) {
    most = n.ScalarI32(count.value());
  }
  // The kernel drops what overlaps by the limit itself, too: the next number stands for more than the limit.
  Ref iou;
  if (const auto known = n.Has(3) ? n.Number(3) : std::optional(0.0)) {
    const auto above = std::nextafter(static_cast<float>(*known), std::numeric_limits<float>::infinity());
    iou = n.Number(DType::kF32, static_cast<double>(above));
  } else {
    TRY(const Ref given, Scalar(n, 3, DType::kF32, 0));
    iou = n.Temp("MUL", {given, n.Number(DType::kF32, 1.0 + 0x1p-23)}, TensorType(DType::kF32, {}));
  }
  TRY(const Ref limit, Scalar(n, 4, DType::kF32, static_cast<double>(std::numeric_limits<float>::lowest())));
  const Ref corners = n.attrs().Flag("centered") ? Corners(n, n.In(0), n.ShapeOf(0)[0], count) : n.In(0);
  Refs found;
  for (int64_t b = 0; b < batch.value(); ++b) {
    const Ref box = RowOf(n, corners, {b, 0, 0}, {Dim(1), count, Dim(4)}, {count, Dim(4)});
    for (int64_t c = 0; c < classes.value(); ++c) {
      const Ref score = RowOf(n, n.In(1), {b, c, 0}, {Dim(1), Dim(1), count}, {count});
      const Ref all = n.NewTensor(TensorType(DType::kI32, {Dim::Symbol("boxes")}));
      const Ref valid = n.NewTensor(TensorType(DType::kI32, {}));
      n.EmitAs("NON_MAX_SUPPRESSION_V4", {box, score, most, iou, limit}, {all, valid});
      const Ref kept = n.Temp("SLICE", {all, n.I32s({0}), n.Reshaped(valid, {Dim(1)})},
                              TensorType(DType::kI32, {Dim::Symbol("kept")}));
      const Ref column =
          n.Temp("RESHAPE", {kept, n.I32s({-1, 1})}, TensorType(DType::kI32, {Dim::Symbol("kept"), Dim(1)}),
                 {{"new_shape", std::vector<int64_t>{-1, 1}}});
      const Ref wide = CastTo(n, column, DType::kI64);
      // The picture and the class stand before each find.
      const Ref pads = n.Const(Tensor::Of<int32_t>(DType::kI32, {2, 2}, std::vector<int32_t>{0, 0, 2, 0}));
      const Ref room = n.Temp("PAD", {wide, pads}, TensorType(DType::kI64, {Dim::Symbol("kept"), Dim(3)}));
      const Ref place = n.Const(Tensor::I64({1, 3}, {b, c, 0}));
      found.push_back(n.Temp("ADD", {room, place}, TensorType(DType::kI64, {Dim::Symbol("kept"), Dim(3)})));
    }
  }
  if (found.size() == 1) return n.EmitReshapeTo(0, found[0]);
  n.Emit("CONCATENATION", found, {{"axis", 0}});
  return Ok{};
}

constexpr Row kRows[] = {{&ops::kNms, "NON_MAX_SUPPRESSION_V4", EmitNms}};

}  // namespace

extern const RowSet kNmsRows{kRows};

}  // namespace godwit::to_tflite
