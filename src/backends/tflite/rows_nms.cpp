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

// One element, rank 0, of a row of operand `i`; `fallback` where there is none.
Result<Ref> Scalar(NodeExport& n, size_t i, DType dtype, double fallback) {
  if (!n.Has(i) || n.StaticDims(i) == Dims{0}) return n.Number(dtype, fallback);
  if (const auto known = n.Number(i)) return n.Number(dtype, *known);
  return CastTo(n, n.Reshaped(n.In(i), {}), dtype);
}

Ref RowOf(NodeExport& n, Ref x, const std::vector<int64_t>& begin, const std::vector<int64_t>& size, Shape shape) {
  const Ref part =
      n.Temp("SLICE", {x, n.I32s(begin), n.I32s(size)}, TensorType(n.TypeOf(x).dtype, {size.begin(), size.end()}));
  return n.Reshaped(part, shape);
}

// Centres and extents (x, y, w, h) as corners (y, x, y, x).
Ref Corners(NodeExport& n, Ref boxes, int64_t batch, int64_t count) {
  const auto column = [&](int64_t k) {
    return n.Temp("SLICE", {boxes, n.I32s({0, 0, k}), n.I32s({batch, count, 1})},
                  TensorType(DType::kF32, {batch, count, 1}));
  };
  const TensorType type(DType::kF32, {batch, count, 1});
  const auto halved = [&](Ref x) { return n.Temp("MUL", {x, n.Number(DType::kF32, 0.5)}, type); };
  const Ref x = column(0), y = column(1), w = halved(column(2)), h = halved(column(3));
  const auto of = [&](std::string_view op, Ref a, Ref b) { return n.Temp(op, {a, b}, type); };
  return n.Temp("CONCATENATION", {of("SUB", y, h), of("SUB", x, w), of("ADD", y, h), of("ADD", x, w)},
                TensorType(DType::kF32, {batch, count, 4}), {{"axis", 2}});
}

Status EmitNms(NodeExport& n) {
  TRY(const Dims boxes, n.NeedDims(0, "the boxes"));
  TRY(const Dims scores, n.NeedDims(1, "the scores"));
  if (boxes.size() != 3 || scores.size() != 3 || scores[0] * scores[1] > kMostParts || scores[0] * scores[1] < 1) {
    return n.LacksForm("there are too many pictures and classes");
  }
  if (n.DtypeOf(0) != DType::kF32) return n.LacksForm("NON_MAX_SUPPRESSION_V4 takes f32");
  const int64_t count = boxes[1];
  TRY(Ref most, Scalar(n, 2, DType::kI32, 0));
  if (const auto known = n.Number(2); known && *known > static_cast<double>(count)) most = n.ScalarI32(count);
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
  const Ref corners = n.attrs().Flag("centered") ? Corners(n, n.In(0), boxes[0], count) : n.In(0);
  Refs found;
  for (int64_t b = 0; b < scores[0]; ++b) {
    const Ref box = RowOf(n, corners, {b, 0, 0}, {1, count, 4}, {Dim(count), Dim(4)});
    for (int64_t c = 0; c < scores[1]; ++c) {
      const Ref score = RowOf(n, n.In(1), {b, c, 0}, {1, 1, count}, {Dim(count)});
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
