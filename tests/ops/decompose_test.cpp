// Every operator with a decomposition, on every sample: the simpler operators give the same numbers and types, in the
// sample's own precision and in f64, with sizes known and with sizes that are symbols, down to operators that have no
// decomposition.
#include "ir/decompose.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/text.h"
#include "ops/sample_graph.h"

namespace godwit {
namespace {

using test::SampleOperand;

class Decomposed : public testing::TestWithParam<const OpDef*> {};

// Runs the nodes of the main region one by one on their operators' own kernels.
Result<std::vector<RtValue>> RunPlain(const Graph& graph, const std::vector<RtValue>& inputs) {
  std::map<uint32_t, RtValue> values;
  const Region& main = graph.region(Graph::main());
  for (size_t i = 0; i < main.params.size(); ++i) values[main.params[i].index] = inputs[i];
  const auto value_of = [&](ValueId id) -> Result<RtValue> {
    if (!id) return RtValue();
    if (graph.IsConstant(id)) {
      TRY(Tensor t, graph.constant(graph.value(id).constant).Load());
      return RtValue(std::move(t));
    }
    return values.at(id.index);
  };
  for (const NodeId id : main.nodes) {
    const Node& node = graph.node(id);
    std::vector<RtValue> in;
    for (const ValueId v : node.in) {
      TRY(RtValue value, value_of(v));
      in.push_back(std::move(value));
    }
    EvalCtx ctx(*node.op, node.attrs, std::move(in), node.out.size());
    RETURN_IF_ERROR(node.op->eval(ctx));
    for (size_t i = 0; i < node.out.size(); ++i) values[node.out[i].index] = ctx.results()[i];
  }
  std::vector<RtValue> out;
  for (const ValueId id : main.results) {
    TRY(RtValue value, value_of(id));
    out.push_back(std::move(value));
  }
  return out;
}

// The graph with its one node decomposed, once or until nothing can be.
Result<Graph> DecomposedGraph(const OpDef& op, const Sample& sample, const std::vector<SampleOperand>& operands,
                              bool whole, const test::DimRewrite& shape = {}) {
  test::SampleGraph made = test::MakeGraph(op, sample, operands, shape);
  Graph& graph = made.graph;
  Inference inference(graph);
  RETURN_IF_ERROR(inference.InferNode(made.node));
  std::vector<Type> types;
  for (const ValueId v : graph.node(made.node).out) types.push_back(graph.value(v).type);
  std::vector<NodeId> simple;  // those whose case has no decomposition
  for (size_t steps = 0; steps < 2000; ++steps) {
    NodeId next;
    for (const NodeId id : graph.region(Graph::main()).nodes) {
      const bool tried = std::find(simple.begin(), simple.end(), id) != simple.end();
      if (graph.node(id).op->decompose != nullptr && !tried && !next.valid()) next = id;
    }
    if (!next.valid() || (steps > 0 && !whole)) return std::move(graph);
    // Emitted nodes stand where the old one stood: what follows is set aside.
    std::vector<NodeId>& nodes = graph.region(Graph::main()).nodes;
    const auto at = std::find(nodes.begin(), nodes.end(), next);
    const std::vector<NodeId> after(at + 1, nodes.end());
    nodes.erase(at, nodes.end());
    Builder builder(graph, inference);
    const auto decomposed = Decompose(builder, next);
    if (!decomposed.ok()) {
      if (next == made.node || decomposed.diag().id != "ir.no_decomposition") return Diag(decomposed.diag());
      nodes.push_back(next);
      simple.push_back(next);
    }
    nodes.insert(nodes.end(), after.begin(), after.end());
    if (!decomposed.ok()) continue;
    const std::vector<ValueId>& results = *decomposed;
    const std::vector<ValueId> old = graph.node(next).out;
    const auto renamed = [&](std::vector<ValueId>* list) {
      for (ValueId& v : *list) {
        const auto it = std::find(old.begin(), old.end(), v);
        if (v.valid() && it != old.end()) v = results[static_cast<size_t>(it - old.begin())];
      }
    };
    for (const NodeId id : nodes) renamed(&graph.node(id).in);
    renamed(&graph.region(Graph::main()).results);
  }
  return Diag(diag::kDefect, "decomposing does not end");
}

double Ulp(DType dtype) {
  switch (dtype) {
    case DType::kF64: return 0x1p-52;
    case DType::kF32: return 0x1p-23;
    case DType::kF16: return 0x1p-10;
    case DType::kBF16: return 0x1p-7;
    default: return 0;
  }
}

// Within some units in the last place of the largest number; integers exactly.
void ExpectClose(const RtValue& a, const RtValue& b, double ulps) {
  ASSERT_EQ(a.kind, b.kind);
  ASSERT_TRUE(a.is_tensor());
  ASSERT_EQ(a.tensor.dtype(), b.tensor.dtype());
  ASSERT_EQ(ToString(a.tensor.dims()), ToString(b.tensor.dims()));
  if (!IsFloat(a.tensor.dtype())) {
    EXPECT_TRUE(Identical(a.tensor, b.tensor));
    return;
  }
  double peak = 0;
  const size_t step = ByteSize(a.tensor.dtype());
  const auto at = [&](const Tensor& t, int64_t i) {
    return LoadF64(t.dtype(), t.raw() + static_cast<size_t>(i) * step);
  };
  for (int64_t i = 0; i < b.tensor.size(); ++i) {
    const double v = std::fabs(at(b.tensor, i));
    if (std::isfinite(v)) peak = std::max(peak, v);
  }
  for (int64_t i = 0; i < b.tensor.size(); ++i) {
    const double x = at(a.tensor, i), y = at(b.tensor, i);
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    ASSERT_LE(std::fabs(x - y), ulps * Ulp(a.tensor.dtype()) * peak) << "element " << i << ": " << x << ", not " << y;
  }
}

Result<std::vector<RtValue>> Expected(const OpDef& op, const Sample& sample,
                                      const std::vector<SampleOperand>& operands) {
  std::vector<RtValue> values;
  for (const SampleOperand& operand : operands) values.push_back(operand.value);
  EvalCtx eval(op, sample.attrs, std::move(values), sample.n_out);
  RETURN_IF_ERROR(op.eval(eval));
  return eval.results();
}

std::vector<RtValue> Inputs(const std::vector<SampleOperand>& operands) {
  std::vector<RtValue> inputs;
  for (const SampleOperand& operand : operands) {
    if (!operand.value.absent() && !operand.fixed) inputs.push_back(operand.value);
  }
  return inputs;
}

// Whether the operator's own inference knows the size of result `i`.
bool SizeIsKnown(const OpDef& op, const Sample& sample, const std::vector<SampleOperand>& operands, size_t i) {
  test::SampleGraph made = test::MakeGraph(op, sample, operands, {});
  Inference inference(made.graph);
  if (!inference.InferNode(made.node).ok()) return false;
  const Type& type = made.graph.value(made.graph.node(made.node).out[i]).type;
  return type.ranked() && type.tensor().is_static();
}

// Runs the sample whole and decomposed; false when this sample has no decomposition.
bool Compare(const OpDef& op, const Sample& sample, const std::vector<SampleOperand>& operands, bool whole,
             const test::DimRewrite& shape = {}) {
  const Result<std::vector<RtValue>> expected = Expected(op, sample, operands);
  if (!expected.ok()) {
    ADD_FAILURE() << FormatDiag(expected.diag());
    return true;
  }
  const Result<Graph> graph = DecomposedGraph(op, sample, operands, whole, shape);
  if (!graph.ok()) {
    EXPECT_EQ(graph.diag().id, "ir.no_decomposition") << FormatDiag(graph.diag());
    return false;
  }
  const std::vector<ValueId>& ids = graph->region(Graph::main()).results;
  const Result<std::vector<RtValue>> got = RunPlain(*graph, Inputs(operands));
  if (!got.ok()) {
    ADD_FAILURE() << FormatDiag(got.diag()) << *PrintGraph(*graph, {});
    return true;
  }
  for (size_t i = 0; i < got->size(); ++i) {
    SCOPED_TRACE(Concat("result ", std::to_string(i)));
    if (!ids[i].valid()) continue;
    ExpectClose((*got)[i], (*expected)[i], 16);
    const Type& type = graph->value(ids[i]).type;
    const bool known = !shape && std::all_of(operands.begin(), operands.end(), [](const SampleOperand& o) {
      return o.fixed || o.value.absent() || IsFloat(o.type.dtype());
    });
    EXPECT_EQ(type.dtype(), (*expected)[i].tensor.dtype());
    const bool stated = known && SizeIsKnown(op, sample, operands, i);
    EXPECT_TRUE(!stated || (type.ranked() && type.tensor().is_static())) << type.ToString();
  }
  if (testing::Test::HasFailure()) ADD_FAILURE() << *PrintGraph(*graph, {});
  return true;
}

// The operands in f64, where the sample's type is a float.
std::vector<SampleOperand> InF64(std::vector<SampleOperand> operands) {
  for (SampleOperand& operand : operands) {
    if (!operand.value.is_tensor() || !kFloats.Has(operand.value.tensor.dtype())) continue;
    operand.type.tensor().dtype = DType::kF64;
    operand.value = *ConvertTensor(operand.value.tensor, DType::kF64, {});
  }
  return operands;
}

// Contents that the sample states are given when the graph runs.
std::vector<SampleOperand> Unknown(std::vector<SampleOperand> operands) {
  for (SampleOperand& operand : operands) operand.fixed = false;
  return operands;
}

TEST_P(Decomposed, GivesTheSame) {
  const OpDef& op = *GetParam();
  size_t compared = 0;
  for (const Sample& sample : op.samples()) {
    SCOPED_TRACE(test::Describe(op, sample));
    for (const uint64_t seed : {1, 2}) {
      const std::vector<SampleOperand> operands = *test::MakeOperands(sample, seed);
      for (const bool whole : {false, true}) compared += Compare(op, sample, operands, whole) ? 1 : 0;
      compared += Compare(op, sample, Unknown(operands), true) ? 1 : 0;
    }
  }
  EXPECT_GT(compared, 0U) << "no sample has a decomposition";
}

TEST_P(Decomposed, GivesTheSameInF64) {
  const OpDef& op = *GetParam();
  for (const Sample& sample : op.samples()) {
    SCOPED_TRACE(test::Describe(op, sample));
    const std::vector<SampleOperand> operands = InF64(*test::MakeOperands(sample, 3));
    // Operators of one precision only stay out.
    std::vector<const Type*> types;
    for (const SampleOperand& operand : operands) types.push_back(operand.value.absent() ? nullptr : &operand.type);
    if (CheckOperandTypes(op, types).ok() && Expected(op, sample, operands).ok()) {
      Compare(op, sample, operands, true);
    }
  }
}

// One symbol for each size, then one for each dim of each operand where the operator allows that.
TEST_P(Decomposed, GivesTheSameForSizesThatAreSymbols) {
  const OpDef& op = *GetParam();
  for (const Sample& sample : op.samples()) {
    SCOPED_TRACE(test::Describe(op, sample));
    const std::vector<SampleOperand> operands = *test::MakeOperands(sample, 4);
    Compare(op, sample, operands, true, [](size_t, size_t axis, int64_t dim) {
      return axis == 0 && dim > 1 ? Dim::Symbol(Concat("n", std::to_string(dim))) : Dim(dim);
    });
    Compare(op, sample, operands, true, [](size_t, size_t, int64_t dim) {
      return dim > 1 ? Dim::Symbol(Concat("n", std::to_string(dim))) : Dim(dim);
    });
  }
}

std::vector<const OpDef*> WithDecomposition() {
  std::vector<const OpDef*> out;
  for (const OpDef* op : ops::All()) {
    if (op->decompose != nullptr) out.push_back(op);
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Ops, Decomposed, testing::ValuesIn(WithDecomposition()),
                         [](const auto& op) { return std::string(op.param->name); });

// Each step of a small layer is one for both directions, where their weights are constants; steps alone else.
TEST(Decompose, TwoSmallDirectionsGoTogether) {
  size_t together = 0, apart = 0;
  for (const Sample& sample : ops::kGru.samples()) {
    const std::vector<SampleOperand> operands = *test::MakeOperands(sample, 1);
    const int64_t directions = operands[1].value.tensor.dims()[0];
    if (directions != 2) continue;
    const bool batch_major = sample.attrs.Flag("batch_major");
    const int64_t steps = operands[0].value.tensor.dims()[batch_major ? 1 : 0];
    const Result<Graph> graph = DecomposedGraph(ops::kGru, sample, operands, false);
    ASSERT_TRUE(graph.ok());
    int64_t products = 0;
    for (const NodeId id : graph->region(Graph::main()).nodes) products += graph->node(id).op == &ops::kGemm ? 1 : 0;
    // The products of the input, one for each direction, then two a step.
    const bool paired = operands[2].fixed;
    EXPECT_EQ(products, 2 + 2 * steps * (paired ? 1 : 2)) << test::Describe(ops::kGru, sample);
    ++(paired ? together : apart);
  }
  EXPECT_GE(together, 2U);
  EXPECT_GE(apart, 1U);
}

TEST(Decompose, SaysWhichOperatorsAreSimple) {
  test::SampleGraph made = test::MakeGraph(ops::kAbs, {{"f32[2]"}, {}}, *test::MakeOperands({{"f32[2]"}, {}}));
  Inference inference(made.graph);
  Builder builder(made.graph, inference);
  const auto result = Decompose(builder, made.node);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.diag().id, "ir.no_decomposition");
}

}  // namespace
}  // namespace godwit
