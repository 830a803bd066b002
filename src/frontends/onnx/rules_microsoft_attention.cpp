// The fused attention operators of com.microsoft, as transformer optimisers write them, in terms of `attention`.
#include <fmt/format.h>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

/// What the operators of this family have in common before they call `attention`.
struct Call {
  ValueId q, k, v;
  ValueId mask;  ///< additive, broadcasts to [batch, heads, queries, keys]; invalid: none
  ValueId past_k, past_v;
  int64_t q_heads = 0, kv_heads = 0;
  bool causal = false;
};

// The dim `axis` of `v` as a vector of one.
Result<ValueId> DimOf(NodeImport& n, ValueId v, int64_t axis) {
  return n.Emit(ops::kShapeOf, {v}, {{"start", axis}, {"end", axis + 1}});
}

Result<ValueId> ToScalar(NodeImport& n, ValueId v) { return n.Emit(ops::kReshape, {v, n.I64s({})}); }

// [0, 1, ... count): `count` is a vector or scalar of one i64.
Result<ValueId> Counting(NodeImport& n, ValueId count) {
  TRY(const ValueId end, ToScalar(n, count));
  return n.Emit(ops::kRange, {n.ScalarI64(0), end, n.ScalarI64(1)});
}

// Keys before `end[b]` (and not before `start[b]`) as a mask [batch, keys].
Result<ValueId> WithinEnds(NodeImport& n, ValueId ends, ValueId starts, ValueId total) {
  TRY(const ValueId keys, Counting(n, total));
  const auto below = [&](ValueId bound) -> Result<ValueId> {
    TRY(const ValueId wide, n.Emit(ops::kCast, {bound}, {{"to", DType::kI64}}));
    TRY(const ValueId column, n.Emit(ops::kUnsqueeze, {wide, n.I64s({1})}));
    return n.Emit(ops::kLess, {keys, column});
  };
  TRY(const ValueId before_end, below(ends));
  if (!starts) return before_end;
  TRY(const ValueId before_start, below(starts));
  TRY(const ValueId from_start, n.Emit(ops::kLogicalNot, {before_start}));
  return n.Emit(ops::kLogicalAnd, {before_end, from_start});
}

// The mask operand of any of its forms as what is added to the scores: 0 or `filter`.
Result<ValueId> AdditiveMask(NodeImport& n, ValueId index, ValueId like, ValueId total, double filter) {
  TRY(const int rank, n.Rank(index));
  ValueId seen;
  if (rank == 1) {
    const Dim batch = n.TypeOf(like).ranked() ? n.TypeOf(like).shape()[0] : Dim(-1);
    const Dim count = n.TypeOf(index).shape()[0];
    if (count == batch || !count.is_static() || !batch.is_static()) {
      TRY(seen, WithinEnds(n, index, {}, total));
    } else if (count == Dim(2) * batch) {
      TRY(const std::vector<ValueId> halves, n.EmitN(ops::kSplit, {index}, 2, {{"axis", int64_t{0}}}));
      TRY(seen, WithinEnds(n, halves[0], halves[1], total));
    } else {
      return n.Unsupported("a mask of packed sequences");
    }
  } else if (rank == 2 || rank == 3) {
    const ValueId zero = n.ScalarLike(index, 0);
    TRY(seen, n.Emit(ops::kLess, {zero, index}));
  } else {
    return n.Unsupported(fmt::format("a mask of rank {}", rank));
  }
  TRY(seen, n.Emit(ops::kUnsqueeze, {seen, rank == 3 ? n.I64s({1}) : n.I64s({1, 2})}));
  return n.Emit(ops::kWhere, {seen, n.ScalarLike(like, 0), n.ScalarLike(like, filter)});
}

Result<ValueId> Sum(NodeImport& n, ValueId a, ValueId b) {
  if (!a || !b) return a ? a : b;
  return n.Emit(ops::kAdd, {a, b});
}

// The number of keys: those of the cache and those of `k`, of either rank.
Result<ValueId> TotalKeys(NodeImport& n, const Call& c) {
  TRY(const int rank, n.Rank(c.k));
  TRY(ValueId total, DimOf(n, c.k, rank == 4 ? 2 : 1));
  if (!c.past_k) return total;
  TRY(const ValueId past, DimOf(n, c.past_k, 2));
  return n.Emit(ops::kAdd, {past, total});
}

Result<Attrs> CommonAttrs(NodeImport& n, const Call& c) {
  Attrs attrs = {{"q_heads", c.q_heads}, {"kv_heads", c.kv_heads}};
  if (c.causal) attrs.Set("causal", int64_t{1});
  TRY(const double scale, n.Float("scale", 0));
  if (scale != 0) attrs.Set("scale", scale);
  return attrs;
}

Result<std::vector<ValueId>> EmitAttention(NodeImport& n, const Call& c, size_t results) {
  TRY(Attrs attrs, CommonAttrs(n, c));
  return n.EmitN(ops::kAttention, {c.q, c.k, c.v, c.mask, c.past_k, c.past_v}, results, std::move(attrs));
}

// `x` cut along its last axis.
Result<std::vector<ValueId>> SplitLast(NodeImport& n, ValueId x, const std::vector<int64_t>& sizes) {
  return n.EmitN(ops::kSplit, {x, n.I64s(sizes)}, sizes.size(), {{"axis", int64_t{-1}}});
}

// Attention and QAttention once q, k and v lie side by side in `projected`: operands mask_index, past and bias.
Status FinishPacked(NodeImport& n, ValueId projected, std::vector<int64_t> sizes, ValueId index, ValueId past,
                    ValueId bias) {
  Call c;
  TRY(c.q_heads, n.Int("num_heads"));
  TRY(const int64_t unidirectional, n.Int("unidirectional", 0));
  TRY(const double filter, n.Float("mask_filter_value", -10000));
  TRY(const int64_t rotary, n.Int("do_rotary", 0));
  TRY(const int64_t shared, n.Int("past_present_share_buffer", 0));
  n.Ignore("rotary_embedding_dim");
  if (rotary != 0) return n.Unsupported("rotary embedding inside the operator");
  if (shared != 0) return n.Unsupported("a cache that is also the result");
  if (c.q_heads <= 0) return n.BadValue("num_heads", fmt::format("{}", c.q_heads));
  if (sizes.empty()) {
    const Type& type = n.TypeOf(projected);
    if (!type.ranked() || !type.shape().back().is_static()) return n.Unsupported("the hidden size must be known");
    sizes.assign(3, type.shape().back().value() / 3);
  }
  if (sizes.size() != 3) return n.BadValue("qkv_hidden_sizes", "not three sizes");
  TRY(const std::vector<ValueId> parts, SplitLast(n, projected, sizes));
  c.q = parts[0];
  c.k = parts[1];
  c.v = parts[2];
  c.kv_heads = c.q_heads;
  c.causal = unidirectional != 0;
  if (past) {
    TRY(c.past_k, n.Emit(ops::kGather, {past, n.ScalarI64(0)}, {{"axis", int64_t{0}}}));
    TRY(c.past_v, n.Emit(ops::kGather, {past, n.ScalarI64(1)}, {{"axis", int64_t{0}}}));
  }
  if (index) {
    TRY(const ValueId total, TotalKeys(n, c));
    TRY(c.mask, AdditiveMask(n, index, projected, total, filter));
  }
  TRY(c.mask, Sum(n, c.mask, bias));
  TRY(const std::vector<ValueId> out, EmitAttention(n, c, n.Wants(1) ? 3 : 1));
  n.Out(0, out[0]);
  if (!n.Wants(1)) return Ok{};
  std::vector<ValueId> caches;
  for (size_t i : {1, 2}) {
    TRY(const ValueId one, n.Emit(ops::kUnsqueeze, {out[i], n.I64s({0})}));
    caches.push_back(one);
  }
  TRY(const ValueId present, n.Emit(ops::kConcat, caches, {{"axis", int64_t{0}}}));
  n.Out(1, present);
  return Ok{};
}

Status ImportAttention(NodeImport& n) {
  TRY(const ValueId x, n.In(0));
  TRY(const ValueId w, n.In(1));
  TRY(std::vector<int64_t> sizes, n.Ints("qkv_hidden_sizes"));
  TRY(ValueId projected, n.Emit(ops::kMatMul, {x, w}));
  TRY(projected, Sum(n, projected, n.InOrNone(2)));
  return FinishPacked(n, projected, std::move(sizes), n.InOrNone(3), n.InOrNone(4), n.InOrNone(5));
}

Status ImportQAttention(NodeImport& n) {
  ValueId in[5];
  for (size_t i = 0; i < 5; ++i) {
    TRY(in[i], n.In(i));
  }
  TRY(const ValueId product, n.Emit(ops::kMatMul, {in[0], in[1], n.InOrNone(6), n.InOrNone(7)}));
  TRY(const ValueId scale, n.Emit(ops::kMul, {in[3], in[4]}));
  TRY(ValueId projected, n.Emit(ops::kCast, {product}, {{"to", n.DtypeOf(in[2])}}));
  TRY(projected, n.Emit(ops::kMul, {projected, scale}));
  TRY(projected, n.Emit(ops::kAdd, {projected, in[2]}));
  return FinishPacked(n, projected, {}, n.InOrNone(5), n.InOrNone(8), {});
}

// [batch, rows, heads, count, size] as `count` tensors [batch, rows, heads * size].
Result<std::vector<ValueId>> Unpack(NodeImport& n, ValueId packed, size_t count) {
  TRY(std::vector<ValueId> parts, n.EmitN(ops::kSplit, {packed}, count, {{"axis", int64_t{3}}}));
  for (ValueId& part : parts) {
    TRY(part, n.Emit(ops::kReshape, {part, n.I64s({0, 0, -1})}));
  }
  return parts;
}

Status ReadOperands(NodeImport& n, Call* c) {
  TRY(c->q, n.In(0));
  c->k = n.InOrNone(1);
  c->v = n.InOrNone(2);
  if (!c->k) {
    TRY(const int rank, n.Rank(c->q));
    if (rank != 5) return n.Unsupported("a query alone that is not packed with key and value");
    TRY(const std::vector<ValueId> parts, Unpack(n, c->q, 3));
    c->q = parts[0];
    c->k = parts[1];
    c->v = parts[2];
  } else if (!c->v) {
    TRY(const int rank, n.Rank(c->k));
    if (rank != 5) return n.Unsupported("a key alone that is not packed with the value");
    TRY(const std::vector<ValueId> parts, Unpack(n, c->k, 2));
    c->k = parts[0];
    c->v = parts[1];
  }
  return Ok{};
}

// One bias for q, k and v side by side; keys of rank 4 come from a cache, which has theirs already.
Status AddBias(NodeImport& n, ValueId bias, Call* c) {
  TRY(const int k_rank, n.Rank(c->k));
  std::vector<ValueId*> parts = {&c->q, &c->k, &c->v};
  std::vector<int64_t> sizes;
  for (const ValueId* part : parts) {
    const Type& type = n.TypeOf(*part);
    if (!type.ranked() || !IsStatic({type.shape().back()})) return n.Unsupported("the hidden sizes must be known");
    const int64_t last = type.shape().back().value();
    sizes.push_back(type.rank() == 4 ? last * c->q_heads : last);
  }
  TRY(const std::vector<ValueId> biases, SplitLast(n, bias, sizes));
  for (size_t i = 0; i < 3; ++i) {
    if (i > 0 && k_rank == 4) break;
    TRY(*parts[i], n.Emit(ops::kAdd, {*parts[i], biases[i]}));
  }
  return Ok{};
}

Status ImportMultiHeadAttention(NodeImport& n) {
  Call c;
  TRY(c.q_heads, n.Int("num_heads"));
  TRY(const int64_t unidirectional, n.Int("unidirectional", 0));
  TRY(const double filter, n.Float("mask_filter_value", -10000));
  if (n.Has(8) || n.Has(9)) return n.Unsupported("a cache that is also the result");
  if (n.Wants(3)) return n.Unsupported("its scores as a result");
  c.kv_heads = c.q_heads;
  c.causal = unidirectional != 0;
  RETURN_IF_ERROR(ReadOperands(n, &c));
  c.past_k = n.InOrNone(6);
  c.past_v = n.InOrNone(7);
  if (n.Has(3)) RETURN_IF_ERROR(AddBias(n, n.InOrNone(3), &c));
  if (n.Has(4)) {
    TRY(const ValueId total, TotalKeys(n, c));
    TRY(c.mask, AdditiveMask(n, n.InOrNone(4), c.q, total, filter));
  }
  TRY(c.mask, Sum(n, c.mask, n.InOrNone(5)));
  TRY(const std::vector<ValueId> out, EmitAttention(n, c, n.n_out()));
  for (size_t i = 0; i < out.size(); ++i) n.Out(i, out[i]);
  return Ok{};
}

// GroupQueryAttention: the cache grows by the new rows behind each batch row's own past.
struct Cache {
  ValueId past;     ///< [batch] rows already there
  ValueId lengths;  ///< [batch] rows with the new ones
  ValueId rows;     ///< [1] rows of the resulting cache
};

Result<Cache> CacheOf(NodeImport& n, ValueId q, ValueId past_k) {
  Cache c;
  TRY(const ValueId last, n.In(5));
  TRY(const ValueId stated, n.In(6));
  TRY(ValueId lengths, n.Emit(ops::kCast, {last}, {{"to", DType::kI64}}));
  TRY(lengths, n.Emit(ops::kReshape, {lengths, n.I64s({-1})}));
  TRY(c.lengths, n.Emit(ops::kAdd, {lengths, n.ScalarI64(1)}));
  TRY(ValueId total, n.Emit(ops::kCast, {stated}, {{"to", DType::kI64}}));
  TRY(total, n.Emit(ops::kReshape, {total, n.I64s({1})}));
  TRY(const ValueId rows, DimOf(n, q, 1));
  // A first prompt has no past whatever its padding.
  TRY(const ValueId prompt, n.Emit(ops::kEqual, {rows, total}));
  TRY(const ValueId before, n.Emit(ops::kSub, {c.lengths, rows}));
  TRY(c.past, n.Emit(ops::kWhere, {prompt, n.ScalarI64(0), before}));
  c.rows = total;
  if (past_k) {
    TRY(const ValueId held, DimOf(n, past_k, 2));
    TRY(c.rows, n.Emit(ops::kMax, {held, total}));
  }
  return c;
}

// [batch, rows, heads * size] as [batch, heads, rows, size].
Result<ValueId> ByHeads(NodeImport& n, ValueId x, int64_t heads) {
  TRY(const ValueId apart, n.Emit(ops::kReshape, {x, n.I64s({0, 0, heads, -1})}));
  return n.Emit(ops::kTranspose, {apart}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
}

Result<ValueId> Present(NodeImport& n, ValueId past, ValueId fresh, const Cache& cache) {
  if (!past) return fresh;
  TRY(const ValueId held, DimOf(n, past, 2));
  TRY(const ValueId missing, n.Emit(ops::kSub, {cache.rows, held}));
  TRY(const ValueId zeros,
      n.Emit(ops::kConcat, {n.I64s({0, 0, 0, 0, 0, 0}), missing, n.I64s({0})}, {{"axis", int64_t{0}}}));
  TRY(const ValueId room, n.Emit(ops::kPad, {past, zeros}));
  return n.Emit(ops::kTensorScatter, {room, fresh, cache.past}, {{"axis", int64_t{2}}});
}

// The rows of one query or key turned by their positions.
Result<ValueId> Turned(NodeImport& n, ValueId x, const Cache& cache, ValueId rows, int64_t heads, int64_t interleaved) {
  ValueId positions = n.InOrNone(9);
  if (!positions) {
    TRY(const ValueId steps, Counting(n, rows));
    TRY(const ValueId first, n.Emit(ops::kUnsqueeze, {cache.past, n.I64s({1})}));
    TRY(positions, n.Emit(ops::kAdd, {first, steps}));
  }
  TRY(const ValueId cos, n.In(7));
  TRY(const ValueId sin, n.In(8));
  const Type& table = n.TypeOf(cos);
  if (!table.ranked() || !table.shape().back().is_static()) return n.Unsupported("the size of cos_cache must be known");
  return n.Emit(ops::kRotaryEmbedding, {x, cos, sin, positions},
                {{"heads", heads}, {"rotary_dim", 2 * table.shape().back().value()}, {"interleaved", interleaved}});
}

Status RefuseGroupQuery(NodeImport& n) {
  for (std::string_view name : {"k_quant_type", "v_quant_type"}) {
    TRY(const std::string kind, n.Str(name, "NONE"));
    if (kind != "NONE") return n.Unsupported("a quantised cache");
  }
  TRY(const int64_t windowed, n.Int("sliding_window_cache", 0));
  TRY(const int64_t scores, n.Int("qk_output", 0));
  n.Ignore("kv_cache_bit_width");
  n.Ignore("qk_norm_epsilon");
  if (windowed != 0) return n.Unsupported("a cache that evicts rows");
  if (scores != 0) return n.Unsupported("its scores as a result");
  if (n.Has(14) || n.Has(15)) return n.Unsupported("normalisation of q and k inside the operator");
  return Ok{};
}

Status ReadGroupQuery(NodeImport& n, Call* c) {
  TRY(c->q_heads, n.Int("num_heads"));
  TRY(c->kv_heads, n.Int("kv_num_heads"));
  if (c->q_heads <= 0 || c->kv_heads <= 0) return n.BadValue("num_heads", "not positive");
  TRY(const int64_t causal, n.Int("causal", 1));
  c->causal = causal != 0;
  TRY(c->q, n.In(0));
  c->k = n.InOrNone(1);
  c->v = n.InOrNone(2);
  if (c->k && c->v) return Ok{};
  const Type& type = n.TypeOf(c->q);
  if (!type.ranked() || !type.shape().back().is_static()) return n.Unsupported("the hidden size must be known");
  const int64_t head = type.shape().back().value() / (c->q_heads + 2 * c->kv_heads);
  TRY(const std::vector<ValueId> parts,
      SplitLast(n, c->q, {c->q_heads * head, c->kv_heads * head, c->kv_heads * head}));
  c->q = parts[0];
  c->k = parts[1];
  c->v = parts[2];
  return Ok{};
}

Status ImportGroupQueryAttention(NodeImport& n) {
  RETURN_IF_ERROR(RefuseGroupQuery(n));
  Call c;
  RETURN_IF_ERROR(ReadGroupQuery(n, &c));
  TRY(const int64_t rotary, n.Int("do_rotary", 0));
  TRY(const int64_t interleaved, n.Int("rotary_interleaved", 0));
  TRY(const int64_t window, n.Int("local_window_size", -1));
  TRY(const int64_t smooth, n.Int("smooth_softmax", 0));
  TRY(const double softcap, n.Float("softcap", 0));
  TRY(const Cache cache, CacheOf(n, c.q, n.InOrNone(3)));
  if (rotary != 0) {
    TRY(const ValueId rows, DimOf(n, c.q, 1));
    TRY(c.q, Turned(n, c.q, cache, rows, c.q_heads, interleaved));
    TRY(c.k, Turned(n, c.k, cache, rows, c.kv_heads, interleaved));
  }
  TRY(c.k, ByHeads(n, c.k, c.kv_heads));
  TRY(c.v, ByHeads(n, c.v, c.kv_heads));
  TRY(c.k, Present(n, n.InOrNone(3), c.k, cache));
  TRY(c.v, Present(n, n.InOrNone(4), c.v, cache));
  TRY(Attrs attrs, CommonAttrs(n, c));
  if (softcap > 0) attrs.Set("softcap", softcap);
  if (window > 0) attrs.Set("left_window", window - 1);
  ValueId sink = n.InOrNone(11);
  if (!sink && smooth > 0) {
    TRY(sink, n.Emit(ops::kExpand, {n.ScalarLike(c.q, 0), n.I64s({c.q_heads})}));
  }
  TRY(const ValueId y, n.Emit(ops::kAttention, {c.q, c.k, c.v, n.InOrNone(10), {}, {}, cache.lengths, cache.past, sink},
                              std::move(attrs)));
  n.Out(0, y);
  n.Out(1, c.k);
  n.Out(2, c.v);
  return Ok{};
}

Status ImportRotaryEmbedding(NodeImport& n) {
  ValueId in[4];
  for (size_t i = 0; i < 4; ++i) {
    TRY(in[i], n.In(i));
  }
  Attrs attrs;
  TRY(const int64_t heads, n.Int("num_heads", 0));
  TRY(const int64_t turned, n.Int("rotary_embedding_dim", 0));
  TRY(const int64_t interleaved, n.Int("interleaved", 0));
  TRY(const int64_t packed, n.Int("is_packed_batching", 0));
  TRY(const double scale, n.Float("scale", 1));
  if (packed != 0) return n.Unsupported("sequences of different lengths in one row");
  if (scale != 1) return n.Unsupported("a scale, whose meaning is not written down");
  if (heads > 0) attrs.Set("heads", heads);
  if (turned > 0) attrs.Set("rotary_dim", turned);
  if (interleaved != 0) attrs.Set("interleaved", int64_t{1});
  TRY(const ValueId y, n.Emit(ops::kRotaryEmbedding, {in[0], in[2], in[3], in[1]}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}

constexpr std::string_view kBeams = "it decodes with beams inside a runtime's own loop";
constexpr std::string_view kPacked =
    "it works on sequences packed without padding, with tables that only one runtime fills";
constexpr std::string_view kSparse = "its sparsity pattern is that of one runtime's GPU kernels";

constexpr Rule kRules[] = {
    {"Attention", 1, ImportAttention},
    {"DecoderAttention", 1, nullptr, "its cache switches are run-time flags of one decoder"},
    {"DecoderMaskedMultiHeadAttention", 1, nullptr, kBeams},
    {"DecoderMaskedSelfAttention", 1, nullptr, kBeams},
    {"GroupQueryAttention", 1, ImportGroupQueryAttention},
    {"LongformerAttention", 1, nullptr, kSparse},
    {"MultiHeadAttention", 1, ImportMultiHeadAttention},
    {"PackedAttention", 1, nullptr, kPacked},
    {"PackedMultiHeadAttention", 1, nullptr, kPacked},
    {"PagedAttention", 1, nullptr, kPacked},
    {"QAttention", 1, ImportQAttention},
    {"RotaryEmbedding", 1, ImportRotaryEmbedding},
    {"SparseAttention", 1, nullptr, kSparse},
};

}  // namespace

extern const RuleSet kMicrosoftAttentionRules{"com.microsoft", kRules};

}  // namespace godwit::from_onnx
