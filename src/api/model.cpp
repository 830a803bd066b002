// The C++ interface over the rooms.
#include <algorithm>

#include "api/inputs.h"
#include "api/load.h"
#include "api/problems.h"
#include "base/checked.h"
#include "base/text.h"
#include "exec/session.h"
#include "godwit/godwit.hpp"
#include "ir/state.h"

namespace godwit {

namespace {

Port PortOf(std::string name, const Type& type) {
  Port port;
  port.name = std::move(name);
  port.type = type.ToString();
  if (!type.is_tensor()) return port;
  if (type.dtype() != DType::kNone) port.dtype = Name(type.dtype());
  port.ranked = type.ranked();
  for (const Dim& d : type.shape()) port.dims.push_back(d.ToString());
  return port;
}

Result<RtValue> FromArray(const Array& array) {
  const DType dtype = DTypeFromName(array.dtype);
  if (dtype == DType::kNone) return Diag(diag::kExecInput, Concat("'", array.dtype, "' names no element type"));
  TRY(const int64_t bytes, CheckedByteSize(dtype, array.shape));
  TRY(Tensor tensor, Tensor::Make(dtype, array.shape));
  if (dtype == DType::kString) {
    if (array.texts.size() != static_cast<size_t>(tensor.size())) {
      return Diag(diag::kExecInput, Concat("an array of shape ", ToString(array.shape), " has ",
                                           std::to_string(array.texts.size()), " texts"));
    }
    for (size_t i = 0; i < array.texts.size(); ++i) tensor.mutable_data<StringRef>()[i] = Intern(array.texts[i]);
    return RtValue(std::move(tensor));
  }
  if (array.bytes.size() != static_cast<size_t>(bytes)) {
    return Diag(diag::kExecInput, Concat("an array of ", array.dtype, ToString(array.shape), " needs ",
                                         std::to_string(bytes), " bytes and has ", std::to_string(array.bytes.size())));
  }
  std::copy(array.bytes.begin(), array.bytes.end(), tensor.mutable_raw());
  return RtValue(std::move(tensor));
}

Result<Array> ToArray(const RtValue& value) {
  if (!value.is_tensor()) {
    return Diag(diag::kExecInput, "a value is a sequence, map or optional, which this interface does not carry");
  }
  const Tensor& t = value.tensor;
  Array out;
  out.dtype = Name(t.dtype());
  out.shape = t.dims();
  if (t.dtype() == DType::kString) {
    for (const StringRef s : t.span<StringRef>()) out.texts.push_back(s == nullptr ? std::string() : *s);
  } else {
    out.bytes.assign(t.raw(), t.raw() + t.bytes());
  }
  return out;
}

}  // namespace

struct Model::Impl {
  Settings settings;
  Graph graph;
  std::unique_ptr<Session> session;  // refers to the graph
  std::vector<Port> inputs, outputs;
  std::vector<StateSlot> states;
  std::vector<RtValue> held;  ///< by input: what the last run left of the state; before the first, what it begins with
};

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

const std::vector<Port>& Model::inputs() const { return impl_->inputs; }
const std::vector<Port>& Model::outputs() const { return impl_->outputs; }

namespace {

LoadOptions LoadOptionsOf(const Settings& settings) {
  LoadOptions options;
  options.shapes = settings.shapes;
  options.allow_external = settings.allow_external;
  return options;
}

/// The graph, if nothing stands against running it.
std::optional<Graph> Judge(Result<Graph> graph, const DiagSink& sink, std::vector<Problem>* problems) {
  for (const Diag& d : sink.all()) Tell(d, problems);
  if (!graph.ok()) Tell(graph.diag(), problems);
  if (!graph.ok() || sink.has_errors()) return std::nullopt;
  return *std::move(graph);
}

}  // namespace

Model Model::Make(std::unique_ptr<Impl> impl) {
  Graph& graph = impl->graph;
  const Region& main = graph.region(Graph::main());
  for (const ValueId id : main.params) impl->inputs.push_back(PortOf(graph.value(id).name, graph.value(id).type));
  for (size_t i = 0; i < main.results.size(); ++i) {
    impl->outputs.push_back(PortOf(graph.output_names[i], graph.value(main.results[i]).type));
  }
  impl->held.resize(main.params.size());
  // States whose first contents cannot be said are inputs like any other.
  if (auto states = StatesOf(graph); states.ok()) {
    for (StateSlot& slot : *states) {
      for (size_t i = 0; i < main.params.size() && slot.initial.valid(); ++i) {
        if (graph.value(main.params[i]).name == slot.input) impl->held[i] = slot.initial;
      }
      if (slot.initial.valid()) impl->states.push_back(std::move(slot));
    }
  }
  SessionOptions options;
  options.threads = impl->settings.threads;
  if (impl->settings.double_precision) options.precision = Precision::kDouble;
  options.reference = impl->settings.reference;
  options.run.seed = impl->settings.seed;
  impl->session = std::make_unique<Session>(graph, options);
  return Model(std::move(impl));
}

std::optional<Model> Model::Load(const std::string& path, const Settings& settings, std::vector<Problem>* problems) {
  DiagSink sink;
  auto graph = LoadModel(path, LoadOptionsOf(settings), &sink);
  auto judged = Judge(std::move(graph), sink, problems);
  if (!judged) return std::nullopt;
  auto impl = std::make_unique<Impl>();
  impl->settings = settings;
  impl->graph = *std::move(judged);
  return Make(std::move(impl));
}

std::optional<Model> Model::FromMemory(std::span<const std::byte> bytes, const Settings& settings,
                                       std::vector<Problem>* problems) {
  DiagSink sink;
  const auto file = MappedFile::FromBytes({bytes.begin(), bytes.end()});
  auto judged = Judge(LoadModel(file, LoadOptionsOf(settings), &sink), sink, problems);
  if (!judged) return std::nullopt;
  auto impl = std::make_unique<Impl>();
  impl->settings = settings;
  impl->graph = *std::move(judged);
  return Make(std::move(impl));
}

std::optional<std::vector<Array>> Model::Run(const std::vector<Array>& inputs, std::vector<Problem>* problems) {
  std::vector<RtValue> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto value = FromArray(inputs[i]);
    if (!value.ok()) {
      if (i < impl_->inputs.size()) value.diag().tensors.push_back(impl_->inputs[i].name);
      Tell(value.diag(), problems);
      return std::nullopt;
    }
    values.push_back(*std::move(value));
  }
  // Without values for the state it holds what the last run left.
  if (!impl_->states.empty() && values.size() + impl_->states.size() == impl_->inputs.size()) {
    std::vector<RtValue> all = impl_->held;
    auto given = values.begin();
    for (RtValue& value : all) {
      if (value.absent()) value = std::move(*given++);
    }
    values = std::move(all);
  }
  auto results = impl_->session->Run(std::move(values));
  if (!results.ok()) {
    Tell(results.diag(), problems);
    return std::nullopt;
  }
  CarryState(impl_->graph, impl_->states, *results, &impl_->held);
  std::vector<Array> out;
  for (const RtValue& result : *results) {
    auto array = ToArray(result);
    if (!array.ok()) {
      Tell(array.diag(), problems);
      return std::nullopt;
    }
    out.push_back(*std::move(array));
  }
  return out;
}

std::vector<Array> Model::DrawInputs(std::vector<Problem>* problems) const {
  InputOptions options;
  options.seed = impl_->settings.seed;
  const auto values = MakeInputs(impl_->graph, options);
  if (!values.ok()) {
    Tell(values.diag(), problems);
    return {};
  }
  std::vector<Array> out;
  for (const RtValue& value : *values) {
    auto array = ToArray(value);
    if (!array.ok()) {
      Tell(array.diag(), problems);
      return {};
    }
    out.push_back(*std::move(array));
  }
  return out;
}

const char* Version() { return GODWIT_VERSION; }

}  // namespace godwit
