// The messages that make up a model: graphs, nodes, attributes, functions.
#include <iterator>
#include <string>

#include "base/text.h"
#include "formats/onnx/parser.h"

namespace godwit::onnx {

using proto::ForEachFixed;
using proto::ForEachVarint;

namespace {

// The field of AttributeProto that holds the value of each type, in the order of AttributeType.
constexpr uint8_t kValueField[] = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 22, 23, 14, 15};

// Files of IR version 1 have no `type`: the field that is set tells it.
AttributeType InferAttributeType(const FieldCounts& n) {
  for (size_t type = 1; type < std::size(kValueField); ++type) {
    if (n[kValueField[type]] != 0) return static_cast<AttributeType>(type);
  }
  return AttributeType::kUndefined;
}

}  // namespace

std::string_view AttributeTypeName(AttributeType type) {
  static constexpr std::string_view kNames[] = {
      "UNDEFINED", "FLOAT",   "INT",    "STRING",        "TENSOR",         "GRAPH",      "FLOATS",     "INTS",
      "STRINGS",   "TENSORS", "GRAPHS", "SPARSE_TENSOR", "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS"};
  const auto index = static_cast<size_t>(type);
  return index < std::size(kNames) ? kNames[index] : "no known type";
}

StringPair Parser::ReadPair(Reader r) {
  StringPair out;
  while (r.Next()) {
    if (r.field() == 1) out.key = r.Text();
    if (r.field() == 2) out.value = r.Text();
  }
  return out;
}

OperatorSet Parser::ReadOperatorSet(Reader r) {
  OperatorSet out;
  while (r.Next()) {
    if (r.field() == 1) out.domain = r.Name();
    if (r.field() == 2) out.version = r.Int();
  }
  return out;
}

TensorAnnotation Parser::ReadAnnotation(Reader r) {
  TensorAnnotation out;
  Filler<StringPair> parameters(&arena_, FieldCounts(r)[2]);
  while (r.Next()) {
    if (r.field() == 1) out.tensor_name = r.Name();
    if (r.field() == 2) parameters.Add(ReadPair(r.Message()));
  }
  out.parameters = parameters.items();
  return out;
}

ValueInfo Parser::ReadValueInfo(Reader r) {
  ValueInfo out;
  const FieldCounts n(r);
  RequireOnce(n, r, {2});
  Filler<StringPair> metadata(&arena_, n[4]);
  while (r.Next()) {
    switch (r.field()) {
      case 1: out.name = r.Name(); break;
      case 2: out.type = arena_.Keep(ReadType(r.Message())); break;
      case 3: out.doc_string = r.Text(); break;
      case 4: metadata.Add(ReadPair(r.Message())); break;
      default: break;
    }
  }
  out.metadata = metadata.items();
  return out;
}

void Parser::SetArray(Attribute* out, AttributeType type, const void* data, size_t count) {
  if (out->type != type) return;
  out->data = data;
  out->count = count;
}

Attribute Parser::ReadAttribute(Reader r, int depth) {
  Attribute out;
  const FieldCounts n(r, {.varints = 1U << 8, .fixed32 = 1U << 7});
  RequireOnce(n, r, {5, 6, 14, 22});
  // Which field counts is decided by the type, so it has to be known before the values are read.
  out.type = InferAttributeType(n);
  if (n[20] != 0) {
    Reader types = r;
    while (types.Next()) {
      if (types.field() != 20) continue;
      const uint64_t type = types.Varint();
      out.type = type < std::size(kValueField) ? static_cast<AttributeType>(type) : AttributeType::kUndefined;
    }
  }
  const auto is = [&](AttributeType type) { return out.type == type; };
  const auto space = [&](AttributeType type) {
    return is(type) ? n[kValueField[static_cast<size_t>(type)]] : size_t{0};
  };
  Filler<float> floats(&arena_, space(AttributeType::kFloats));
  Filler<int64_t> ints(&arena_, space(AttributeType::kInts));
  Filler<std::string_view> strings(&arena_, space(AttributeType::kStrings));
  Filler<Tensor> tensors(&arena_, space(AttributeType::kTensor) + space(AttributeType::kTensors));
  Filler<Graph> graphs(&arena_, space(AttributeType::kGraph) + space(AttributeType::kGraphs));
  Filler<Type> types(&arena_, space(AttributeType::kType) + space(AttributeType::kTypes));
  Filler<SparseTensor> sparse(&arena_, space(AttributeType::kSparseTensor) + space(AttributeType::kSparseTensors));
  std::string_view s;
  while (r.Next()) {
    switch (r.field()) {
      case 1: out.name = r.Name(); break;
      case 2: out.f = std::bit_cast<float>(r.Fixed32()); break;
      case 3: out.i = r.Int(); break;
      case 4: s = r.Text(); break;
      case 5:
        if (is(AttributeType::kTensor)) tensors.Add(ReadTensor(r.Message()));
        break;
      case 6:
        if (is(AttributeType::kGraph)) graphs.Add(ReadGraph(r.Message(), depth + 1));
        break;
      case 7: ForEachFixed<float>(&r, [&](float v) { floats.Add(v); }); break;
      case 8: ForEachVarint(&r, [&](uint64_t v) { ints.Add(static_cast<int64_t>(v)); }); break;
      case 9: strings.Add(r.Text()); break;
      case 10:
        if (is(AttributeType::kTensors)) tensors.Add(ReadTensor(r.Message()));
        break;
      case 11:
        if (is(AttributeType::kGraphs)) graphs.Add(ReadGraph(r.Message(), depth + 1));
        break;
      case 14:
        if (is(AttributeType::kType)) types.Add(ReadType(r.Message()));
        break;
      case 15:
        if (is(AttributeType::kTypes)) types.Add(ReadType(r.Message()));
        break;
      case 21: out.ref_name = r.Name(); break;
      case 22:
        if (is(AttributeType::kSparseTensor)) sparse.Add(ReadSparseTensor(r.Message()));
        break;
      case 23:
        if (is(AttributeType::kSparseTensors)) sparse.Add(ReadSparseTensor(r.Message()));
        break;
      default: break;
    }
  }
  SetArray(&out, AttributeType::kString, s.data(), s.size());
  SetArray(&out, AttributeType::kFloats, floats.items().data(), floats.items().size());
  SetArray(&out, AttributeType::kInts, ints.items().data(), ints.items().size());
  SetArray(&out, AttributeType::kStrings, strings.items().data(), strings.items().size());
  for (const auto type : {AttributeType::kTensor, AttributeType::kTensors}) {
    SetArray(&out, type, tensors.items().data(), tensors.items().size());
  }
  for (const auto type : {AttributeType::kGraph, AttributeType::kGraphs}) {
    SetArray(&out, type, graphs.items().data(), graphs.items().size());
  }
  for (const auto type : {AttributeType::kType, AttributeType::kTypes}) {
    SetArray(&out, type, types.items().data(), types.items().size());
  }
  for (const auto type : {AttributeType::kSparseTensor, AttributeType::kSparseTensors}) {
    SetArray(&out, type, sparse.items().data(), sparse.items().size());
  }
  return out;
}

Node Parser::ReadNode(Reader r, int depth) {
  Node out;
  const FieldCounts n(r);
  Filler<std::string_view> inputs(&arena_, n[1]);
  Filler<std::string_view> outputs(&arena_, n[2]);
  Filler<Attribute> attributes(&arena_, n[5]);
  Filler<StringPair> metadata(&arena_, n[9]);
  Filler<ByteSpan> devices(&arena_, n[10]);
  NodeDetails details;
  while (r.Next()) {
    switch (r.field()) {
      case 1: inputs.Add(r.Name()); break;
      case 2: outputs.Add(r.Name()); break;
      case 3: out.name = r.Name(); break;
      case 4: out.op_type = r.Name(); break;
      case 5: attributes.Add(ReadAttribute(r.Message(), depth)); break;
      case 6: details.doc_string = r.Text(); break;
      case 7: out.domain = r.Name(); break;
      case 8: details.overload = r.Name(); break;
      case 9: metadata.Add(ReadPair(r.Message())); break;
      case 10: devices.Add(r.Bytes()); break;
      default: break;
    }
  }
  out.inputs = inputs.items();
  out.outputs = outputs.items();
  out.attributes = attributes.items();
  details.metadata = metadata.items();
  details.device_configurations = devices.items();
  if (n[6] + n[8] + n[9] + n[10] != 0) out.details = arena_.Keep(details);
  return out;
}

Graph Parser::ReadGraph(Reader r, int depth) {
  Graph out;
  const Limits& limits = context_->limits();
  if (depth > limits.subgraph_nesting) {
    context_->Fail(
        LimitExceeded(limits, &Limits::subgraph_nesting, static_cast<uint64_t>(depth), "graphs within graphs"),
        r.message().data());
    return out;
  }
  const FieldCounts n(r);
  nodes_ += n[1];
  if (nodes_ > static_cast<uint64_t>(limits.nodes)) {
    context_->Fail(LimitExceeded(limits, &Limits::nodes, nodes_, "nodes of the model"), r.message().data());
    return out;
  }
  Filler<Node> nodes(&arena_, n[1]);
  Filler<Tensor> initializers(&arena_, n[5]);
  Filler<ValueInfo> inputs(&arena_, n[11]);
  Filler<ValueInfo> outputs(&arena_, n[12]);
  Filler<ValueInfo> value_infos(&arena_, n[13]);
  Filler<TensorAnnotation> annotations(&arena_, n[14]);
  Filler<SparseTensor> sparse(&arena_, n[15]);
  Filler<StringPair> metadata(&arena_, n[16]);
  while (r.Next()) {
    switch (r.field()) {
      case 1: nodes.Add(ReadNode(r.Message(), depth)); break;
      case 2: out.name = r.Name(); break;
      case 5: initializers.Add(ReadTensor(r.Message())); break;
      case 10: out.doc_string = r.Text(); break;
      case 11: inputs.Add(ReadValueInfo(r.Message())); break;
      case 12: outputs.Add(ReadValueInfo(r.Message())); break;
      case 13: value_infos.Add(ReadValueInfo(r.Message())); break;
      case 14: annotations.Add(ReadAnnotation(r.Message())); break;
      case 15: sparse.Add(ReadSparseTensor(r.Message())); break;
      case 16: metadata.Add(ReadPair(r.Message())); break;
      default: break;
    }
  }
  out.nodes = nodes.items();
  out.initializers = initializers.items();
  out.inputs = inputs.items();
  out.outputs = outputs.items();
  out.value_infos = value_infos.items();
  out.annotations = annotations.items();
  out.sparse_initializers = sparse.items();
  out.metadata = metadata.items();
  return out;
}

Function Parser::ReadFunction(Reader r) {
  Function out;
  const FieldCounts n(r);
  nodes_ += n[7];
  if (nodes_ > static_cast<uint64_t>(context_->limits().nodes)) {
    context_->Fail(LimitExceeded(context_->limits(), &Limits::nodes, nodes_, "nodes of the model"), r.message().data());
    return out;
  }
  Filler<std::string_view> inputs(&arena_, n[4]);
  Filler<std::string_view> outputs(&arena_, n[5]);
  Filler<std::string_view> attributes(&arena_, n[6]);
  Filler<Attribute> defaults(&arena_, n[11]);
  Filler<Node> nodes(&arena_, n[7]);
  Filler<OperatorSet> opsets(&arena_, n[9]);
  Filler<ValueInfo> value_infos(&arena_, n[12]);
  Filler<StringPair> metadata(&arena_, n[14]);
  while (r.Next()) {
    switch (r.field()) {
      case 1: out.name = r.Name(); break;
      case 4: inputs.Add(r.Name()); break;
      case 5: outputs.Add(r.Name()); break;
      case 6: attributes.Add(r.Name()); break;
      case 7: nodes.Add(ReadNode(r.Message(), 1)); break;
      case 8: out.doc_string = r.Text(); break;
      case 9: opsets.Add(ReadOperatorSet(r.Message())); break;
      case 10: out.domain = r.Name(); break;
      case 11: defaults.Add(ReadAttribute(r.Message(), 1)); break;
      case 12: value_infos.Add(ReadValueInfo(r.Message())); break;
      case 13: out.overload = r.Name(); break;
      case 14: metadata.Add(ReadPair(r.Message())); break;
      default: break;
    }
  }
  out.inputs = inputs.items();
  out.outputs = outputs.items();
  out.attributes = attributes.items();
  out.attributes_with_default = defaults.items();
  out.nodes = nodes.items();
  out.opset_imports = opsets.items();
  out.value_infos = value_infos.items();
  out.metadata = metadata.items();
  return out;
}

TrainingInfo Parser::ReadTrainingInfo(Reader r) {
  TrainingInfo out;
  const FieldCounts n(r);
  RequireOnce(n, r, {1, 2});
  Filler<StringPair> initialization(&arena_, n[3]);
  Filler<StringPair> update(&arena_, n[4]);
  while (r.Next()) {
    switch (r.field()) {
      case 1: out.initialization = arena_.Keep(ReadGraph(r.Message(), 1)); break;
      case 2: out.algorithm = arena_.Keep(ReadGraph(r.Message(), 1)); break;
      case 3: initialization.Add(ReadPair(r.Message())); break;
      case 4: update.Add(ReadPair(r.Message())); break;
      default: break;
    }
  }
  out.initialization_binding = initialization.items();
  out.update_binding = update.items();
  return out;
}

void Parser::ReadModel(Reader r, Model* out) {
  const FieldCounts n(r);
  RequireOnce(n, r, {7});
  Filler<OperatorSet> opsets(&arena_, n[8]);
  Filler<StringPair> metadata(&arena_, n[14]);
  Filler<TrainingInfo> training(&arena_, n[20]);
  Filler<Function> functions(&arena_, n[25]);
  Filler<ByteSpan> configurations(&arena_, n[26]);
  while (r.Next()) {
    switch (r.field()) {
      case 1: out->ir_version = r.Int(); break;
      case 2: out->producer_name = r.Text(); break;
      case 3: out->producer_version = r.Text(); break;
      case 4: out->domain = r.Name(); break;
      case 5: out->model_version = r.Int(); break;
      case 6: out->doc_string = r.Text(); break;
      case 7: out->graph = ReadGraph(r.Message(), 1); break;
      case 8: opsets.Add(ReadOperatorSet(r.Message())); break;
      case 14: metadata.Add(ReadPair(r.Message())); break;
      case 20: training.Add(ReadTrainingInfo(r.Message())); break;
      case 25: functions.Add(ReadFunction(r.Message())); break;
      case 26: configurations.Add(r.Bytes()); break;
      default: break;
    }
  }
  out->opset_imports = opsets.items();
  out->metadata = metadata.items();
  out->training_infos = training.items();
  out->functions = functions.items();
  out->configurations = configurations.items();
  if (n[7] == 0) {
    context_->Fail(Diag(diag::kOnnxNoGraph, "the file is protobuf, but holds no ONNX graph"), nullptr);
  }
}

}  // namespace godwit::onnx
