#include "ir/state.h"

#include <algorithm>
#include <cstring>

#include "base/diag.h"
#include "base/text.h"
#include "ir/scan.h"
#include "ir/text_data.h"
#include "ir/walk.h"

namespace godwit {

namespace {

// "godwit.state.INPUT" -> "OUTPUT" for zeros, else "OUTPUT\nTYPE DATA"
constexpr std::string_view kKey = "godwit.state.";

bool IsZero(const Tensor& tensor) {
  if (tensor.dtype() == DType::kString) return false;
  return std::all_of(tensor.raw(), tensor.raw() + tensor.bytes(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

void AddState(const StateSlot& slot, Graph* graph) {
  std::string text = slot.output;
  if (slot.initial.valid() && !IsZero(slot.initial)) {
    text += Concat("\n", Type(slot.initial.type()).ToString(), " ",
                   TensorDataText(slot.initial, {.data = TextOptions::Data::kFull}));
  }
  graph->metadata[Concat(kKey, slot.input)] = std::move(text);
}

Result<std::vector<StateSlot>> StatesOf(const Graph& graph) {
  std::vector<StateSlot> out;
  for (auto it = graph.metadata.lower_bound(std::string(kKey)); it != graph.metadata.end(); ++it) {
    const auto& [key, text] = *it;
    if (!key.starts_with(kKey)) break;
    StateSlot slot;
    slot.input = key.substr(kKey.size());
    const size_t end = text.find('\n');
    slot.output = text.substr(0, end);
    const auto& names = graph.output_names;
    if (std::find(names.begin(), names.end(), slot.output) == names.end()) continue;
    const std::vector<ValueId>& params = graph.region(Graph::main()).params;
    const auto param =
        std::find_if(params.begin(), params.end(), [&](ValueId id) { return graph.value(id).name == slot.input; });
    if (param == params.end()) continue;
    const Type& type = graph.value(*param).type;
    if (end != std::string::npos) {
      const std::string_view rest = std::string_view(text).substr(end + 1);
      const size_t gap = rest.find(' ');
      TRY(const Type stated, Type::Parse(rest.substr(0, gap)));
      if (!stated.is_tensor() || !stated.tensor().is_static() || gap == std::string_view::npos) {
        return Diag(diag::kIrParse, Concat("the first value of state '", slot.input, "' is not a tensor"));
      }
      Scanner scanner(rest.substr(gap + 1));
      TRY(auto data, ScanTensorData(scanner, stated.tensor()));
      const Constant constant{stated.tensor(), std::move(data)};
      TRY(slot.initial, constant.Load());
    } else if (type.is_tensor() && type.tensor().is_static() && type.dtype() != DType::kString) {
      Dims dims;
      for (const Dim& d : type.shape()) dims.push_back(d.value());
      TRY(slot.initial, Tensor::Make(type.dtype(), std::move(dims)));
      if (slot.initial.bytes() > 0) std::memset(slot.initial.mutable_raw(), 0, slot.initial.bytes());
    }
    out.push_back(std::move(slot));
  }
  return out;
}

void DropState(const StateSlot& slot, Graph* graph) {
  graph->metadata.erase(Concat(kKey, slot.input));
  Region& main = graph->region(Graph::main());
  const auto out = std::find(graph->output_names.begin(), graph->output_names.end(), slot.output);
  if (out != graph->output_names.end()) {
    main.results.erase(main.results.begin() + (out - graph->output_names.begin()));
    graph->output_names.erase(out);
  }
  const auto param = std::find_if(main.params.begin(), main.params.end(),
                                  [&](ValueId id) { return graph->value(id).name == slot.input; });
  if (param == main.params.end()) return;
  const ValueId old = *param, first = graph->AddConstant(slot.initial);
  main.params.erase(param);
  graph->value(old).param_of = {};
  for (size_t k = 0; k < main.params.size(); ++k) graph->value(main.params[k]).index = static_cast<uint32_t>(k);
  for (const RegionId region : RegionsWithin(*graph)) {
    for (const NodeId id : graph->region(region).nodes) {
      std::replace(graph->node(id).in.begin(), graph->node(id).in.end(), old, first);
    }
    std::replace(graph->region(region).results.begin(), graph->region(region).results.end(), old, first);
  }
}

void CarryState(const Graph& graph, const std::vector<StateSlot>& states, const std::vector<RtValue>& results,
                std::vector<RtValue>* inputs) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  for (const StateSlot& slot : states) {
    for (size_t i = 0; i < params.size() && i < inputs->size(); ++i) {
      if (graph.value(params[i]).name != slot.input) continue;
      const auto out = std::find(graph.output_names.begin(), graph.output_names.end(), slot.output);
      const auto k = static_cast<size_t>(out - graph.output_names.begin());
      if (k < results.size()) (*inputs)[i] = results[k];
    }
  }
}

}  // namespace godwit
