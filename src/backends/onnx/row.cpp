#include "backends/onnx/row.h"

#include "passes/legalise/row_index.h"

namespace godwit::to_onnx {

#define GODWIT_ONNX_ROWS(name) extern const RowSet name;
#include "backends/onnx/row_sets.def"
#undef GODWIT_ONNX_ROWS

namespace {

const RowSet* const kSets[] = {
#define GODWIT_ONNX_ROWS(name) &name,
#include "backends/onnx/row_sets.def"
#undef GODWIT_ONNX_ROWS
};

}  // namespace

std::span<const RowSet* const> AllRowSets() { return kSets; }

std::span<const Row* const> RowsOf(const OpDef& op) {
  static const RowIndex<Row> kIndex(kSets);
  return kIndex.Of(op);
}

}  // namespace godwit::to_onnx
