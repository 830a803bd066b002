// Turns an operator's samples into graphs and operands, for the tests that are generated from the operator table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ops/ops.h"
#include "ops/samples.h"

namespace godwit::test {

/// One operand of a sample: its type and value. Absent ones have no value.
struct SampleOperand {
  Type type;
  RtValue value;
  bool fixed = false;  ///< the sample states the contents
};

/// Operands with random contents (small integers and numbers around zero) where the sample states none.
Result<std::vector<SampleOperand>> MakeOperands(const Sample& sample, uint64_t seed = 1);

/// A graph with one node of the operator: stated contents are constants, other operands are inputs, whose dims `shape`
/// may rewrite. Types are not inferred.
struct SampleGraph {
  Graph graph;
  NodeId node;
};
using DimRewrite = std::function<Dim(size_t operand, size_t axis, int64_t dim)>;
SampleGraph MakeGraph(const OpDef& op, const Sample& sample, const std::vector<SampleOperand>& operands,
                      const DimRewrite& shape = {});

/// The text that says which sample it is, for messages.
std::string Describe(const OpDef& op, const Sample& sample);

}  // namespace godwit::test
