// Decompositions: operators said in simpler ones, for targets that lack them. Composites of one step's precision are
// computed in f32 where they are f16 or bf16, so that the steps lose less than the operator's own rounding.
#pragma once

#include "ir/op_def.h"

namespace godwit::ops {

Status DecomposeCelu(DecomposeCtx& ctx);
Status DecomposeElu(DecomposeCtx& ctx);
Status DecomposeGelu(DecomposeCtx& ctx);
Status DecomposeHardSigmoid(DecomposeCtx& ctx);
Status DecomposeHardSwish(DecomposeCtx& ctx);
Status DecomposeMish(DecomposeCtx& ctx);
Status DecomposeSelu(DecomposeCtx& ctx);
Status DecomposeShrink(DecomposeCtx& ctx);
Status DecomposeSilu(DecomposeCtx& ctx);
Status DecomposeSoftplus(DecomposeCtx& ctx);
Status DecomposeSoftsign(DecomposeCtx& ctx);
Status DecomposeThresholdedRelu(DecomposeCtx& ctx);

Status DecomposeAbs(DecomposeCtx& ctx);
Status DecomposeAcos(DecomposeCtx& ctx);
Status DecomposeAcosh(DecomposeCtx& ctx);
Status DecomposeAsin(DecomposeCtx& ctx);
Status DecomposeAsinh(DecomposeCtx& ctx);
Status DecomposeAtan(DecomposeCtx& ctx);
Status DecomposeAtanh(DecomposeCtx& ctx);
Status DecomposeCosh(DecomposeCtx& ctx);
Status DecomposeErf(DecomposeCtx& ctx);
Status DecomposeIsInf(DecomposeCtx& ctx);
Status DecomposeIsNan(DecomposeCtx& ctx);
Status DecomposeMod(DecomposeCtx& ctx);
Status DecomposeReciprocal(DecomposeCtx& ctx);
Status DecomposeSign(DecomposeCtx& ctx);
Status DecomposeSinh(DecomposeCtx& ctx);
Status DecomposeTan(DecomposeCtx& ctx);

Status DecomposeBatchNorm(DecomposeCtx& ctx);
Status DecomposeGroupNorm(DecomposeCtx& ctx);
Status DecomposeInstanceNorm(DecomposeCtx& ctx);
Status DecomposeLayerNorm(DecomposeCtx& ctx);
Status DecomposeLpNorm(DecomposeCtx& ctx);
Status DecomposeRmsNorm(DecomposeCtx& ctx);

Status DecomposeAttention(DecomposeCtx& ctx);
Status DecomposeLinearAttention(DecomposeCtx& ctx);
Status DecomposeRotaryEmbedding(DecomposeCtx& ctx);

Status DecomposeEinsum(DecomposeCtx& ctx);

Status DecomposeCosineWindow(DecomposeCtx& ctx);
Status DecomposeDft(DecomposeCtx& ctx);
Status DecomposeStft(DecomposeCtx& ctx);

Status DecomposeAffineGrid(DecomposeCtx& ctx);
Status DecomposeCol2Im(DecomposeCtx& ctx);
Status DecomposeDeformConv(DecomposeCtx& ctx);
Status DecomposeGridSample(DecomposeCtx& ctx);
Status DecomposeRoiAlign(DecomposeCtx& ctx);

Status DecomposeConv(DecomposeCtx& ctx);
Status DecomposeConvTranspose(DecomposeCtx& ctx);
Status DecomposeResize(DecomposeCtx& ctx);

Status DecomposeGru(DecomposeCtx& ctx);
Status DecomposeLstm(DecomposeCtx& ctx);
Status DecomposeRnn(DecomposeCtx& ctx);

Status DecomposeBitCast(DecomposeCtx& ctx);
Status DecomposeBitShift(DecomposeCtx& ctx);
Status DecomposeBitwiseAnd(DecomposeCtx& ctx);
Status DecomposeBitwiseNot(DecomposeCtx& ctx);
Status DecomposeBitwiseOr(DecomposeCtx& ctx);
Status DecomposeBitwiseXor(DecomposeCtx& ctx);

Status DecomposeDequantize(DecomposeCtx& ctx);
Status DecomposeDynamicQuantize(DecomposeCtx& ctx);
Status DecomposeQuantize(DecomposeCtx& ctx);

Status DecomposeArgReduce(DecomposeCtx& ctx);
Status DecomposePad(DecomposeCtx& ctx);
Status DecomposeDet(DecomposeCtx& ctx);
Status DecomposeGemm(DecomposeCtx& ctx);
Status DecomposeHardmax(DecomposeCtx& ctx);
Status DecomposeIntegerMatMul(DecomposeCtx& ctx);
/// Along axes that are known.
Status DecomposeKnownReduce(DecomposeCtx& ctx);
Status DecomposeLrn(DecomposeCtx& ctx);
Status DecomposeReduce(DecomposeCtx& ctx);
Status DecomposeSplit(DecomposeCtx& ctx);
Status DecomposeSqueeze(DecomposeCtx& ctx);
Status DecomposeUnsqueeze(DecomposeCtx& ctx);

Status DecomposeAvgPool(DecomposeCtx& ctx);
Status DecomposeLpPool(DecomposeCtx& ctx);
Status DecomposeMaxPool(DecomposeCtx& ctx);
Status DecomposeMaxUnpool(DecomposeCtx& ctx);
/// Of windows that are not dilated.
Status DecomposeSlicedAvgPool(DecomposeCtx& ctx);
Status DecomposeSlicedLpPool(DecomposeCtx& ctx);

Status DecomposeCenterCropPad(DecomposeCtx& ctx);
Status DecomposeCompress(DecomposeCtx& ctx);
Status DecomposeCum(DecomposeCtx& ctx);
Status DecomposeEye(DecomposeCtx& ctx);
Status DecomposeGatherElements(DecomposeCtx& ctx);
Status DecomposeGatherNd(DecomposeCtx& ctx);
Status DecomposeLabelEncode(DecomposeCtx& ctx);
Status DecomposeNllLoss(DecomposeCtx& ctx);
Status DecomposeOneHot(DecomposeCtx& ctx);
/// Without a reduction.
Status DecomposePlainScatterElements(DecomposeCtx& ctx);
Status DecomposeScatterElements(DecomposeCtx& ctx);
Status DecomposeScatterNd(DecomposeCtx& ctx);
Status DecomposeTensorScatter(DecomposeCtx& ctx);
Status DecomposeTopK(DecomposeCtx& ctx);
Status DecomposeTrilu(DecomposeCtx& ctx);
Status DecomposeUnique(DecomposeCtx& ctx);

}  // namespace godwit::ops
