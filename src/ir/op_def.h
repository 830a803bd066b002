// How an operator is described: one OpDef, written once in ops/<op>.cpp, from which documents, verifier, text form,
// generated tests, shape inference and the reference interpreter all derive.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "ir/attrs.h"
#include "ir/dtype.h"

namespace godwit {

class InferCtx;
class EvalCtx;
class CommuteCtx;
class DecomposeCtx;
class CostCtx;
struct Sample;

struct OperandDef {
  enum Flags : uint8_t {
    kPlain = 0,
    kOptional = 1,   ///< may be absent
    kVariadic = 2,   ///< the last operand, any number of times (with kOptional also none)
    kNotTensor = 4,  ///< a sequence, optional or map, or anything
    kShapeLike = 8,  ///< its contents decide shapes (axes, sizes, pads): backends want it constant
  };
  std::string_view name;
  TypeSet types = kAnyType;
  uint8_t flags = kPlain;
  char group = 0;  ///< operands (and results) with the same letter have the same dtype
};

struct AttrDef {
  std::string_view name;  ///< "*": further attributes of any name and kind, and any number of regions
  AttrKind kind;
  std::string_view fallback;  ///< what absence means, in the text form's spelling; "" = required; "none" = nothing
  std::string_view doc;
};

enum class Effect : uint8_t { kPure, kReads, kWrites, kRandom };

struct OpDef {
  std::string_view name;  ///< lower_snake, unique
  std::string_view doc;   ///< one sentence
  std::span<const OperandDef> operands = {};
  std::span<const OperandDef> results = {};
  std::span<const AttrDef> attrs = {};
  std::span<const std::string_view> constraints = {};  ///< "c1: axis < rank(data)"
  Effect effect = Effect::kPure;
  uint8_t regions = 0;  ///< number of sub-graphs a node of it holds

  Status (*infer)(InferCtx&) = nullptr;            ///< types of the results, generic over symbolic dims
  Status (*eval)(EvalCtx&) = nullptr;              ///< reference semantics: obvious, wide, not fast
  bool (*commute)(CommuteCtx&) = nullptr;          ///< how a permutation of operands passes through; null: it does not
  Status (*decompose)(DecomposeCtx&) = nullptr;    ///< composites: the same in simpler operators
  double (*macs)(const CostCtx&) = nullptr;        ///< multiply-adds; null: none
  std::span<const Sample> (*samples)() = nullptr;  ///< cases for the generated tests
};

}  // namespace godwit
