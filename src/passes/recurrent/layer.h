// Writes a recurrent layer over a sequence in the place of its steps.
#pragma once

#include <optional>
#include <vector>

#include "passes/recurrent/cell.h"

namespace godwit::recurrent {

/// One operand of every step, as a part of a sequence or as the values of the steps.
struct Sequence {
  ValueId whole;      ///< rank 3; invalid: `steps` only
  int64_t axis = 0;   ///< that of time: 0 or 1
  int64_t first = 0;  ///< of the places that the steps read
  int64_t count = 0;  ///< 0: all there are
  bool reversed = false;
  std::vector<ValueId> steps;  ///< in the order of the steps, where there are such
};

/// The values that the steps read as one sequence.
Sequence SequenceOf(RewriteCtx& ctx, const std::vector<ValueId>& steps);

struct Layer {
  Cell cell;                        ///< like all its steps
  std::vector<Sequence> sequences;  ///< by leaf of the cell; none for the state
  ValueId first_h, first_c;         ///< invalid: zeros
};

struct Written {
  bool reversed = false;  ///< place k of y is the step that reads place k of the sequences, else the k-th step
  ValueId y;              ///< [time, rows, hidden]
  ValueId h, c;           ///< [rows, hidden], after the last step
};

/// Writes it where `ctx` is; nothing where there is no such layer.
Result<std::optional<Written>> Write(RewriteCtx& ctx, Layer layer, bool wants_y);

/// `v` in the shape of `like`, of as many elements.
Result<std::optional<ValueId>> InShapeOf(RewriteCtx& ctx, ValueId v, ValueId like);

}  // namespace godwit::recurrent
