// Look-ups by key, hashing, and the operators on texts.
#include <fmt/format.h>

#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

// Rows of the values whose key is asked for, zeros for keys that there are none of, and which were found.
void ImportHashtableLookup(OpImport& n) {
  const ValueId wanted = n.Stored(0), keys = n.Stored(1), values = n.Stored(2);
  const int rank = n.Rank(values);
  if (!n.ok()) return;
  if (n.DtypeOf(values) == DType::kString) {
    n.Unsupported("of texts");
    return;
  }
  const ValueId same = n.Emit(ops::kEqual, {n.Unsqueeze(wanted, {1}), n.Unsqueeze(keys, {0})});
  const ValueId at = n.Emit(ops::kArgReduce, {n.Cast(same, DType::kI32)},
                            {{"mode", std::string("max")}, {"axis", int64_t{1}}, {"keep_dims", int64_t{0}}});
  const ValueId found =
      n.Emit(ops::kReduce, {same, n.I64s({1})}, {{"mode", std::string("max")}, {"keep_dims", int64_t{0}}});
  std::vector<int64_t> axes;
  for (int64_t k = 1; k < rank; ++k) axes.push_back(k);
  const ValueId rows = n.Emit(ops::kGather, {values, at});
  n.Out(0,
        n.Emit(ops::kWhere, {axes.empty() ? found : n.Unsqueeze(found, std::move(axes)), rows, n.Number(values, 0)}));
  n.Out(1, found);
}

// Rows of a table, weighed and summed in buckets: `indices` says in which bucket each stands, but for its last
// coordinate, the place in the bucket. Sums may be divided by the weights of the bucket.
void ImportSparseEmbedding(OpImport& n) {
  const ValueId ids = n.Stored(0), indices = n.Stored(1), shape = n.Stored(2), weights = n.Stored(3), table = n.Real(4);
  const int64_t coordinates = n.DimOf(indices, 1), rank = n.Rank(table);
  if (!n.ok()) return;
  const ValueId buckets = n.Slice(indices, 1, 0, -1);
  const ValueId extents = n.Cast(n.Slice(shape, 0, 0, -1), DType::kI64);
  // The sum for each bucket of one row of `rows` for each id.
  const auto summed = [&](ValueId rows) {
    if (coordinates == 1)
      return n.Emit(ops::kReduce, {rows, n.I64s({0})}, {{"mode", std::string("sum")}, {"keep_dims", int64_t{0}}});
    const ValueId each = n.Emit(ops::kShapeOf, {rows}, {{"start", int64_t{1}}});
    const ValueId zeros =
        n.Emit(ops::kExpand, {n.Number(rows, 0), n.Emit(ops::kConcat, {extents, each}, {{"axis", int64_t{0}}})});
    return n.Emit(ops::kScatterNd, {zeros, buckets, rows}, {{"reduction", std::string("add")}});
  };
  std::vector<int64_t> row;
  for (int64_t k = 1; k < rank; ++k) row.push_back(-k);
  const auto beside_row = [&](ValueId v) { return row.empty() ? v : n.Unsqueeze(v, row); };
  ValueId y = summed(n.Mul(n.Emit(ops::kGather, {table, ids}), beside_row(weights)));
  ValueId by;
  switch (n.options().Enum<tflite::CombinerType>("combiner")) {
    case tflite::CombinerType::kSum: break;
    case tflite::CombinerType::kMean: by = summed(weights); break;
    case tflite::CombinerType::kSqrtn: by = n.Emit(ops::kSqrt, {summed(n.Mul(weights, weights))}); break;
    default: n.BadOption("combiner", fmt::format("{}", n.Int("combiner"))); return;
  }
  if (by) {
    // Buckets without a row stay zero.
    const ValueId rows_in = summed(n.Emit(ops::kExpand, {n.Number(weights, 1), n.Emit(ops::kShapeOf, {weights})}));
    const ValueId used = n.Emit(ops::kLess, {n.Number(rows_in, 0), rows_in});
    y = n.Div(y, beside_row(n.Emit(ops::kWhere, {used, by, n.Number(by, 1)})));
  }
  n.Out(0, y);
}

constexpr Rule kRules[] = {
    {B::kConcatEmbeddings, Numbers::kStored, nullptr, "no runtime has it"},
    {B::kEmbeddingLookupSparse, Numbers::kStored, ImportSparseEmbedding},
    {B::kHashtableLookup, Numbers::kStored, ImportHashtableLookup},
    {B::kLshProjection, Numbers::kStored, nullptr, "its hash is that of one library's version"},
    {B::kSkipGram, Numbers::kStored, nullptr, "it works on the words of a text"},
};

}  // namespace

extern const RuleSet kLookupRules{kRules};

}  // namespace godwit::from_tflite
