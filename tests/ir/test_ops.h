// A few operators for the tests of the graph itself, independent of the real table.
#pragma once

#include <string_view>

#include "ir/op_def.h"

namespace godwit::test {

inline constexpr OperandDef kOne[] = {{"x", kAnyType, OperandDef::kPlain, 'T'}};
inline constexpr OperandDef kTwo[] = {{"x", kAnyType, OperandDef::kPlain, 'T'},
                                      {"y", kFloats, OperandDef::kOptional, 'T'}};
inline constexpr OperandDef kMany[] = {
    {"all", kAnyType, OperandDef::kVariadic | OperandDef::kOptional | OperandDef::kNotTensor}};
inline constexpr AttrDef kAxis[] = {{"axis", AttrKind::kInt, "", ""}, {"mode", AttrKind::kString, "none", ""}};
inline constexpr AttrDef kAnything[] = {{"*", AttrKind::kString, "none", ""}};

inline constexpr OpDef kNeg{
    .name = "neg", .doc = "", .operands = kOne, .results = kOne, .attrs = {}, .constraints = {}};
inline constexpr OpDef kAdd{
    .name = "add", .doc = "", .operands = kTwo, .results = kOne, .attrs = kAxis, .constraints = {}};
inline constexpr OpDef kBranch{
    .name = "if", .doc = "", .operands = kOne, .results = kMany, .attrs = {}, .constraints = {}, .regions = 2};
inline constexpr OpDef kFree{
    .name = "opaque", .doc = "", .operands = kMany, .results = kMany, .attrs = kAnything, .constraints = {}};

inline const OpDef* FindOp(std::string_view name) {
  for (const OpDef* op : {&kNeg, &kAdd, &kBranch, &kFree}) {
    if (op->name == name) return op;
  }
  return nullptr;
}

}  // namespace godwit::test
