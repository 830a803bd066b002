// x * scale[c] + shift[c] over an image: XNNPACK has one kernel for it, which is that of a depthwise convolution whose
// window is a single place. Written as two operators it goes over the image twice.
#include <algorithm>
#include <map>

#include "backends/tflite/tune.h"
#include "passes/lazy_weight.h"

namespace godwit::to_tflite {

namespace {

struct Place {
  size_t group = 0, index = 0;
};

class Merger {
 public:
  Merger(const targets::TfliteProfile& profile, WrittenGraph* graph)
      : profile_(profile), graph_(*graph), readers_(CountReaders(*graph)) {}

  Status Run() {
    for (size_t g = graph_.groups.size(); g-- > 0;) {
      for (size_t k = 0; k < graph_.groups[g].size(); ++k) {
        WrittenOperator& op = graph_.groups[g][k];
        if (op.custom) continue;
        if (op.op == "ADD") RETURN_IF_ERROR(Visit(&op));
        if (op.op == "MUL" && op.out.size() == 1) factors_[op.out[0].index] = {g, k};
      }
    }
    for (WrittenGroup& group : graph_.groups) {
      std::erase_if(group, [](const WrittenOperator& op) { return op.op.empty(); });
    }
    return Ok{};
  }

 private:
  [[nodiscard]] const WrittenTensor& Of(Ref r) const { return graph_.tensors[static_cast<size_t>(r.index)]; }

  // Which operand is a number for each of `channels`, or one for all; -1 for neither.
  int ConstantOf(const WrittenOperator& op, const Dim& channels) const {
    for (int k = 0; k < 2; ++k) {
      const WrittenTensor& t = Of(op.in[static_cast<size_t>(k)]);
      const Shape& shape = t.type.shape;
      if (!t.constant || t.type.dtype != DType::kF32 || shape.size() > 4) continue;
      const auto ones = std::count(shape.begin(), shape.end(), Dim(1));
      const auto dims = static_cast<std::ptrdiff_t>(shape.size());
      if (ones == dims || (ones == dims - 1 && shape.back() == channels)) return k;
    }
    return -1;
  }
  [[nodiscard]] bool IsVector(Ref r) const {
    const Shape& shape = Of(r).type.shape;
    return !shape.empty() && shape.back() != Dim(1);
  }

  Result<Ref> Spread(Ref from, int64_t channels, Dims dims) {
    const WrittenTensor source = Of(from);
    TRY(Constant made, LazyWeight(TensorType(DType::kF32, Shape(dims.begin(), dims.end())), {*source.constant},
                                  [channels, dims](const std::vector<Tensor>& in) -> Result<Tensor> {
                                    Tensor t(DType::kF32, dims);
                                    const auto numbers = in[0].span<float>();
                                    for (int64_t c = 0; c < channels; ++c) {
                                      t.mutable_data<float>()[c] =
                                          numbers[numbers.size() == 1 ? 0 : static_cast<size_t>(c)];
                                    }
                                    return t;
                                  }));
    TensorType type = made.type;
    graph_.tensors.push_back({source.name, std::move(type), std::move(made)});
    return Ref{static_cast<int32_t>(graph_.tensors.size() - 1)};
  }

  Status Visit(WrittenOperator* add) {
    const TensorType type = Of(add->out[0]).type;
    if (type.dtype != DType::kF32 || !type.ranked || type.shape.size() != 4 || !type.shape[3].is_static()) return Ok{};
    const int64_t channels = type.shape[3].value();
    const int term = ConstantOf(*add, type.shape[3]);
    if (channels < 2 || term < 0) return Ok{};
    const Ref product = add->in[static_cast<size_t>(1 - term)];
    const auto found = factors_.find(product.index);
    if (found == factors_.end() || readers_[static_cast<size_t>(product.index)] != 1) return Ok{};
    WrittenOperator& mul = graph_.groups[found->second.group][found->second.index];
    if (NumberOf(mul, "fused_activation_function").value_or(0) != 0) return Ok{};
    const int factor = ConstantOf(mul, type.shape[3]);
    if (factor < 0) return Ok{};
    const Ref x = mul.in[static_cast<size_t>(1 - factor)], scale = mul.in[static_cast<size_t>(factor)],
              shift = add->in[static_cast<size_t>(term)];
    if (Of(x).constant || Of(x).type.shape != type.shape || (!IsVector(scale) && !IsVector(shift))) return Ok{};
    WrittenOperator conv;
    conv.op = "DEPTHWISE_CONV_2D";
    TRY(const Ref w, Spread(scale, channels, {1, 1, 1, channels}));
    TRY(const Ref b, Spread(shift, channels, {channels}));
    conv.in = {x, w, b};
    conv.out = add->out;
    conv.options = {
        {"padding", 1},
        {"stride_w", 1},
        {"stride_h", 1},
        {"depth_multiplier", 1},
        {"fused_activation_function", static_cast<int64_t>(NumberOf(*add, "fused_activation_function").value_or(0))},
        {"dilation_w_factor", 1},
        {"dilation_h_factor", 1}};
    if (!SettleVersion(profile_, graph_, &conv)) return Ok{};
    *add = std::move(conv);
    mul = WrittenOperator();
    factors_.erase(found);
    return Ok{};
  }

  const targets::TfliteProfile& profile_;
  WrittenGraph& graph_;
  std::vector<int> readers_;
  std::map<int32_t, Place> factors_;  // products, by what they give
};

}  // namespace

Status ScaleAndShift(const targets::TfliteProfile& profile, WrittenGraph* graph) {
  return Merger(profile, graph).Run();
}

}  // namespace godwit::to_tflite
