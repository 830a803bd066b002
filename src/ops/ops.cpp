#include "ops/ops.h"

#include <algorithm>
#include <vector>

namespace godwit::ops {

namespace {
const std::vector<const OpDef*>& Sorted() {
  static const std::vector<const OpDef*> table = [] {
    std::vector<const OpDef*> rows = {
#define GODWIT_OP(Name) &k##Name,
#include "ops/op_list.def"
#undef GODWIT_OP
    };
    std::sort(rows.begin(), rows.end(), [](const OpDef* a, const OpDef* b) { return a->name < b->name; });
    return rows;
  }();
  return table;
}
}  // namespace

std::span<const OpDef* const> All() { return Sorted(); }

const OpDef* Find(std::string_view name) {
  const auto& rows = Sorted();
  auto it = std::lower_bound(rows.begin(), rows.end(), name,
                             [](const OpDef* row, std::string_view key) { return row->name < key; });
  return it != rows.end() && (*it)->name == name ? *it : nullptr;
}

}  // namespace godwit::ops
