#include "exec/specialise.h"

#include <algorithm>

#include "exec/region_runner.h"
#include "ir/eval.h"
#include "ir/operands.h"
#include "ops/arithmetic.h"
#include "ops/ops.h"

namespace godwit {

bool IsStoredConstant(const Graph& graph, const Node& node) {
  if (node.op != &ops::kDequantize || !node.attrs.Has(ops::kArithmetic)) return false;
  return std::all_of(node.in.begin(), node.in.end(), [&](ValueId v) { return !v || graph.IsConstant(v); });
}

namespace {

class Specialiser {
 public:
  Specialiser(const Graph& graph, const FoldLimits& limits, Widening* widening, Specialised* out)
      : graph_(graph), limits_(limits), widening_(*widening), out_(*out), inference_(graph, &out->types) {
    inference_.SetAttrs([this](NodeId id) -> const Attrs& { return widening_.AttrsOf(graph_, id); });
  }

  Status Run(RegionId region) {
    for (NodeId id : graph_.region(region).nodes) RETURN_IF_ERROR(Visit(id));
    return Ok{};
  }

  // Later inference may need the contents of what is known.
  void Remember(ValueId v, const Tensor& t) {
    if (t.rank() > 1 || t.size() > 4096 || (t.dtype() != DType::kI64 && t.dtype() != DType::kI32)) return;
    std::vector<Dim> dims;
    for (int64_t i = 0; i < t.size(); ++i) {
      dims.emplace_back(t.dtype() == DType::kI64 ? t.data<int64_t>()[i] : t.data<int32_t>()[i]);
    }
    inference_.SetContents(v, std::move(dims));
  }

 private:
  Status Visit(NodeId id) {
    const Node& node = graph_.node(id);
    if (widening_.NeedsStoredBits(*node.op)) return TakeStatedTypes(node);
    if (node.op == &ops::kIf) {
      TRY(const bool done, Choose(id));
      if (done) return Ok{};
    }
    if (Status status = inference_.InferNode(id); !status.ok()) {
      NameNode(graph_, id, &status.diag());
      return status.TakeDiag();
    }
    if (KnownFromContents(node)) return Ok{};
    return Fold(id);
  }

  // Where the condition is known, one branch is all there is: the other need not even have types that fit.
  Result<bool> Choose(NodeId id) {
    const Node& node = graph_.node(id);
    TRY(const RtValue condition, KnownValue(node.in[0]));
    if (!condition.is_tensor() || condition.tensor.dtype() != DType::kBool || condition.tensor.size() != 1)
      return false;
    const RegionId region = node.regions[condition.tensor.data<uint8_t>()[0] != 0 ? 0 : 1];
    const std::vector<ValueId>& results = graph_.region(region).results;
    if (results.size() < node.out.size()) return false;
    RETURN_IF_ERROR(Run(region));
    for (size_t i = 0; i < node.out.size(); ++i) {
      if (!node.out[i] || !results[i]) continue;
      out_.types[node.out[i].index] = out_.types[results[i].index];
      TRY(out_.known[node.out[i].index], KnownValue(results[i]));
      if (auto contents = inference_.Contents(results[i])) inference_.SetContents(node.out[i], *std::move(contents));
    }
    out_.chosen.emplace(id.index, region);
    return true;
  }

  /// Absent where the value is not known.
  Result<RtValue> KnownValue(ValueId v) {
    RtValue& known = out_.known[v.index];
    if (known.absent() && graph_.IsConstant(v)) {
      TRY(Tensor t, graph_.constant(graph_.value(v).constant).Load());
      TRY(Tensor wide, widening_.Map(std::move(t)));
      known = RtValue(std::move(wide));
    }
    return known;
  }

  // Elementwise operators on stored bits: the shapes that the operand has here, the element type that the graph states.
  Status TakeStatedTypes(const Node& node) {
    for (ValueId v : node.out) {
      if (!v) continue;
      Type type = out_.types[node.in[0].index];
      if (type.is_tensor()) type.tensor().dtype = widening_.Map(graph_.value(v).type.dtype());
      out_.types[v.index] = type;
    }
    return Ok{};
  }

  // Integer contents that inference has worked out (shape arithmetic) become values without running anything.
  bool KnownFromContents(const Node& node) {
    bool all = true;
    for (ValueId v : node.out) {
      if (v) all = FromContents(v) && all;
    }
    return all;
  }

  bool FromContents(ValueId v) {
    const Type& type = out_.types[v.index];
    if (!type.is_tensor() || !type.tensor().is_static() || type.rank() > 1) return false;
    if (type.dtype() != DType::kI64 && type.dtype() != DType::kI32) return false;
    auto contents = inference_.Contents(v);
    if (!contents) return false;
    Dims dims;
    for (const Dim& d : type.shape()) dims.push_back(d.value());
    Tensor t(type.dtype(), dims);
    if (static_cast<int64_t>(contents->size()) != t.size()) return false;
    for (size_t i = 0; i < contents->size(); ++i) {
      const Dim& d = (*contents)[i];
      if (!d.is_static()) return false;
      if (type.dtype() == DType::kI64)
        t.mutable_data<int64_t>()[i] = d.value();
      else
        t.mutable_data<int32_t>()[i] = static_cast<int32_t>(d.value());
    }
    out_.known[v.index] = RtValue(std::move(t));
    return true;
  }

  Status Fold(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.op->effect != Effect::kPure || node.op->regions != 0 || !node.regions.empty() || !node.op->eval)
      return Ok{};
    // What integer kernels read as it is stored is not made real before somebody asks for that.
    if (IsStoredConstant(graph_, node)) return Ok{};
    std::vector<RtValue> in;
    for (ValueId v : node.in) {
      if (!v) {
        in.emplace_back();
        continue;
      }
      if (out_.known[v.index].absent() && !graph_.IsConstant(v)) return Ok{};
      TRY(RtValue known, KnownValue(v));
      in.push_back(std::move(known));
    }
    for (ValueId v : node.out) {
      if (v && !SmallEnough(out_.types[v.index])) return Ok{};
    }
    if (!CheckOperandValues(*node.op, in).ok()) return Ok{};
    EvalCtx ctx(*node.op, widening_.AttrsOf(graph_, id), std::move(in), std::max<size_t>(node.out.size(), 1));
    for (size_t i = 0; i < ctx.wanted().size(); ++i) ctx.wanted()[i] = i < node.out.size() && node.out[i].valid();
    // A kernel that fails here fails again when the graph is run, with the node's name.
    if (!node.op->eval(ctx).ok()) return Ok{};
    for (size_t i = 0; i < node.out.size(); ++i) {
      if (!node.out[i]) continue;
      RtValue& result = ctx.results()[i];
      if (result.is_tensor()) {
        out_.folded_bytes += static_cast<int64_t>(result.tensor.bytes());
        out_.types[node.out[i].index] = Type(result.tensor.type());
        Remember(node.out[i], result.tensor);
      }
      out_.known[node.out[i].index] = std::move(result);
    }
    ++out_.folded_nodes;
    return Ok{};
  }

  // Results whose size is not known are folded too: data-dependent ones are bounded by Tensor::Make.
  bool SmallEnough(const Type& type) {
    if (!type.is_tensor() || !type.tensor().is_static()) return true;
    Dims dims;
    for (const Dim& d : type.shape()) dims.push_back(d.value());
    auto bytes = CheckedByteSize(type.dtype(), dims);
    return bytes.ok() && *bytes <= limits_.value_bytes && out_.folded_bytes + *bytes <= limits_.total_bytes;
  }

  const Graph& graph_;
  const FoldLimits& limits_;
  Widening& widening_;
  Specialised& out_;
  Inference inference_;
};

}  // namespace

Result<Specialised> SpecialiseRegion(const Graph& graph, RegionId region, const std::vector<RegionInput>& inputs,
                                     Widening* widening, const FoldLimits& limits) {
  Specialised out;
  out.graph = &graph;
  out.region = region;
  out.known.resize(graph.value_count());
  out.types.reserve(graph.value_count());
  for (uint32_t i = 0; i < graph.value_count(); ++i) out.types.push_back(widening->Map(graph.value(ValueId{i}).type));
  for (const RegionInput& input : inputs) {
    out.inputs.push_back(input.value);
    out.types[input.value.index] = input.type;
    out.known[input.value.index] = input.known;
  }
  Specialiser specialiser(graph, limits, widening, &out);
  for (const RegionInput& input : inputs) {
    if (input.known.is_tensor()) specialiser.Remember(input.value, input.known.tensor);
  }
  RETURN_IF_ERROR(specialiser.Run(region));
  return out;
}

Result<Specialised> Specialise(const Graph& graph, const std::vector<Type>& inputs, Widening* widening,
                               const FoldLimits& limits) {
  const Region& main = graph.region(Graph::main());
  std::vector<RegionInput> all;
  for (size_t i = 0; i < main.params.size(); ++i) {
    const ValueId v = main.params[i];
    all.push_back({v, i < inputs.size() ? inputs[i] : widening->Map(graph.value(v).type), {}});
  }
  return SpecialiseRegion(graph, Graph::main(), all, widening, limits);
}

}  // namespace godwit
