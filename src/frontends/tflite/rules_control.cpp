// Branches, loops and calls: subgraphs become regions, or stand in the place of the call.
#include <fmt/format.h>

#include "base/diag_tflite_import.h"
#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

std::vector<ValueId> Operands(OpImport& n, size_t first) {
  std::vector<ValueId> out;
  for (size_t i = first; i < n.n_in(); ++i) out.push_back(n.Stored(i));
  return out;
}

template <class T>
std::vector<ValueId> Take(OpImport& n, T&& results) {
  if (results.ok() && results->size() >= n.n_out()) return *std::move(results);
  if (results.ok()) {
    n.Fail(Diag(diag::kTfliteSubgraph, fmt::format("a subgraph gives {} results, not {}", results->size(), n.n_out())));
  } else {
    n.Fail(std::move(results.diag()));
  }
  return {};
}

void OutAll(OpImport& n, const std::vector<ValueId>& results) {
  for (size_t i = 0; i < n.n_out() && i < results.size(); ++i) n.Out(i, results[i]);
}

// The operands are visible in the branches, which need no parameters for them.
std::vector<ValueId> EmitIf(OpImport& n, ValueId condition, int64_t then_graph, int64_t else_graph,
                            const std::vector<ValueId>& in) {
  const auto body = [&n, &in](int64_t subgraph) {
    return GraphImport::RegionSpec{
        {}, [&n, &in, subgraph](const std::vector<ValueId>&) { return n.importer().Inline(subgraph, in); }};
  };
  return Take(n, n.importer().EmitRegions(ops::kIf, {condition}, n.n_out(), {}, {body(then_graph), body(else_graph)}));
}

void ImportIf(OpImport& n) {
  const ValueId condition = n.Reshape(n.Stored(0), {});
  const std::vector<ValueId> in = Operands(n, 1);
  if (!n.ok()) return;
  OutAll(n, EmitIf(n, condition, n.Int("then_subgraph_index"), n.Int("else_subgraph_index"), in));
}

// The condition is worked out before the loop and at the end of each turn.
void EmitWhile(OpImport& n) {
  const int64_t condition_graph = n.Int("cond_subgraph_index"), body_graph = n.Int("body_subgraph_index");
  const std::vector<ValueId> in = Operands(n, 0);
  if (!n.ok()) return;
  GraphImport& g = n.importer();
  const auto test = [&](const std::vector<ValueId>& values) -> Result<ValueId> {
    TRY(std::vector<ValueId> result, g.Inline(condition_graph, values));
    if (result.size() != 1) {
      return Diag(diag::kTfliteSubgraph, fmt::format("a condition gives {} results", result.size()));
    }
    return g.builder().Emit(ops::kReshape, {result[0], g.builder().I64s({})}, {{"allow_zero", int64_t{1}}});
  };
  auto first = test(in);
  if (!first.ok()) {
    n.Fail(std::move(first.diag()));
    return;
  }
  GraphImport::RegionSpec turn;
  turn.params = {Type::Tensor(DType::kI64, Shape{}), Type::Tensor(DType::kBool, Shape{})};
  for (size_t i = 0; i < in.size(); ++i) {
    // What a turn leaves may have other dims than what it was given.
    Type type = n.TypeOf(in[i]);
    if (i < n.n_out() && n.Wants(i)) type = Join(type, g.StatedType(n.OutTensor(i)), "turn");
    turn.params.push_back(std::move(type));
  }
  turn.body = [&](const std::vector<ValueId>& params) -> Result<std::vector<ValueId>> {
    TRY(std::vector<ValueId> next, g.Inline(body_graph, {params.begin() + 2, params.end()}));
    TRY(const ValueId again, test(next));
    next.insert(next.begin(), again);
    return next;
  };
  std::vector<ValueId> operands{ValueId(), *first};
  operands.insert(operands.end(), in.begin(), in.end());
  OutAll(n, Take(n, g.EmitRegions(ops::kLoop, std::move(operands), n.n_out(), {}, {turn})));
}

// One of several subgraphs by number: a chain of branches, the last for all other numbers.
void ImportCase(OpImport& n) {
  const std::vector<int64_t> branches = n.Ints("branch_subgraph_indices");
  const ValueId index = n.Reshape(n.Stored(0), {});
  const std::vector<ValueId> in = Operands(n, 1);
  if (!n.ok()) return;
  if (branches.empty() || branches.size() > 64) {
    n.BadOption("branch_subgraph_indices", fmt::format("{} branches", branches.size()));
    return;
  }
  GraphImport& g = n.importer();
  std::function<Result<std::vector<ValueId>>(size_t)> from = [&](size_t k) -> Result<std::vector<ValueId>> {
    if (k + 1 == branches.size()) return g.Inline(branches[k], in);
    TRY(const ValueId here,
        g.builder().Emit(ops::kEqual, {index, g.builder().Scalar(n.DtypeOf(index), static_cast<double>(k))}));
    const GraphImport::RegionSpec taken{{}, [&, k](const std::vector<ValueId>&) { return g.Inline(branches[k], in); }};
    const GraphImport::RegionSpec others{{}, [&, k](const std::vector<ValueId>&) { return from(k + 1); }};
    return g.EmitRegions(ops::kIf, {here}, n.n_out(), {}, {taken, others});
  };
  OutAll(n, Take(n, from(0)));
}

// The decomposition says what a composite means.
void ImportComposite(OpImport& n) {
  const std::vector<ValueId> in = Operands(n, 0);
  if (n.ok()) OutAll(n, Take(n, n.importer().Inline(n.Int("decomposition_subgraph_index"), in)));
}

void ImportCall(OpImport& n) {
  const std::vector<ValueId> in = Operands(n, 0);
  if (n.ok()) OutAll(n, Take(n, n.importer().Inline(n.Int("subgraph"), in)));
}

constexpr Rule kRules[] = {
    {B::kCall, Numbers::kStored, ImportCall},
    {B::kCustom, Numbers::kStored, nullptr, "custom operators have names, and this one has none"},
    {B::kDelegate, Numbers::kStored, nullptr, "it stands for operators that a runtime has taken out of the model"},
    {B::kIf, Numbers::kStored, ImportIf},
    {B::kPlaceholderForGreaterOpCodes, Numbers::kStored, nullptr, "it is no operator, but a mark in old files"},
    {B::kStablehloCase, Numbers::kStored, ImportCase},
    {B::kStablehloComposite, Numbers::kStored, ImportComposite},
    {B::kStablehloWhile, Numbers::kStored, EmitWhile},
    {B::kWhile, Numbers::kStored, EmitWhile},
};

}  // namespace

extern const RuleSet kControlRules{kRules};

}  // namespace godwit::from_tflite
