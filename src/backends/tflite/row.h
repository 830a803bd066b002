// What TFLite can say of the core operators: one row for each way to write one. Which version of a builtin operator is
// right, which element types and ranks it takes, is in targets/tflite_operators.def and asked of every operator that a
// row has written; a row states only forms. Rows of one operator are tried in the order of their table, so the best way
// comes first.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "ir/op_def.h"

namespace godwit::to_tflite {

class NodeExport;

struct Row {
  enum Flags : uint8_t {
    kPlain = 0,
    /// The function works between integer tensors too: In, Out and Const speak of those, with their scales.
    kQuantised = 1,
  };
  const OpDef* op = nullptr;
  std::string_view builtin;     ///< the operator, or the operators, that are written
  Status (*emit)(NodeExport&);  ///< writes, or says by NodeExport::Lacks what is missing
  uint8_t flags = kPlain;
};

struct RowSet {
  std::span<const Row> rows;
};

/// Every table of rows_*.cpp, listed in row_sets.def.
std::span<const RowSet* const> AllRowSets();
/// All rows of an operator.
std::span<const Row* const> RowsOf(const OpDef& op);

}  // namespace godwit::to_tflite
