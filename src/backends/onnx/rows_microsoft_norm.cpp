// com.microsoft's normalisations of a sum: what is added is added by the operator, which gives the sum too where it is
// used elsewhere, and embeddings that are looked up, added and normalised.
#include <optional>

#include "backends/onnx/emit.h"
#include "rewrite/match.h"

namespace godwit::to_onnx {

namespace {

constexpr std::string_view kMicrosoft = "com.microsoft";

/// A vector along the last axis.
bool IsRow(const Type& t, const Type& x) { return t.ranked() && t.rank() == 1 && t.shape()[0] == x.shape().back(); }

/// Normalises rows of f32 or f16, with a scale for each place of a row.
bool IsPlainNorm(const NodeExport& n) {
  const Type& x = n.TypeOf(0);
  const bool takes = x.dtype() == DType::kF32 || x.dtype() == DType::kF16;
  if (!takes || !x.ranked() || x.rank() < 2 || x.rank() > 3 || n.OutType().dtype() != x.dtype()) return false;
  const int64_t axis = n.attrs().Int("axis", -1);
  if (axis != -1 && axis != x.rank() - 1) return false;
  for (size_t i = 1; i < n.n_in(); ++i) {
    if (n.Has(i) && (n.DtypeOf(i) != x.dtype() || !IsRow(n.TypeOf(i), x))) return false;
  }
  return n.Has(1) && !n.Wants(1) && !n.Wants(2);
}

/// The node that makes the value by adding, whoever else uses it.
const Node* SumOf(const NodeExport& n, ValueId v) {
  const Node* add = n.DefOf(v, ops::kAdd);
  return add != nullptr && SameShape(n.TypeOf(add->in[0]), n.TypeOf(v)) && SameShape(n.TypeOf(add->in[1]), n.TypeOf(v))
             ? add
             : nullptr;
}

Status EmitSkipNorm(NodeExport& n) {
  const bool centred = &n.op() == &ops::kLayerNorm;
  if (!IsPlainNorm(n)) return n.NotThis();
  const ValueId sum = n.Operand(0);
  const Node* add = SumOf(n, sum);
  if (add == nullptr) return n.NotThis();
  const bool shared = n.Maker(sum, ops::kAdd) == nullptr;
  if (shared && !n.MayGive(*add, sum)) return n.NotThis();
  Names in;
  Name bias;
  for (const ValueId v : add->in) {
    // One of the two may have a bias of its own.
    const Node* biased = bias.empty() ? n.Maker(v, ops::kAdd) : nullptr;
    bool took = false;
    for (size_t i = 0; biased != nullptr && i < 2 && !took; ++i) {
      if (!IsRow(n.TypeOf(biased->in[i]), n.TypeOf(v)) || !SameShape(n.TypeOf(biased->in[1 - i]), n.TypeOf(v)))
        continue;
      in.push_back(n.Of(biased->in[1 - i]));
      bias = n.Of(biased->in[i]);
      took = true;
    }
    if (!took) in.push_back(n.Of(v));
  }
  in.push_back(n.In(1));
  if (centred) in.push_back(n.In(2));
  in.push_back(bias);
  while (in.back().empty()) in.pop_back();
  Names out = {n.Out(0)};
  if (shared) out.insert(out.end(), {Name(), Name(), n.Give(sum)});
  n.EmitAs(n.row().onnx, std::move(in), std::move(out), {{"epsilon", n.attrs().Float("epsilon", 1e-5)}});
  return Ok{};
}

// --- embeddings

/// Rows of a table of f32, one for each index of a batch of sequences.
struct Lookup {
  ValueId table, ids;
};
std::optional<Lookup> AsLookup(const NodeExport& n, ValueId v) {
  const Node* gather = n.Maker(v, ops::kGather);
  if (gather == nullptr || gather->attrs.Int("axis", 0) != 0) return std::nullopt;
  const Type &table = n.TypeOf(gather->in[0]), &ids = n.TypeOf(gather->in[1]);
  if (!table.ranked() || table.rank() != 2 || table.dtype() != DType::kF32) return std::nullopt;
  if (!ids.ranked() || ids.rank() != 2 || (ids.dtype() != DType::kI64 && ids.dtype() != DType::kI32))
    return std::nullopt;
  return Lookup{gather->in[0], gather->in[1]};
}

Name InI32(NodeExport& n, ValueId v) {
  const Name name = n.Of(v);
  if (n.TypeOf(v).dtype() == DType::kI32) return name;
  n.set_domain({});
  const Name cast = n.Temp("Cast", {name}, {{"to", DType::kI32}});
  n.set_domain(n.row().domain);
  return cast;
}

/// What is added up, at most `most` of it.
std::vector<ValueId> Addends(const NodeExport& n, ValueId sum, size_t most) {
  std::vector<ValueId> parts = {sum};
  for (size_t i = 0; i < parts.size() && parts.size() <= most;) {
    const Node* add = n.Maker(parts[i], ops::kAdd);
    if (add == nullptr) {
      ++i;
      continue;
    }
    parts[i] = add->in[0];
    parts.push_back(add->in[1]);
  }
  return parts;
}

/// One row for each place of a sequence, the same for all sequences: the table that positions are numbers of.
bool IsPositionTable(const NodeExport& n, ValueId v) {
  const Type &t = n.TypeOf(v), &y = n.OutType();
  if (!n.IsConstant(v) || !t.ranked() || t.rank() < 2 || t.rank() > 3) return false;
  const size_t rank = t.shape().size();
  return (rank == 2 || t.shape()[0] == Dim(1)) && t.shape()[rank - 2] == y.shape()[1] &&
         t.shape()[rank - 1] == y.shape()[2] && y.shape()[2].is_static();
}

// Words and positions, and perhaps segments: two or three look-ups, which are alike but that positions may be the same
// for all sequences, or those of a table that is added as it is.
Status EmitEmbedNorm(NodeExport& n) {
  if (!IsPlainNorm(n) || n.DtypeOf(0) != DType::kF32 || n.TypeOf(0).rank() != 3 || !n.Has(2)) return n.NotThis();
  std::vector<Lookup> whole;
  std::optional<Lookup> positions;
  ValueId table;
  for (const ValueId v : Addends(n, n.Operand(0), 3)) {
    const auto lookup = AsLookup(n, v);
    if (lookup && SameShape(n.TypeOf(v), n.OutType())) {
      whole.push_back(*lookup);
    } else if (lookup && !positions && !table && n.TypeOf(lookup->ids).shape()[0] == Dim(1)) {
      positions = lookup;
    } else if (!positions && !table && IsPositionTable(n, v)) {
      table = v;
    } else {
      return n.NotThis();
    }
  }
  if (!positions && !table && whole.size() > 1) {
    positions = whole.back();
    whole.pop_back();
  }
  if ((!positions && !table) || whole.empty() || whole.size() > 2) return n.NotThis();
  const bool segments = whole.size() == 2;
  Name rows = n.Of(table ? table : positions->table);
  if (table && n.TypeOf(table).rank() == 3) {
    n.set_domain({});
    rows = n.Temp("Reshape", {rows, n.I64s({-1, n.OutType().shape()[2].value()})});
    n.set_domain(n.row().domain);
  }
  Names in = {InI32(n, whole[0].ids),
              segments ? InI32(n, whole[1].ids) : Name(),
              n.Of(whole[0].table),
              rows,
              segments ? n.Of(whole[1].table) : Name(),
              n.In(1),
              n.In(2)};
  if (positions) in.insert(in.end(), {Name(), InI32(n, positions->ids)});
  n.EmitAs(n.row().onnx, std::move(in), {n.Out(0), n.NewName("mask_index")},
           {{"epsilon", n.attrs().Float("epsilon", 1e-5)}});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kLayerNorm, "EmbedLayerNormalization", 1, EmitEmbedNorm, 99, kMicrosoft, Use::kFused},
    {&ops::kLayerNorm, "SkipLayerNormalization", 1, EmitSkipNorm, 99, kMicrosoft, Use::kAsked},
    {&ops::kRmsNorm, "SkipSimplifiedLayerNormalization", 1, EmitSkipNorm, 99, kMicrosoft, Use::kAsked},
};

}  // namespace

extern const RowSet kMicrosoftNormRows{kRows};

}  // namespace godwit::to_onnx
