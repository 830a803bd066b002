#include "passes/half_apply.h"

#include <unordered_map>

#include "ir/convert.h"
#include "ir/inference.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "rewrite/recipe.h"

namespace godwit::half {

namespace {

// Weights of fewer elements are not worth a cast of their own.
constexpr int64_t kFewWeights = 256;

TensorType With(DType dtype, const TensorType& type) {
  TensorType out = type;
  out.dtype = dtype;
  return out;
}

class Converter {
 public:
  Converter(Graph* graph, const HalfOptions& options, Choice* choice, HalfReport* report)
      : graph_(*graph), options_(options), choice_(*choice), report_(*report), inference_(*graph) {}

  Status Run() {
    for (uint32_t i = 0; i < graph_.value_count(); ++i) f32_.push_back(IsF32(graph_, ValueId{i}));
    if (!options_.keep_io) {
      for (ValueId v : graph_.region(Graph::main()).params) {
        if (f32_[v.index]) graph_.value(v).type.tensor().dtype = options_.dtype;
      }
    }
    for (NodeId id : NodesWithin(graph_)) {
      if (choice_.Half(id)) {
        TRY(const bool done, MakeHalf(id));
        if (done) continue;
        choice_.Keep(id, "it cannot be typed in half");
      }
      RETURN_IF_ERROR(MakeFloat(id));
    }
    for (RegionId r : RegionsWithin(graph_)) RETURN_IF_ERROR(GiveBack(r));
    MoveNames();
    for (RegionId r : RegionsWithin(graph_)) RETURN_IF_ERROR(TopologicalSort(&graph_, r));
    return Ok{};
  }

 private:
  [[nodiscard]] bool WasF32(ValueId v) const { return v && v.index < f32_.size() && f32_[v.index]; }
  [[nodiscard]] bool IsHalf(ValueId v) const { return graph_.value(v).type.dtype() == options_.dtype; }

  Result<bool> MakeHalf(NodeId id) {
    Node& node = graph_.node(id);
    const std::vector<ValueId> in = node.in;
    const Attrs attrs = node.attrs;
    for (size_t i = 0; i < in.size(); ++i) {
      if (!WasF32(in[i])) continue;
      const bool converts = node.op != &ops::kResize || i == 0;
      TRY(const ValueId v, As(in[i], converts, &node, i));
      node.in[i] = v;
    }
    if (node.op == &ops::kCast && attrs.Dtype("to") == DType::kF32) node.attrs.Set("to", options_.dtype);
    std::vector<Type> before;
    for (ValueId v : node.out) before.push_back(v ? graph_.value(v).type : Type());
    bool fits = inference_.InferNode(id).ok();
    for (size_t i = 0; i < node.out.size(); ++i) {
      if (!node.out[i]) continue;
      Type& type = graph_.value(node.out[i]).type;
      // What was known of the shape stays known.
      Type known = before[i];
      if (known.is_tensor() && type.is_tensor()) known.tensor().dtype = type.dtype();
      const auto both = Meet(known, type);
      fits = fits && both.has_value() && type.dtype() != DType::kNone;
      if (both) type = *both;
    }
    if (fits) return true;
    node.in = in;
    node.attrs = attrs;
    for (size_t i = 0; i < node.out.size(); ++i) {
      if (node.out[i]) graph_.value(node.out[i]).type = before[i];
    }
    return false;
  }

  Status MakeFloat(NodeId id) {
    Node& node = graph_.node(id);
    for (ValueId& v : node.in) {
      if (!WasF32(v)) continue;
      TRY(v, As(v, false, nullptr, 0));
    }
    return Ok{};
  }

  // Results of regions keep their types; those of the model too, unless they may change.
  Status GiveBack(RegionId region) {
    const bool main = region == Graph::main();
    std::vector<ValueId>& results = graph_.region(region).results;
    for (ValueId& v : results) {
      if (!WasF32(v)) continue;
      const ValueId stated = v;
      TRY(v, As(v, main && !options_.keep_io, nullptr, 0));
      if (v != stated && graph_.value(v).name.empty()) graph_.value(v).name.swap(graph_.value(stated).name);
    }
    return Ok{};
  }

  /// The value in half (or in f32): itself, a rounded constant, or one cast for all that want it so.
  Result<ValueId> As(ValueId v, bool half, const Node* user, size_t operand) {
    if (IsHalf(v) == half) return v;
    auto& made = half ? as_half_ : as_float_;
    if (const auto it = made.find(v.index); it != made.end()) return it->second;
    ValueId out;
    if (graph_.IsConstant(v)) {
      const Constant& constant = graph_.constant(graph_.value(v).constant);
      bool cut = false;
      TRY(const Tensor t, constant.Load());
      const Rounded r = Round(t, options_.dtype);
      report_.weights += r.count;
      report_.subnormal += r.subnormal;
      report_.lost += r.lost;
      cut = r.overflow > 0 && user != nullptr && MayCut(*user, operand, r, options_.dtype);
      TRY(Constant rounded, RoundedConstant(constant, options_.dtype, cut));
      out = graph_.AddConstant(std::move(rounded));
      if (cut) return out;  // another user may mean the number itself
    } else {
      TRY(out, Cast(v, half ? options_.dtype : DType::kF32));
    }
    made.emplace(v.index, out);
    return out;
  }

  Result<ValueId> Cast(ValueId v, DType to) {
    const Value& value = graph_.value(v);
    const RegionId home = value.def ? graph_.node(value.def).parent : value.param_of ? value.param_of : Graph::main();
    const OriginId origin = value.def ? graph_.node(value.def).origin : OriginId();
    const NodeId cast = graph_.AddNode(home, ops::kCast, {v}, 1, {{"to", to}}, origin);
    RETURN_IF_ERROR(inference_.InferNode(cast));
    ++report_.casts;
    return graph_.node(cast).out[0];
  }

  // A rounded constant is what its name stands for now, where nobody uses the other any more.
  void MoveNames() {
    const std::vector<uint32_t> uses = CountUses(graph_);
    for (const auto& [index, rounded] : as_half_) {
      const ValueId old{index};
      if (!graph_.IsConstant(old) || uses[index] > 0 || !graph_.value(rounded).name.empty()) continue;
      graph_.value(rounded).name.swap(graph_.value(old).name);
    }
  }

  Graph& graph_;
  const HalfOptions& options_;
  Choice& choice_;
  HalfReport& report_;
  Inference inference_;
  std::vector<bool> f32_;  // by value: what it was
  std::unordered_map<uint32_t, ValueId> as_half_, as_float_;
};

Result<Constant> Converted(const Constant& constant, DType to) {
  return Computed(ops::kCast, {{"to", to}}, {&constant}, With(to, constant.type));
}

}  // namespace

Result<Constant> RoundedConstant(const Constant& f32, DType dtype, bool cut) {
  if (!cut) return Converted(f32, dtype);
  const float largest = static_cast<float>(Largest(dtype));
  Constant low, high;
  low.data = Tensor::F32({}, {-largest});
  low.type = TensorType(DType::kF32, {});
  high.data = Tensor::F32({}, {largest});
  high.type = low.type;
  TRY(const Constant bounded, Computed(ops::kClip, {}, {&f32, &low, &high}, f32.type));
  return Converted(bounded, dtype);
}

Status Apply(Graph* graph, const HalfOptions& options, Choice* choice, HalfReport* report) {
  return Converter(graph, options, choice, report).Run();
}

Status StoreWeights(Graph* graph, const HalfOptions& options, HalfReport* report) {
  std::unordered_map<uint32_t, std::vector<Use>> uses;
  ForEachUse(*graph, [&](const Use& use) {
    if (use.node && graph->IsConstant(use.value) && IsF32(*graph, use.value)) uses[use.value.index].push_back(use);
  });
  Inference inference(*graph);
  const auto count = static_cast<uint32_t>(graph->value_count());
  for (uint32_t i = 0; i < count; ++i) {
    const auto found = uses.find(i);
    if (found == uses.end()) continue;
    const ValueId v{i};
    const Constant& constant = graph->constant(graph->value(v).constant);
    TRY(const Tensor t, constant.Load());
    if (t.size() < kFewWeights) continue;
    const Rounded r = Round(t, options.dtype);
    if (r.overflow > 0) {
      report->overflows.push_back({graph->value(v).name, r.peak, true});
      continue;
    }
    TRY(Constant rounded, RoundedConstant(constant, options.dtype, false));
    const ValueId half = graph->AddConstant(std::move(rounded));
    graph->value(half).name.swap(graph->value(v).name);
    const NodeId cast = graph->AddNode(Graph::main(), ops::kCast, {half}, 1, {{"to", DType::kF32}});
    RETURN_IF_ERROR(inference.InferNode(cast));
    for (const Use& use : found->second) graph->node(use.node).in[use.index] = graph->node(cast).out[0];
    report->weights += r.count;
    report->subnormal += r.subnormal;
    report->lost += r.lost;
    ++report->casts;
  }
  return TopologicalSort(graph, Graph::main());
}

}  // namespace godwit::half
