// The table of core operators. An operator is the address of its OpDef: `node.op == &ops::kConv`.
#pragma once

#include <span>
#include <string_view>

#include "ir/op_def.h"

namespace godwit::ops {

#define GODWIT_OP(Name) extern const OpDef k##Name;
#include "ops/op_list.def"
#undef GODWIT_OP

/// All operators, by name.
std::span<const OpDef* const> All();
/// nullptr when there is none of that name.
const OpDef* Find(std::string_view name);

}  // namespace godwit::ops
