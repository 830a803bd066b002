// State that the model carries from run to run: an input and an output that belong together become a variable of the
// file, which callers do not see.
#include <algorithm>

#include "backends/tflite/model_export.h"
#include "ir/state.h"

namespace godwit::to_tflite {

namespace {

constexpr int kFirstRuntime = 206;

bool MayBeKept(const TensorType& type) {
  switch (type.dtype) {
    case DType::kF32:
    case DType::kI8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
    case DType::kBool: return type.is_static();
    default: return false;
  }
}

Ref Handle(WrittenGraph* graph, WrittenGroup* group, const std::string& name) {
  WrittenTensor tensor;
  tensor.resource = true;
  tensor.type = TensorType(DType::kNone, {});
  graph->tensors.push_back(std::move(tensor));
  const Ref ref{static_cast<int32_t>(graph->tensors.size() - 1)};
  WrittenOperator op;
  op.op = "VAR_HANDLE";
  op.since = kFirstRuntime;
  op.out = {ref};
  op.options = {{"container", std::string()}, {"shared_name", name}};
  group->push_back(std::move(op));
  return ref;
}

WrittenOperator Operator(std::string_view name, Refs in, Refs out) {
  WrittenOperator op;
  op.op = name;
  op.since = kFirstRuntime;
  op.in = std::move(in);
  op.out = std::move(out);
  return op;
}

Tensor Zeros(const TensorType& type) {
  Dims dims;
  for (const Dim& d : type.shape) dims.push_back(d.value());
  Tensor zeros(type.dtype, std::move(dims));
  std::fill_n(zeros.mutable_raw(), zeros.bytes(), std::byte{0});
  return zeros;
}

}  // namespace

Status KeepStates(const Graph& source, int runtime, WrittenGraph* main, std::vector<WrittenGraph>* bodies,
                  std::vector<std::string>* outputs) {
  TRY(const std::vector<StateSlot> states, StatesOf(source));
  for (const WrittenGroup& group : main->groups) {
    for (const WrittenOperator& op : group) {
      for (const Ref ref : op.states) main->tensors[static_cast<size_t>(ref.index)].variable = true;
    }
  }
  WrittenGraph first;
  first.name = "initialise";
  WrittenGroup set, read, keep;
  for (const StateSlot& slot : states) {
    const auto named = [&](Ref r) { return main->tensors[static_cast<size_t>(r.index)].name == slot.input; };
    const auto in = std::find_if(main->in.begin(), main->in.end(), named);
    const auto out = std::find(outputs->begin(), outputs->end(), slot.output);
    if (in == main->in.end() || out == outputs->end()) continue;
    const auto place = main->out.begin() + (out - outputs->begin());
    if (main->tensors[static_cast<size_t>(in->index)].variable) {
      // An operator keeps it by itself.
      main->in.erase(in);
      main->out.erase(place);
      outputs->erase(out);
      continue;
    }
    const TensorType type = main->tensors[static_cast<size_t>(in->index)].type;
    if (runtime < kFirstRuntime || !MayBeKept(type)) continue;
    const Tensor initial = slot.initial.valid() ? slot.initial : Zeros(type);
    const Ref handle = Handle(main, &read, slot.input);
    read.push_back(Operator("READ_VARIABLE", {handle}, {*in}));
    keep.push_back(Operator("ASSIGN_VARIABLE", {handle, *place}, {}));
    main->in.erase(in);
    main->out.erase(place);
    outputs->erase(out);
    WrittenTensor content;
    content.type = type;
    content.constant = Constant{initial.type(), initial};
    first.tensors.push_back(std::move(content));
    const Ref value{static_cast<int32_t>(first.tensors.size() - 1)};
    const Ref inner = Handle(&first, &set, slot.input);
    set.push_back(Operator("ASSIGN_VARIABLE", {inner, value}, {}));
  }
  if (read.empty()) return Ok{};
  first.groups.push_back(std::move(set));
  bodies->push_back(std::move(first));
  WrittenOperator once = Operator("CALL_ONCE", {}, {});
  once.options = {{"init_subgraph_index", static_cast<int64_t>(bodies->size())}};
  // Groups stand last first.
  main->groups.push_back(std::move(read));
  main->groups.push_back({std::move(once)});
  main->groups.insert(main->groups.begin(), std::move(keep));
  return Ok{};
}

}  // namespace godwit::to_tflite
