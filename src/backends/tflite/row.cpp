#include "backends/tflite/row.h"

#include <unordered_map>

namespace godwit::to_tflite {

#define GODWIT_TFLITE_ROWS(name) extern const RowSet name;
#include "backends/tflite/row_sets.def"
#undef GODWIT_TFLITE_ROWS

namespace {

const RowSet* const kSets[] = {
#define GODWIT_TFLITE_ROWS(name) &name,
#include "backends/tflite/row_sets.def"
#undef GODWIT_TFLITE_ROWS
};

}  // namespace

std::span<const RowSet* const> AllRowSets() { return kSets; }

std::span<const Row* const> RowsOf(const OpDef& op) {
  static const auto index = [] {
    std::unordered_map<const OpDef*, std::vector<const Row*>> rows;
    for (const RowSet* set : kSets) {
      for (const Row& row : set->rows) rows[row.op].push_back(&row);
    }
    return rows;
  }();
  const auto it = index.find(&op);
  return it == index.end() ? std::span<const Row* const>() : it->second;
}

}  // namespace godwit::to_tflite
