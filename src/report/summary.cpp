#include "report/summary.h"

#include <algorithm>

#include "exec/region_runner.h"
#include "ir/cost.h"

namespace godwit {

namespace {

double BytesOf(const Type& type) {
  if (!type.is_tensor()) return 0;
  return CostCtx::Elements(&type) * static_cast<double>(ByteSize(type.dtype()));
}

void CollectSymbols(const Type& type, std::vector<std::string>* symbols) {
  if (!type.is_tensor()) return;
  for (const Dim& d : type.shape()) d.CollectSymbols(symbols);
}

double MacsOf(const Graph& graph, const Node& node) {
  if (node.op->macs == nullptr) return 0;
  std::vector<const Type*> in, out;
  for (ValueId v : node.in) in.push_back(v ? &graph.value(v).type : nullptr);
  for (ValueId v : node.out) out.push_back(v ? &graph.value(v).type : nullptr);
  return node.op->macs(CostCtx(*node.op, node.attrs, std::move(in), std::move(out)));
}

// The most bytes of values alive at once when the main region runs in order, weights left out.
double PeakActivation(const Graph& graph) {
  const GraphFacts facts(graph);
  const Region& main = graph.region(Graph::main());
  double alive = 0;
  for (ValueId v : main.params) alive += BytesOf(graph.value(v).type);
  double peak = alive;
  for (size_t i = 0; i < main.nodes.size(); ++i) {
    const Node& node = graph.node(main.nodes[i]);
    for (ValueId v : node.out) {
      if (v) alive += BytesOf(graph.value(v).type);
    }
    peak = std::max(peak, alive);
    const auto drop = [&](ValueId v) {
      if (v && !graph.value(v).constant.valid() && facts.last_use[v.index] <= static_cast<int64_t>(i)) {
        alive -= BytesOf(graph.value(v).type);
      }
    };
    std::vector<ValueId> in = node.in;
    std::sort(in.begin(), in.end());
    in.erase(std::unique(in.begin(), in.end()), in.end());
    for (ValueId v : in) {
      if (v && facts.last_use[v.index] == static_cast<int64_t>(i)) drop(v);
    }
    for (ValueId v : node.out) {
      if (v && facts.last_use[v.index] < 0) drop(v);
    }
  }
  return peak;
}

void AddWeights(const Graph& graph, ModelSummary* s) {
  for (uint32_t i = 0; i < graph.value_count(); ++i) {
    const Value& value = graph.value(ValueId{i});
    // Constants without a name were made while importing; they are not the model's.
    if (!value.constant || value.name.empty()) continue;
    const Constant& constant = graph.constant(value.constant);
    WeightSummary& w = s->weights[std::string(Name(constant.type.dtype))];
    int64_t elements = 1;
    for (const Dim& d : constant.type.shape) elements *= d.is_static() ? d.value() : 1;
    w.tensors += 1;
    w.elements += elements;
    w.bytes += constant.stored_bytes();
    s->parameters += elements;
    s->weight_bytes += constant.stored_bytes();
  }
}

// One layer an origin, in their order; what is counted over all of them either way.
void AddLayers(const Graph& graph, bool layers, ModelSummary* s) {
  if (layers) s->layers.reserve(graph.origin_count());
  for (uint32_t i = 0; i < graph.origin_count(); ++i) {
    const Origin& origin = graph.origin(OriginId{i});
    ++s->op_counts[origin.op_type];
    if (!layers) continue;
    LayerSummary layer;
    layer.name = origin.node;
    layer.op_type = origin.op_type;
    layer.scope = origin.scope;
    s->layers.push_back(std::move(layer));
  }
  s->source_nodes = static_cast<int64_t>(graph.origin_count());
  std::vector<bool> counted(graph.value_count(), false);
  for (uint32_t i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(NodeId{i});
    ++s->core_op_counts[std::string(node.op->name)];
    ++s->core_nodes;
    const double macs = MacsOf(graph, node);
    s->macs += macs;
    if (!node.origin || !layers) continue;
    LayerSummary& layer = s->layers[node.origin.index];
    layer.core_ops.emplace_back(node.op->name);
    layer.macs += macs;
    for (ValueId v : node.in) {
      if (!v || !graph.IsConstant(v) || counted[v.index] || graph.value(v).name.empty()) continue;
      counted[v.index] = true;
      int64_t elements = 1;
      for (const Dim& d : graph.value(v).type.shape()) elements *= d.is_static() ? d.value() : 1;
      layer.parameters += elements;
    }
    if (!node.out.empty() && node.out[0]) {
      layer.output = graph.value(node.out[0]).type.ToString();
      layer.output_bytes = BytesOf(graph.value(node.out[0]).type);
    }
  }
}

}  // namespace

ModelSummary Summarise(const Graph& graph, bool layers) {
  ModelSummary s;
  s.name = graph.name;
  s.producer = graph.producer;
  s.format = graph.format;
  s.opsets = graph.opsets;
  s.metadata = graph.metadata;
  const Region& main = graph.region(Graph::main());
  for (ValueId v : main.params) {
    s.inputs.push_back({graph.value(v).name, graph.value(v).type.ToString()});
    CollectSymbols(graph.value(v).type, &s.symbols);
  }
  for (size_t i = 0; i < main.results.size(); ++i) {
    s.outputs.push_back({graph.output_names[i], graph.value(main.results[i]).type.ToString()});
    CollectSymbols(graph.value(main.results[i]).type, &s.symbols);
  }
  std::sort(s.symbols.begin(), s.symbols.end());
  s.symbols.erase(std::unique(s.symbols.begin(), s.symbols.end()), s.symbols.end());
  s.subgraphs = static_cast<int64_t>(graph.region_count()) - 1;
  AddWeights(graph, &s);
  AddLayers(graph, layers, &s);
  s.peak_activation_bytes = PeakActivation(graph);
  return s;
}

}  // namespace godwit
