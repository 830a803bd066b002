#include "frontends/onnx/graph_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "frontends/onnx/node_import.h"
#include "ops/ops.h"

namespace godwit::from_onnx {

namespace {
constexpr int64_t kNewestOpset = 27;  // of ai.onnx
constexpr int64_t kNodeBytes = 640;   // what a node and its result take in a graph, about
}  // namespace

GraphImport::GraphImport(const onnx::Model& model, TensorImport tensors, const ImportOptions& options, DiagSink* sink)
    : model_(model),
      tensors_(std::move(tensors)),
      options_(options),
      sink_(sink),
      inference_(graph_),
      builder_(graph_, inference_) {}

void GraphImport::Report(const onnx::Node& node, Diag diag) {
  // Behind a limit there is nothing to see: what follows from stopping there is no news.
  if (std::exchange(stopped_, stopped_ || diag.exit == Exit::kLimit)) return;
  diag.op_type = node.domain.empty() ? std::string(node.op_type) : Concat(node.domain, ".", node.op_type);
  if (diag.node.empty()) diag.node = NodeLabel(node);
  for (std::string_view out : node.outputs) {
    if (diag.tensors.size() < 4 && !out.empty()) diag.tensors.emplace_back(out);
  }
  sink_->Add(std::move(diag));
}

std::string GraphImport::NodeLabel(const onnx::Node& node) const {
  const std::string& path = frames_.back().path;
  return Concat("'", path, path.empty() ? "" : "/", node.name, "' (", node.op_type, ")");
}

Status GraphImport::Run() {
  graph_.name = model_.graph.name;
  graph_.doc = model_.doc_string.empty() ? model_.graph.doc_string : model_.doc_string;
  graph_.format = fmt::format("ONNX IR {}", model_.ir_version);
  graph_.producer = Concat(model_.producer_name, model_.producer_version.empty() ? "" : " ", model_.producer_version);
  Frame frame;
  for (const onnx::OperatorSet& set : model_.opset_imports) {
    graph_.opsets.emplace_back(set.domain.empty() ? "ai.onnx" : std::string(set.domain), set.version);
    frame.versions[CanonicalDomain(set.domain)] = set.version;
    if (CanonicalDomain(set.domain).empty() && (set.version < 1 || set.version > kNewestOpset)) {
      return Diag(diag::kOnnxOpset, fmt::format("the model asks for operator set {} of ai.onnx; 1 to {} are known",
                                                set.version, kNewestOpset));
    }
  }
  // The first files had no opset_import and mean version 1.
  if (!frame.versions.contains("") && model_.ir_version < 3) frame.versions[""] = 1;
  for (const onnx::StringPair& pair : model_.metadata) graph_.metadata.emplace(pair.key, pair.value);
  for (const onnx::Function& f : model_.functions) {
    functions_.emplace(Concat(CanonicalDomain(f.domain), ":", f.name, ":", f.overload), &f);
  }
  frames_.push_back(std::move(frame));
  scopes_.emplace_back();
  for (const onnx::ValueInfo& info : model_.graph.value_infos) stated_.emplace(info.name, &info);
  for (const onnx::ValueInfo& info : model_.graph.outputs) stated_.emplace(info.name, &info);

  RETURN_IF_ERROR(ImportInitializers(model_.graph));
  ImportInputs(model_.graph);
  ImportNodes(model_.graph.nodes);
  for (const onnx::ValueInfo& out : model_.graph.outputs) {
    const ValueId value = Find(out.name);
    if (!value && stopped_) continue;
    if (!value) {
      sink_->Add(Diag(diag::kOnnxGraphName, Concat("graph output '", out.name, "' is not defined by any node"))
                     .Tensor(std::string(out.name)));
      continue;
    }
    graph_.region(Graph::main()).results.push_back(value);
    graph_.output_names.emplace_back(out.name);
  }
  return Ok{};
}

ValueId GraphImport::Find(std::string_view name) const {
  for (size_t i = scopes_.size(); i-- > frames_.back().first_scope;) {
    if (auto it = scopes_[i].find(name); it != scopes_[i].end()) return it->second;
  }
  return {};
}

void GraphImport::Define(std::string_view name, ValueId value, const onnx::Node* by) {
  if (name.empty() || !value) return;
  if (!scopes_.back().emplace(name, value).second) {
    Diag diag(diag::kOnnxGraphName, Concat("tensor '", name, "' is defined twice"));
    if (by != nullptr) return Report(*by, std::move(diag));
    return sink_->Add(std::move(diag).Tensor(std::string(name)));
  }
  Value& v = graph_.value(value);
  if (v.name.empty()) v.name = frames_.back().function ? Concat(frames_.back().path, "/", name) : std::string(name);
}

Status GraphImport::ImportInitializers(const onnx::Graph& graph) {
  const auto add = [&](std::string_view name, Result<Constant> constant) {
    if (!constant.ok()) {
      sink_->Add(std::move(constant.diag()).Tensor(std::string(name)));
      // Something of that name stays, so that the nodes which take it are not in error as well.
      Attrs attrs;
      attrs.Set("domain", std::string());
      attrs.Set("op_type", std::string("initializer"));
      const auto stand_in = EmitRegions(ops::kOpaque, {}, 1, std::move(attrs), {}, {});
      if (stand_in.ok()) Define(name, stand_in->front(), nullptr);
      return;
    }
    Define(name, graph_.AddConstant(*std::move(constant), std::string(name)), nullptr);
  };
  for (const onnx::Tensor& t : graph.initializers) {
    if (options_.initializers_are_inputs) {
      bool is_input = false;
      for (const onnx::ValueInfo& in : graph.inputs) is_input |= in.name == t.name;
      if (is_input) continue;
    }
    add(t.name, tensors_.Lazy(t));
  }
  for (const onnx::SparseTensor& s : graph.sparse_initializers) {
    auto tensor = tensors_.LoadSparse(s);
    if (!tensor.ok()) {
      add(s.values.name, tensor.TakeDiag());
      continue;
    }
    Constant constant{tensor->type(), *std::move(tensor)};
    add(s.values.name, std::move(constant));
  }
  return Ok{};
}

void GraphImport::ImportInputs(const onnx::Graph& graph) {
  for (const onnx::ValueInfo& input : graph.inputs) {
    if (const ValueId known = Find(input.name)) {
      // An initialiser is a constant, not an input.
      if (graph_.value(known).param_of == Graph::main()) {
        sink_->Add(Diag(diag::kOnnxGraphName, Concat("graph input '", input.name, "' is listed twice"))
                       .Tensor(std::string(input.name)));
      }
      continue;
    }
    Type type;
    if (input.type != nullptr) {
      auto stated = ToType(*input.type, input.name);
      if (stated.ok()) {
        type = *std::move(stated);
      } else {
        sink_->Add(std::move(stated.diag()).Tensor(std::string(input.name)));
      }
    }
    if (auto it = options_.shapes.find(std::string(input.name)); it != options_.shapes.end() && type.is_tensor()) {
      Shape shape;
      for (const std::string& text : it->second) {
        auto dim = Dim::Parse(text);
        shape.push_back(dim.ok() ? *std::move(dim) : Dim::Symbol(text));
      }
      if (type.ranked() && type.rank() != static_cast<int>(shape.size())) {
        sink_->Add(Diag(diag::kExecInput,
                        fmt::format("input '{}' has {} dims, not {}", input.name, type.rank(), shape.size())));
      } else {
        type = Type::Tensor(type.dtype(), std::move(shape));
      }
    }
    Define(input.name, graph_.AddParam(Graph::main(), std::move(type), std::string(input.name)), nullptr);
  }
}

namespace {
// What some exporters write where they mean "not known": two of them are not one dim.
bool IsPlaceholder(std::string_view name) { return name.empty() || name == "?" || name == "-1" || name == "None"; }
}  // namespace

Result<Shape> GraphImport::ToShape(const onnx::Type& type, std::string_view name) {
  Shape shape;
  for (size_t i = 0; i < type.shape.size(); ++i) {
    const onnx::Dim& d = type.shape[i];
    switch (d.kind) {
      case onnx::Dim::Kind::kValue:
        if (d.value < 0) {
          // Some exporters write -1 for "not known".
          if (d.value != -1) return Diag(diag::kOnnxType, fmt::format("dim {} of '{}' is {}", i, name, d.value));
          shape.push_back(inference_.Fresh(Concat(name, "_dim", std::to_string(i))));
        } else {
          shape.emplace_back(d.value);
        }
        break;
      case onnx::Dim::Kind::kParam:
        shape.push_back(IsPlaceholder(d.param) ? inference_.Fresh(Concat(name, "_dim", std::to_string(i)))
                                               : Dim::Symbol(d.param));
        break;
      case onnx::Dim::Kind::kUnknown: shape.push_back(inference_.Fresh(Concat(name, "_dim", std::to_string(i)))); break;
    }
  }
  return shape;
}

Result<Type> GraphImport::ToType(const onnx::Type& type, std::string_view name) {
  switch (type.kind) {
    case onnx::Type::Kind::kNone: return Type();
    case onnx::Type::Kind::kTensor:
    case onnx::Type::Kind::kSparseTensor: {
      const DType dtype = ToDType(static_cast<int64_t>(type.elem_type));
      if (!type.has_shape) return Type::Tensor(dtype);
      TRY(Shape shape, ToShape(type, name));
      return Type::Tensor(dtype, std::move(shape));
    }
    case onnx::Type::Kind::kSequence:
    case onnx::Type::Kind::kOptional: {
      Type element;
      if (type.element != nullptr) {
        TRY(element, ToType(*type.element, name));
      }
      return type.kind == onnx::Type::Kind::kSequence ? Type::Sequence(std::move(element))
                                                      : Type::Optional(std::move(element));
    }
    case onnx::Type::Kind::kMap: {
      Type value;
      if (type.element != nullptr) {
        TRY(value, ToType(*type.element, name));
      }
      return Type::Map(ToDType(static_cast<int64_t>(type.elem_type)), std::move(value));
    }
    case onnx::Type::Kind::kOpaque: return Type::Resource();
  }
  return Type();
}

void GraphImport::ImportNodes(std::span<const onnx::Node> nodes) {
  bool sorted = true;
  auto order = OrderNodes(nodes, &sorted);
  if (!order.ok()) return sink_->Add(std::move(order.diag()));
  if (!sorted) {
    sink_->Add(
        Diag(diag::kOnnxGraphUnsorted, "nodes are not in topological order; they were sorted").As(Severity::kWarning));
  }
  // Functions that call functions can stand for more nodes than any file holds.
  const int64_t limit = options_.limits.nodes;
  const bool written_out = frames_.size() > 1;
  const auto path_bytes = static_cast<int64_t>(frames_.back().path.size());  // which each node and tensor repeats
  for (size_t i : *order) {
    if (stopped_) return;
    if (written_out && (grown_ += kNodeBytes + 3 * path_bytes) > options_.limits.growth_bytes) {
      stopped_ = true;
      return sink_->Add(LimitExceeded(options_.limits, &Limits::growth_bytes, static_cast<uint64_t>(grown_),
                                      "bytes of graph, functions written out"));
    }
    if (++imported_ > limit) {
      stopped_ = true;
      return sink_->Add(LimitExceeded(options_.limits, &Limits::nodes, static_cast<uint64_t>(imported_),
                                      "nodes, functions written out"));
    }
    ImportNode(nodes[i]);
  }
}

void GraphImport::ImportNode(const onnx::Node& node) {
  std::vector<ValueId> in;
  in.reserve(node.inputs.size());
  for (std::string_view name : node.inputs) {
    const ValueId value = name.empty() ? ValueId() : Find(name);
    if (!name.empty() && !value) {
      Report(node, Diag(diag::kOnnxGraphName, Concat("input '", name, "' is not defined")).Tensor(std::string(name)));
    }
    in.push_back(value);
  }
  Origin origin{std::string(node.name),
                node.domain.empty() ? std::string(node.op_type) : Concat(node.domain, ".", node.op_type),
                frames_.back().path, std::string(node.doc_string())};
  if (origin.node.empty() && !node.outputs.empty()) origin.node = node.outputs[0];
  builder_.set_origin(graph_.AddOrigin(std::move(origin)));

  if (const onnx::Function* function = FindFunction(node)) {
    if (Status status = ImportCall(node, *function, in); !status.ok()) {
      Report(node, std::move(status.diag()));
      ImportOpaque(node, in);
    }
    return;
  }
  if (!IsKnownDomain(node.domain)) return ImportOpaque(node, in);
  if (Status status = ImportByRule(node, in); !status.ok()) {
    Report(node, std::move(status.diag()));
    ImportOpaque(node, in);
  }
}

Status GraphImport::ImportByRule(const onnx::Node& node, std::vector<ValueId> in) {
  const std::string_view domain = CanonicalDomain(node.domain);
  const Versions& versions = frames_.back().versions;
  const auto it = versions.find(domain);
  // Domains other than ai.onnx are often left out of opset_import; their first version is meant then.
  if (it == versions.end() && domain.empty()) {
    // Not a version that we lack, but a file that lacks one; files cut off behind their graph look like this.
    Diag diag(diag::kOnnxOpset, "the model does not import an operator set of ai.onnx");
    diag.exit = Exit::kMalformed;
    return diag;
  }
  const int64_t version = it == versions.end() ? 1 : it->second;
  bool known = false;
  const Rule* rule = FindRule(domain, node.op_type, version, &known);
  if (rule == nullptr) {
    if (known) {
      return Diag(diag::kOnnxOpUnknown,
                  fmt::format("{} is not in version {} of its operator set", node.op_type, version));
    }
    return Diag(diag::kOnnxOpUnknown,
                fmt::format("{} is not an operator of {}", node.op_type, domain.empty() ? "ai.onnx" : domain));
  }
  if (rule->import == nullptr) return Diag(diag::kOnnxOpUnsupported, Concat(node.op_type, ": ", rule->reason));
  NodeImport view(*this, node, version, std::move(in));
  RETURN_IF_ERROR(rule->import(view));
  for (std::string_view name : view.Unread()) {
    view.Warn(Diag(diag::kOnnxAttrUnread,
                   Concat("attribute '", name, "' is not one of ", node.op_type, "'s at this version; ignored")));
  }
  BindOutputs(node, view.outs());
  return Ok{};
}

// Whether the operator that makes the value can make one of this type.
bool GraphImport::CanBe(ValueId id, const Type& type) const {
  const Value& value = graph_.value(id);
  if (!value.def || type.is_unknown()) return true;
  const std::span<const OperandDef> results = graph_.node(value.def).op->results;
  if (results.empty()) return true;
  const OperandDef& result = results[std::min<size_t>(value.index, results.size() - 1)];
  if ((result.flags & OperandDef::kNotTensor) != 0) return true;
  if (!type.is_tensor()) return false;
  if (type.dtype() == DType::kNone) return true;
  // An operand of the same group has the same element type, even where the type rule could not tell for want of others.
  const Node& node = graph_.node(value.def);
  const std::span<const OperandDef> operands = node.op->operands;
  for (size_t i = 0; result.group != 0 && !operands.empty() && i < node.in.size(); ++i) {
    if (!node.in[i] || operands[std::min(i, operands.size() - 1)].group != result.group) continue;
    const Type& operand = graph_.value(node.in[i]).type;
    if (operand.is_tensor() && operand.dtype() != DType::kNone && operand.dtype() != type.dtype()) return false;
  }
  return result.types.Has(type.dtype());
}

void GraphImport::BindOutputs(const onnx::Node& node, const std::vector<ValueId>& values) {
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    const ValueId value = i < values.size() ? values[i] : ValueId();
    if (!value) {
      Report(node, Diag(diag::kOnnxOpUnsupported, fmt::format("result {} of {} is not provided", i, node.op_type)));
      continue;
    }
    Define(node.outputs[i], value, &node);
    const auto it = stated_.find(node.outputs[i]);
    if (it == stated_.end() || it->second->type == nullptr || frames_.size() > 1) continue;
    auto stated = ToType(*it->second->type, node.outputs[i]);
    if (!stated.ok()) continue;
    Type& have = graph_.value(value).type;
    if (graph_.value(value).constant.valid() || graph_.value(value).param_of.valid()) continue;
    if (auto both = Meet(have, *stated); both && CanBe(value, *both)) {
      have = *std::move(both);
    } else {
      Report(node, Diag(diag::kOnnxTypeConflict, Concat("'", node.outputs[i], "' is stated as ", stated->ToString(),
                                                        " and inferred as ", have.ToString()))
                       .As(Severity::kWarning));
    }
  }
}

void GraphImport::ImportOpaque(const onnx::Node& node, const std::vector<ValueId>& in) {
  Attrs attrs;
  attrs.Set("domain", std::string(node.domain));
  attrs.Set("op_type", std::string(node.op_type));
  std::vector<const onnx::Graph*> graphs;
  std::vector<std::string> graph_names;
  for (const onnx::Attribute& raw : node.attributes) {
    const onnx::Attribute* a = Resolve(raw);
    if (a == nullptr) continue;
    const std::string name = Concat("attr.", raw.name);
    switch (a->type) {
      case onnx::AttributeType::kInt: attrs.Set(name, a->i); break;
      case onnx::AttributeType::kFloat: attrs.Set(name, static_cast<double>(a->f)); break;
      case onnx::AttributeType::kString: attrs.Set(name, std::string(a->s())); break;
      case onnx::AttributeType::kInts: attrs.Set(name, std::vector<int64_t>(a->ints().begin(), a->ints().end())); break;
      case onnx::AttributeType::kFloats:
        attrs.Set(name, std::vector<double>(a->floats().begin(), a->floats().end()));
        break;
      case onnx::AttributeType::kStrings:
        attrs.Set(name, std::vector<std::string>(a->strings().begin(), a->strings().end()));
        break;
      case onnx::AttributeType::kTensor:
        // An attribute may claim a kind whose value it does not hold.
        if (a->t() == nullptr) break;
        if (auto t = tensors_.Load(*a->t()); t.ok()) attrs.Set(name, *std::move(t));
        break;
      case onnx::AttributeType::kGraph:
        if (a->g() == nullptr) break;
        graphs.push_back(a->g());
        graph_names.emplace_back(raw.name);
        break;
      default: break;
    }
  }
  if (!graphs.empty()) attrs.Set("graphs", std::move(graph_names));
  auto out = EmitRegions(ops::kOpaque, in, node.outputs.size(), std::move(attrs), graphs,
                         std::vector<std::vector<Type>>(graphs.size()));
  if (!out.ok()) return Report(node, std::move(out.diag()));
  BindOutputs(node, *out);
}

}  // namespace godwit::from_onnx
