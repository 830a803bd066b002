// What ONNX can say of the core operators: one row for each way to write one, from the operator set on that has it in
// this form. Rows of one operator are tried in the order of their table, so the best way comes first.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ir/op_def.h"

namespace godwit::to_onnx {

class NodeExport;

enum class Use : uint8_t {
  kNeeded,  ///< where its domain may not be written, something is missing
  kFused,   ///< says several nodes at once, so nothing is
  kAsked,   ///< the same, and the usual runtime is slower with it: only where the operator is allowed by name
};

struct Row {
  const OpDef* op = nullptr;
  std::string_view onnx;         ///< the operator, or the operators, that are written
  int since = 7;                 ///< first operator set of the domain where this form is right
  Status (*emit)(NodeExport&);   ///< writes, or says by NodeExport::Lacks what is missing
  int last = 99;                 ///< last one
  std::string_view domain = {};  ///< "" is ai.onnx
  Use use = Use::kNeeded;
};

struct RowSet {
  std::span<const Row> rows;
};

/// Every table of rows_*.cpp, listed in row_sets.def.
std::span<const RowSet* const> AllRowSets();
/// All rows of an operator.
std::span<const Row* const> RowsOf(const OpDef& op);

}  // namespace godwit::to_onnx
