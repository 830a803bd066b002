#include "backends/onnx/model_export.h"

#include <fmt/format.h>

#include <algorithm>

#include "backends/onnx/row.h"
#include "backends/onnx/weights.h"
#include "base/text.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "targets/onnx_schema.h"

namespace godwit::to_onnx {

namespace {

// The first version of ai.onnx.ml to go with an operator set: those of one release of the standard.
int64_t MlVersion(int opset) {
  if (opset >= 21) return 5;
  if (opset >= 20) return 4;
  if (opset >= 16) return 3;
  return opset >= 11 ? 2 : 1;
}

// IR version of the first release of the standard that has the operator set.
int64_t IrVersionOf(int opset) {
  static constexpr std::pair<int, int64_t> kFirst[] = {{25, 13}, {24, 12}, {23, 11}, {21, 10}, {19, 9},
                                                       {15, 8},  {12, 7},  {11, 6},  {10, 5},  {9, 4}};
  for (const auto& [first, ir] : kFirst) {
    if (opset >= first) return ir;
  }
  return 3;
}

// Younger element types and kinds of types ask for a younger format.
int64_t IrVersionOf(const Type& type) {
  switch (type.kind()) {
    case Type::Kind::kOptional: return 8;
    case Type::Kind::kTensor: break;
    default: return 3;
  }
  switch (type.dtype()) {
    case DType::kF8E4M3FN:
    case DType::kF8E4M3FNUZ:
    case DType::kF8E5M2:
    case DType::kF8E5M2FNUZ: return 9;
    case DType::kI4:
    case DType::kU4: return 10;
    case DType::kF4E2M1: return 11;
    case DType::kF8E8M0: return 12;
    case DType::kI2:
    case DType::kU2: return 13;
    default: return 3;
  }
}

}  // namespace

int DefaultOpset(const Graph& graph) {
  for (const auto& [domain, version] : graph.opsets) {
    if (domain == "ai.onnx" || domain.empty()) {
      return static_cast<int>(std::clamp<int64_t>(version, kOldestOpset, kUsualNewest));
    }
  }
  return 21;
}

bool Allows(const ExportOptions& options, std::string_view domain) {
  if (domain.empty() || domain == "ai.onnx" || domain == "ai.onnx.ml") return true;
  return std::find(options.domains.begin(), options.domains.end(), domain) != options.domains.end();
}

Result<Exported> ExportModel(const Graph& graph, const ExportOptions& options, DiagSink* sink) {
  const int opset = options.opset != 0 ? options.opset : DefaultOpset(graph);
  if (opset < kOldestOpset || opset > kNewestOpset) {
    return Diag(diag::kTargetOpset,
                fmt::format("opset {} was asked for; {} to {} can be written", opset, kOldestOpset, kNewestOpset));
  }
  return ModelExport(graph, options, opset, sink).Run();
}

ModelExport::ModelExport(const Graph& graph, const ExportOptions& options, int opset, DiagSink* sink)
    : graph_(graph), options_(options), opset_(opset), sink_(sink), legaliser_(this), root_(graph) {
  NameEverything();
}

// --- nodes

bool ModelExport::IsStandard(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

bool ModelExport::MayWrite(const Row& row) const {
  return (row.use != Use::kAsked && Allows(options_, row.domain)) ||
         Allows(options_, Concat(row.domain, ".", row.onnx));
}

int64_t ModelExport::SourceOpset() const {
  for (const auto& [domain, version] : graph_.opsets) {
    if (IsStandard(domain)) return version;
  }
  return 0;
}

int64_t ModelExport::VersionOf(std::string_view domain) const {
  if (IsStandard(domain)) return opset_;
  for (const auto& [name, version] : graph_.opsets) {
    if (name == domain) return version;
  }
  return domain == "ai.onnx.ml" ? MlVersion(opset_) : 1;
}

std::vector<targets::Misfit> ModelExport::Place(Scope& scope, NodeId id) {
  const Node& node = scope.graph().node(id);
  std::vector<targets::Misfit> misfits;
  const Row* younger = nullptr;
  const std::span<const Row* const> rows = RowsOf(*node.op);
  for (const Row* row : rows) {
    const bool standard = IsStandard(row->domain);
    if (standard && (opset_ < row->since || opset_ > row->last)) {
      if (opset_ < row->since && (younger == nullptr || row->since < younger->since)) younger = row;
      continue;
    }
    if (!MayWrite(*row)) {
      if (row->use != Use::kNeeded) continue;
      misfits.push_back({&diag::kTargetDomain, fmt::format("{} is an operator of {}", row->onnx, row->domain),
                         Concat("--domain ", row->domain, " allows it"), targets::Repair::kDecompose});
      continue;
    }
    const Legaliser::Checkpoint start = legaliser_.Here();
    NodeExport n(*this, scope, id, *row);
    const Status status = row->emit(n);
    std::optional<targets::Misfit> misfit;
    if (!status.ok()) {
      misfit = n.misfit();
      if (misfit->limit == nullptr) misfit = targets::Misfit{&diag::kTargetAttribute, status.diag().what, {}, {}};
    } else {
      misfit = n.CheckWritten();
    }
    if (!misfit) {
      Keep(scope, node, n.written());
      for (const ValueId value : n.given()) Legaliser::Given(scope, value);
      return {};
    }
    legaliser_.Return(start);
    if (misfit->limit != &diag::kDefect) misfits.push_back(*std::move(misfit));
  }
  if (misfits.empty() && younger != nullptr) {
    misfits.push_back(
        {&diag::kTargetOperator,
         fmt::format("opset {} has no {}, which is in {} and later", opset_, younger->onnx, younger->since),
         fmt::format("--opset {}", younger->since), targets::Repair::kDecompose});
  }
  if (misfits.empty()) {
    misfits.push_back({&diag::kTargetOperator,
                       fmt::format("ONNX has no operator for {}", node.op->name),
                       {},
                       targets::Repair::kDecompose});
  }
  return misfits;
}

// The node that gives the results has the source's name, those before it one made of it.
void ModelExport::Keep(const Scope& scope, const Node& node, std::vector<onnx::Node>& written) {
  const Origin& origin = scope.graph().origin(node.origin);
  std::string base = origin.scope.empty() ? origin.node : Concat(origin.scope, "/", origin.node);
  for (size_t i = written.size(); i-- > 0;) {
    onnx::Node& n = written[i];
    const std::string hint = base.empty() ? std::string(n.op_type) : base;
    n.name = NewNodeName(i + 1 == written.size() ? hint : Concat(hint, "_", n.op_type));
    if (i + 1 == written.size() && !origin.doc.empty()) {
      onnx::NodeDetails details;
      details.doc_string = arena_.Text(origin.doc);
      n.details = arena_.One(details);
    }
    if (!IsStandard(n.domain)) domains_[std::string(n.domain)] = VersionOf(n.domain);
  }
  groups_.push_back(std::move(written));
}

void ModelExport::Alias(Scope& fragment, ValueId value, ValueId result) {
  fragment.names[value.index] = NameOf(*fragment.outer(), result);
}

void ModelExport::Copy(Scope& fragment, ValueId value, ValueId result) {
  WriteIdentity(NameOf(fragment, value), NameOf(*fragment.outer(), result), fragment.TypeOf(value));
}

void ModelExport::WriteIdentity(Name in, Name out, const Type& type) {
  const targets::OnnxSchema* schema = targets::FindSchema("", "Identity", opset_);
  if (schema != nullptr && !schema->inputs[0].types->Has(type)) {
    sink_->Add(Diag(diag::kTargetDtype, fmt::format("Identity of opset {} does not take {}", opset_, type.ToString()))
                   .Tensor(std::string(out)));
  }
  onnx::Node n;
  n.op_type = "Identity";
  n.name = NewNodeName(Concat(out, "_Identity"));
  n.inputs = arena_.Array(std::vector<Name>{in});
  n.outputs = arena_.Array(std::vector<Name>{out});
  groups_.push_back({n});
}

// --- bodies

std::span<const onnx::Node> ModelExport::TakeNodes(size_t from) {
  std::vector<onnx::Node> nodes;
  for (size_t i = groups_.size(); i-- > from;) nodes.insert(nodes.end(), groups_[i].begin(), groups_[i].end());
  groups_.resize(from);
  node_count_ += nodes.size();
  return arena_.Array(nodes);
}

// Nodes and results of a region. What it hands back must be made within it, and once.
onnx::Graph ModelExport::Contents(Scope& scope, RegionId id, const std::vector<Name>& outputs, Symbols symbols) {
  const Region& region = scope.graph().region(id);
  const size_t from = groups_.size();
  onnx::Graph out;
  std::vector<onnx::ValueInfo> infos;
  std::unordered_set<Name> given;
  for (size_t i = 0; i < region.results.size(); ++i) {
    const ValueId v = region.results[i];
    onnx::ValueInfo info;
    if (v) {
      const Value& value = scope.graph().value(v);
      const bool input = id == Graph::main() && !value.def && !value.constant.valid();
      const bool own = input || (value.def && scope.graph().node(value.def).parent == id);
      legaliser_.Want(scope, v);
      const Name name = NameOf(scope, v);
      const Name wanted = i < outputs.size() ? outputs[i] : name;
      if (own && name == wanted && given.insert(name).second) {
        info.name = name;
      } else {
        info.name = i < outputs.size() ? outputs[i] : NewName(Concat(name, "_out"));
        WriteIdentity(name, info.name, scope.TypeOf(v));
      }
      info.type = ToOnnxType(scope.TypeOf(v), symbols == Symbols::kNamed ? symbols : Symbols::kNoDims, &arena_);
    }
    infos.push_back(info);
  }
  out.outputs = arena_.Array(infos);
  infos.clear();
  for (const ValueId v : region.params) {
    onnx::ValueInfo info;
    info.name = NameOf(scope, v);
    info.type = ToOnnxType(scope.TypeOf(v), symbols, &arena_);
    infos.push_back(info);
  }
  out.inputs = arena_.Array(infos);
  legaliser_.Walk(scope, id);
  out.nodes = TakeNodes(from);
  return out;
}

onnx::Graph ModelExport::Body(Scope& scope, RegionId region, std::string_view name) {
  onnx::Graph body = Contents(scope, region, {}, Symbols::kUnknown);
  body.name = arena_.Text(name);
  return body;
}

// --- the model

std::vector<onnx::ValueInfo> ModelExport::InnerTypes() {
  std::vector<onnx::ValueInfo> infos;
  const Region& main = graph_.region(Graph::main());
  const std::unordered_set<Name> outputs(outputs_.begin(), outputs_.end());
  for (const NodeId id : main.nodes) {
    for (const ValueId v : graph_.node(id).out) {
      if (!v || !root_.wanted[v.index] || graph_.value(v).name.empty()) continue;
      const Type& type = graph_.value(v).type;
      if (type.is_tensor() && !type.ranked()) continue;
      onnx::ValueInfo info;
      info.name = root_.names[v.index];
      if (info.name.empty() || outputs.contains(info.name)) continue;
      info.type = ToOnnxType(type, Symbols::kNamed, &arena_);
      if (info.type != nullptr) infos.push_back(info);
    }
  }
  return infos;
}

Exported ModelExport::Run() {
  Exported out;
  onnx::Model& model = out.model;
  model.graph = Contents(root_, Graph::main(), outputs_, Symbols::kNamed);
  legaliser_.ReportTo(sink_);
  model.graph.name = arena_.Text(graph_.name.empty() ? "graph" : graph_.name);
  model.graph.value_infos = arena_.Array(InnerTypes());

  std::stable_sort(initializers_.begin(), initializers_.end(),
                   [](const Initializer& a, const Initializer& b) { return a.order < b.order; });
  std::vector<onnx::Tensor> tensors;
  for (const Initializer& i : initializers_) {
    tensors.push_back(ToInitializer(i.constant, i.name, &arena_, &out.keep));
  }
  model.graph.initializers = arena_.Array(tensors);
  model.ir_version = IrVersionOf(opset_);
  for (uint32_t i = 0; i < graph_.value_count(); ++i) {
    model.ir_version = std::max(model.ir_version, IrVersionOf(graph_.value(ValueId{i}).type));
  }
  if (model.ir_version < 4) {
    // The first files had no initialisers that are not inputs.
    std::vector<onnx::ValueInfo> inputs(model.graph.inputs.begin(), model.graph.inputs.end());
    for (const Initializer& i : initializers_) {
      onnx::ValueInfo info;
      info.name = i.name;
      info.type = ToOnnxType(Type(i.constant.type), Symbols::kNamed, &arena_);
      inputs.push_back(info);
    }
    model.graph.inputs = arena_.Array(inputs);
  }
  model.producer_name = "godwit";
  model.doc_string = arena_.Text(graph_.doc);
  std::vector<onnx::StringPair> metadata;
  for (const auto& [key, value] : graph_.metadata) metadata.push_back({arena_.Text(key), arena_.Text(value)});
  model.metadata = arena_.Array(metadata);
  std::vector<onnx::OperatorSet> opsets = {{"", opset_}};
  for (const auto& [domain, version] : domains_) opsets.push_back({arena_.Text(domain), version});
  model.opset_imports = arena_.Array(opsets);
  model.arena = arena_.resource();
  out.opset = opset_;
  out.nodes = node_count_;
  return out;
}

}  // namespace godwit::to_onnx
