// Operators of com.microsoft that stand alone: embeddings, small fusions, early forms of what ai.onnx took over later,
// and the rows of those that are refused.
#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

Status ImportCDist(NodeImport& n) {
  TRY(const ValueId a, n.In(0));
  TRY(const ValueId b, n.In(1));
  TRY(const std::string metric, n.Str("metric", "sqeuclidean"));
  if (metric != "sqeuclidean" && metric != "euclidean") return n.BadValue("metric", metric);
  TRY(const ValueId rows, n.Emit(ops::kUnsqueeze, {a, n.I64s({1})}));
  TRY(const ValueId columns, n.Emit(ops::kUnsqueeze, {b, n.I64s({0})}));
  TRY(const ValueId apart, n.Emit(ops::kSub, {rows, columns}));
  TRY(ValueId y,
      n.Emit(ops::kReduce, {apart, n.I64s({2})},
             {{"mode", std::string(metric == "euclidean" ? "l2" : "sum_square")}, {"keep_dims", int64_t{0}}}));
  n.Out(0, y);
  return Ok{};
}

Status ImportTorchEmbedding(NodeImport& n) {
  TRY(const ValueId table, n.In(0));
  TRY(const ValueId indices, n.In(1));
  TRY(const ValueId y, n.Emit(ops::kGather, {table, indices}, {{"axis", int64_t{0}}}));
  n.Out(0, y);
  return Ok{};
}

Status ImportInverse(NodeImport& n) { return n.Same(ops::kInverse); }

Status ImportRfft(NodeImport& n) {
  TRY(const ValueId x, n.In(0));
  TRY(const int64_t onesided, n.Int("onesided", 1));
  TRY(const int64_t normalized, n.Int("normalized", 0));
  TRY(const int64_t axes, n.Int("signal_ndim", 1));
  if (onesided != 1 || normalized != 0 || axes != 1) return n.Unsupported("other than one axis, one-sided, as it is");
  TRY(const ValueId pairs, n.Emit(ops::kUnsqueeze, {x, n.I64s({-1})}));
  TRY(const ValueId y, n.Emit(ops::kDft, {pairs, {}, n.ScalarI64(-2)}, {{"onesided", int64_t{1}}}));
  n.Out(0, y);
  return Ok{};
}

struct Embedding {
  ValueId ids, segments, word, position, segment, gamma, beta, mask;
};

// Word, position and segment rows, summed and normalised, and how many words the mask lets stand.
Status FinishEmbedding(NodeImport& n, const Embedding& e) {
  TRY(const double epsilon, n.Float("epsilon", 1e-12F));
  TRY(const ValueId words, n.Emit(ops::kGather, {e.word, e.ids}, {{"axis", int64_t{0}}}));
  TRY(const ValueId rows, n.Emit(ops::kShapeOf, {e.ids}, {{"start", int64_t{1}}, {"end", int64_t{2}}}));
  TRY(const ValueId positions, n.Emit(ops::kSlice, {e.position, n.I64s({0}), rows, n.I64s({0})}));
  TRY(ValueId sum, n.Emit(ops::kAdd, {words, positions}));
  if (e.segment && e.segments) {
    TRY(const ValueId segments, n.Emit(ops::kGather, {e.segment, e.segments}, {{"axis", int64_t{0}}}));
    TRY(sum, n.Emit(ops::kAdd, {sum, segments}));
  }
  TRY(const ValueId y, n.Emit(ops::kLayerNorm, {sum, e.gamma, e.beta}, {{"epsilon", epsilon}}));
  n.Out(0, y);
  if (n.Wants(1)) {
    ValueId counts;
    if (e.mask) {
      TRY(counts,
          n.Emit(ops::kReduce, {e.mask, n.I64s({1})}, {{"mode", std::string("sum")}, {"keep_dims", int64_t{0}}}));
    } else {
      TRY(const ValueId batch, n.Emit(ops::kShapeOf, {e.ids}, {{"start", int64_t{0}}, {"end", int64_t{1}}}));
      TRY(counts, n.Emit(ops::kExpand, {n.ScalarLike(e.ids, 0), batch}));
    }
    n.Out(1, counts);
  }
  return Ok{};
}

Status ImportQEmbedLayerNorm(NodeImport& n) {
  // Tables lie at 2 to 6 (mask at 7), their scales at 8 to 12, their zero points at 13 to 17.
  ValueId tables[5];
  for (size_t i = 0; i < 5; ++i) {
    if (i == 2 && !n.Has(4)) continue;
    TRY(const ValueId table, n.In(2 + i));
    TRY(const ValueId scale, n.In(8 + i));
    TRY(const ValueId zero, n.In(13 + i));
    TRY(tables[i], n.Emit(ops::kDequantize, {table, scale, zero}, {{"to", DType::kF32}}));
  }
  Embedding e;
  TRY(e.ids, n.In(0));
  e.segments = n.InOrNone(1);
  e.word = tables[0];
  e.position = tables[1];
  e.segment = tables[2];
  e.gamma = tables[3];
  e.beta = tables[4];
  e.mask = n.InOrNone(7);
  return FinishEmbedding(n, e);
}

constexpr std::string_view kGenerator = "it generates text inside one runtime's own loop";
constexpr std::string_view kGpu = "only one runtime's GPU kernels define it";
constexpr std::string_view kNew = "it is one runtime's own, and no exporter known here writes it";
constexpr std::string_view kNone = "it is an example and computes nothing";
constexpr std::string_view kTraining = "it belongs to training";
constexpr std::string_view kRandom = "its result is random";
constexpr std::string_view kBlob = "it holds a program compiled for one device";
constexpr std::string_view kText = "it cuts or hashes text for a pipeline outside the network";

constexpr Rule kRules[] = {
    {"AttnLSTM", 1, nullptr, "an LSTM with attention inside that no exporter writes"},
    {"BeamSearch", 1, nullptr, kGenerator},
    {"BiasDropout", 1, nullptr, kTraining},
    {"BifurcationDetector", 1, nullptr, kGenerator},
    {"BitmaskBiasDropout", 1, nullptr, kTraining},
    {"BitmaskDropout", 1, nullptr, kTraining},
    {"BranchwiseRMSNorm", 1, nullptr, kNew},
    {"CDist", 1, ImportCDist},
    {"ComplexMul", 1, nullptr, kNew},
    {"ComplexMulConj", 1, nullptr, kNew},
    {"ConvTransposeWithDynamicPads", 1, nullptr, kNew},
    {"DequantizeBFP", 1, nullptr, "block floating point of one device"},
    {"DequantizeWithOrder", 1, nullptr, kGpu},
    {"DynamicQuantizeLSTM", 1, nullptr, "it quantises the activations anew at every step"},
    {"DynamicSparseAttention", 1, nullptr, kNew},
    {"DynamicTimeWarping", 1, nullptr, kText},
    {"EPContext", 1, nullptr, kBlob},
    {"EngramGate", 1, nullptr, kNew},
    {"FusedMatMulActivation", 1, nullptr, "only DirectML's own optimiser writes it"},
    {"GatedAdd", 1, nullptr, kNew},
    {"GatedDeltaNet", 1, nullptr, kNew},
    {"GatedRMSNorm", 1, nullptr, kNew},
    {"GatedRelativePositionBias", 1, nullptr, kGpu},
    {"GemmaRotaryEmbedding", 1, nullptr, kNew},
    {"GreedySearch", 1, nullptr, kGenerator},
    {"HyperConnectionPostMix", 1, nullptr, kNew},
    {"HyperConnectionPreMix", 1, nullptr, kNew},
    {"Inverse", 1, ImportInverse},
    {"Irfft", 1, nullptr, kNew},
    {"IsAllFinite", 1, nullptr, kTraining},
    {"LinearAttentionGate", 1, nullptr, kNew},
    {"MRotaryEmbedding", 1, nullptr, kNew},
    {"MatMulBlockQuantizedFp4Weight", 1, nullptr, kGpu},
    {"MatMulBlockQuantizedFp8Weight", 1, nullptr, kGpu},
    {"MatMulInteger16", 1, nullptr, kNew},
    {"MatMulNBitsMlp", 1, nullptr, kGpu},
    {"MatMulNBitsQkv", 1, nullptr, kGpu},
    {"MoE", 1, nullptr, kGpu},
    {"MulInteger", 1, nullptr, kNew},
    {"MurmurHash3", 1, nullptr, kText},
    {"NGramHashMapping", 1, nullptr, kNew},
    {"NGramRepeatBlock", 1, nullptr, kGenerator},
    {"PackedSparseAttentionIndexer", 1, nullptr, kNew},
    {"QEmbedLayerNormalization", 1, ImportQEmbedLayerNorm},
    {"QMoE", 1, nullptr, kGpu},
    {"QOrderedAttention", 1, nullptr, kGpu},
    {"QOrderedGelu", 1, nullptr, kGpu},
    {"QOrderedLayerNormalization", 1, nullptr, kGpu},
    {"QOrderedLongformerAttention", 1, nullptr, kGpu},
    {"QOrderedMatMul", 1, nullptr, kGpu},
    {"QuantizeBFP", 1, nullptr, "block floating point of one device"},
    {"QuantizeWithOrder", 1, nullptr, kGpu},
    {"ReduceSumInteger", 1, nullptr, kNew},
    {"RelativePositionBias", 1, nullptr, kGpu},
    {"RemovePadding", 1, nullptr, kGpu},
    {"RestorePadding", 1, nullptr, kGpu},
    {"Rfft", 1, ImportRfft},
    {"SampleOp", 1, nullptr, kNone},
    {"Sampling", 1, nullptr, kRandom},
    {"ScaledSiLU", 1, nullptr, kNew},
    {"Snpe", 1, nullptr, kBlob},
    {"SparseAttentionIndexer", 1, nullptr, kNew},
    {"SparsePagedAttention", 1, nullptr, kNew},
    {"TorchEmbedding", 1, ImportTorchEmbedding},
    {"UnfoldTensor", 1, nullptr, kNew},
    {"VarlenCausalConvWithState", 1, nullptr, kNew},
    {"VarlenNGramHashMapping", 1, nullptr, kNew},
    {"WhisperBeamSearch", 1, nullptr, kGenerator},
    {"WordConvEmbedding", 1, nullptr, kText},
};

}  // namespace

extern const RuleSet kMicrosoftRules{"com.microsoft", kRules};

}  // namespace godwit::from_onnx
