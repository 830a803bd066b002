#include "backends/tflite/model_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backends/tflite/row.h"
#include "backends/tflite/store_half.h"
#include "backends/tflite/tune.h"
#include "base/text.h"
#include "exec/specialise.h"
#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/vector_nodes.h"

namespace godwit::to_tflite {

namespace {

bool MayBeQuantised(DType dtype) {
  switch (dtype) {
    case DType::kI8:
    case DType::kU8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI4:
    case DType::kI2: return true;
    default: return false;
  }
}

bool MovesOnly(const OpDef* op) {
  static constexpr const OpDef* kMovers[] = {&ops::kReshape,      &ops::kTranspose,    &ops::kSqueeze, &ops::kUnsqueeze,
                                             &ops::kFlatten,      &ops::kSlice,        &ops::kSplit,   &ops::kConcat,
                                             &ops::kPad,          &ops::kGather,       &ops::kExpand,  &ops::kTile,
                                             &ops::kMaxPool,      &ops::kIdentity,     &ops::kResize,  &ops::kGatherNd,
                                             &ops::kDepthToSpace, &ops::kSpaceToDepth, &ops::kMax,     &ops::kMin};
  return std::find(std::begin(kMovers), std::end(kMovers), op) != std::end(kMovers);
}

std::vector<std::string> OutputNames(const Graph& graph) {
  std::vector<std::string> out;
  const Region& main = graph.region(Graph::main());
  for (size_t i = 0; i < main.results.size(); ++i) {
    std::string wanted = i < graph.output_names.size() ? graph.output_names[i] : "";
    if (wanted.empty()) wanted = graph.value(main.results[i]).name;
    out.push_back(wanted.empty() ? fmt::format("output_{}", i) : wanted);
  }
  return out;
}

}  // namespace

std::shared_ptr<const Quant> QuantOf(Scope& scope, const Node& node) {
  if (node.in.size() < 2 || node.attrs.Int("block", 0) != 0) return nullptr;
  const Tensor* scale = scope.Known(node.in[1]);
  const bool has_zero = node.in.size() > 2 && node.in[2].valid();
  const Tensor* zero = has_zero ? scope.Known(node.in[2]) : nullptr;
  if (scale == nullptr || (has_zero && zero == nullptr)) return nullptr;
  Quant out;
  out.scales = ToF64(*scale);
  if (zero != nullptr) {
    out.zero_points = ToI64(*zero);
  } else {
    out.zero_points.assign(out.scales.size(), 0);
  }
  if (out.zero_points.size() != out.scales.size()) return nullptr;
  if (out.scales.size() != 1) {
    const Type& type = scope.TypeOf(node.op == &ops::kQuantize ? node.out[0] : node.in[0]);
    if (!type.ranked()) return nullptr;
    const int64_t axis = node.attrs.Int("axis", 1);
    out.axis = static_cast<int>(axis < 0 ? axis + type.rank() : axis);
  }
  return std::make_shared<const Quant>(std::move(out));
}

bool SameQuant(const Quant& a, const Quant& b) {
  if (a.scales.size() != b.scales.size() || a.block != b.block) return false;
  if (a.scales.size() > 1 && a.axis != b.axis) return false;
  const auto zero = [](const Quant& q, size_t k) { return k < q.zero_points.size() ? q.zero_points[k] : 0; };
  for (size_t k = 0; k < a.scales.size(); ++k) {
    if (static_cast<float>(a.scales[k]) != static_cast<float>(b.scales[k]) || zero(a, k) != zero(b, k)) return false;
  }
  return true;
}

Result<Exported> ExportModel(const Graph& graph, const ExportOptions& options, DiagSink* sink) {
  std::vector<const Graph*> entries = {&graph};
  entries.insert(entries.end(), options.entries.begin(), options.entries.end());
  StoredHalf half;
  std::vector<WrittenModel> models;
  for (const Graph* entry : entries) models.push_back(ModelExport(*entry, options, sink).Run(&half));
  if (sink->has_errors()) return Exported{};
  Exported out = Assemble(models, sink);
  out.half_tensors = half.tensors;
  out.half_elements = half.elements;
  return out;
}

ModelExport::ModelExport(const Graph& graph, const ExportOptions& options, DiagSink* sink)
    : graph_(graph), options_(options), sink_(sink), legaliser_(this), root_(graph), states_(StatesByInput(graph)) {
  NoteQuantised();
  NoteNumbers();
}

// Shapes, axes, sizes and the like follow the orders that are chosen, and single numbers come and go with the operators
// that hold them, so that names say nothing about them.
void ModelExport::NoteNumbers() {
  std::vector<bool> other(graph_.value_count());
  only_numbers_.assign(graph_.value_count(), false);
  const auto look = [&](ValueId v, bool number) {
    if (v) (number ? only_numbers_ : other)[v.index] = true;
  };
  for (const RegionId region : RegionsWithin(graph_)) {
    for (const ValueId v : graph_.region(region).results) look(v, false);
  }
  for (const NodeId id : NodesWithin(graph_)) {
    const Node& node = graph_.node(id);
    const auto& defs = node.op->operands;
    for (size_t i = 0; i < node.in.size(); ++i) {
      look(node.in[i], i < defs.size() && (defs[i].flags & OperandDef::kShapeLike) != 0);
    }
  }
  for (uint32_t i = 0; i < other.size(); ++i) {
    const Type& type = graph_.value(ValueId{i}).type;
    only_numbers_[i] = (only_numbers_[i] && !other[i]) || (type.ranked() && type.tensor().quant == nullptr &&
                                                           ProductOf(type.shape(), 0, type.shape().size()) == Dim(1));
  }
}

// Integers get the scales of the first node that says what they stand for.
void ModelExport::NoteQuantised() {
  for (const NodeId id : NodesWithin(graph_)) {
    const Node& node = graph_.node(id);
    if (node.op != &ops::kQuantize && node.op != &ops::kDequantize) continue;
    const ValueId integers = node.op == &ops::kQuantize ? node.out[0] : node.in[0];
    if (!integers || !MayBeQuantised(graph_.value(integers).type.dtype())) continue;
    if (auto quant = QuantOf(root_, node)) quants_.emplace(integers.index, std::move(quant));
  }
  // What only moves elements hands on what they mean.
  for (const NodeId id : NodesWithin(graph_)) {
    const Node& node = graph_.node(id);
    if (!MovesOnly(node.op) || !node.in[0]) continue;
    const std::shared_ptr<const Quant> quant = QuantOfValue(root_, node.in[0]);
    if (quant == nullptr || quant->scales.size() != 1) continue;
    for (const ValueId v : node.out) {
      if (v && MayBeQuantised(graph_.value(v).type.dtype()) && QuantOfValue(root_, v) == nullptr) {
        quants_.emplace(v.index, quant);
      }
    }
  }
}

std::shared_ptr<const Quant> ModelExport::QuantOfValue(const Scope& scope, ValueId id) const {
  const Scope* s = &scope;
  while (const ValueId outer = s->Bound(id)) {
    id = outer;
    s = s->outer();
  }
  if (const Type& type = s->TypeOf(id); type.is_tensor() && type.tensor().quant != nullptr) return type.tensor().quant;
  if (s != &root_) return nullptr;
  const auto it = quants_.find(id.index);
  return it == quants_.end() ? nullptr : it->second;
}

// --- tensors

const WrittenTensor& ModelExport::tensor(Ref ref) const {
  return frame().graph.tensors[static_cast<size_t>(ref.index)];
}

Ref ModelExport::AddTensor(WrittenTensor tensor) {
  std::vector<WrittenTensor>& tensors = frame().graph.tensors;
  tensors.push_back(std::move(tensor));
  return {static_cast<int32_t>(tensors.size() - 1)};
}

void ModelExport::Name(Ref ref, std::string_view name) {
  std::string& has = frame().graph.tensors[static_cast<size_t>(ref.index)].name;
  if (has.empty()) has = name;
}

Ref ModelExport::AddConstant(Constant constant, const Tensor* contents) {
  std::string key;
  if (contents != nullptr && contents->size() <= kSharedElements && constant.type.quant == nullptr) {
    key = Concat(godwit::Name(contents->dtype()), ToString(contents->dims()));
    if (contents->size() > 0) key.append(reinterpret_cast<const char*>(contents->raw()), contents->bytes());
    const auto it = frame().contents.find(key);
    if (it != frame().contents.end()) return it->second;
  }
  WrittenTensor made;
  made.type = constant.type;
  made.constant = std::move(constant);
  const Ref ref = AddTensor(std::move(made));
  if (!key.empty()) frame().contents.emplace(std::move(key), ref);
  return ref;
}

Ref ModelExport::NewRef(const Scope& scope, ValueId id) {
  const Value& value = scope.graph().value(id);
  WrittenTensor made;
  made.name = value.name;
  if (value.type.is_tensor()) made.type = value.type.tensor();
  made.type.quant = QuantOfValue(scope, id);
  return AddTensor(std::move(made));
}

Ref ModelExport::RefOf(Scope& scope, ValueId id) {
  if (!id) return {};
  if (const ValueId outer = scope.Bound(id)) return RefOf(*scope.outer(), outer);
  const Key key{&scope, id.index};
  if (const auto it = frame().refs.find(key); it != frame().refs.end()) return it->second;
  const Value& value = scope.graph().value(id);
  Ref ref;
  if (value.constant.valid()) {
    Constant constant = scope.graph().constant(value.constant);
    constant.type.quant = QuantOfValue(scope, id);
    const bool named = !value.name.empty() && !(&scope.graph() == &graph_ && only_numbers_[id.index]);
    ref = AddConstant(std::move(constant), named ? nullptr : scope.Known(id));
    WrittenTensor& made = frame().graph.tensors[static_cast<size_t>(ref.index)];
    if (made.name.empty() && named) made.name = value.name;
  } else {
    ref = NewRef(scope, id);
  }
  frame().refs.emplace(key, ref);
  return ref;
}

// --- nodes

std::optional<WrittenGroup> ModelExport::TryTogether(Scope& scope, NodeId id, const Together& with) {
  for (const Row* row : RowsOf(*scope.graph().node(id).op)) {
    if (with.quantised && (row->flags & Row::kQuantised) == 0) continue;
    const Legaliser::Checkpoint start = legaliser_.Here();
    NodeExport n(*this, scope, id, *row, with);
    if (row->emit(n).ok() && n.Complete() && !n.CheckWritten()) return std::move(n.written());
    legaliser_.Return(start);
  }
  return std::nullopt;
}

std::vector<targets::Misfit> ModelExport::Place(Scope& scope, NodeId id) {
  const Node& node = scope.graph().node(id);
  std::vector<targets::Misfit> misfits;
  for (const Row* row : RowsOf(*node.op)) {
    const Legaliser::Checkpoint start = legaliser_.Here();
    NodeExport n(*this, scope, id, *row);
    const Status status = row->emit(n);
    std::optional<targets::Misfit> misfit;
    if (!status.ok()) {
      misfit = n.misfit();
      if (misfit->limit == nullptr) {
        misfit = targets::Misfit{&diag::kTargetAttribute, status.diag().what, {}, targets::Repair::kDecompose};
      }
    } else {
      misfit = n.CheckWritten();
    }
    if (!misfit) {
      frame().graph.groups.push_back(std::move(n.written()));
      return {};
    }
    legaliser_.Return(start);
    if (misfit->limit != &diag::kDefect) misfits.push_back(*std::move(misfit));
  }
  if (misfits.empty()) {
    misfits.push_back({&diag::kTargetOperator,
                       fmt::format("TFLite has no operator for {}", node.op->name),
                       {},
                       targets::Repair::kDecompose});
  }
  return misfits;
}

void ModelExport::Alias(Scope& fragment, ValueId value, ValueId result) {
  frame().refs[{&fragment, value.index}] = RefOf(*fragment.outer(), result);
}

void ModelExport::Copy(Scope& fragment, ValueId value, ValueId result) {
  WriteCopy(RefOf(fragment, value), RefOf(*fragment.outer(), result));
}

// A RESHAPE to the shape that it has; a SLICE of everything where that is not known.
void ModelExport::WriteCopy(Ref from, Ref to) {
  const TensorType type = tensor(to).type;
  const auto list = [&](std::vector<int32_t> values) {
    Tensor t = Tensor::Of<int32_t>(DType::kI32, {static_cast<int64_t>(values.size())}, values);
    Constant constant{t.type(), t};
    return AddConstant(std::move(constant), &t);
  };
  const auto unknown = std::count_if(type.shape.begin(), type.shape.end(), [](const Dim& d) { return !d.is_static(); });
  WrittenOperator op;
  if (type.ranked && unknown <= 1) {
    std::vector<int32_t> shape;
    for (const Dim& d : type.shape) shape.push_back(d.is_static() ? static_cast<int32_t>(d.value()) : -1);
    op.op = "RESHAPE";
    op.in = {from, list(shape)};
    op.since = 105;
  } else {
    op.op = "SLICE";
    op.version = 5;
    op.since = 205;
    op.in = {from, list(std::vector<int32_t>(type.shape.size(), 0)), list(std::vector<int32_t>(type.shape.size(), -1))};
  }
  op.out = {to};
  frame().graph.groups.push_back({std::move(op)});
}

void ModelExport::Return(Mark mark) {
  // Tensors that nothing uses any more are left out in the end.
  frame().graph.groups.resize(mark.nodes);
  graphs_.resize(mark.constants);
}

// --- subgraphs

// Results must be made within the subgraph, and once.
Refs ModelExport::Given(Scope& scope, RegionId id, size_t first, size_t count) {
  const Region& region = scope.graph().region(id);
  Refs given;
  for (size_t i = first; i < first + count && i < region.results.size(); ++i) {
    const ValueId v = region.results[i];
    const Value& value = scope.graph().value(v);
    legaliser_.Want(scope, v);
    Ref ref = RefOf(scope, v);
    const bool own = value.def && scope.graph().node(value.def).parent == id;
    if (!own || std::find(given.begin(), given.end(), ref) != given.end()) {
      const Ref copy = NewRef(scope, v);
      frame().graph.tensors[static_cast<size_t>(copy.index)].name.clear();
      WriteCopy(ref, copy);
      ref = copy;
    }
    given.push_back(ref);
  }
  return given;
}

void ModelExport::Contents(Scope& scope, RegionId id) {
  frame().graph.out = Given(scope, id, 0, scope.graph().region(id).results.size());
  legaliser_.Walk(scope, id);
}

void ModelExport::BeginGraph(std::string name) {
  frames_.push_back(std::make_unique<Frame>());
  frame().graph.name = std::move(name);
}

int ModelExport::EndGraph(Refs out) {
  frame().graph.out = std::move(out);
  graphs_.push_back(std::move(frame().graph));
  frames_.pop_back();
  return static_cast<int>(graphs_.size());
}

Ref ModelExport::Parameter(Scope& scope, ValueId id) {
  Scope* of = &scope;
  while (const ValueId outer = of->Bound(id)) {
    id = outer;
    of = of->outer();
  }
  const Ref ref = NewRef(*of, id);
  Bind(*of, id, ref);
  frame().graph.in.push_back(ref);
  return ref;
}

Ref ModelExport::Parameter(TensorType type, std::string name) {
  const Ref ref = AddTensor({std::move(name), std::move(type), {}, false});
  frame().graph.in.push_back(ref);
  return ref;
}

Result<int> ModelExport::Body(Scope& scope, RegionId region, const std::vector<ValueId>& captures, std::string name) {
  // What the region is given stands for values of the graph around it.
  BeginGraph(std::move(name));
  for (const ValueId v : scope.graph().region(region).params) Parameter(scope, v);
  for (const ValueId v : captures) Parameter(scope, v);
  Contents(scope, region);
  return EndGraph(frame().graph.out);
}

std::vector<NodeId> ModelExport::ToDecompose() {
  std::vector<NodeId> out;
  frames_.push_back(std::make_unique<Frame>());
  for (uint32_t i = 0; i < graph_.value_count(); ++i) root_.wanted[i] = root_.Uses(ValueId{i}) > 0;
  for (const NodeId id : NodesWithin(graph_)) {
    const Node& node = graph_.node(id);
    if (node.op->decompose == nullptr || !node.regions.empty()) continue;
    const std::vector<targets::Misfit> misfits = Place(root_, id);
    frame() = Frame();
    const bool other = std::any_of(misfits.begin(), misfits.end(),
                                   [](const auto& m) { return m.repair != targets::Repair::kDecompose; });
    if (!misfits.empty() && !other) out.push_back(id);
  }
  frames_.clear();
  // A stored constant that operators take as it is stands for its numbers to nobody.
  const auto stored = [&](NodeId id) { return IsStoredConstant(graph_, graph_.node(id)); };
  if (std::any_of(out.begin(), out.end(), stored)) {
    const std::vector<bool> wanted = Wanted();
    std::erase_if(out, [&](NodeId id) { return stored(id) && !wanted[graph_.node(id).out[0].index]; });
  }
  return out;
}

std::vector<bool> ModelExport::Wanted() const {
  DiagSink quiet;
  ModelExport trial(graph_, options_, &quiet);
  trial.frames_.push_back(std::make_unique<Frame>());
  trial.Contents(trial.root_, Graph::main());
  return std::move(trial.root_.wanted);
}

Status ModelExport::Finish(WrittenGraph* written) const {
  RETURN_IF_ERROR(MergeConstants(written));
  MergeWritten(written);
  if (options_.tune) {
    const size_t before = written->tensors.size();
    RETURN_IF_ERROR(Tune(options_.profile, written));
    if (written->tensors.size() > before) RETURN_IF_ERROR(MergeConstants(written));
  }
  OrderWritten(written);
  return Ok{};
}

WrittenModel ModelExport::Run(StoredHalf* half) {
  frames_.push_back(std::make_unique<Frame>());
  frame().graph.name = graph_.name.empty() ? "main" : graph_.name;
  for (const ValueId v : graph_.region(Graph::main()).params) {
    const Ref ref = RefOf(root_, v);
    frame().graph.in.push_back(ref);
  }
  Contents(root_, Graph::main());
  legaliser_.ReportTo(sink_);
  std::vector<std::string> outputs = OutputNames(graph_);
  const Status kept = KeepStates(graph_, profile().runtime, &frame().graph, &graphs_, &outputs);
  if (!kept.ok()) sink_->Add(Diag(kept.diag()));
  std::vector<WrittenGraph> graphs;
  graphs.push_back(std::move(frame().graph));
  for (WrittenGraph& body : graphs_) graphs.push_back(std::move(body));
  frames_.clear();
  if (sink_->has_errors()) return {};
  for (WrittenGraph& written : graphs) {
    if (const Status finished = Finish(&written); !finished.ok()) {
      sink_->Add(finished.diag());
      return {};
    }
    if (!options_.half_weights) continue;
    auto stored = StoreHalf(options_.profile, &written, WereHalf(graph_));
    if (!stored.ok()) {
      sink_->Add(stored.diag());
      return {};
    }
    half->tensors += stored->tensors;
    half->elements += stored->elements;
  }
  return {std::move(graphs), &graph_, std::move(outputs)};
}

}  // namespace godwit::to_tflite
