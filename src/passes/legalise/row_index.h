// The rows of a target by the operator that they are for, in the order of their tables.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "ir/op_def.h"

namespace godwit {

template <class Row>
class RowIndex {
 public:
  template <class Sets>
  explicit RowIndex(const Sets& sets) {
    for (const auto* set : sets) {
      for (const Row& row : set->rows) rows_[row.op].push_back(&row);
    }
  }
  [[nodiscard]] std::span<const Row* const> Of(const OpDef& op) const {
    const auto it = rows_.find(&op);
    return it == rows_.end() ? std::span<const Row* const>() : it->second;
  }

 private:
  std::unordered_map<const OpDef*, std::vector<const Row*>> rows_;
};

}  // namespace godwit
