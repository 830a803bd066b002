#include "exec/specialise.h"

#include <algorithm>

#include "exec/region_runner.h"
#include "ir/eval.h"
#include "ir/operands.h"

namespace godwit {

namespace {

class Specialiser {
 public:
  Specialiser(const Graph& graph, const FoldLimits& limits, Widening* widening, Specialised* out)
      : graph_(graph), limits_(limits), widening_(*widening), out_(*out), inference_(graph, &out->types) {
    inference_.SetAttrs([this](NodeId id) -> const Attrs& { return widening_.AttrsOf(graph_, id); });
  }

  Status Run() {
    for (NodeId id : graph_.region(Graph::main()).nodes) RETURN_IF_ERROR(Visit(id));
    return Ok{};
  }

 private:
  Status Visit(NodeId id) {
    const Node& node = graph_.node(id);
    if (widening_.NeedsStoredBits(*node.op)) return TakeStatedTypes(node);
    if (Status status = inference_.InferNode(id); !status.ok()) {
      NameNode(graph_, id, &status.diag());
      return status.TakeDiag();
    }
    if (KnownFromContents(node)) return Ok{};
    return Fold(id);
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
    std::vector<RtValue> in;
    for (ValueId v : node.in) {
      if (!v) {
        in.emplace_back();
        continue;
      }
      RtValue& known = out_.known[v.index];
      if (known.absent()) {
        if (!graph_.IsConstant(v)) return Ok{};
        TRY(Tensor t, graph_.constant(graph_.value(v).constant).Load());
        TRY(Tensor wide, widening_.Map(std::move(t)));
        known = RtValue(std::move(wide));
      }
      in.push_back(known);
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

  // Later inference may need the contents of what was folded.
  void Remember(ValueId v, const Tensor& t) {
    if (t.rank() > 1 || t.size() > 4096 || (t.dtype() != DType::kI64 && t.dtype() != DType::kI32)) return;
    std::vector<Dim> dims;
    for (int64_t i = 0; i < t.size(); ++i) {
      dims.emplace_back(t.dtype() == DType::kI64 ? t.data<int64_t>()[i] : t.data<int32_t>()[i]);
    }
    inference_.SetContents(v, std::move(dims));
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

Result<Specialised> Specialise(const Graph& graph, const std::vector<Type>& inputs, Widening* widening,
                               const FoldLimits& limits) {
  Specialised out;
  out.graph = &graph;
  out.known.resize(graph.value_count());
  out.types.reserve(graph.value_count());
  for (uint32_t i = 0; i < graph.value_count(); ++i) out.types.push_back(widening->Map(graph.value(ValueId{i}).type));
  const Region& main = graph.region(Graph::main());
  for (size_t i = 0; i < main.params.size() && i < inputs.size(); ++i) out.types[main.params[i].index] = inputs[i];
  Specialiser specialiser(graph, limits, widening, &out);
  RETURN_IF_ERROR(specialiser.Run());
  return out;
}

}  // namespace godwit
