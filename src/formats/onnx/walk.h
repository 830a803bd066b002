// Visits every graph, node and tensor of a model, those of subgraphs and functions included. The depth is bounded by
// the limit under which the model was parsed.
#pragma once

#include "formats/onnx/model.h"

namespace godwit::onnx {

template <class F>
void ForEachGraph(std::span<const Node> nodes, F&& f);

template <class F>
void ForEachGraph(const Graph& graph, F&& f) {
  f(graph);
  ForEachGraph(graph.nodes, f);
}

template <class F>
void ForEachGraph(std::span<const Node> nodes, F&& f) {
  for (const Node& node : nodes) {
    for (const Attribute& a : node.attributes) {
      if (a.g() != nullptr) ForEachGraph(*a.g(), f);
      for (const Graph& g : a.graphs()) ForEachGraph(g, f);
    }
  }
}

template <class F>
void ForEachNodeTensor(std::span<const Node> nodes, F&& f) {
  for (const Node& node : nodes) {
    for (const Attribute& a : node.attributes) {
      if (a.t() != nullptr) f(*a.t());
      for (const Tensor& t : a.tensors()) f(t);
      if (a.sparse() != nullptr) f(a.sparse()->values), f(a.sparse()->indices);
      for (const SparseTensor& s : a.sparse_tensors()) f(s.values), f(s.indices);
    }
  }
}

/// `f(const Tensor&)` for every stored tensor.
template <class F>
void ForEachTensor(const Model& model, F&& f) {
  const auto visit = [&](const Graph& graph) {
    for (const Tensor& t : graph.initializers) f(t);
    for (const SparseTensor& s : graph.sparse_initializers) f(s.values), f(s.indices);
    ForEachNodeTensor(graph.nodes, f);
  };
  ForEachGraph(model.graph, visit);
  for (const Function& function : model.functions) {
    ForEachNodeTensor(function.nodes, f);
    ForEachGraph(function.nodes, visit);
  }
}

}  // namespace godwit::onnx
