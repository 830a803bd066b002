// TFLite_Detection_PostProcess: boxes from their offsets to anchors, and the best of them that do not overlap.
#include <fmt/format.h>

#include <cmath>

#include "formats/flatbuffers/flex_map.h"
#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

namespace {

using Options = std::map<std::string, double>;

double OptionOr(const Options& options, const std::string& name, double fallback) {
  const auto it = options.find(name);
  return it == options.end() ? fallback : it->second;
}

// A number that counts something: none that is not a whole number of 31 bits counts anything.
int64_t CountOr(const Options& options, const std::string& name, int64_t fallback) {
  const double v = OptionOr(options, name, static_cast<double>(fallback));
  return v >= 0 && v <= INT32_MAX ? static_cast<int64_t>(v) : 0;
}

class Detection {
 public:
  Detection(OpImport& n, const Options& options)
      : n_(n),
        options_(options),
        most_(CountOr(options, "max_detections", 0)),
        classes_(CountOr(options, "num_classes", 0)) {}

  void Run() {
    const ValueId encodings = n_.Real(0), scores = n_.Real(1), anchors = n_.Real(2);
    const int64_t columns = n_.DimOf(scores, 2), batch = n_.DimOf(scores, 0);
    if (!n_.ok()) return;
    if (batch != 1 || most_ < 1 || classes_ < 1 || columns < classes_ || columns > classes_ + 1) {
      n_.BadOption("custom_options",
                   fmt::format("{} detections of {} classes, {} scores a box", most_, classes_, columns));
      return;
    }
    boxes_ = Decode(encodings, anchors);
    // A class of its own for the background comes first.
    scores_ = n_.Squeeze(n_.Slice(scores, 2, columns - classes_, kToEnd), {0});
    if (OptionOr(options_, "use_regular_nms", 0) != 0) {
      Regular();
    } else {
      Fast();
    }
  }

 private:
  [[nodiscard]] double Scale(const char* name) const { return OptionOr(options_, name, 1); }

  // Corners y, x, y, x. The kernel works in double precision up to the centre and half the extent.
  ValueId Decode(ValueId encodings, ValueId anchors) {
    const auto column = [&](ValueId v, int64_t k) { return n_.Cast(n_.Slice(v, -1, k, k + 1), DType::kF64); };
    const ValueId codes = n_.Squeeze(n_.Slice(encodings, 2, 0, 4), {0});
    ValueId low[2], high[2];
    for (int64_t k = 0; k < 2; ++k) {
      const ValueId place = column(anchors, k), extent = column(anchors, k + 2);
      const ValueId moved = column(codes, k), grown = column(codes, k + 2);
      const double by = Scale(k == 0 ? "y_scale" : "x_scale"), of = Scale(k == 0 ? "h_scale" : "w_scale");
      const ValueId centre = n_.Add(n_.Mul(n_.Div(moved, n_.Number(moved, by)), extent), place);
      const ValueId factor = n_.Emit(ops::kExp, {n_.Div(grown, n_.Number(grown, of))});
      const ValueId half = n_.Mul(n_.Mul(factor, n_.Number(factor, 0.5)), extent);
      const ValueId middle = n_.Cast(centre, DType::kF32), reach = n_.Cast(half, DType::kF32);
      low[k] = n_.Sub(middle, reach);
      high[k] = n_.Add(middle, reach);
    }
    return n_.Emit(ops::kConcat, {low[0], low[1], high[0], high[1]}, {{"axis", int64_t{1}}});
  }

  // Rows of class and box, class by class, the best first. `scores`: [classes, boxes].
  ValueId Kept(ValueId scores, int64_t most) {
    const auto limit = static_cast<float>(OptionOr(options_, "nms_iou_threshold", 0));
    // A score that is the threshold itself counts; the operator wants more than it.
    const auto least = static_cast<float>(OptionOr(options_, "nms_score_threshold", 0));
    const ValueId above = n_.builder().Constant(Tensor::F32({1}, {std::nextafter(least, -INFINITY)}));
    return n_.Emit(ops::kNms, {n_.Unsqueeze(boxes_, {0}), n_.Unsqueeze(scores, {0}), n_.I64s({most}),
                               n_.builder().Constant(Tensor::F32({1}, {limit})), above});
  }

  ValueId Column(ValueId rows, int64_t k) { return n_.Squeeze(n_.Slice(rows, 1, k, k + 1), {1}); }

  // Zeros behind the last row, up to `rows`.
  ValueId Filled(ValueId x, int64_t rows) {
    const ValueId have = n_.Emit(ops::kShapeOf, {x}, {{"start", int64_t{0}}, {"end", int64_t{1}}});
    const ValueId more = n_.Sub(n_.I64s({rows}), have);
    const int rank = n_.Rank(x);
    if (!n_.ok()) return {};
    std::vector<ValueId> pads{n_.I64s(std::vector<int64_t>(static_cast<size_t>(rank), 0)), more};
    if (rank > 1) pads.push_back(n_.I64s(std::vector<int64_t>(static_cast<size_t>(rank - 1), 0)));
    const ValueId y = n_.Emit(ops::kPad, {x, n_.Emit(ops::kConcat, std::move(pads), {{"axis", int64_t{0}}})});
    return n_.Unsqueeze(y, {0});
  }

  void Give(ValueId boxes, ValueId classes, ValueId scores, ValueId count, int64_t rows) {
    n_.Out(0, Filled(boxes, rows));
    n_.Out(1, n_.Cast(Filled(classes, rows), DType::kF32));
    n_.Out(2, Filled(scores, rows));
    n_.Out(3, n_.Cast(count, DType::kF32));
  }

  // Each class for itself; then the best of all, those of lower classes first where scores are equal.
  void Regular() {
    const int64_t of_class = CountOr(options_, "detections_per_class", 100);
    const ValueId by_class = n_.Transpose(scores_, {1, 0});
    const ValueId kept = Kept(by_class, std::min(of_class, most_));
    const ValueId score = n_.Emit(ops::kGatherNd, {by_class, n_.Slice(kept, 1, 1, 3)});
    const ValueId count = n_.Emit(ops::kMin, {n_.Emit(ops::kShapeOf, {score}), n_.I64s({most_})});
    const auto best = n_.EmitN(ops::kTopK, {score, count}, 2, {{"axis", int64_t{0}}});
    const ValueId rows = n_.Emit(ops::kGather, {kept, best[best.size() - 1]});
    Give(n_.Emit(ops::kGather, {boxes_, Column(rows, 2)}), Column(rows, 1), best[0], count, most_);
  }

  // Each box by its best class; the best few classes of a box share its place.
  void Fast() {
    const int64_t per_box = CountOr(options_, "max_classes_per_detection", 1);
    const int64_t shown = std::min(per_box, classes_);
    if (shown < 1 || per_box > classes_) {
      n_.Unsupported(fmt::format("{} classes a detection of {}", per_box, classes_));
      return;
    }
    const auto best = n_.EmitN(ops::kTopK, {scores_, n_.I64s({shown})}, 2, {{"axis", int64_t{1}}});
    const ValueId kept = Column(Kept(n_.Transpose(n_.Slice(best[0], 1, 0, 1), {1, 0}), most_), 2);
    const auto picked = [&](ValueId from) { return n_.Emit(ops::kGather, {from, kept}); };
    ValueId boxes = picked(boxes_);
    if (shown > 1) {
      // The box once for each of its classes.
      boxes = n_.Emit(ops::kTile, {n_.Unsqueeze(boxes, {1}), n_.I64s({1, shown, 1})});
      boxes = n_.Reshape(boxes, {-1, 4});
    }
    Give(boxes, n_.Reshape(picked(best[best.size() - 1]), {-1}), n_.Reshape(picked(best[0]), {-1}),
         n_.Emit(ops::kShapeOf, {kept}), most_ * shown);
  }

  OpImport& n_;
  const Options& options_;
  int64_t most_, classes_;
  ValueId boxes_, scores_;
};

void ImportDetection(OpImport& n) {
  auto options = flat::ReadFlexNumbers(n.op().custom_options);
  if (!options.ok()) {
    n.Fail(std::move(options.diag()));
    return;
  }
  Detection(n, *options).Run();
}

constexpr CustomRule kCustom[] = {{"TFLite_Detection_PostProcess", ImportDetection}};

}  // namespace

extern const RuleSet kDetectionRules{{}, kCustom};

}  // namespace godwit::from_tflite
