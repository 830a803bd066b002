// The part of the walk that enters other subgraphs, and the state that outlives a run.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/diag_tflite_import.h"
#include "base/text.h"
#include "exec/session.h"
#include "exec/specialise.h"
#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/tensor_import.h"
#include "ir/state.h"

namespace godwit::from_tflite {

namespace {
constexpr size_t kMaxDepth = 16;  // subgraphs, each in the other
}  // namespace

Result<const tflite::SubGraph*> GraphImport::Enter(int64_t subgraph) const {
  if (subgraph < 0 || subgraph >= static_cast<int64_t>(model().subgraphs.size())) {
    return Diag(diag::kTfliteSubgraph, fmt::format("there is no subgraph {}", subgraph));
  }
  for (const Frame& f : frames_) {
    if (f.index == static_cast<size_t>(subgraph)) {
      return Diag(diag::kTfliteSubgraph, fmt::format("subgraph {} calls itself", subgraph));
    }
  }
  if (frames_.size() > kMaxDepth) {
    return Diag(diag::kLimitExceeded, fmt::format("subgraphs are nested more than {} deep", kMaxDepth));
  }
  return &model().subgraphs[static_cast<size_t>(subgraph)];
}

Result<std::vector<ValueId>> GraphImport::Inline(int64_t subgraph, const std::vector<ValueId>& in) {
  TRY(const tflite::SubGraph* callee, Enter(subgraph));
  if (callee->inputs.size() != in.size()) {
    return Diag(diag::kTfliteSubgraph,
                fmt::format("subgraph {} has {} inputs, not {}", subgraph, callee->inputs.size(), in.size()));
  }
  Frame frame;
  frame.subgraph = callee;
  frame.index = static_cast<size_t>(subgraph);
  frame.values.resize(callee->tensors.size());
  const std::string& outer = frames_.back().path;
  const std::string label = callee->name.empty() ? fmt::format("subgraph_{}", subgraph) : std::string(callee->name);
  frame.path = outer.empty() ? label : Concat(outer, "/", label);
  for (size_t i = 0; i < in.size(); ++i) frame.values[static_cast<size_t>(callee->inputs[i])] = in[i];
  const OriginId origin = builder_.origin();
  frames_.push_back(std::move(frame));
  ImportOperators();
  std::vector<ValueId> results;
  Status status = Ok{};
  for (const int32_t out : callee->outputs) {
    auto value = ValueOf(out);
    if (!value.ok() && status.ok() && !stopped_) status = value.TakeDiag();
    results.push_back(value.ok() ? *value : ValueId());
  }
  frames_.pop_back();
  builder_.set_origin(origin);
  if (stopped_) return Diag(diag::kLimitExceeded, "reading stopped at a limit");
  if (!status.ok()) return status.TakeDiag();
  return results;
}

Result<std::vector<ValueId>> GraphImport::EmitRegions(const OpDef& op, std::vector<ValueId> in, size_t n_out,
                                                      Attrs attrs, const std::vector<RegionSpec>& regions) {
  const NodeId id = graph_.AddNode(builder_.region(), op, std::move(in), n_out, std::move(attrs), builder_.origin());
  const RegionId outer = builder_.region();
  const OriginId origin = builder_.origin();
  Status status = Ok{};
  for (const RegionSpec& spec : regions) {
    const RegionId region = graph_.AddRegion(id);
    builder_.set_region(region);
    std::vector<ValueId> params;
    for (const Type& type : spec.params) params.push_back(graph_.AddParam(region, type, {}));
    auto results = spec.body(params);
    if (results.ok()) {
      graph_.region(region).results = *std::move(results);
    } else if (status.ok()) {
      status = results.TakeDiag();
    }
    builder_.set_region(outer);
    builder_.set_origin(origin);
  }
  if (!status.ok()) {
    // A node without its bodies means nothing: it goes again.
    graph_.region(outer).nodes.pop_back();
    return status.TakeDiag();
  }
  RETURN_IF_ERROR(inference_.InferNode(id));
  return graph_.node(id).out;
}

const std::string* GraphImport::HandleOf(int32_t tensor) const {
  const auto it = state_.handles.find({frames_.back().index, tensor});
  return it == state_.handles.end() ? nullptr : &it->second;
}

ValueId GraphImport::PairOf(int32_t tensor) const {
  const auto it = pairs_.find({frames_.back().index, tensor});
  return it == pairs_.end() ? ValueId() : it->second;
}

std::string GraphImport::StateKey(int32_t tensor) const {
  return fmt::format("tensor {} of subgraph {}", tensor, frames_.back().index);
}

// States start as zeros, i8 ones as what stands for zero.
Result<ValueId> GraphImport::ReadState(int32_t index) {
  const tflite::Tensor& tensor = subgraph().tensors[static_cast<size_t>(index)];
  const std::string key = StateKey(index);
  Variable& variable = state_.variables[key];
  const auto quant = WholeQuant(tensor);
  if (!variable.initial.valid() && tensor.type == tflite::TensorType::kInt8 && quant && !quant->zero_points.empty()) {
    const Dims dims(tensor.shape.begin(), tensor.shape.end());
    TRY(const int64_t bytes, CheckedByteSize(DType::kI8, dims));
    // The file has no bytes of it, so its size is only claimed.
    if (bytes > options_.limits.growth_bytes) {
      return LimitExceeded(options_.limits, &Limits::growth_bytes, static_cast<uint64_t>(bytes), "bytes of a state");
    }
    TRY(variable.initial, Tensor::Make(DType::kI8, dims));
    std::memset(variable.initial.mutable_raw(), static_cast<int>(quant->zero_points[0]), variable.initial.bytes());
  }
  return ReadVariable(key, StatedType(tensor), tensor.name);
}

bool GraphImport::WriteState(int32_t tensor, ValueId value) {
  if (in_region()) return false;
  // What is left is read as what was found.
  Type& type = graph_.value(value).type;
  const tflite::Tensor& stated = subgraph().tensors[static_cast<size_t>(tensor)];
  if (type.is_tensor() && type.dtype() == ToDType(stated.type)) type.tensor().quant = WholeQuant(stated);
  WriteVariable(StateKey(tensor), value);
  return true;
}

ValueId GraphImport::ReadVariable(const std::string& key, const Type& type, std::string_view called) {
  Variable& variable = state_.variables[key];
  // Before the model runs there is nobody who could bring anything: a variable is what it was filled with.
  if (!variable.current && initialises_ && variable.initial.valid()) {
    variable.current = graph_.AddConstant(variable.initial, key);
  }
  if (!variable.current) {
    std::string name = !variable.name.empty() ? variable.name : called.empty() ? key : std::string(called);
    const auto used = [&] {
      for (const ValueId id : graph_.region(Graph::main()).params) {
        if (graph_.value(id).name == name) return true;
      }
      return false;
    };
    while (used()) name += "_state";
    variable.name = name;
    Type held = type;
    if (variable.initial.valid()) {
      const auto quant = held.is_tensor() ? held.tensor().quant : nullptr;
      held = Type(variable.initial.type());
      held.tensor().quant = quant;
    }
    variable.type = held;
    variable.input = variable.current = graph_.AddParam(Graph::main(), std::move(held), std::move(name));
  }
  return variable.current;
}

void GraphImport::WriteVariable(const std::string& key, ValueId value) {
  Variable& variable = state_.variables[key];
  if (variable.name.empty()) variable.name = key;
  variable.current = value;
}

// A few bytes of a file may ask for any amount: sizes are worked out, and held to the limit, before anything is made.
Status GraphImport::BoundInit(const Graph& graph) const {
  Widening widening;
  const int64_t growth = options_.limits.growth_bytes;
  TRY(const Specialised known, Specialise(graph, {}, &widening, {growth, growth}));
  int64_t left = growth + 4 * static_cast<int64_t>(loaded_->file->bytes().size());
  for (const NodeId id : graph.region(Graph::main()).nodes) {
    for (const ValueId v : graph.node(id).out) {
      if (!v) continue;
      const Type& type = known.types[v.index];
      if (!type.is_tensor() || !type.tensor().is_static()) {
        return Diag(diag::kTfliteState, "a subgraph that initialises variables makes what has no size before it runs");
      }
      Dims dims;
      for (const Dim& d : type.shape()) dims.push_back(d.value());
      TRY(const int64_t bytes, CheckedByteSize(type.dtype(), dims));
      if (bytes > left) {
        return LimitExceeded(options_.limits, &Limits::growth_bytes, static_cast<uint64_t>(bytes),
                             "bytes made by a subgraph that initialises variables");
      }
      left -= bytes;
    }
  }
  return Ok{};
}

Status GraphImport::RunInit(int64_t subgraph) {
  RETURN_IF_ERROR(Enter(subgraph));
  if (!state_.initialised.insert(subgraph).second) return Ok{};
  DiagSink problems;
  GraphImport init(loaded_, options_, &problems, static_cast<size_t>(subgraph), true);
  init.state_.initialised = state_.initialised;
  init.state_.tables = state_.tables;
  for (const auto& [key, variable] : state_.variables) init.state_.variables[key].initial = variable.initial;
  RETURN_IF_ERROR(init.Run());
  for (const Diag& d : problems.all()) {
    if (d.severity == Severity::kError) return Diag(d);
  }
  state_.initialised = init.state_.initialised;
  state_.tables = init.state_.tables;
  Graph graph = init.TakeGraph();
  Region& main = graph.region(Graph::main());
  if (!main.params.empty()) return Diag(diag::kTfliteSubgraph, "an initialising subgraph has inputs");
  // It runs while the model is read, which has to end.
  for (const NodeId id : main.nodes) {
    if (!graph.node(id).regions.empty()) {
      return Diag(diag::kTfliteState, "a subgraph that initialises variables has branches or loops");
    }
  }
  main.results.clear();
  graph.output_names.clear();
  for (const auto& [key, variable] : init.state_.variables) {
    if (variable.current) {
      main.results.push_back(variable.current);
      graph.output_names.push_back(key);
    } else if (variable.initial.valid()) {
      state_.variables[key].initial = variable.initial;
    }
  }
  if (main.results.empty()) return Ok{};
  RETURN_IF_ERROR(BoundInit(graph));
  SessionOptions options;
  options.threads = 1;
  Session session(graph, options);
  TRY(std::vector<RtValue> values, session.Run({}));
  for (size_t k = 0; k < values.size(); ++k) {
    const std::string& key = graph.output_names[k];
    if (!values[k].is_tensor()) return Diag(diag::kTfliteState, Concat("variable '", key, "' is not a tensor"));
    Variable& mine = state_.variables[key];
    mine.name = key;
    mine.initial = values[k].tensor;
  }
  return Ok{};
}

// What variables hold in the end are results of the model, which the next run takes as inputs.
void GraphImport::ImportState() {
  if (initialises_) return;
  for (const auto& [key, variable] : state_.variables) {
    if (!variable.input || variable.current == variable.input) continue;
    std::string name = Concat(variable.name, ".next");
    while (std::find(graph_.output_names.begin(), graph_.output_names.end(), name) != graph_.output_names.end()) {
      name += "_state";
    }
    graph_.region(Graph::main()).results.push_back(variable.current);
    graph_.output_names.push_back(name);
    AddState({variable.name, name, variable.initial}, &graph_);
  }
}

}  // namespace godwit::from_tflite
