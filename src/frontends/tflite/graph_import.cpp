#include "frontends/tflite/graph_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/diag_tflite_import.h"
#include "base/text.h"
#include "frontends/tflite/metadata.h"
#include "frontends/tflite/op_import.h"
#include "frontends/tflite/rule.h"
#include "frontends/tflite/tensor_import.h"
#include "ops/ops.h"

namespace godwit::from_tflite {

namespace {
constexpr int64_t kNodeBytes = 3 * 640;  // what an operator becomes, about: some nodes and their results
}  // namespace

GraphImport::GraphImport(std::shared_ptr<const Loaded> loaded, const ImportOptions& options, DiagSink* sink,
                         size_t subgraph, bool initialises)
    : loaded_(std::move(loaded)),
      options_(options),
      sink_(sink),
      inference_(graph_),
      builder_(graph_, inference_),
      main_(subgraph),
      initialises_(initialises) {}

Status GraphImport::Run() {
  ReadHeader();
  const tflite::SubGraph& main = model().subgraphs[main_];
  frames_.push_back({&main, main_, std::vector<ValueId>(main.tensors.size()), {}});
  ImportInputs();
  ImportOperators();
  ImportOutputs();
  ImportState();
  return Ok{};
}

void GraphImport::ReadHeader() {
  const tflite::Model& m = model();
  graph_.name = std::string(m.subgraphs[main_].name);
  graph_.doc = std::string(m.description);
  graph_.format = fmt::format("TFLite {}", m.version);
  if (initialises_) return;
  const auto is_entry = [&](const tflite::SignatureDef& s) {
    return s.subgraph_index == main_ && (options_.signature.empty() || s.key == options_.signature);
  };
  const auto entry = std::find_if(m.signature_defs.begin(), m.signature_defs.end(), is_entry);
  if (entry != m.signature_defs.end()) signature_ = &*entry;
  ReadMetadata(m, signature_, &graph_);
  std::string others;
  for (const tflite::SignatureDef& s : m.signature_defs) {
    if (&s != signature_) others += Concat(others.empty() ? "" : ", ", s.key);
  }
  if (others.empty() || !options_.signature.empty()) return;
  graph_.metadata["tflite.signatures"] = others;
  if (options_.reads_all_entries) return;
  sink_->Add(Diag(diag::kTfliteSignature, Concat("the model can also be entered by ", others, ", which is not read"))
                 .Hint("--signature NAME reads that one")
                 .As(Severity::kWarning));
}

namespace {
std::string Unique(std::string name, std::string_view fallback, const std::vector<std::string>& taken) {
  if (name.empty()) name = std::string(fallback);
  const auto known = [&](const std::string& n) { return std::find(taken.begin(), taken.end(), n) != taken.end(); };
  std::string out = name;
  for (int k = 1; known(out); ++k) out = Concat(name, "_", std::to_string(k));
  return out;
}

std::string_view NameIn(std::span<const tflite::TensorMap> maps, int32_t tensor) {
  for (const tflite::TensorMap& m : maps) {
    if (m.tensor_index == static_cast<uint32_t>(tensor)) return m.name;
  }
  return {};
}
}  // namespace

// A signature's names are those that the model's users know.
std::string GraphImport::InputName(size_t i) const {
  const int32_t tensor = subgraph().inputs[i];
  const std::string_view named = signature_ != nullptr ? NameIn(signature_->inputs, tensor) : std::string_view();
  std::vector<std::string> taken;
  for (const ValueId id : graph_.region(Graph::main()).params) taken.push_back(graph_.value(id).name);
  const std::string_view own = subgraph().tensors[static_cast<size_t>(tensor)].name;
  return Unique(std::string(named.empty() ? own : named), fmt::format("input_{}", i), taken);
}

std::string GraphImport::OutputName(size_t i) const {
  const int32_t tensor = subgraph().outputs[i];
  const std::string_view named = signature_ != nullptr ? NameIn(signature_->outputs, tensor) : std::string_view();
  const std::string_view own = subgraph().tensors[static_cast<size_t>(tensor)].name;
  return Unique(std::string(named.empty() ? own : named), fmt::format("output_{}", i), graph_.output_names);
}

Type GraphImport::StatedType(const tflite::Tensor& tensor) {
  const DType dtype = ToDType(tensor.type);
  if (tensor.type == tflite::TensorType::kResource || tensor.type == tflite::TensorType::kVariant) {
    return Type::Resource();
  }
  const bool dynamic = tensor.shape_signature.size() == tensor.shape.size();
  // An empty shape is a scalar's, or says nothing: old files do not tell which.
  if (tensor.shape.empty() && !tensor.has_rank) return Type::Tensor(dtype);
  Shape shape;
  for (size_t k = 0; k < tensor.shape.size(); ++k) {
    const int64_t d = dynamic ? tensor.shape_signature[k] : tensor.shape[k];
    if (d >= 0) {
      shape.emplace_back(d);
    } else {
      shape.push_back(inference_.Fresh(Concat(tensor.name, "_dim", std::to_string(k))));
    }
  }
  Type type = Type::Tensor(dtype, std::move(shape));
  type.tensor().quant = WholeQuant(tensor);
  return type;
}

void GraphImport::ImportInputs() {
  fixed_ = options_.shapes.empty();
  for (size_t i = 0; i < subgraph().inputs.size(); ++i) {
    const int32_t index = subgraph().inputs[i];
    const tflite::Tensor& tensor = subgraph().tensors[static_cast<size_t>(index)];
    std::string name = InputName(i);
    // Inputs of the model are stated in full: an empty shape is a scalar's.
    Type type = tensor.shape.empty() && ToDType(tensor.type) != DType::kNone
                    ? Type::Tensor(ToDType(tensor.type), Shape{})
                    : StatedType(tensor);
    if (type.is_tensor()) type.tensor().quant = WholeQuant(tensor);
    if (const auto it = options_.shapes.find(name); it != options_.shapes.end() && type.is_tensor()) {
      Shape shape;
      for (const std::string& text : it->second) {
        auto dim = Dim::Parse(text);
        shape.push_back(dim.ok() ? *std::move(dim) : Dim::Symbol(text));
      }
      if (type.ranked() && type.rank() != static_cast<int>(shape.size())) {
        sink_->Add(
            Diag(diag::kExecInput, fmt::format("input '{}' has {} dims, not {}", name, type.rank(), shape.size())));
      } else {
        auto quant = type.tensor().quant;
        type = Type::Tensor(type.dtype(), std::move(shape));
        type.tensor().quant = std::move(quant);
      }
    }
    fixed_ = fixed_ && type.is_tensor() && type.tensor().is_static();
    ValueId& value = frames_.back().values[static_cast<size_t>(index)];
    if (value) continue;
    value = graph_.AddParam(Graph::main(), std::move(type), std::move(name));
  }
}

void GraphImport::ImportOutputs() {
  if (stopped_) return;
  for (size_t i = 0; i < subgraph().outputs.size(); ++i) {
    const int32_t index = subgraph().outputs[i];
    auto value = ValueOf(index);
    if (!value.ok()) {
      sink_->Add(std::move(value.diag()));
      continue;
    }
    std::string name = OutputName(i);
    graph_.region(Graph::main()).results.push_back(*value);
    graph_.output_names.push_back(std::move(name));
  }
}

bool GraphImport::IsConstant(int32_t tensor) const {
  const Frame& frame = frames_.back();
  if (const ValueId bound = frame.values[static_cast<size_t>(tensor)]) return graph_.IsConstant(bound);
  const tflite::Tensor& t = frame.subgraph->tensors[static_cast<size_t>(tensor)];
  return t.external_buffer != 0 || !model().StoredOf(t).empty();
}

Result<ValueId> GraphImport::ValueOf(int32_t index) {
  Frame& frame = frames_.back();
  ValueId& value = frame.values[static_cast<size_t>(index)];
  if (value) return value;
  const tflite::Tensor& tensor = frame.subgraph->tensors[static_cast<size_t>(index)];
  if (tensor.is_variable) return ReadState(index);
  ByteSpan bytes = model().StoredOf(tensor);
  std::shared_ptr<const void> owner = loaded_;
  if (tensor.external_buffer != 0) {
    TRY(tflite::ExternalConstants::Slice slice, loaded_->external->Open(model(), tensor));
    bytes = slice.bytes;
    owner = std::make_shared<std::pair<std::shared_ptr<const Loaded>, MappedFile::Ptr>>(loaded_, slice.file);
  }
  const bool empty = std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end();
  if (bytes.empty() && (!empty || tensor.sparsity != nullptr)) {
    return Diag(diag::kTfliteInput, Concat("no operator before it makes tensor '", tensor.name, "'"))
        .Tensor(std::string(tensor.name));
  }
  auto constant = ToConstant(tensor, bytes, options_.limits, std::move(owner));
  if (!constant.ok()) return std::move(constant.diag()).Tensor(std::string(tensor.name));
  value = graph_.AddConstant(*std::move(constant), std::string(tensor.name));
  return value;
}

void GraphImport::Bind(int32_t index, ValueId id) {
  const tflite::Tensor& tensor = subgraph().tensors[static_cast<size_t>(index)];
  frames_.back().values[static_cast<size_t>(index)] = id;
  Value& value = graph_.value(id);
  const bool own = value.def.valid();
  if (!own) return;
  if (value.name.empty()) {
    const std::string& path = frames_.back().path;
    value.name = path.empty() ? std::string(tensor.name) : Concat(path, "/", tensor.name);
  }
  if (value.type.is_tensor()) {
    // Shapes of the file hold only where none of them is a placeholder.
    if (fixed_ && frames_.size() == 1) {
      const Type stated = StatedType(tensor);
      if (auto both = Meet(value.type, stated); both && both->dtype() == value.type.dtype()) value.type = *both;
    }
    value.type.tensor().quant = value.type.dtype() == ToDType(tensor.type) ? WholeQuant(tensor) : nullptr;
  }
}

void GraphImport::ImportOperators() {
  // A copy: frames may move while operators are imported.
  const tflite::SubGraph* here = frames_.back().subgraph;
  for (size_t i = 0; i < here->operators.size() && !stopped_; ++i) {
    // Subgraphs that are written out where they are used can stand for more nodes than any file holds.
    const auto path_bytes = static_cast<int64_t>(frames_.back().path.size());  // which each node and tensor repeats
    if (frames_.size() > 1 && (grown_ += kNodeBytes + 3 * path_bytes) > options_.limits.growth_bytes) {
      stopped_ = true;
      sink_->Add(LimitExceeded(options_.limits, &Limits::growth_bytes, static_cast<uint64_t>(grown_),
                               "bytes of graph, subgraphs written out"));
      return;
    }
    if (++imported_ > options_.limits.nodes) {
      stopped_ = true;
      sink_->Add(LimitExceeded(options_.limits, &Limits::nodes, static_cast<uint64_t>(imported_),
                               "operators, subgraphs written out"));
      return;
    }
    ImportOperator(here->operators[i], i);
  }
}

void GraphImport::ImportOperator(const tflite::Operator& op, size_t number) {
  const tflite::OperatorCode& code = model().CodeOf(op);
  std::string name = model().OperatorNameOf(op);
  Origin origin;
  origin.op_type = name;
  origin.scope = frames_.back().path;
  for (const int32_t out : op.outputs) {
    if (origin.node.empty() && out >= 0) origin.node = std::string(subgraph().tensors[static_cast<size_t>(out)].name);
  }
  if (origin.node.empty()) origin.node = fmt::format("{}_{}", name, number);
  builder_.set_origin(graph_.AddOrigin(std::move(origin)));

  const bool custom = code.code == tflite::BuiltinOperator::kCustom;
  void (*import)(OpImport&) = nullptr;
  Numbers numbers = Numbers::kStored;
  if (custom) {
    const CustomRule* rule = FindCustomRule(name);
    if (rule == nullptr) {
      if (name.starts_with("Flex")) {
        Report(op, Diag(diag::kTfliteFlex, Concat(name, " is TensorFlow's own ", name.substr(4),
                                                  ": the model needs a runtime with the Flex delegate (SELECT_TF_OPS)"))
                       .As(Severity::kWarning));
      }
      return ImportOpaque(op);
    }
    import = rule->import;
  } else {
    const Rule* rule = FindRule(code.code);
    if (rule == nullptr || rule->import == nullptr) {
      Report(op, rule == nullptr ? Diag(diag::kTfliteUnknown, Concat(name, " is beyond the schema that is known here"))
                                 : Diag(diag::kTfliteUnsupported, Concat(name, ": ", rule->reason)));
      return ImportOpaque(op);
    }
    import = rule->import;
    numbers = rule->numbers;
  }
  OpImport view(*this, op, numbers);
  import(view);
  Status status = view.status();
  if (status.ok() && !stopped_) {
    for (const int32_t out : op.outputs) {
      if (out < 0 || frames_.back().values[static_cast<size_t>(out)] || HandleOf(out) != nullptr || PairOf(out))
        continue;
      status = Diag(diag::kTfliteUnsupported, Concat(name, " does not provide all of its results"));
    }
  }
  if (status.ok()) return CheckStated(op);
  Report(op, std::move(status.diag()));
  ImportOpaque(op);
}

void GraphImport::CheckStated(const tflite::Operator& op) {
  if (!fixed_ || frames_.size() > 1) return;
  for (const int32_t out : op.outputs) {
    const ValueId id = out >= 0 ? frames_.back().values[static_cast<size_t>(out)] : ValueId();
    if (!id) continue;
    const tflite::Tensor& tensor = subgraph().tensors[static_cast<size_t>(out)];
    const Type& have = graph_.value(id).type;
    const Type stated = StatedType(tensor);
    if (Meet(have, stated)) continue;
    Report(op, Diag(diag::kTfliteTypeConflict, Concat("'", tensor.name, "' is stated as ", stated.ToString(),
                                                      " and inferred as ", have.ToString()))
                   .As(Severity::kWarning));
  }
}

void GraphImport::ImportOpaque(const tflite::Operator& op) {
  std::vector<ValueId> in;
  for (const int32_t index : op.inputs) {
    ValueId value;
    if (index >= 0) {
      if (auto known = ValueOf(index); known.ok()) value = *known;
    }
    in.push_back(value);
  }
  auto out = builder_.EmitN(ops::kOpaque, std::move(in), op.outputs.size(), OpaqueAttrs(model(), op));
  if (!out.ok()) return Report(op, std::move(out.diag()));
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    if (op.outputs[i] < 0) continue;
    const tflite::Tensor& tensor = subgraph().tensors[static_cast<size_t>(op.outputs[i])];
    Type stated = StatedType(tensor);
    if (!fixed_ && stated.is_tensor() && tensor.shape_signature.empty()) stated = Type::Tensor(stated.dtype());
    graph_.value((*out)[i]).type = std::move(stated);
    frames_.back().values[static_cast<size_t>(op.outputs[i])] = ValueId();
    Bind(op.outputs[i], (*out)[i]);
  }
}

std::string GraphImport::LabelOf(const tflite::Operator& op) const {
  const Frame& frame = frames_.back();
  const size_t number = static_cast<size_t>(&op - frame.subgraph->operators.data());
  return fmt::format("{}operator {} ({})", frame.path.empty() ? "" : Concat(frame.path, ": "), number,
                     model().OperatorNameOf(op));
}

void GraphImport::Report(const tflite::Operator& op, Diag diag) {
  // Behind a limit there is nothing to see: what follows from stopping there is no news.
  if (std::exchange(stopped_, stopped_ || diag.exit == Exit::kLimit)) return;
  diag.op_type = model().OperatorNameOf(op);
  if (diag.node.empty()) diag.node = LabelOf(op);
  for (const int32_t out : op.outputs) {
    if (out < 0 || diag.tensors.size() >= 4) continue;
    diag.tensors.emplace_back(subgraph().tensors[static_cast<size_t>(out)].name);
  }
  sink_->Add(std::move(diag));
}

}  // namespace godwit::from_tflite
