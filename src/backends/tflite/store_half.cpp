#include "backends/tflite/store_half.h"

#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "ir/convert.h"
#include "ops/ops.h"
#include "rewrite/recipe.h"

namespace godwit::to_tflite {

namespace {

// Weights of fewer elements are not worth an operator.
constexpr int64_t kFewWeights = 256;
constexpr float kLargestHalf = 65504;
// What a file of another format says of the TFLite file that it was made of.
constexpr const char* kNoted = "tflite.weights";
constexpr const char* kHalf = "f16";

// Plain recurrent layers are brought to their first state by sums of their weights, which halves would not give.
bool WantsConstants(std::string_view op) { return op.ends_with("RNN"); }

// Inputs and outputs of the subgraph, and what such layers take, are left alone.
std::set<int32_t> Untouchable(const WrittenGraph& graph) {
  std::set<int32_t> out;
  for (const Refs* refs : {&graph.in, &graph.out}) {
    for (const Ref r : *refs) out.insert(r.index);
  }
  for (const WrittenGroup& group : graph.groups) {
    for (const WrittenOperator& op : group) {
      if (!op.custom && !WantsConstants(op.op)) continue;
      for (const Ref r : op.in) out.insert(r.index);
    }
  }
  return out;
}

// In the order of their first use.
std::vector<int32_t> Used(const WrittenGraph& graph) {
  std::vector<int32_t> out;
  std::set<int32_t> seen;
  for (size_t g = graph.groups.size(); g-- > 0;) {
    for (const WrittenOperator& op : graph.groups[g]) {
      for (const Ref r : op.in) {
        if (r.valid() && seen.insert(r.index).second) out.push_back(r.index);
      }
    }
  }
  return out;
}

bool IsWeight(const WrittenTensor& tensor) {
  if (!tensor.constant || tensor.variable || tensor.type.dtype != DType::kF32 || tensor.type.quant != nullptr) {
    return false;
  }
  int64_t elements = 1;
  for (const Dim& d : tensor.type.shape) elements *= d.value();
  return elements >= kFewWeights;
}

bool Fits(const Tensor& f32, bool exact) {
  for (const float x : f32.span<float>()) {
    if (std::fabs(x) > kLargestHalf && !std::isinf(x)) return false;
    if (exact && x == x && RoundTo(DType::kF16, static_cast<double>(x)) != static_cast<double>(x)) return false;
  }
  return true;
}

}  // namespace

Result<StoredHalf> StoreHalf(const targets::TfliteProfile& profile, WrittenGraph* graph, bool exact) {
  StoredHalf done;
  const std::set<int32_t> left = Untouchable(*graph);
  WrittenGroup first;
  for (const int32_t i : Used(*graph)) {
    if (left.contains(i) || !IsWeight(graph->tensors[static_cast<size_t>(i)])) continue;
    const Constant single = *graph->tensors[static_cast<size_t>(i)].constant;
    TRY(const Tensor contents, single.Load());
    if (!Fits(contents, exact)) continue;
    TensorType type = graph->tensors[static_cast<size_t>(i)].type;
    type.dtype = DType::kF16;
    TRY(Constant half, Computed(ops::kCast, {{"to", DType::kF16}}, {&single}, type));
    WrittenTensor& real = graph->tensors[static_cast<size_t>(i)];
    real.constant.reset();
    real.contents.reset();
    WrittenOperator op;
    op.op = "DEQUANTIZE";
    op.in = {Ref{static_cast<int32_t>(graph->tensors.size())}};
    op.out = {Ref{i}};
    targets::TfliteUse use;
    use.op = op.op;
    use.in.push_back({&type, true});
    use.out.push_back({&real.type, false});
    use.option = [](std::string_view) -> std::optional<double> { return std::nullopt; };
    const targets::TfliteFit fit = targets::FitTflite(use, profile);
    if (fit.version == 0) {
      real.constant = single;
      return done;  // and so it would be for each of them
    }
    op.version = fit.version;
    op.since = fit.since;
    graph->tensors.push_back({std::exchange(real.name, {}), std::move(type), std::move(half)});
    first.push_back(std::move(op));
    ++done.tensors;
    done.elements += contents.size();
  }
  if (!first.empty()) graph->groups.push_back(std::move(first));
  return done;
}

bool WereHalf(const Graph& graph) {
  const auto noted = graph.metadata.find(kNoted);
  return noted != graph.metadata.end() && noted->second == kHalf;
}

bool MostlyHalf(const Graph& graph) {
  uint64_t half = 0, single = 0;
  for (uint32_t i = 0; i < graph.constant_count(); ++i) {
    const Constant& c = graph.constant(ConstantId{i});
    if (c.type.dtype == DType::kF16) half += c.stored_bytes() / 2;
    if (c.type.dtype == DType::kF32) single += c.stored_bytes() / 4;
  }
  return half > single;
}

void NoteHalfWeights(Graph* graph) { graph->metadata.emplace(kNoted, kHalf); }

}  // namespace godwit::to_tflite
