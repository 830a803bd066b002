// Control flow, sequences and optionals.
#include <fmt/format.h>

#include <algorithm>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

using Ints = std::vector<int64_t>;

Result<const onnx::Graph*> Body(NodeImport& n, std::string_view name) {
  TRY(const onnx::Graph* graph, n.GraphAttr(name));
  if (graph == nullptr) return Diag(diag::kOnnxAttrMissing, fmt::format("required attribute '{}' is missing", name));
  return graph;
}

Status OutAll(NodeImport& n, const std::vector<ValueId>& values) {
  for (size_t i = 0; i < values.size(); ++i) n.Out(i, values[i]);
  return Ok{};
}

Status ImportIf(NodeImport& n) {
  TRY(ValueId condition, n.In(0));
  TRY(const onnx::Graph* then_branch, Body(n, "then_branch"));
  TRY(const onnx::Graph* else_branch, Body(n, "else_branch"));
  TRY(std::vector<ValueId> out,
      n.EmitRegions(ops::kIf, {condition}, n.n_out(), {}, {then_branch, else_branch}, {{}, {}}));
  return OutAll(n, out);
}

// What is sure of a carried value in every turn: its element type and rank, not its dims.
Type CarriedType(NodeImport& n, const Type& first) {
  if (first.kind() == Type::Kind::kSequence) {
    const Type& element = first.element();
    return Type::Sequence(element.is_tensor() ? Type::Tensor(element.dtype()) : Type());
  }
  if (!first.ranked()) return first;
  Shape shape;
  for (int k = 0; k < first.rank(); ++k) shape.push_back(n.builder().inference().Fresh("carried"));
  return Type::Tensor(first.dtype(), std::move(shape));
}

// Types of what the node's region gives to be stacked, kept for runs in which the region never runs.
void KeepStackedTypes(NodeImport& n, ValueId result, size_t first) {
  Graph& graph = n.builder().graph();
  Node& node = graph.node(graph.value(result).def);
  const std::vector<ValueId>& results = graph.region(node.regions[0]).results;
  std::vector<std::string> types;
  for (size_t i = first; i < results.size(); ++i) types.push_back(n.TypeOf(results[i]).ToString());
  if (!types.empty()) node.attrs.Set("stacked_types", std::move(types));
}

Status ImportLoop(NodeImport& n) {
  TRY(const onnx::Graph* body, Body(n, "body"));
  std::vector<ValueId> in = {n.InOrNone(0), n.InOrNone(1)};
  std::vector<Type> params = {Type::Tensor(DType::kI64, {}), Type::Tensor(DType::kBool, {})};
  for (size_t i = 2; i < n.n_in(); ++i) {
    TRY(ValueId v, n.In(i));
    in.push_back(v);
    params.push_back(CarriedType(n, n.TypeOf(v)));
  }
  if (body->inputs.size() != params.size() || body->outputs.size() + 1 < params.size()) {
    return n.BadValue("body", fmt::format("it takes {} operands and gives {} results; the node carries {} values",
                                          body->inputs.size(), body->outputs.size(), params.size() - 2));
  }
  const size_t carried = in.size() - 2;
  TRY(std::vector<ValueId> out, n.EmitRegions(ops::kLoop, std::move(in), n.n_out(), {}, {body}, {params}));
  if (!out.empty()) KeepStackedTypes(n, out[0], 1 + carried);
  return OutAll(n, out);
}

// The type of one slice along an axis.
Type SliceType(const Type& type, int64_t axis) {
  if (!type.ranked() || axis < -type.rank() || axis >= type.rank()) return Type::Tensor(type.dtype());
  Shape shape = type.shape();
  shape.erase(shape.begin() + (axis < 0 ? axis + type.rank() : axis));
  return Type::Tensor(type.dtype(), std::move(shape));
}

Result<int64_t> ScanInputs(NodeImport& n, size_t operands, const onnx::Graph& body) {
  TRY(int64_t count, n.Int("num_scan_inputs"));
  if (count < 1 || count > static_cast<int64_t>(operands) || body.inputs.size() != operands) {
    return n.BadValue("num_scan_inputs",
                      fmt::format("{} of {} operands, the body takes {}", count, operands, body.inputs.size()));
  }
  return count;
}

Status ImportScan(NodeImport& n) {
  TRY(const onnx::Graph* body, Body(n, "body"));
  TRY(int64_t sliced, ScanInputs(n, n.n_in(), *body));
  Attrs attrs{{"sliced", sliced}};
  constexpr std::pair<const char*, const char*> kLists[] = {{"scan_input_axes", "in_axes"},
                                                            {"scan_input_directions", "in_reversed"},
                                                            {"scan_output_axes", "out_axes"},
                                                            {"scan_output_directions", "out_reversed"}};
  for (const auto& [source, ours] : kLists) {
    TRY(Ints list, n.Ints(source));
    if (!list.empty()) attrs.Set(ours, std::move(list));
  }
  const size_t states = n.n_in() - static_cast<size_t>(sliced);
  std::vector<Type> params;
  for (size_t i = 0; i < n.n_in(); ++i) {
    TRY(ValueId v, n.In(i));
    const Ints& axes = attrs.Ints("in_axes");
    const int64_t axis = i >= states && i - states < axes.size() ? axes[i - states] : 0;
    params.push_back(i < states ? CarriedType(n, n.TypeOf(v)) : SliceType(n.TypeOf(v), axis));
  }
  TRY(std::vector<ValueId> out, n.EmitRegions(ops::kScan, n.ins(), n.n_out(), std::move(attrs), {body}, {params}));
  if (!out.empty()) KeepStackedTypes(n, out[0], states);
  return OutAll(n, out);
}

// Version 8 scans each element of a batch on its own: a scan over the batch whose region is the scan of one element.
Status ImportScan8(NodeImport& n) {
  if (n.Has(0)) return n.Unsupported("Scan of version 8 with sequence lengths");
  TRY(const onnx::Graph* body, Body(n, "body"));
  const size_t operands = n.n_in() < 1 ? 0 : n.n_in() - 1;
  TRY(int64_t sliced, ScanInputs(n, operands, *body));
  TRY(Ints directions, n.Ints("directions"));
  std::vector<ValueId> in;
  for (size_t i = 0; i < operands; ++i) {
    TRY(ValueId v, n.In(i + 1));
    in.push_back(v);
  }
  Builder& builder = n.builder();
  Graph& graph = builder.graph();
  const RegionId outer = builder.region();
  const NodeId batch =
      graph.AddNode(outer, ops::kScan, in, n.n_out(), {{"sliced", static_cast<int64_t>(operands)}}, builder.origin());
  const RegionId region = graph.AddRegion(batch);
  const size_t states = operands - static_cast<size_t>(sliced);
  std::vector<ValueId> one;
  std::vector<Type> params;
  for (size_t i = 0; i < operands; ++i) {
    const Type type = SliceType(n.TypeOf(in[i]), 0);
    one.push_back(graph.AddParam(region, type, std::string(body->inputs[i].name)));
    params.push_back(i < states ? CarriedType(n, type) : SliceType(type, 0));
  }
  Attrs attrs{{"sliced", sliced}};
  if (!directions.empty()) attrs.Set("in_reversed", std::move(directions));
  builder.set_region(region);
  auto inner = n.EmitRegions(ops::kScan, one, n.n_out(), std::move(attrs), {body}, {params});
  builder.set_region(outer);
  if (!inner.ok()) return inner.TakeDiag();
  graph.region(region).results = *inner;
  if (!inner->empty()) KeepStackedTypes(n, (*inner)[0], states);
  RETURN_IF_ERROR(builder.inference().InferNode(batch));
  return OutAll(n, graph.node(batch).out);
}

Status ImportSequenceMap(NodeImport& n) {
  TRY(const onnx::Graph* body, Body(n, "body"));
  std::vector<Type> params;
  for (size_t i = 0; i < n.n_in(); ++i) {
    TRY(ValueId v, n.In(i));
    const Type& type = n.TypeOf(v);
    params.push_back(type.kind() == Type::Kind::kSequence ? type.element() : type);
  }
  if (body->inputs.size() != params.size() || body->outputs.size() < n.n_out()) {
    return n.BadValue("body", fmt::format("it takes {} operands, the node has {}", body->inputs.size(), params.size()));
  }
  TRY(std::vector<ValueId> out, n.EmitRegions(ops::kSequenceMap, n.ins(), n.n_out(), {}, {body}, {params}));
  return OutAll(n, out);
}

template <const OpDef& kOp, size_t kOperands>
Status ImportSame(NodeImport& n) {
  for (size_t i = 0; i < kOperands; ++i) RETURN_IF_ERROR(n.In(i));
  return n.Same(kOp);
}

Status ImportSequenceEmpty(NodeImport& n) {
  TRY(DType dtype, n.DtypeAttr("dtype", DType::kF32));
  return n.Same(ops::kSequenceEmpty, {{"dtype", dtype}});
}

Status ImportSplitToSequence(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(int64_t axis, n.Int("axis", 0));
  TRY(int64_t keep, n.Int("keepdims", 1));
  return n.Same(ops::kSplitToSequence, {{"axis", axis}, {"keep_dim", keep}});
}

Status ImportConcatFromSequence(NodeImport& n) {
  RETURN_IF_ERROR(n.In(0));
  TRY(int64_t axis, n.Int("axis"));
  TRY(int64_t added, n.Int("new_axis", 0));
  return n.Same(ops::kConcatFromSequence, {{"axis", axis}, {"new_axis", added}});
}

Status ImportOptional(NodeImport& n) {
  Attrs attrs;
  if (n.HasAttr("type")) {
    TRY(Type type, n.TypeAttr("type"));
    attrs.Set("type", std::move(type));
  }
  TRY(ValueId y, n.Emit(ops::kOptional, {n.InOrNone(0)}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}

Status ImportOptionalHasElement(NodeImport& n) {
  TRY(ValueId y, n.Emit(ops::kOptionalHas, {n.InOrNone(0)}));
  n.Out(0, y);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"ConcatFromSequence", 11, ImportConcatFromSequence},
    {"If", 1, ImportIf},
    {"Loop", 1, ImportLoop},
    {"Optional", 15, ImportOptional},
    {"OptionalGetElement", 15, ImportSame<ops::kOptionalGet, 1>},
    {"OptionalHasElement", 15, ImportOptionalHasElement},
    {"Scan", 8, ImportScan8},
    {"Scan", 9, ImportScan},
    {"SequenceAt", 11, ImportSame<ops::kSequenceAt, 2>},
    {"SequenceConstruct", 11, ImportSame<ops::kSequenceConstruct, 1>},
    {"SequenceEmpty", 11, ImportSequenceEmpty},
    {"SequenceErase", 11, ImportSame<ops::kSequenceErase, 1>},
    {"SequenceInsert", 11, ImportSame<ops::kSequenceInsert, 2>},
    {"SequenceLength", 11, ImportSame<ops::kSequenceLength, 1>},
    {"SequenceMap", 17, ImportSequenceMap},
    {"SplitToSequence", 11, ImportSplitToSequence},
};

}  // namespace

extern const RuleSet kControlRules{"", kRules};

}  // namespace godwit::from_onnx
