// Why a row of a target does not fit a node, and the repair that may make it fit. Shared by all targets.
#pragma once

#include <cstdint>
#include <string>

#include "base/diag_targets.h"
#include "ir/dtype.h"

namespace godwit::targets {

/// What the legaliser puts in the place of a node that fits no row.
enum class Repair : uint8_t {
  kNone,
  kDecompose,  ///< the same in simpler operators, as the operator's description has it
  kCast,       ///< operands cast to a type that the target takes, results cast back
  kRelayout,   ///< channels moved to where the target has them, and back
  kCollapse,   ///< fewer axes: neighbours that go together are one
};

struct Misfit {
  const DiagDef* limit = nullptr;  ///< a target.* diagnostic
  std::string what;                ///< one sentence, with the figures
  std::string hint;                ///< what to do, where there is something
  Repair repair = Repair::kNone;
  size_t operand = 0;            ///< kCast: the operand whose type does not fit
  DType cast_to = DType::kNone;  ///< kCast: the type that does
  bool channels_last = false;    ///< kRelayout: to the last axis, weights to ohwi, instead of the second and oihw
  bool lossy = false;            ///< kCast: not every number of the operand's type is one of that
};

/// A type that holds every value of `from` and is in `allowed`, the narrowest such; kNone when there is none. With
/// `through_float` integers may become floating-point numbers that hold them exactly.
DType WiderType(DType from, TypeSet allowed, bool through_float);

}  // namespace godwit::targets
