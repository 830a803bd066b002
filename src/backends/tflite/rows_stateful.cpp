#include <algorithm>

#include "backends/tflite/emit.h"
#include "backends/tflite/model_export.h"
#include "backends/tflite/stateful.h"
#include "ir/convert.h"
#include "ir/state.h"
#include "ops/arithmetic.h"
#include "ops/recurrent_formula.h"

namespace godwit::to_tflite {

namespace {

std::optional<double> ScalarOf(const Graph& graph, ValueId v) {
  if (!v || !graph.IsConstant(v)) return std::nullopt;
  const Constant& constant = graph.constant(graph.value(v).constant);
  if (!constant.type.is_static() || constant.type.dtype == DType::kString) return std::nullopt;
  const auto tensor = constant.Load();
  if (!tensor.ok() || tensor->size() != 1) return std::nullopt;
  return ToF64(*tensor)[0];
}

const Node* MakerIn(const Graph& graph, ValueId v, const OpDef& by) {
  const NodeId def = v ? graph.value(v).def : NodeId();
  return def && graph.node(def).op == &by ? &graph.node(def) : nullptr;
}

/// The stored integers behind a number that the source's operator computes on; the value itself for any other.
ValueId Behind(const Graph& graph, ValueId v) {
  const Node* maker = MakerIn(graph, v, ops::kDequantize);
  return maker != nullptr && maker->attrs.Str(ops::kArithmetic) == ops::kLitert ? maker->in[0] : v;
}

std::vector<NodeId> UsersIn(const Graph& graph, RegionId region, ValueId v) {
  std::vector<NodeId> out;
  for (const NodeId id : graph.region(region).nodes) {
    const std::vector<ValueId>& in = graph.node(id).in;
    if (std::find(in.begin(), in.end(), v) != in.end()) out.push_back(id);
  }
  return out;
}

/// A layer whose result and whose states are quantised, or are not.
struct States {
  ValueId in, out;              ///< of the model
  const Node* keeps = nullptr;  ///< the quantize that makes `out`, where the state is stored in integers
};

/// The state that `held` is at first and `left` is in the end, if the model carries it from run to run.
std::optional<States> StateOf(const Graph& graph, const StateTable& table, ValueId held, ValueId left) {
  States s;
  s.in = Behind(graph, held);
  const auto it = table.find(s.in.index);
  if (it == table.end() || !it->second.rests) return std::nullopt;
  s.out = it->second.out;
  if (s.in == held) return s.out == left ? std::optional(s) : std::nullopt;
  s.keeps = MakerIn(graph, s.out, ops::kQuantize);
  const bool fits =
      s.keeps != nullptr && s.keeps->in[0] == left && s.keeps->attrs.Str(ops::kArithmetic) == ops::kLitert;
  return fits ? std::optional(s) : std::nullopt;
}

/// How a scan goes over a sequence.
struct Walk {
  int64_t time = 0;
  bool backward = false;
};

/// Of the first two axes, what comes in and what goes out alike.
std::optional<Walk> WalkOf(const Node& scan) {
  const auto entry = [&](std::string_view name) {
    const std::vector<int64_t>& list = scan.attrs.Ints(name);
    return list.empty() ? int64_t{0} : list[0];
  };
  const Walk walk{entry("in_axes"), entry("in_reversed") != 0};
  if (walk.backward != (entry("out_reversed") != 0)) return std::nullopt;
  if (walk.time != entry("out_axes") || (walk.time != 0 && walk.time != 1)) return std::nullopt;
  return walk;
}

struct SequenceLayer {
  ops::LstmFormula formula;
  States h, c;
  Walk walk;
  [[nodiscard]] bool stored() const { return h.keeps != nullptr; }
};

std::optional<SequenceLayer> SequenceLayerOf(const Graph& graph, const StateTable& table, NodeId id) {
  const Node& scan = graph.node(id);
  const auto formula = ops::MatchLstm(graph, scan, [&](ValueId v) { return ScalarOf(graph, v); });
  if (!formula || scan.parent != Graph::main()) return std::nullopt;
  const auto walk = WalkOf(scan);
  const auto h = StateOf(graph, table, scan.in[0], scan.out[0]), c = StateOf(graph, table, scan.in[1], scan.out[1]);
  if (!walk || !h || !c || (h->keeps == nullptr) != (c->keeps == nullptr)) return std::nullopt;
  if (walk->backward && h->keeps != nullptr) return std::nullopt;
  return SequenceLayer{*formula, *h, *c, *walk};
}

/// On real numbers alone.
struct PlainLayer {
  ops::RnnFormula formula;
  States h;
  Walk walk;
};

std::optional<PlainLayer> PlainLayerOf(const Graph& graph, const StateTable& table, NodeId id) {
  const Node& scan = graph.node(id);
  const auto formula = ops::MatchRnn(graph, scan);
  if (!formula || !formula->bias || scan.parent != Graph::main()) return std::nullopt;
  const auto walk = WalkOf(scan);
  const auto h = StateOf(graph, table, scan.in[0], scan.out[0]);
  if (!walk || !h || h->keeps != nullptr) return std::nullopt;
  return PlainLayer{*formula, *h, *walk};
}

/// Nobody but the state's variable wants what a layer leaves in it.
bool OnlyKept(Scope& scope, const States& state, ValueId left) {
  return scope.Uses(left) == 1 && (state.keeps == nullptr || scope.Uses(state.out) == 1);
}

/// The integers of a dequantize, which the written tensor means in the same way; a failure for anything else.
Result<ValueId> StoredIn(NodeExport& n, ValueId real) {
  const ValueId stored = Behind(n.scope().graph(), real);
  if (stored == real) return n.NotThis();
  const std::shared_ptr<const Quant> quant = QuantOf(n.scope(), *n.MakerOf(real));
  if (quant == nullptr || !n.MeansTheSame(stored, *quant)) return n.NotThis();
  return stored;
}

struct Weights {
  NodeExport& n;
  bool stored = false;
  bool asymmetric = false, hybrid = false;

  /// An operand of the layer: real numbers as they are, those of integers as these.
  Result<Ref> operator()(ValueId v) {
    if (!v) return Ref();
    if (stored) {
      TRY(const ValueId integers, StoredIn(n, v));
      return n.Of(integers);
    }
    bool by_rows = false;
    if (n.TakeHybrid(v, &by_rows)) {
      asymmetric = asymmetric || by_rows;
      hybrid = true;
    } else if (!n.scope().graph().IsConstant(v)) {
      return n.NotThis();
    }
    return n.Of(v);
  }
};

/// A layer that goes forward, between two turns of the sequence where the graph's goes backward.
template <class F>
void EmitForward(NodeExport& n, Ref x, Ref y, const Walk& walk, F emit) {
  if (!walk.backward) return emit(x, y);
  const Ref axis = n.I32s({walk.time}), result = n.NewTensor(n.TypeOf(y));
  emit(n.Temp("REVERSE_V2", {x, axis}, n.TypeOf(x)), result);
  n.EmitAs("REVERSE_V2", {result, axis}, {y});
}

Status WriteLstm(NodeExport& n, const SequenceLayer& layer, const Node& scan, Ref y) {
  const ops::LstmFormula& f = layer.formula;
  Weights weight{n, layer.stored()};
  Refs in(24);
  for (size_t g = 0; g < 4; ++g) {
    const ops::LstmGate& gate = f.gates[g];
    // Where hidden results have scales of their own inside the operator, the graph does not say which.
    if (layer.stored() && (gate.norm || f.projection)) return n.NotThis();
    TRY(in[1 + g], weight(gate.w));
    TRY(in[5 + g], weight(gate.r));
    TRY(in[12 + g], weight(gate.bias));
    TRY(in[20 + g], weight(gate.norm));
    if (g != 2) {
      TRY(in[g == 3 ? 11 : 9 + g], weight(gate.peephole));
    }
  }
  TRY(in[16], weight(f.projection));
  TRY(in[17], weight(f.projection_bias));
  ValueId x = scan.in[2];
  if (layer.stored()) {
    TRY(x, StoredIn(n, x));
  }
  in[18] = n.Of(layer.h.in);
  in[19] = n.Of(layer.c.in);
  OptionList options{{"fused_activation_function", Code(Activation::kTanh)},
                     {"cell_clip", f.cell_clip},
                     {"proj_clip", f.projection_clip},
                     {"time_major", layer.walk.time == 0}};
  if (weight.asymmetric) options.Set("asymmetric_quantize_inputs", true);
  EmitForward(n, n.Of(x), y, layer.walk, [&](Ref sequence, Ref result) {
    in[0] = sequence;
    n.EmitAs("UNIDIRECTIONAL_SEQUENCE_LSTM", in, {result}, std::move(options));
    n.last().states = {in[18], in[19]};
  });
  if (layer.stored()) {
    // What stands for the hidden result: without a projection it is the result.
    const std::shared_ptr<const Quant> hidden = QuantOf(n.scope(), *layer.h.keeps);
    for (int k = 0; k < 5; ++k) {
      TensorType type(k < 4 ? DType::kF32 : DType::kI8, {Dim(0)});
      if (k == 4) type.quant = hidden;
      n.last().intermediates.push_back(n.NewTensor(std::move(type)));
    }
  }
  return Ok{};
}

/// The scan as one operator on real numbers, whose weights may be stored.
Status EmitSequence(NodeExport& n) {
  const Graph& graph = n.scope().graph();
  const auto layer = SequenceLayerOf(graph, n.exporter().states(), n.id());
  if (!layer || layer->stored()) return n.NotThis();
  if (!OnlyKept(n.scope(), layer->h, n.node().out[0]) || !OnlyKept(n.scope(), layer->c, n.node().out[1])) {
    return n.NotThis();
  }
  const Ref y = n.node().out[2] ? n.Out(2) : n.NewTensor(TensorType(DType::kF32));
  return WriteLstm(n, *layer, n.node(), y);
}

Status EmitPlainSequence(NodeExport& n) {
  const auto layer = PlainLayerOf(n.scope().graph(), n.exporter().states(), n.id());
  if (!layer || !OnlyKept(n.scope(), layer->h, n.node().out[0]) || !n.node().out[1]) return n.NotThis();
  const ops::RnnFormula& f = layer->formula;
  Weights weight{n};
  Refs in(5);
  TRY(in[1], weight(f.w));
  TRY(in[2], weight(f.r));
  TRY(in[3], weight(f.bias));
  in[4] = n.Of(layer->h.in);
  const Activation activation = f.activation == &ops::kTanh ? Activation::kTanh : Activation::kRelu;
  OptionList options{{"fused_activation_function", Code(activation)}, {"time_major", layer->walk.time == 0}};
  if (weight.asymmetric) options.Set("asymmetric_quantize_inputs", true);
  EmitForward(n, n.Of(n.node().in[1]), n.Out(1), layer->walk, [&](Ref sequence, Ref result) {
    in[0] = sequence;
    n.EmitAs("UNIDIRECTIONAL_SEQUENCE_RNN", in, {result}, std::move(options));
    n.last().states = {in[4]};
  });
  return Ok{};
}

/// What only a variable keeps is written by the operator that has it; that must be possible, though.
Status LeaveTo(NodeExport& n) {
  if (n.CheckWritten()) return n.NotThis();
  n.written().clear();
  return Ok{};
}

/// One of the quantizes behind a layer on integers: of its result or of a state.
Status EmitStoredSequence(NodeExport& n) {
  const Graph& graph = n.scope().graph();
  const ValueId real = n.Operand(0);
  const Node* scan = n.MakerOf(real);
  if (scan == nullptr || scan->op != &ops::kScan) return n.NotThis();
  const auto layer = SequenceLayerOf(graph, n.exporter().states(), graph.value(real).def);
  if (!layer || !layer->stored()) return n.NotThis();
  if (!OnlyKept(n.scope(), layer->h, scan->out[0]) || !OnlyKept(n.scope(), layer->c, scan->out[1])) return n.NotThis();
  // All goes by the scales of the states.
  const std::shared_ptr<const Quant> scales = QuantOf(n.scope(), *layer->h.keeps);
  for (const States* state : {&layer->h, &layer->c}) {
    const std::shared_ptr<const Quant> quant = QuantOf(n.scope(), *state->keeps);
    if (quant == nullptr || !n.MeansTheSame(state->in, *quant)) return n.NotThis();
  }
  const Node* result = nullptr;
  if (scan->out[2] && n.scope().Uses(scan->out[2]) > 0) {
    const std::vector<NodeId> users = UsersIn(graph, scan->parent, scan->out[2]);
    if (users.size() != 1 || n.scope().Uses(scan->out[2]) != 1) return n.NotThis();
    result = &graph.node(users[0]);
    if (result->op != &ops::kQuantize || result->attrs.Str(ops::kArithmetic) != ops::kLitert) return n.NotThis();
    const std::shared_ptr<const Quant> quant = QuantOf(n.scope(), *result);
    if (quant == nullptr || !SameQuant(*quant, *scales)) return n.NotThis();
  }
  Ref y;
  if (result != nullptr) {
    y = n.exporter().RefOf(n.scope(), result->out[0]);
  } else {
    TensorType type(DType::kI8, n.TypeOf(scan->out[2]).shape());
    type.quant = scales;
    y = n.NewTensor(std::move(type));
  }
  RETURN_IF_ERROR(WriteLstm(n, *layer, *scan, y));
  const Node* writer = result != nullptr ? result : layer->h.keeps;
  return writer == &n.node() ? Ok{} : LeaveTo(n);
}

// --- lines of past sums

struct LineLayer {
  ops::SvdfFormula formula;
  States state;
};

std::optional<LineLayer> LineLayerOf(const Graph& graph, const StateTable& table, ValueId sums) {
  const NodeId def = sums ? graph.value(sums).def : NodeId();
  if (!def || graph.node(def).parent != Graph::main()) return std::nullopt;
  const auto users = [&](ValueId v) { return UsersIn(graph, Graph::main(), v); };
  const auto formula = ops::MatchSvdf(graph, sums, users);
  if (!formula) return std::nullopt;
  const auto state = StateOf(graph, table, formula->state, formula->next);
  return state ? std::optional(LineLayer{*formula, *state}) : std::nullopt;
}

Status WriteSvdf(NodeExport& n, const LineLayer& layer, Activation activation, Ref y) {
  const ops::SvdfFormula& f = layer.formula;
  const bool stored = layer.state.keeps != nullptr;
  if (!OnlyKept(n.scope(), layer.state, f.next)) return n.NotThis();
  Weights weight{n, stored};
  Refs in(5);
  ValueId x = f.x;
  if (stored) {
    TRY(x, StoredIn(n, x));
    const std::shared_ptr<const Quant> quant = QuantOf(n.scope(), *layer.state.keeps);
    if (quant == nullptr || !n.MeansTheSame(layer.state.in, *quant)) return n.NotThis();
  }
  in[0] = n.Of(x);
  TRY(in[1], weight(f.features));
  TRY(in[2], weight(f.times));
  TRY(in[3], weight(f.bias));
  in[4] = n.Of(layer.state.in);
  OptionList options{{"rank", f.rank}, {"fused_activation_function", Code(activation)}};
  if (weight.asymmetric) options.Set("asymmetric_quantize_inputs", true);
  n.EmitAs("SVDF", in, {y}, std::move(options));
  n.last().states = {in[4]};
  return Ok{};
}

/// On real numbers: the last sum of the layer.
Status EmitLines(NodeExport& n) {
  if (n.exporter().states().empty()) return n.NotThis();
  const auto layer = LineLayerOf(n.scope().graph(), n.exporter().states(), n.node().out[0]);
  if (!layer || layer->state.keeps != nullptr) return n.NotThis();
  return WriteSvdf(n, *layer, n.TakeActivation(), n.Out());
}

/// What is left in the state of such a layer.
Status LeaveLines(NodeExport& n) {
  if (n.exporter().states().empty()) return n.NotThis();
  const Graph& graph = n.scope().graph();
  for (const NodeId id : graph.region(Graph::main()).nodes) {
    const Node& node = graph.node(id);
    if (node.op != &ops::kAdd && node.op != &ops::kReduce) continue;
    const auto layer = LineLayerOf(graph, n.exporter().states(), node.out[0]);
    if (!layer || layer->state.keeps != nullptr || layer->state.out != n.node().out[0]) continue;
    RETURN_IF_ERROR(WriteSvdf(n, *layer, Activation::kNone, n.exporter().RefOf(n.scope(), node.out[0])));
    return LeaveTo(n);
  }
  return n.NotThis();
}

/// The layer on integers that the quantize ends, written to its result.
Status WriteStoredLines(NodeExport& n, const Node& quantize, const Node** keeps) {
  const Graph& graph = n.scope().graph();
  if (quantize.attrs.Str(ops::kArithmetic) != ops::kLitert) return n.NotThis();
  const Node* relu = MakerIn(graph, quantize.in[0], ops::kRelu);
  const auto layer = LineLayerOf(graph, n.exporter().states(), relu != nullptr ? relu->in[0] : quantize.in[0]);
  if (!layer || layer->state.keeps == nullptr) return n.NotThis();
  const std::shared_ptr<const Quant> quant = QuantOf(n.scope(), quantize);
  if (quant == nullptr || !n.MeansTheSame(quantize.out[0], *quant)) return n.NotThis();
  *keeps = layer->state.keeps;
  return WriteSvdf(n, *layer, relu != nullptr ? Activation::kRelu : Activation::kNone,
                   n.exporter().RefOf(n.scope(), quantize.out[0]));
}

Status EmitStoredLines(NodeExport& n) {
  if (n.exporter().states().empty()) return n.NotThis();
  const Node* keeps = nullptr;
  if (MakerIn(n.scope().graph(), n.Operand(0), ops::kReshape) == nullptr) return WriteStoredLines(n, n.node(), &keeps);
  const Graph& graph = n.scope().graph();
  for (const NodeId id : graph.region(Graph::main()).nodes) {
    const Node& node = graph.node(id);
    if (node.op != &ops::kQuantize || &node == &n.node()) continue;
    n.written().clear();
    if (WriteStoredLines(n, node, &keeps).ok() && keeps == &n.node()) return LeaveTo(n);
  }
  return n.NotThis();
}

constexpr Row kRows[] = {
    {&ops::kScan, "UNIDIRECTIONAL_SEQUENCE_LSTM", EmitSequence},
    {&ops::kScan, "UNIDIRECTIONAL_SEQUENCE_RNN", EmitPlainSequence},
    {&ops::kQuantize, "UNIDIRECTIONAL_SEQUENCE_LSTM", EmitStoredSequence},
    {&ops::kQuantize, "SVDF", EmitStoredLines},
    {&ops::kAdd, "SVDF", EmitLines},
    {&ops::kReduce, "SVDF", EmitLines},
    {&ops::kReshape, "(state of SVDF)", LeaveLines},
};

}  // namespace

extern const RowSet kStatefulRows{kRows};

StateTable StatesByInput(const Graph& graph) {
  StateTable out;
  const auto states = StatesOf(graph);
  if (!states.ok()) return out;
  const Region& main = graph.region(Graph::main());
  for (const StateSlot& slot : *states) {
    const auto named = [&](ValueId id) { return graph.value(id).name == slot.input; };
    const auto in = std::find_if(main.params.begin(), main.params.end(), named);
    const auto result = std::find(graph.output_names.begin(), graph.output_names.end(), slot.output);
    if (in == main.params.end() || result == graph.output_names.end() || !slot.initial.valid()) continue;
    const Type& type = graph.value(*in).type;
    double rest = 0;
    if (slot.initial.dtype() == DType::kI8 && type.is_tensor() && type.tensor().quant != nullptr &&
        !type.tensor().quant->zero_points.empty()) {
      rest = static_cast<double>(type.tensor().quant->zero_points[0]);
    }
    StateValues values;
    values.out = main.results[static_cast<size_t>(result - graph.output_names.begin())];
    const std::vector<double> first = ToF64(slot.initial);
    values.rests = std::all_of(first.begin(), first.end(), [&](double v) { return v == rest; });
    out.emplace(in->index, values);
  }
  return out;
}

bool IsSequenceLayer(const Graph& graph, const StateTable& states, NodeId scan) {
  return SequenceLayerOf(graph, states, scan).has_value() || PlainLayerOf(graph, states, scan).has_value();
}

}  // namespace godwit::to_tflite
