// Operators of com.microsoft for what an older operator set of the standard lacks, where they are allowed.
#include "backends/onnx/emit.h"
#include "ops/attention.h"

namespace godwit::to_onnx {

namespace {

Status EmitGelu(NodeExport& n) {
  if ((n.attrs().Str("approximate", "none") == "tanh") != (n.row().onnx == "FastGelu")) return n.NotThis();
  n.Emit(n.row().onnx, n.Ins());
  return Ok{};
}

Status EmitQuickGelu(NodeExport& n) {
  n.set_domain(n.row().domain);
  n.Emit("QuickGelu", n.Ins(), {{"alpha", n.attrs().Float("alpha", 1)}});
  return Ok{};
}

// Positions come second here; without them there is no operator.
Status EmitRotaryEmbedding(NodeExport& n) {
  if (!n.Has(3)) return n.LacksForm("RotaryEmbedding of com.microsoft takes positions");
  TRY(const int rank, n.Rank(0));
  OnnxAttrs attrs;
  attrs.SetInt("num_heads", n.attrs().Int("heads", 0), 0);
  attrs.SetInt("rotary_embedding_dim", n.attrs().Int("rotary_dim", 0), 0);
  attrs.SetInt("interleaved", n.attrs().Int("interleaved", 0), 0);
  if (rank == 3 && n.attrs().Int("rotary_dim", 0) > 0 && n.attrs().Int("heads", 0) == 0) {
    return n.LacksForm("RotaryEmbedding of com.microsoft asks for the number of heads");
  }
  n.set_domain(n.row().domain);
  n.Emit("RotaryEmbedding", {n.In(0), InI64(n, 3), n.In(1), n.In(2)}, attrs);
  return Ok{};
}

// A mask of the operands' type that says something of every query and key, for all batches and heads or for each.
bool TakesMask(const NodeExport& n) {
  using namespace ops::attention;
  const Type &mask = n.TypeOf(kMask), &q = n.TypeOf(kQ), &k = n.TypeOf(kK);
  if (mask.dtype() != q.dtype() || !mask.ranked() || mask.rank() < 2 || mask.rank() > 4) return false;
  const size_t rank = mask.shape().size();
  if (mask.rank() == 4 && n.Has(kPastK)) return true;
  return mask.shape()[rank - 2] == q.shape()[1] && mask.shape()[rank - 1] == k.shape()[1];
}

// With dims of one before it where its rank is below 4.
Name Mask(NodeExport& n) {
  using namespace ops::attention;
  if (!n.Has(kMask) || n.TypeOf(kMask).rank() == 4) return n.In(kMask);
  std::vector<int64_t> axes;
  for (int64_t k = 0; k < 4 - n.TypeOf(kMask).rank(); ++k) axes.push_back(k);
  n.set_domain({});
  const Name mask = n.opset() < 13 ? n.Temp("Unsqueeze", {n.In(kMask)}, {{"axes", axes}})
                                   : n.Temp("Unsqueeze", {n.In(kMask), n.I64s(axes)});
  n.set_domain(n.row().domain);
  return mask;
}

// Plain attention over packed operands; masks that add to the scores.
Status EmitMultiHead(NodeExport& n) {
  using namespace ops::attention;
  const Attrs& a = n.attrs();
  for (size_t i : {kQ, kK, kV}) {
    TRY(const int rank, n.Rank(i));
    if (rank != 3) return n.LacksForm("MultiHeadAttention takes packed heads");
  }
  const int64_t heads = a.Int("q_heads", 0);
  const bool plain = heads > 0 && heads == a.Int("kv_heads", 0) && a.Float("softcap", 0) == 0 &&
                     a.Int("left_window", -1) < 0 && a.Int("right_window", -1) < 0 && !n.Has(kLengths) &&
                     !n.Has(kOffsets) && !n.Has(kSink) && !n.Wants(kScores) && a.Dtype("softmax_type") == DType::kNone;
  if (!plain) return n.LacksForm("MultiHeadAttention is attention without more");
  // With a cache its causal mask is of another kind.
  if (a.Flag("causal") && n.Has(kPastK)) return n.LacksForm("MultiHeadAttention counts rows from the cache's end");
  if (n.Has(kMask) && !TakesMask(n)) return n.LacksForm("MultiHeadAttention adds a bias to all of the scores");
  OnnxAttrs attrs{{"num_heads", heads}};
  attrs.SetInt("unidirectional", a.Flag("causal") ? 1 : 0, 0);
  if (a.Has("scale")) attrs.Set("scale", a.Float("scale"));
  Names in = {n.In(kQ), n.In(kK), n.In(kV)};
  if (n.Has(kMask) || n.Has(kPastK)) {
    in.insert(in.end(), {Name(), Name(), Mask(n)});
    if (n.Has(kPastK)) in.insert(in.end(), {n.In(kPastK), n.In(kPastV)});
  }
  n.set_domain(n.row().domain);
  n.Emit("MultiHeadAttention", std::move(in), attrs);
  return Ok{};
}

constexpr std::string_view kMicrosoft = "com.microsoft";
constexpr Row kRows[] = {
    {&ops::kAttention, "MultiHeadAttention", 1, EmitMultiHead, 99, kMicrosoft},
    {&ops::kGelu, "Gelu", 1, EmitGelu, 99, kMicrosoft},
    {&ops::kGelu, "FastGelu", 1, EmitGelu, 99, kMicrosoft},
    {&ops::kRotaryEmbedding, "RotaryEmbedding", 1, EmitRotaryEmbedding, 99, kMicrosoft},
    {&ops::kSilu, "QuickGelu", 1, EmitQuickGelu, 99, kMicrosoft},
};

}  // namespace

extern const RowSet kMicrosoftRows{kRows};

}  // namespace godwit::to_onnx
