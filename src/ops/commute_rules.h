// How transpositions pass through operators of several operands, and through those whose axes are operands.
#pragma once

#include "ir/commute.h"

namespace godwit::ops {

/// Operands that broadcast against each other, one of full rank.
bool CommuteBroadcast(CommuteCtx& ctx);
bool CommuteConcat(CommuteCtx& ctx);
bool CommuteSplit(CommuteCtx& ctx);
bool CommuteSlice(CommuteCtx& ctx);
bool CommutePad(CommuteCtx& ctx);
bool CommuteReduce(CommuteCtx& ctx);
bool CommuteSqueeze(CommuteCtx& ctx);
bool CommuteUnsqueeze(CommuteCtx& ctx);
bool CommuteGather(CommuteCtx& ctx);
bool CommuteCum(CommuteCtx& ctx);
bool CommuteExpand(CommuteCtx& ctx);
bool CommuteTile(CommuteCtx& ctx);
bool CommuteArgReduce(CommuteCtx& ctx);
bool CommuteOneHot(CommuteCtx& ctx);
bool CommuteResize(CommuteCtx& ctx);
/// Products of stacks of matrices: `transpose_a` and `transpose_b` take in what swaps the last two axes.
bool CommuteProduct(CommuteCtx& ctx);
/// The last two axes stay, those before them change places.
bool CommuteStack(CommuteCtx& ctx);
/// Operators over the last axes from the attribute `axis` on, when those stay where they are.
bool CommuteSuffix(CommuteCtx& ctx);

}  // namespace godwit::ops
