#include "passes/rewrite_check.h"

#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include "exec/session.h"
#include "ir/convert.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ir/walk.h"
#include "ops/ops.h"

namespace godwit::test {

namespace {

// Small whole numbers and halves, both zeros, and a few extremes where the type has them: sums that are
// rounded elsewhere would turn those into NaN, and show nothing more.
Tensor Draw(DType dtype, const Dims& dims, bool finite, std::mt19937_64& random) {
  Tensor t(dtype, dims);
  std::vector<double> values(static_cast<size_t>(t.size()));
  for (double& v : values) {
    const auto pick = random() % 16;
    v = static_cast<double>(static_cast<int64_t>(random() % 13) - 6) / 2;
    if (pick == 0) v = -0.0;
    if (IsFloat(dtype) && !finite && pick == 1) v = INFINITY;
    if (IsFloat(dtype) && !finite && pick == 2) v = NAN;
    if (!IsFloat(dtype)) v = std::floor(v);
    if (IsUnsigned(dtype)) v = std::fabs(v);
    if (dtype == DType::kBool) v = static_cast<double>(random() % 2);
  }
  EXPECT_TRUE(FromF64(values, &t).ok());
  return t;
}

void ExpectEqual(const RtValue& a, const RtValue& b, Same same, const std::string& where) {
  ASSERT_EQ(a.kind, b.kind) << where;
  if (a.sequence != nullptr) {
    ASSERT_EQ(a.sequence->size(), b.sequence->size()) << where;
    for (size_t i = 0; i < a.sequence->size(); ++i) ExpectEqual((*a.sequence)[i], (*b.sequence)[i], same, where);
  }
  if (!a.is_tensor()) return;
  ASSERT_EQ(a.tensor.dtype(), b.tensor.dtype()) << where;
  ASSERT_EQ(a.tensor.dims(), b.tensor.dims()) << where;
  if (Identical(a.tensor, b.tensor)) return;
  if (!IsFloat(a.tensor.dtype())) FAIL() << where;
  const std::vector<double> x = ToF64(a.tensor);
  const std::vector<double> y = ToF64(b.tensor);
  const double unit = a.tensor.dtype() == DType::kF64 ? 1e-12 : a.tensor.dtype() == DType::kF32 ? 1e-5 : 2e-2;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) && std::isnan(y[i])) continue;
    if (same == Same::kBits) {
      ASSERT_EQ(x[i], y[i]) << where;
      ASSERT_EQ(std::signbit(x[i]), std::signbit(y[i])) << where;
    } else if (x[i] != y[i]) {
      ASSERT_NEAR(x[i], y[i], unit * std::max(1.0, std::fabs(x[i]))) << where;
    }
  }
}

void Compare(const Graph& before, const Graph& after, Same same, int64_t size, const std::string& where) {
  std::mt19937_64 random(static_cast<uint64_t>(size) + 1);
  std::vector<RtValue> inputs;
  std::map<std::string, int64_t> symbols;
  for (ValueId v : before.region(Graph::main()).params) {
    const Type& type = before.value(v).type;
    ASSERT_TRUE(type.ranked()) << "the inputs of a case have shapes";
    Dims dims;
    for (const Dim& d : type.shape()) {
      const Dim known = d.Substitute([&](const std::string& name) -> std::optional<Dim> {
        return Dim(symbols.emplace(name, size + static_cast<int64_t>(symbols.size())).first->second);
      });
      ASSERT_TRUE(known.is_static());
      dims.push_back(known.value());
    }
    inputs.emplace_back(Draw(type.dtype(), dims, same == Same::kClose, random));
  }
  SessionOptions reference;
  reference.reference = true;
  Session a(before, reference);
  Session b(after, reference);
  auto x = a.Run(inputs);
  auto y = b.Run(inputs);
  ASSERT_EQ(x.ok(), y.ok()) << where << (x.ok() ? y.diag().what : x.diag().what);
  if (!x.ok()) return;
  ASSERT_EQ(x->size(), y->size()) << where;
  for (size_t i = 0; i < x->size(); ++i) ExpectEqual((*x)[i], (*y)[i], same, where);
}

}  // namespace

Graph Parse(std::string_view body) {
  auto graph = ParseGraph("graph {\n" + std::string(body) + "\n}\n", ops::Find);
  if (!graph.ok()) {
    ADD_FAILURE() << graph.diag().what << " at " << graph.diag().at << "\n" << body;
    return {};
  }
  const Status status = VerifyGraph(*graph);
  EXPECT_TRUE(status.ok()) << status.diag().what;
  return *std::move(graph);
}

std::string Print(const Graph& graph) {
  TextOptions options;
  options.data = TextOptions::Data::kFull;
  auto text = PrintGraph(graph, options);
  return text.ok() ? *text : text.diag().what;
}

int64_t CountOps(const Graph& graph, std::string_view op) {
  int64_t count = 0;
  for (NodeId id : NodesWithin(graph)) count += graph.node(id).op->name == op ? 1 : 0;
  return count;
}

int64_t CountNodes(const Graph& graph) { return static_cast<int64_t>(NodesWithin(graph).size()); }

Checked CheckSimplify(std::string_view body, const SimplifyOptions& options, Same same,
                      const std::vector<int64_t>& sizes) {
  const Graph before = Parse(body);
  Checked out{before.Clone(), {}};
  const Status status = Simplify(out.graph, options, &out.report);
  EXPECT_TRUE(status.ok()) << status.diag().what;
  EXPECT_FALSE(out.report.diverged) << Print(out.graph);
  const Status valid = VerifyGraph(out.graph);
  EXPECT_TRUE(valid.ok()) << valid.diag().what << "\n" << Print(out.graph);
  for (int64_t size : sizes) {
    Compare(before, out.graph, same, size,
            "sizes from " + std::to_string(size) + " on\n" + Print(before) + Print(out.graph));
  }
  const std::string once = Print(out.graph);
  SimplifyReport again;
  EXPECT_TRUE(Simplify(out.graph, options, &again).ok());
  EXPECT_EQ(Print(out.graph), once) << "simplifying twice is not simplifying once";
  EXPECT_EQ(again.total_rewrites, 0) << once;
  return out;
}

SimplifyOptions Only(std::initializer_list<const char*> rules) {
  SimplifyOptions options;
  options.rewrite.level = 3;
  options.rewrite.only.insert(rules.begin(), rules.end());
  return options;
}

}  // namespace godwit::test
