// nms: boxes that do not overlap a better one too much.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"boxes", kFloats},
                              {"scores", kFloats},
                              {"most", kIndex, OperandDef::kOptional},
                              {"iou_limit", kFloats, OperandDef::kOptional},
                              {"score_limit", kFloats, OperandDef::kOptional}};
constexpr OperandDef kOut[] = {{"selected", TypeSet(DType::kI64)}};
constexpr AttrDef kAttrs[] = {{"centered", AttrKind::kInt, "0",
                               "Boxes are 0: two opposite corners (y, x, y, x); 1: centre and extents (x, y, w, h)."}};
constexpr std::string_view kRules[] = {"c1: boxes are [batch, boxes, 4], scores [batch, classes, boxes]",
                                       "c2: most, iou_limit and score_limit are one number each"};

Status Infer(InferCtx& ctx) {
  ctx.Out(0, DType::kI64, {ctx.Fresh("selected"), Dim(3)});
  return Ok{};
}

struct Box {
  double y0, x0, y1, x1;
};

Box BoxOf(const double* v, bool centered) {
  if (centered) return {v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
  return {std::min(v[0], v[2]), std::min(v[1], v[3]), std::max(v[0], v[2]), std::max(v[1], v[3])};
}

bool Overlaps(const Box& a, const Box& b, double limit) {
  const double h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  const double w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  if (h <= 0 || w <= 0) return false;
  const double area_a = (a.y1 - a.y0) * (a.x1 - a.x0);
  const double area_b = (b.y1 - b.y0) * (b.x1 - b.x0);
  const double both = area_a + area_b - h * w;
  if (area_a <= 0 || area_b <= 0 || both <= 0) return false;
  return h * w / both > limit;
}

Result<double> Number(const EvalCtx& ctx, size_t operand, double fallback) {
  if (!ctx.Has(operand) || ctx.In(operand).size() == 0) return fallback;
  if (ctx.In(operand).size() != 1) return ctx.Fail("c2", fmt::format("{} numbers", ctx.In(operand).size()));
  return ToF64(ctx.In(operand))[0];
}

Status Eval(EvalCtx& ctx) {
  const Tensor& boxes = ctx.In(0);
  const Tensor& scores = ctx.In(1);
  if (boxes.rank() != 3 || boxes.dim(2) != 4 || scores.rank() != 3 || scores.dim(0) != boxes.dim(0) ||
      scores.dim(2) != boxes.dim(1)) {
    return ctx.Fail("c1", fmt::format("{} and {}", ToString(boxes.dims()), ToString(scores.dims())));
  }
  TRY(double most, Number(ctx, 2, 0));
  TRY(double iou_limit, Number(ctx, 3, 0));
  const bool limited = ctx.Has(4) && ctx.In(4).size() != 0;
  TRY(double score_limit, Number(ctx, 4, 0));
  const bool centered = ctx.attrs.Flag("centered");
  const std::vector<double> corners = ToF64(boxes);
  const std::vector<double> values = ToF64(scores);
  const int64_t n = boxes.dim(1);
  std::vector<int64_t> selected;
  std::vector<int64_t> order;
  for (int64_t b = 0; b < scores.dim(0); ++b) {
    std::vector<Box> all;
    for (int64_t i = 0; i < n; ++i) all.push_back(BoxOf(corners.data() + (b * n + i) * 4, centered));
    for (int64_t c = 0; c < scores.dim(1); ++c) {
      const double* score = values.data() + (b * scores.dim(1) + c) * n;
      order.clear();
      for (int64_t i = 0; i < n; ++i) {
        if (limited ? score[i] > score_limit : score[i] == score[i]) order.push_back(i);
      }
      std::stable_sort(order.begin(), order.end(), [&](int64_t x, int64_t y) { return score[x] > score[y]; });
      std::vector<int64_t> kept;
      for (int64_t i : order) {
        if (static_cast<double>(kept.size()) >= most) break;
        const bool clear = std::none_of(kept.begin(), kept.end(), [&](int64_t k) {
          return Overlaps(all[static_cast<size_t>(i)], all[static_cast<size_t>(k)], iou_limit);
        });
        if (clear) kept.push_back(i);
      }
      for (int64_t i : kept) selected.insert(selected.end(), {b, c, i});
    }
  }
  ctx.Set(0, Tensor::I64({static_cast<int64_t>(selected.size()) / 3, 3}, selected));
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {
      {{"f32[1,6,4]", "f32[1,1,6]", "i64[1] = 3", "f32[1] = 0.5", "f32[1] = 0"}, {}},
      {{"f32[2,4,4]", "f32[2,2,4]", "i64[] = 2", "f32[] = 0.3"}, {{"centered", int64_t{1}}}},
      {{"f32[1,3,4]", "f32[1,1,3]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kNms{.name = "nms",
                        .doc = "For each class the best boxes that do not overlap a better one: (batch, class, box).",
                        .operands = kIn,
                        .results = kOut,
                        .attrs = kAttrs,
                        .constraints = kRules,
                        .infer = Infer,
                        .eval = Eval,
                        .samples = Samples};

}  // namespace godwit::ops
