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

// Within one element of a batch that is shorter than the longest: its slices end at its length, and what they give is
// padded with zeros to the length of all.
struct Shortened {
  ValueId length;   ///< i64[1]
  ValueId missing;  ///< pads of axis 0

  Status Begin(NodeImport& n, ValueId scalar, ValueId whole) {
    TRY(length, n.Emit(ops::kUnsqueeze, {scalar, n.I64s({0})}));
    TRY(ValueId all, n.Emit(ops::kShapeOf, {whole}, {{"end", int64_t{1}}}));
    TRY(ValueId rest, n.Emit(ops::kSub, {all, length}));
    TRY(missing, n.Emit(ops::kConcat, {n.I64s({0}), rest}, {{"axis", int64_t{0}}}));
    return Ok{};
  }
  [[nodiscard]] Result<ValueId> Cut(NodeImport& n, ValueId x) const {
    return n.Emit(ops::kSlice, {x, n.I64s({0}), length, n.I64s({0})});
  }
  [[nodiscard]] Result<ValueId> Fill(NodeImport& n, ValueId y) const {
    return n.Emit(ops::kPad, {y, missing, ValueId(), n.I64s({0})});
  }
};

// The region of one element of a batch; its parameters are the operands' slices, the length last where there is one.
Status FillScan8Region(NodeImport& n, const onnx::Graph& body, RegionId region, int64_t sliced, bool has_length) {
  Graph& graph = n.builder().graph();
  std::vector<ValueId> operands = graph.region(region).params;
  const ValueId scalar = has_length ? operands.back() : ValueId();
  if (has_length) operands.pop_back();
  const size_t states = operands.size() - static_cast<size_t>(sliced);
  Shortened shortened;
  if (has_length) RETURN_IF_ERROR(shortened.Begin(n, scalar, operands[states]));
  std::vector<Type> params;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (has_length && i >= states) {
      TRY(operands[i], shortened.Cut(n, operands[i]));
    }
    const Type& type = n.TypeOf(operands[i]);
    params.push_back(i < states ? CarriedType(n, type) : SliceType(type, 0));
  }
  Attrs attrs{{"sliced", sliced}};
  TRY(Ints directions, n.Ints("directions"));
  if (!directions.empty()) attrs.Set("in_reversed", std::move(directions));
  TRY(std::vector<ValueId> results,
      n.EmitRegions(ops::kScan, operands, n.n_out(), std::move(attrs), {&body}, {params}));
  if (!results.empty()) KeepStackedTypes(n, results[0], states);
  for (size_t i = states; has_length && i < results.size(); ++i) {
    TRY(results[i], shortened.Fill(n, results[i]));
  }
  graph.region(region).results = std::move(results);
  return Ok{};
}

// Version 8 scans each element of a batch on its own: a scan over the batch whose region is the scan of one element.
Status ImportScan8(NodeImport& n) {
  TRY(const onnx::Graph* body, Body(n, "body"));
  std::vector<ValueId> in;
  for (size_t i = 1; i < n.n_in(); ++i) {
    TRY(ValueId v, n.In(i));
    in.push_back(v);
  }
  TRY(int64_t sliced, ScanInputs(n, in.size(), *body));
  if (n.Has(0)) in.push_back(n.ins()[0]);
  Builder& builder = n.builder();
  Graph& graph = builder.graph();
  const RegionId outer = builder.region();
  const NodeId batch =
      graph.AddNode(outer, ops::kScan, in, n.n_out(), {{"sliced", static_cast<int64_t>(in.size())}}, builder.origin());
  const RegionId region = graph.AddRegion(batch);
  for (ValueId v : in) graph.AddParam(region, SliceType(n.TypeOf(v), 0), "");
  builder.set_region(region);
  Status status = FillScan8Region(n, *body, region, sliced, n.Has(0));
  builder.set_region(outer);
  RETURN_IF_ERROR(std::move(status));
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

// A tensor or a sequence has itself as its element.
Status ImportOptionalGetElement(NodeImport& n) {
  TRY(const ValueId x, n.In(0));
  if (const Type& type = n.TypeOf(x); type.is_tensor() || type.kind() == Type::Kind::kSequence) {
    n.Out(0, x);
    return Ok{};
  }
  TRY(const ValueId y, n.Emit(ops::kOptionalGet, {x}));
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
    {"OptionalGetElement", 15, ImportOptionalGetElement},
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
