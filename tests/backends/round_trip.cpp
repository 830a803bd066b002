#include "backends/round_trip.h"

#include <gtest/gtest.h>

#include "exec/region_runner.h"
#include "ir/inference.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/sample_graph.h"
#include "verify/values.h"

namespace godwit::test {

namespace {

Result<std::vector<RtValue>> RunReference(const Graph& graph, std::vector<RtValue> in) {
  const GraphFacts facts(graph);
  Widening as_stored;
  RegionRunner runner(facts, {}, &as_stored);
  return runner.Run(Graph::main(), std::move(in));
}

// How far results may lie apart: a decomposition rounds in other places than the operator.
Tolerance ToleranceOf(const Type& type) {
  Tolerance t;
  const DType d = type.is_tensor() ? type.dtype() : DType::kF32;
  t.relative = d == DType::kF64 ? 1e-6 : d == DType::kF32 ? 1e-4 : 0.04;
  t.absolute = d == DType::kF64 ? 1e-6 : d == DType::kF32 ? 2e-6 : 0.02;
  return t;
}

struct Counts {
  int written = 0, refused = 0;
};

void ExpectSame(const Graph& graph, const std::vector<RtValue>& in, const std::vector<Trip>& trips, bool random,
                Counts* counts) {
  const auto expected = RunReference(graph, in);
  if (!expected.ok()) return;  // a sample of an operand that is out of range
  for (const Trip& trip : trips) {
    const auto back = trip.through(graph);
    if (!back.ok()) {
      EXPECT_EQ(back.diag().id.substr(0, 7), "target.") << trip.name << ": " << FormatDiag(back.diag());
      ++counts->refused;
      continue;
    }
    ++counts->written;
    if (const Status valid = VerifyGraph(*back); !valid.ok()) ADD_FAILURE() << trip.name << FormatDiag(valid.diag());
    const auto got = RunReference(*back, in);
    if (!got.ok()) {
      ADD_FAILURE() << trip.name << ": " << FormatDiag(got.diag());
      continue;
    }
    for (size_t i = 0; i < expected->size() && !random; ++i) {
      const Type& type = graph.value(graph.region(Graph::main()).results[i]).type;
      EXPECT_EQ(Difference((*got)[i], (*expected)[i], ToleranceOf(type)), "") << trip.name << ", result " << i;
    }
  }
}

// Operators with regions: what samples cannot say.
struct RegionGraph {
  const OpDef* op;
  const char* text;
  std::vector<std::string> inputs;  ///< types, or types with contents
  bool sequences = false;           ///< not for formats without them
};

const std::vector<RegionGraph>& RegionGraphs() {
  static const std::vector<RegionGraph> graphs = {
      // Branches that use what is around them, and give constants and sizes of their own.
      {&ops::kIf,
       R"(const %two: f32[] = [2]
    main (%p: bool[], %x: f32[2,3]) {
      %s: f32[2,3] = add(%x, %two)
      %y: f32[2,3], %z: f32[] = if(%p) region () {
        %a: f32[2,3] = mul(%s, %x)
        yield(%a, %two)
      } region () {
        %b: f32[2,3] = neg(%s)
        %m: f32[] = reduce(%x, mode="max", keep_dims=0)
        yield(%b, %m)
      }
      yield(%y as y, %z as z)
    })",
       {"bool[] = 1", "f32[2,3]"}},
      {&ops::kIf,
       R"(main (%p: bool[], %q: bool[], %x: f32[4]) {
      %y: f32[4] = if(%p) region () {
        %t: f32[4] = if(%q) region () {
          %a: f32[4] = tanh(%x)
          yield(%a)
        } region () {
          %b: f32[4] = exp(%x)
          yield(%b)
        }
        %u: f32[4] = add(%t, %x)
        yield(%u)
      } region () {
        yield(%x)
      }
      yield(%y as y)
    })",
       {"bool[] = 1", "bool[] = 0", "f32[4]"}},
      // So many turns, with a value carried over and one stacked.
      {&ops::kLoop,
       R"(const %three: i64[] = [3]
    main (%x: f32[2]) {
      %y: f32[2], %all: f32[3,2] = loop(%three, _, %x) region (%i: i64[], %c: bool[], %s: f32[2]) {
        %n: f32[] = cast(%i, to=f32)
        %t: f32[2] = add(%s, %n)
        yield(%c, %t, %s)
      }
      yield(%y as y, %all as all)
    })",
       {"f32[2]"}},
      // Until a condition says so; a bound is given when it runs.
      {&ops::kLoop,
       R"(const %one: f32[] = [1]
    const %limit: f32[] = [20]
    const %go: bool[] = [1]
    main (%n: i64[], %x: f32[]) {
      %y: f32[], %k: i64[] = loop(%n, %go, %x, %n) region (%i: i64[], %c: bool[], %s: f32[], %o: i64[]) {
        %d: f32[] = add(%s, %s)
        %t: f32[] = add(%d, %one)
        %more: bool[] = less(%t, %limit)
        yield(%more, %t, %i)
      }
      yield(%y as y, %k as k)
    })",
       {"i64[] = 9", "f32[] = 1"}},
      // A loop in a loop, a branch within.
      {&ops::kLoop,
       R"(const %two: i64[] = [2]
    const %one: i64[] = [1]
    main (%x: f32[3], %w: f32[3]) {
      %y: f32[3] = loop(%two, _, %x) region (%i: i64[], %c: bool[], %s: f32[3]) {
        %p: bool[] = less(%i, %one)
        %b: f32[3] = if(%p) region () {
          %m: f32[3] = mul(%s, %w)
          yield(%m)
        } region () {
          %a: f32[3] = add(%s, %w)
          yield(%a)
        }
        %z: f32[3] = loop(%two, _, %b) region (%j: i64[], %d: bool[], %r: f32[3]) {
          %h: f32[3] = sub(%r, %x)
          yield(%d, %h)
        }
        yield(%c, %z)
      }
      yield(%y as y)
    })",
       {"f32[3]", "f32[3]"}},
      {&ops::kScan,
       R"(main (%s: f32[2], %x: f32[4,2]) {
      %y: f32[2], %all: f32[4,2] = scan(%s, %x, sliced=1) region (%p: f32[2], %q: f32[2]) {
        %t: f32[2] = add(%p, %q)
        %u: f32[2] = mul(%p, %q)
        yield(%t, %u)
      }
      yield(%y as y, %all as all)
    })",
       {"f32[2]", "f32[4,2]"}},
      // From the end, along other axes.
      {&ops::kScan,
       R"(main (%s: f32[2], %x: f32[2,3]) {
      %y: f32[2], %all: f32[2,3] = scan(%s, %x, sliced=1, in_axes=[1], in_reversed=[1], out_axes=[1], out_reversed=[1]) region (%p: f32[2], %q: f32[2]) {
        %t: f32[2] = add(%p, %q)
        %u: f32[2] = mul(%p, %q)
        yield(%t, %u)
      }
      yield(%y as y, %all as all)
    })",
       {"f32[2]", "f32[2,3]"}},
      // Element by element, with a tensor that is the same for all.
      {&ops::kSequenceMap,
       R"(main (%a: f32[2], %b: f32[3], %k: f32[1]) {
      %s: seq(f32[*]) = sequence_construct(%a, %b)
      %t: seq(f32[*]) = sequence_map(%s, %k) region (%x: f32[*], %c: f32[1]) {
        %y: f32[*] = mul(%x, %c)
        yield(%y)
      }
      yield(%t as t)
    })",
       {"f32[2]", "f32[3]", "f32[1]"},
       true}};
  return graphs;
}

void ExpectRegionsSame(const std::vector<Trip>& trips, const OpDef& op, bool sequences, Counts* counts) {
  int graphs = 0;
  for (const RegionGraph& made : RegionGraphs()) {
    if (made.op != &op) continue;
    ++graphs;
    SCOPED_TRACE(made.text);
    auto graph = ParseGraph(std::string("graph g {\n") + made.text + "\n}", ops::Find);
    ASSERT_TRUE(graph.ok()) << FormatDiag(graph.diag());
    Sample sample;
    sample.operands.assign(made.inputs.begin(), made.inputs.end());
    const auto operands = MakeOperands(sample);
    ASSERT_TRUE(operands.ok());
    std::vector<RtValue> in;
    for (const SampleOperand& operand : *operands) in.push_back(operand.value);
    ASSERT_TRUE(RunReference(*graph, in).ok()) << "the graph itself does not run";
    const int before = counts->written;
    ExpectSame(*graph, in, trips, false, counts);
    EXPECT_TRUE(counts->written > before || (made.sequences && !sequences)) << "no trip takes it";
  }
  EXPECT_GT(graphs, 0) << "an operator with regions needs graphs here";
}

}  // namespace

Status FirstError(const DiagSink& sink) {
  for (const Diag& d : sink.all()) {
    if (d.severity == Severity::kError) return Diag(d);
  }
  return Ok{};
}

std::vector<const OpDef*> OperatorsWithSamples() {
  std::vector<const OpDef*> out;
  for (const OpDef* op : ops::All()) {
    if (op != &ops::kOpaque) out.push_back(op);
  }
  return out;
}

void ExpectSameAfter(const std::vector<Trip>& trips, const OpDef& op, bool sequences) {
  Counts counts;
  if (op.regions != 0) {
    ExpectRegionsSame(trips, op, sequences, &counts);
  } else {
    ASSERT_NE(op.samples, nullptr) << op.name << " has neither samples nor regions";
    for (const Sample& sample : op.samples()) {
      SCOPED_TRACE(Describe(op, sample));
      const auto operands = MakeOperands(sample);
      ASSERT_TRUE(operands.ok());
      SampleGraph made = MakeGraph(op, sample, *operands);
      Inference inference(made.graph);
      if (!inference.InferRegion(Graph::main()).ok()) continue;
      std::vector<RtValue> in;
      for (const SampleOperand& operand : *operands) {
        if (!operand.value.absent() && !operand.fixed) in.push_back(operand.value);
      }
      ExpectSame(made.graph, in, trips, op.effect == Effect::kRandom, &counts);
    }
  }
  testing::Test::RecordProperty("written", counts.written);
  testing::Test::RecordProperty("refused", counts.refused);
}

}  // namespace godwit::test
