// XNNPACK's depthwise kernels take windows of up to 25 places; larger ones go through its general convolution, channel
// by channel, which is several times slower than the sum of a few small ones. A window is cut into parts that are
// symmetric about its middle, rows and columns for themselves: then the padding that keeps the image's extents is SAME
// for all.
#include <algorithm>
#include <optional>

#include "backends/tflite/emit.h"
#include "backends/tflite/tune.h"
#include "passes/lazy_weight.h"

namespace godwit::to_tflite {

namespace {

constexpr int64_t kMostPlaces = 25;
constexpr int64_t kLongest = 63;  // rows of more places are left as they are

// Places first, first + step, ... along an axis of the window.
struct Places {
  int64_t first = 0, step = 1, count = 1;
};

// Parts that a row of each length needs where none has more than `most` places: the two at the ends and what is
// between, or every other place and the rest. 0: cannot be.
std::vector<int64_t> PartsFor(int64_t longest, int64_t most) {
  std::vector<int64_t> parts(static_cast<size_t>(longest) + 1, 0);
  const auto at = [&](int64_t k) -> int64_t& { return parts[static_cast<size_t>(k)]; };
  for (int64_t k = 1; k <= longest; ++k) {
    if (k <= most) {
      at(k) = 1;
      continue;
    }
    if (most >= 2 && at(k - 2) > 0) at(k) = 1 + at(k - 2);
    if (k % 2 == 0 || at(k / 2) == 0 || at(k / 2 + 1) == 0) continue;
    const int64_t both = at(k / 2) + at(k / 2 + 1);
    if (at(k) == 0 || both < at(k)) at(k) = both;
  }
  return parts;
}

// The first cut of such a row that cannot stay whole.
std::pair<Places, Places> Cut(const Places& row, const std::vector<int64_t>& parts) {
  const auto need = [&](int64_t k) { return parts[static_cast<size_t>(k)]; };
  const int64_t k = row.count;
  if (need(k - 2) > 0 && need(k) == 1 + need(k - 2)) {
    return {{row.first + row.step, row.step, k - 2}, {row.first, row.step * (k - 1), 2}};
  }
  return {{row.first, 2 * row.step, k / 2 + 1}, {row.first + row.step, 2 * row.step, k / 2}};
}

struct Plan {
  std::vector<int64_t> row_parts, column_parts;
  int64_t windows = 0;
};

std::optional<Plan> PlanFor(int64_t rows, int64_t columns) {
  std::optional<Plan> best;
  for (int64_t most = 1; most <= std::min(rows, kMostPlaces); ++most) {
    Plan plan{PartsFor(rows, most), PartsFor(columns, kMostPlaces / most)};
    plan.windows = plan.row_parts.back() * plan.column_parts.back();
    if (plan.windows > 0 && (!best || plan.windows < best->windows)) best = std::move(plan);
  }
  return best;
}

// One operator that is cut.
class Splitter {
 public:
  Splitter(WrittenGraph* graph, WrittenOperator op, Plan plan)
      : graph_(*graph), op_(std::move(op)), plan_(std::move(plan)) {}

  Result<WrittenGroup> Run() {
    const Shape& w = graph_.tensors[static_cast<size_t>(op_.in[1].index)].type.shape;
    TRY(const Ref sum, Rows({0, 1, w[1].value()}, {0, 1, w[2].value()}));
    static_cast<void>(sum);
    WrittenOperator& last = made_.back();
    last.out = op_.out;
    last.options.Set("fused_activation_function", Number("fused_activation_function", 0));
    return std::move(made_);
  }

 private:
  [[nodiscard]] int64_t Number(std::string_view field, int64_t fallback) const {
    return static_cast<int64_t>(NumberOf(op_, field).value_or(static_cast<double>(fallback)));
  }

  Result<Ref> Rows(const Places& rows, const Places& columns) {
    if (plan_.row_parts[static_cast<size_t>(rows.count)] == 1) return Columns(rows, columns);
    const auto [a, b] = Cut(rows, plan_.row_parts);
    TRY(const Ref left, Rows(a, columns));
    TRY(const Ref right, Rows(b, columns));
    return Sum(left, right);
  }

  Result<Ref> Columns(const Places& rows, const Places& columns) {
    if (plan_.column_parts[static_cast<size_t>(columns.count)] == 1) return Part(rows, columns);
    const auto [a, b] = Cut(columns, plan_.column_parts);
    TRY(const Ref left, Columns(rows, a));
    TRY(const Ref right, Columns(rows, b));
    return Sum(left, right);
  }

  Ref NewTensor(std::string name, TensorType type, std::optional<Constant> constant = std::nullopt) {
    graph_.tensors.push_back({std::move(name), std::move(type), std::move(constant)});
    return {static_cast<int32_t>(graph_.tensors.size() - 1)};
  }
  Ref NewResult() { return NewTensor("", graph_.tensors[static_cast<size_t>(op_.out[0].index)].type); }

  Ref Sum(Ref a, Ref b) {
    WrittenOperator add;
    add.op = "ADD";
    add.in = {a, b};
    add.out = {NewResult()};
    made_.push_back(std::move(add));
    return made_.back().out[0];
  }

  Result<Ref> Weights(const Places& rows, const Places& columns) {
    const WrittenTensor whole = graph_.tensors[static_cast<size_t>(op_.in[1].index)];
    const int64_t wide = whole.type.shape[2].value(), channels = whole.type.shape[3].value();
    const Dims dims = {1, rows.count, columns.count, channels};
    TRY(Constant made, LazyWeight(TensorType(DType::kF32, Shape(dims.begin(), dims.end())), {*whole.constant},
                                  [=](const std::vector<Tensor>& in) -> Result<Tensor> {
                                    Tensor t(DType::kF32, dims);
                                    const auto taps = in[0].span<float>();
                                    float* to = t.mutable_data<float>();
                                    for (int64_t r = 0; r < rows.count; ++r) {
                                      for (int64_t c = 0; c < columns.count; ++c) {
                                        const int64_t place =
                                            (rows.first + r * rows.step) * wide + columns.first + c * columns.step;
                                        to = std::copy_n(taps.begin() + place * channels, channels, to);
                                      }
                                    }
                                    return t;
                                  }));
    TensorType type = made.type;
    return NewTensor(whole.name, std::move(type), std::move(made));
  }

  // The bias goes with the first.
  Result<Ref> Bias() {
    if (made_.empty()) return op_.in[2];
    if (!zeros_.valid()) {
      Tensor t(DType::kF32, {graph_.tensors[static_cast<size_t>(op_.in[1].index)].type.shape[3].value()});
      std::fill_n(t.mutable_data<float>(), t.size(), 0.0F);
      Constant constant{t.type(), t};
      TensorType type = constant.type;
      zeros_ = NewTensor("", std::move(type), std::move(constant));
    }
    return zeros_;
  }

  Result<Ref> Part(const Places& rows, const Places& columns) {
    WrittenOperator conv = op_;
    TRY(const Ref w, Weights(rows, columns));
    TRY(const Ref b, Bias());
    conv.in = {op_.in[0], w, b};
    conv.out = {NewResult()};
    const auto dilation = [&](const Places& row, std::string_view field) {
      return row.count == 1 ? int64_t{1} : row.step * Number(field, 1);
    };
    conv.options = {{"padding", kSame},
                    {"stride_w", 1},
                    {"stride_h", 1},
                    {"depth_multiplier", 1},
                    {"dilation_w_factor", dilation(columns, "dilation_w_factor")},
                    {"dilation_h_factor", dilation(rows, "dilation_h_factor")}};
    made_.push_back(std::move(conv));
    return made_.back().out[0];
  }

  WrittenGraph& graph_;
  const WrittenOperator op_;
  const Plan plan_;
  WrittenGroup made_;
  Ref zeros_;
};

// The plan for a depthwise convolution that pads so that extents stay as they are.
std::optional<Plan> PlanOf(const WrittenGraph& graph, const WrittenOperator& op) {
  if (op.custom || op.op != "DEPTHWISE_CONV_2D" || op.in.size() != 3 || !op.in[2].valid()) return std::nullopt;
  const auto is = [&](std::string_view field, double value) { return NumberOf(op, field).value_or(value) == value; };
  if (!is("padding", kSame) || !is("stride_w", 1) || !is("stride_h", 1) || !is("depth_multiplier", 1)) {
    return std::nullopt;
  }
  const auto tensor = [&](Ref r) -> const WrittenTensor& { return graph.tensors[static_cast<size_t>(r.index)]; };
  const WrittenTensor& w = tensor(op.in[1]);
  if (!w.constant || w.type.dtype != DType::kF32 || tensor(op.out[0]).type.dtype != DType::kF32) return std::nullopt;
  const int64_t rows = w.type.shape[1].value(), columns = w.type.shape[2].value();
  if (rows * columns <= kMostPlaces || std::max(rows, columns) > kLongest) return std::nullopt;
  return PlanFor(rows, columns);
}

}  // namespace

Status SplitWindows(const targets::TfliteProfile& profile, WrittenGraph* graph) {
  for (WrittenGroup& group : graph->groups) {
    for (size_t k = 0; k < group.size(); ++k) {
      const auto plan = PlanOf(*graph, group[k]);
      if (!plan || plan->windows < 2) continue;
      TRY(WrittenGroup made, Splitter(graph, group[k], *plan).Run());
      const bool fits = std::all_of(made.begin(), made.end(),
                                    [&](WrittenOperator& op) { return SettleVersion(profile, *graph, &op); });
      if (!fits) continue;
      const size_t count = made.size();
      group.erase(group.begin() + static_cast<std::ptrdiff_t>(k));
      group.insert(group.begin() + static_cast<std::ptrdiff_t>(k), std::make_move_iterator(made.begin()),
                   std::make_move_iterator(made.end()));
      k += count - 1;
    }
  }
  return Ok{};
}

}  // namespace godwit::to_tflite
