#include "backends/onnx/node_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "backends/onnx/model_export.h"
#include "backends/onnx/row.h"
#include "base/text.h"
#include "ir/convert.h"
#include "passes/legalise/exact.h"
#include "targets/onnx_schema.h"

namespace godwit::to_onnx {

NodeExport::NodeExport(ModelExport& exporter, Scope& scope, NodeId id, const Row& row)
    : exporter_(exporter), scope_(scope), id_(id), node_(scope.graph().node(id)), row_(row), domain_(row.domain) {}

int NodeExport::opset() const { return exporter_.opset(); }

int64_t NodeExport::source_opset() const { return exporter_.SourceOpset(); }

std::string_view NodeExport::source_op() const { return scope_.graph().origin(node_.origin).op_type; }

const Type& NodeExport::TypeOf(ValueId id) const {
  static const Type kUnknown;
  return id ? scope_.TypeOf(id) : kUnknown;
}

Result<int> NodeExport::Rank(size_t i) const {
  if (TypeOf(i).ranked()) return TypeOf(i).rank();
  // Diagnostics of a misfit are made by Lacks, which is not const.
  return const_cast<NodeExport*>(this)->Lacks(diag::kTargetRank,
                                              fmt::format("operand {} of {} must have a known rank", i, op().name));
}

Result<std::vector<int64_t>> NodeExport::NeedInts(size_t i, std::string_view what) {
  if (auto known = Ints(i)) return *std::move(known);
  return Lacks(diag::kTargetConstant,
               fmt::format("{} of {} must be known when the model is written for opset {}", what, op().name, opset()));
}

Result<double> NodeExport::NeedNumber(size_t i, std::string_view what) {
  const Tensor* known = Known(i);
  if (known != nullptr && known->size() == 1 && known->dtype() != DType::kString) return ToF64(*known)[0];
  return Lacks(diag::kTargetConstant,
               fmt::format("{} of {} must be known when the model is written for opset {}", what, op().name, opset()));
}

const Node* NodeExport::Maker(ValueId id, const OpDef& by) const {
  return id && scope_.Uses(id) == 1 ? DefOf(id, by) : nullptr;
}

const Node* NodeExport::DefOf(ValueId id, const OpDef& by) const {
  if (!id) return nullptr;
  const Value& value = scope_.graph().value(id);
  if (!value.def) return nullptr;
  const Node& maker = scope_.graph().node(value.def);
  return maker.op == &by && maker.parent == node_.parent ? &maker : nullptr;
}

std::optional<Tensor> NodeExport::Loaded(size_t i) const {
  const ValueId id = Operand(i);
  if (!IsConstant(id)) return std::nullopt;
  const Graph& graph = scope_.graph();
  auto loaded = graph.constant(graph.value(id).constant).Load();
  return loaded.ok() ? std::optional(*std::move(loaded)) : std::nullopt;
}

bool NodeExport::IsConstant(ValueId id) const { return id && scope_.graph().IsConstant(id); }

const Node* NodeExport::Sibling(ValueId id, const OpDef& by) const {
  const Node* maker = Maker(id, by);
  return maker != nullptr && maker->origin == node_.origin && maker->origin.valid() ? maker : nullptr;
}

const Node* NodeExport::SiblingOf(ValueId id, const OpDef& by) const {
  if (!id) return nullptr;
  const NodeId def = scope_.graph().value(id).def;
  if (!def) return nullptr;
  const Node& maker = scope_.graph().node(def);
  return maker.op == &by && maker.origin == node_.origin && maker.origin.valid() ? &maker : nullptr;
}

bool NodeExport::MayGive(const Node& maker, ValueId value) const {
  if (maker.parent != node_.parent) return false;
  const Graph& graph = scope_.graph();
  const std::vector<NodeId>& nodes = graph.region(node_.parent).nodes;
  for (auto at = std::find(nodes.rbegin(), nodes.rend(), id_); at != nodes.rend(); ++at) {
    const Node& node = graph.node(*at);
    if (&node == &maker) return true;
    if (&node == &node_) continue;
    // What bodies use is not looked for: none stand in between, as a rule.
    if (!node.regions.empty() || std::find(node.in.begin(), node.in.end(), value) != node.in.end()) return false;
  }
  return false;
}

Name NodeExport::Give(ValueId value) {
  given_.push_back(value);
  const Name name = exporter_.NameOf(scope_, value);
  Note(name, value);
  return name;
}

void NodeExport::Note(Name name, ValueId id) {
  if (!name.empty()) types_.emplace(name, TypeOf(id));
}

Name NodeExport::Of(ValueId id) {
  if (!id) return {};
  exporter_.legaliser().Want(scope_, id);
  const Name name = exporter_.NameOf(scope_, id);
  Note(name, id);
  return name;
}

Result<Name> NodeExport::InSwapped(size_t i, std::string_view flag) {
  if (!attrs().Flag(flag)) return In(i);
  TRY(const int rank, Rank(i));
  if (rank < 2) return In(i);
  std::vector<int64_t> perm(static_cast<size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return Temp("Transpose", {In(i)}, {{"perm", std::move(perm)}});
}

Names NodeExport::Ins() {
  Names names;
  for (size_t i = 0; i < n_in(); ++i) names.push_back(In(i));
  while (!names.empty() && names.back().empty()) names.pop_back();
  return names;
}

bool NodeExport::Wants(size_t i) const { return i < n_out() && node_.out[i] && scope_.wanted[node_.out[i].index]; }

Name NodeExport::Out(size_t i) {
  if (i >= n_out() || !node_.out[i]) return NewName(op().name);
  const Name name = exporter_.NameOf(scope_, node_.out[i]);
  Note(name, node_.out[i]);
  return name;
}

Name NodeExport::Const(Tensor tensor) {
  const Type type(tensor.type());
  const Name name = exporter_.AddConstant(std::move(tensor), op().name);
  types_.emplace(name, type);
  return name;
}

Name NodeExport::I64s(const std::vector<int64_t>& values) {
  return Const(Tensor::I64({static_cast<int64_t>(values.size())}, values));
}

Name NodeExport::Number(DType dtype, double value) {
  Tensor t(dtype, {});
  StoreF64(dtype, value, t.mutable_raw());
  return Const(std::move(t));
}

Name NodeExport::NewName(std::string_view hint) {
  Name base;
  if (n_out() > 0 && node_.out[0]) base = exporter_.NameOf(scope_, node_.out[0]);
  return exporter_.NewName(base.empty() ? hint : Concat(base, "_", hint));
}

void NodeExport::EmitAs(std::string_view op_type, const Names& in, const Names& out, const OnnxAttrs& attributes) {
  ExportArena& arena = exporter_.arena();
  onnx::Node n;
  n.op_type = arena.Text(op_type);
  n.domain = arena.Text(domain_);
  n.inputs = arena.Array(in);
  n.outputs = arena.Array(out);
  std::vector<onnx::Attribute> list;
  for (const auto& [name, value] : attributes.items()) list.push_back(ToAttribute(name, value, &arena));
  n.attributes = arena.Array(list);
  written_.push_back(n);
}

void NodeExport::Emit(std::string_view op_type, Names in, const OnnxAttrs& attributes) {
  Names out;
  for (size_t i = 0; i < n_out(); ++i) {
    const auto& defs = op().results;
    const bool optional =
        i < defs.size() && (defs[i].flags & OperandDef::kOptional) != 0 && (defs[i].flags & OperandDef::kVariadic) == 0;
    out.push_back(optional && !Wants(i) ? Name() : Out(i));
  }
  while (out.size() > 1 && out.back().empty()) out.pop_back();
  EmitAs(op_type, in, out, attributes);
}

void NodeExport::EmitTo(size_t i, std::string_view op_type, Names in, const OnnxAttrs& attributes) {
  EmitAs(op_type, std::move(in), {Out(i)}, attributes);
}

Name NodeExport::Temp(std::string_view op_type, Names in, const OnnxAttrs& attributes) {
  const Name out = NewName(op_type);
  EmitAs(op_type, std::move(in), {out}, attributes);
  return out;
}

Result<const onnx::Graph*> NodeExport::Body(size_t k) {
  if (k >= node_.regions.size()) return Lacks(diag::kTargetOperator, "a body is missing", targets::Repair::kNone);
  const Name label = Out(0);
  const onnx::Graph graph = exporter_.Body(scope_, node_.regions[k], Concat(label, "_body_", std::to_string(k)));
  return exporter_.arena().One(graph);
}

Diag NodeExport::Lacks(const DiagDef& limit, std::string what, targets::Repair repair) {
  misfit_ = targets::Misfit{&limit, what, {}, repair};
  return Diag(limit, std::move(what));
}

const Type* NodeExport::TypeOfName(Name name) const {
  static const Type kUnknown;
  if (name.empty()) return nullptr;
  const auto it = types_.find(name);
  return it == types_.end() ? &kUnknown : &it->second;
}

std::optional<targets::Misfit> NodeExport::CheckWritten() {
  for (const onnx::Node& n : written_) {
    const int64_t version = exporter_.VersionOf(n.domain);
    const targets::OnnxSchema* schema = targets::FindSchema(n.domain, n.op_type, version);
    if (schema == nullptr || schema->deprecated) {
      if (!exporter_.IsStandard(n.domain) && n.domain != "ai.onnx.ml") continue;
      return targets::Misfit{&diag::kTargetOperator,
                             fmt::format("there is no {} in opset {}", n.op_type, version),
                             {},
                             targets::Repair::kDecompose};
    }
    std::vector<const Type*> in, out;
    for (const Name name : n.inputs) in.push_back(TypeOfName(name));
    // What a type variable of the operator stands for here tells the types of what is in between.
    std::unordered_map<std::string_view, const Type*> variables;
    for (size_t i = 0; i < in.size() && !schema->inputs.empty(); ++i) {
      const targets::OnnxFormal& formal = schema->inputs[std::min(i, schema->inputs.size() - 1)];
      if (in[i] == nullptr || in[i]->is_unknown()) continue;
      if (formal.types != nullptr && !formal.types->Has(*in[i])) {
        targets::Misfit misfit{&diag::kTargetDtype,
                               fmt::format("{} of opset {} does not take {}", n.op_type, version, in[i]->ToString()),
                               {},
                               targets::Repair::kDecompose};
        for (size_t k = 0; k < n_in(); ++k) {
          if (!Has(k) || exporter_.NameOf(scope_, node_.in[k]) != n.inputs[i] || !TypeOf(k).is_tensor()) continue;
          misfit.cast_to = targets::WiderType(DtypeOf(k), formal.types->tensors, ExactInFloat(op()));
          if (misfit.cast_to == DType::kNone || &op() == &ops::kCast) break;
          misfit.repair = targets::Repair::kCast;
          misfit.operand = k;
          break;
        }
        return misfit;
      }
      if (!formal.variable.empty()) variables.emplace(formal.variable, in[i]);
    }
    for (size_t i = 0; i < n.outputs.size() && !schema->outputs.empty(); ++i) {
      if (n.outputs[i].empty() || types_.contains(n.outputs[i])) continue;
      const targets::OnnxFormal& formal = schema->outputs[std::min(i, schema->outputs.size() - 1)];
      const auto bound = variables.find(formal.variable);
      if (bound != variables.end() && bound->second->is_tensor()) {
        types_.emplace(n.outputs[i], Type::Tensor(bound->second->dtype()));
      }
    }
    for (const Name name : n.outputs) out.push_back(TypeOfName(name));
    if (std::string problem = targets::CheckNode(*schema, in, out, n.attributes); !problem.empty()) {
      return targets::Misfit{&diag::kTargetSignature,
                             fmt::format("{} of opset {}: {}", n.op_type, version, problem),
                             {},
                             targets::Repair::kDecompose};
    }
  }
  return std::nullopt;
}

}  // namespace godwit::to_onnx
